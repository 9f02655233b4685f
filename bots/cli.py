"""The command line: `confab`, the same as `python -m bots`."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click


def _plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Tell an operator's mistake in one line each, with exit code 2 and no traceback."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from core.billing.reconciliation import Unreadable
        from core.domain.errors import SettingsError, StoreUnusable

        try:
            return command(*args, **kwargs)
        except (SettingsError, Unreadable, StoreUnusable) as error:
            click.echo(str(error), err=True)
            sys.exit(2)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="confab")
def main() -> None:
    """Claude in the places where teams talk."""


@main.command()
@click.argument("file", type=click.Path())
@_plainly
def backup(file: str) -> None:
    """Copy the database into a new FILE, checked.

    Bots may run meanwhile. DATABASE_URL says which database.
    """
    from core import settings, store

    copied = store.backup(settings.read().database_url, file)
    kept = ", ".join(f"{table} {copied.rows[table]}" for table in ("threads", "messages", "questions", "requests"))
    click.echo(f"Copied {copied.source} to {file} and checked it: {kept}, bytes {copied.bytes}.")


@main.command()
@_plainly
def chat() -> None:
    """Talk in the terminal."""
    import asyncio

    from bots.app import run
    from bots.console.adapter import Console
    from bots.ops import logs
    from core import settings

    chosen = settings.read()
    explicit = "confab_log_level" in chosen.model_fields_set
    level = chosen.confab_log_level if explicit else "WARNING"
    logs.start(level, settings.secrets(chosen), chosen.confab_log_format)
    try:
        asyncio.run(run.chat(chosen, Console()))
    except KeyboardInterrupt:
        click.echo("\nWhat is not answered yet is answered at the next start.", err=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings, for programs.")
@_plainly
def check(as_json: bool) -> None:
    """Ask every service that is configured whether it works.

    Ends with exit code 1 when there is a problem. Nothing is changed, posted or paid for.
    """
    from bots.app.doctor import report
    from bots.ops import logs
    from core import settings

    chosen = settings.read()
    logs.start("ERROR", settings.secrets(chosen), chosen.confab_log_format)
    sys.exit(0 if report(chosen, as_json) else 1)


@main.command()
@click.option("--only", type=click.Choice(["slack", "discord"]), help="Run this platform alone.")
@_plainly
def run(only: str | None) -> None:
    """Answer on every platform whose tokens are set."""
    import asyncio

    from bots.app.run import serve
    from bots.ops import logs
    from core import settings

    chosen = settings.read()
    logs.start(chosen.confab_log_level, settings.secrets(chosen), chosen.confab_log_format)
    asyncio.run(serve(chosen, only))


@main.group(invoke_without_command=True)
@click.option("--workspace", default="", help="Only this one, such as slack:T024.")
@click.option("--since", type=click.Choice(["today", "week", "month"]), default="month", show_default=True)
@click.option("--by", type=click.Choice(["person", "channel", "model", "day"]), default="channel", show_default=True)
@click.option("--as", "kind", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_context
@_plainly
def usage(context: click.Context, workspace: str, since: str, by: str, kind: str) -> None:
    """Show what Claude was asked and what it cost.

    DATABASE_URL says which database. Nothing is sent anywhere.
    """
    if context.invoked_subcommand:
        return
    import asyncio
    from datetime import UTC, datetime

    from bots.ops.usage_report import shown
    from core import settings

    click.echo(asyncio.run(shown(settings.read(), workspace, since, by, kind=kind, now=datetime.now(UTC))))


@usage.command()
@click.argument("file", type=click.Path())
@click.option("--api-key", default="", help="Compare only this key's lines, by its name in the console.")
@_plainly
def reconcile(file: str, api_key: str) -> None:
    """Compare the ledger with FILE, a usage export of Anthropic's console.

    Ends with exit code 1 when there is a difference that requests which died do not explain.
    """
    import asyncio

    from bots.ops.usage_report import compared
    from core import settings
    from core.billing import reconciliation

    statement = reconciliation.read(file, api_key)
    found = asyncio.run(compared(settings.read(), statement))
    click.echo(reconciliation.told(statement, found))
    sys.exit(0 if all(one.explained for one in found) else 1)


@main.group()
def slack() -> None:
    """Set Slack up."""


@slack.command()
@click.option("--url", default="", help="Where Slack reaches you, for HTTP mode: https://confab.example")
@click.option("--yaml", "as_yaml", is_flag=True, help="As YAML; JSON otherwise.")
def manifest(url: str, as_yaml: bool) -> None:
    """Print the manifest to create the Slack app from."""
    if url and not url.startswith("https://"):
        raise click.BadParameter("Slack calls nothing but https:// addresses.", param_hint="--url")
    import json

    from bots.slack.manifest import manifest

    if as_yaml:
        import yaml

        click.echo(yaml.safe_dump(manifest(url), sort_keys=False, allow_unicode=True).rstrip())
    else:
        click.echo(json.dumps(manifest(url), indent=2))


@main.group()
def discord() -> None:
    """Set Discord up."""


@discord.command()
@click.option("--application", default="", help="The application's id; without it, the one of DISCORD_BOT_TOKEN.")
@_plainly
def invite(application: str) -> None:
    """Print the address at which a server's manager adds the bot."""
    from bots.discord.invite import SWITCHES, application_of, invite
    from core import settings

    click.echo(invite(application or application_of(settings.read())))
    click.echo(f"In the developer portal, under Bot, switch on: {', '.join(SWITCHES)}.", err=True)
