"""The command line: `confab`, the same as `python -m bots`."""

import sys
from typing import Any

import click

from bots.app.registry import PLATFORMS
from core.domain.errors import SettingsError, StoreUnusable, UnreadableFile


class Program(click.Group):
    """A group of commands that prints an operator's mistake in one line each, with exit code 2 and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, StoreUnusable, UnreadableFile) as error:
            click.echo(str(error), err=True)
            sys.exit(2)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="confab")
def main() -> None:
    """Claude in the places where teams talk."""


for platform in PLATFORMS:
    main.add_command(platform.cli)


@main.command()
@click.argument("file", type=click.Path())
def backup(file: str) -> None:
    """Copy the database into a new FILE, checked.

    Bots may run meanwhile. DATABASE_URL says which database.
    """
    from bots.app.configuration import read_configuration
    from core import store

    copied = store.backup(read_configuration().core.database_url, file)
    kept = ", ".join(f"{table} {copied.rows[table]}" for table in ("threads", "messages", "questions", "requests"))
    click.echo(f"Copied {copied.source} to {file} and checked it: {kept}, bytes {copied.bytes}.")


@main.command()
@click.option("--name", envvar="USER", default="", help="Who you are, if not the user of this machine.")
def chat(name: str) -> None:
    """Talk in the terminal."""
    import asyncio

    from bots.app import run
    from bots.app.configuration import read_configuration
    from bots.console.adapter import Console
    from bots.ops import logs

    configuration = read_configuration()
    settings = configuration.core
    level = settings.confab_log_level if "confab_log_level" in settings.model_fields_set else "WARNING"
    console = Console(settings.database_url, name)
    logs.configure(level, configuration.secrets(), settings.confab_log_format, console.terminal.log_stream())
    try:
        asyncio.run(run.chat(settings, console))
    except KeyboardInterrupt:
        click.echo("\nWhat is not answered yet is answered at the next start.", err=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings, for programs.")
def check(as_json: bool) -> None:
    """Ask every service that is configured whether it works.

    Ends with exit code 1 when there is a problem. Nothing is changed, posted or paid for.
    """
    from bots.app.configuration import read_configuration
    from bots.app.doctor import print_report
    from bots.ops import logs

    configuration = read_configuration()
    logs.configure("ERROR", configuration.secrets(), configuration.core.confab_log_format)
    sys.exit(0 if print_report(configuration, as_json) else 1)


@main.command()
@click.option("--only", type=click.Choice([platform.name for platform in PLATFORMS]), help="Run this platform alone.")
def run(only: str | None) -> None:
    """Answer on every platform whose tokens are set."""
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.app.run import serve
    from bots.ops import logs

    configuration = read_configuration()
    settings = configuration.core
    logs.configure(settings.confab_log_level, configuration.secrets(), settings.confab_log_format)
    asyncio.run(serve(configuration, only))


@main.group(invoke_without_command=True)
@click.option("--workspace", default="", help="Only this one, such as slack:T024.")
@click.option("--since", type=click.Choice(["today", "week", "month"]), default="month", show_default=True)
@click.option("--by", type=click.Choice(["person", "channel", "model", "day"]), default="channel", show_default=True)
@click.option("--as", "kind", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.pass_context
def usage(context: click.Context, workspace: str, since: str, by: str, kind: str) -> None:
    """Show what Claude was asked and what it cost.

    DATABASE_URL says which database. Nothing is sent anywhere.
    """
    if context.invoked_subcommand:
        return
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.usage_report import render_usage
    from core.domain.clock import system_clock

    settings = read_configuration().core
    click.echo(asyncio.run(render_usage(settings, workspace, since, by, kind=kind, now=system_clock())))


@usage.command()
@click.argument("file", type=click.Path())
@click.option("--api-key", default="", help="Compare only this key's lines, by its name in the console.")
def reconcile(file: str, api_key: str) -> None:
    """Compare the ledger with FILE, a usage export of Anthropic's console.

    Ends with exit code 1 when there is a difference that requests which died do not explain.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.usage_report import compare_statement
    from core.billing import reconciliation

    statement = reconciliation.read_statement(file, api_key)
    found = asyncio.run(compare_statement(read_configuration().core, statement))
    click.echo(reconciliation.describe_comparisons(statement, found))
    sys.exit(0 if all(one.explained for one in found) else 1)
