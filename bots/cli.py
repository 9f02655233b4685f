"""The command line: `confab`, the same as `python -m bots`."""

import errno
import gc
import os
import sys
from typing import Any

import click

from bots.app.registry import PLATFORMS
from core.domain.errors import SettingsError, StoreUnusable, UnreadableFile
from core.domain.wording import escape_controls

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # what a full or broken disk answers
COLLECTIONS = (10_000, 20, 20)  # new objects, then passes, until garbage is looked for; Python's 700 slow the start
SINCE, BY, KINDS = ("today", "week", "month"), ("person", "channel", "model", "day"), ("table", "csv", "json")


class Program(click.Group):
    """A group of commands that prints an operator's mistake in one line each, with exit code 2 and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, StoreUnusable, UnreadableFile) as error:
            click.echo(escape_controls(str(error), "\n"), err=True)
            sys.exit(2)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; say in one line where what it prints can't be written."""
        gc.set_threshold(*COLLECTIONS)
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in UNWRITABLE or error.filename is not None:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer goes nowhere
            click.echo(f"What is printed cannot be written: {error.strerror}.", err=True)
            sys.exit(1)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="confab")
def main() -> None:
    """Claude in the places where teams talk: Slack, Discord, the terminal.

    Settings are environment variables or lines of a file .env in this folder.
    """


for platform in PLATFORMS:
    main.add_command(platform.cli)


@main.group()
def audit() -> None:
    """Verify or export the log of who changed what.

    It is read from the database that DATABASE_URL names.
    """


@audit.command()
@click.option(
    "--head", "heads", multiple=True, metavar="WORKSPACE:NUMBER:MAC", help="A row that must be there. May be repeated."
)
def verify(heads: tuple[str, ...]) -> None:
    """Verify that no row of the audit log was altered, added or taken away.

    Of the newest rows only who knows one of them sees that they are gone: name
    it with --head, as Confab's own log or a copy of the database has it.

    Ends with exit code 1 when a row is missing or is not as it was written.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.audit_log import parse_heads, verify_log

    found, whole = asyncio.run(verify_log(read_configuration().core, parse_heads(heads)))
    click.echo(escape_controls(found, "\n"))
    sys.exit(0 if whole else 1)


@audit.command()
@click.option("--workspace", default="", help="Export only this workspace, such as slack:T024.")
def export(workspace: str) -> None:
    """Print the audit log as lines of JSON, oldest first."""
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.audit_log import explain_no_rows, export_log

    async def print_rows() -> None:
        settings, empty = read_configuration().core, True
        async for line in export_log(settings, workspace):
            click.echo(line)
            empty = False
        if empty:
            click.echo(escape_controls(await explain_no_rows(settings, workspace)), err=True)

    asyncio.run(print_rows())


@main.command()
@click.argument("file", type=click.Path())
def backup(file: str) -> None:
    """Copy the database into FILE, a new one, and check the copy.

    `confab run` may go on meanwhile. DATABASE_URL says which database.
    """
    from bots.app.configuration import read_configuration
    from core import store

    copied = store.backup(read_configuration().core.database_url, file)
    kept = ", ".join(f"{table} {copied.rows[table]}" for table in ("threads", "messages", "questions", "requests"))
    click.echo(f"Copied {copied.source} to {file} and checked it: {kept}, bytes {copied.bytes}.")


@main.command("migrate-database")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def migrate_database(source: str, target: str) -> None:
    """Move the database FROM of SQLite to the empty database TO of PostgreSQL.

    Both are addresses as in DATABASE_URL; FROM may be a file's path. Stop Confab first. FROM is only read. All
    that stands in TO is compared with it; until then no bot starts on TO, and afterwards none on FROM, as
    the file FROM.moved says. If it is interrupted, give the same command again: it goes on.

    \b
        confab migrate-database confab.db postgresql://confab@db.example/confab
    """
    from bots.ops import database_move
    from core import store

    with database_move.show_progress() as report:
        moved = store.migrate_database(source, target, report)
    for line in database_move.list_findings(moved):
        click.echo(escape_controls(line), err=True)
    click.echo(escape_controls(database_move.describe_move(moved), "\n"))


@main.command()
@click.argument("message", nargs=-1)
@click.option("--name", envvar="USER", default="", help="Who you are, if not the user of this machine.")
@click.option(
    "--attach", "paths", multiple=True, metavar="PATH", help="Attach a file to the first message. May be repeated."
)
def chat(message: tuple[str, ...], name: str, paths: tuple[str, ...]) -> None:
    """Talk to Claude in the terminal.

    With a MESSAGE that alone is asked, and what is piped in is attached to it:

    \b
        cat report.csv | confab chat "sum it up"
        confab chat "hello" < /dev/null    # in a script whose own input is not for Claude
    """
    from bots.app import run
    from bots.app.configuration import open_tools, read_configuration
    from bots.app.ending import run_to_end
    from bots.console.adapter import Console
    from bots.ops import logs
    from core.library.library import PersonaLibrary

    configuration = read_configuration()
    settings = configuration.core
    level = settings.confab_log_level if "confab_log_level" in settings.model_fields_set else "WARNING"
    tools = open_tools(configuration)
    console = Console(
        settings.database_url,
        name,
        message=" ".join(message),
        tools=tools.names,
        library=PersonaLibrary(settings.confab_personas),
    )
    if attached := console.attach_given(paths):
        click.echo(attached, err=True)
    logs.configure(level, configuration.secrets(), settings.confab_log_format, console.terminal.log_stream())
    try:
        run_to_end(run.chat(settings, console, tools))
    except KeyboardInterrupt:
        click.echo("\nWhat is not answered yet is answered at the next start.", err=True)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of findings, for programs.")
def check(as_json: bool) -> None:
    """Ask Claude, Slack, Discord and the database whether they work.

    Ends with exit code 1 when there is a problem, 2 when a setting is wrong. Nothing is changed, posted or paid for.
    """
    from bots.app.configuration import read_configuration
    from bots.app.doctor import print_report
    from bots.ops import logs

    configuration = read_configuration()
    logs.configure("ERROR", configuration.secrets(), configuration.core.confab_log_format)
    sys.exit(print_report(configuration, as_json))


@main.group()
def mcp() -> None:
    """MCP servers, which the file CONFAB_MCP lists."""


@mcp.command("list")
def list_servers() -> None:
    """List the servers with their state and their tools.

    This connects to each of them, and says of each tool whether it asks first, and of which you are asked for a yes.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops import logs

    configuration = read_configuration()
    logs.configure("ERROR", configuration.secrets(), configuration.core.confab_log_format)
    if not configuration.servers:
        raise SettingsError("CONFAB_MCP: names no file of MCP servers. docs/tools.md says what stands in one.")
    from bots.app.mcp_servers import describe_servers

    click.echo(asyncio.run(describe_servers(configuration)))


@mcp.command()
@click.argument("server")
@click.option("--yes", is_flag=True, help="Do not ask.")
def trust(server: str, yes: bool) -> None:
    """Let Claude use what SERVER offers now.

    A tool that acts and is new or changed since SERVER was first seen is left out until then.
    This connects to SERVER, shows those tools, and asks. What runs takes it up by itself.
    """
    from bots.app.configuration import read_configuration
    from bots.app.mcp_trust import trust_server
    from bots.ops import logs

    configuration = read_configuration()
    logs.configure("ERROR", configuration.secrets(), configuration.core.confab_log_format)
    trust_server(configuration, server, unasked=yes)


@main.group()
def persona() -> None:
    """Personas of a workspace as files, for a folder that you keep.

    They are read from and written to the database that DATABASE_URL names.
    """


@persona.command("export")
@click.argument("folder", type=click.Path())
@click.option("--workspace", required=True, help="Whose personas, such as slack:T024.")
@click.option("--channel", default="", help="Only this channel's, by its id.")
def export_personas(folder: str, workspace: str, channel: str) -> None:
    """Write the personas of a workspace into FOLDER, a file each.

    A file is called after its channel's id, or workspace.md. One of that name is overwritten.
    Settings other than model, effort, tools and examples, and attached files, are left out.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.app.persona_folders import export_folder

    lines = asyncio.run(export_folder(read_configuration(), folder, workspace, channel))
    click.echo(escape_controls("\n".join(lines), "\n"))


@persona.command("import")
@click.argument("folder", type=click.Path())
@click.option("--workspace", required=True, help="Whose personas, such as slack:T024.")
@click.option("--channel", default="", help="Only this channel's, by its id.")
@click.option("--name", default="", help="For --channel: the persona of this name, whatever its file is called.")
def import_personas(folder: str, workspace: str, channel: str, name: str) -> None:
    """Set the personas of a workspace as the files in FOLDER have them.

    A file is called after its channel's id, or workspace.md. Each that differs makes a new
    version; what runs takes it up by itself. Where one file is wrong, none is taken.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.app.persona_folders import import_folder

    lines = asyncio.run(import_folder(read_configuration(), folder, workspace, channel, name=name))
    click.echo(escape_controls("\n".join(lines), "\n"))


@main.command()
@click.option(
    "--only", type=click.Choice([platform.name for platform in PLATFORMS]), help="Answer on this platform alone."
)
@click.option("--stand-in", is_flag=True, help="Without a key, let a stand-in answer that is not Claude and says so.")
def run(only: str | None, stand_in: bool) -> None:
    """Answer in Slack and Discord, wherever a token is set.

    Without ANTHROPIC_API_KEY nothing starts, unless --stand-in says that a stand-in may answer.
    """
    from bots.app.configuration import read_configuration
    from bots.app.ending import run_to_end
    from bots.app.run import serve
    from bots.ops import logs

    configuration = read_configuration()
    settings = configuration.core
    logs.configure(settings.confab_log_level, configuration.secrets(), settings.confab_log_format)
    run_to_end(serve(configuration, only, stand_in=stand_in))


@main.group(invoke_without_command=True)
@click.option("--workspace", default="", help="Show only this workspace, such as slack:T024.")
@click.option("--since", type=click.Choice(SINCE), default="month", show_default=True, help="Count since it began.")
@click.option(
    "--by", type=click.Choice(BY), default="channel", show_default=True, help="Have a line for each of these."
)
@click.option("--as", "kind", type=click.Choice(KINDS), default="table", show_default=True, help="Print it like this.")
@click.pass_context
def usage(context: click.Context, workspace: str, since: str, by: str, kind: str) -> None:
    """Show how much Claude was used, and what it cost.

    It is read from the database that DATABASE_URL names. Nothing is sent
    anywhere.
    """
    if context.invoked_subcommand:
        return
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.usage_report import render_usage
    from core.domain.clock import system_clock

    settings = read_configuration().core
    shown = asyncio.run(render_usage(settings, workspace, since, by, kind=kind, now=system_clock()))
    click.echo(escape_controls(shown, "\r\n"))


@usage.command()
@click.argument("file", type=click.Path())
@click.option("--api-key", default="", help="Compare only what this API key used: its name in the console.")
def reconcile(file: str, api_key: str) -> None:
    """Compare what was counted here with Anthropic's own count.

    FILE is a usage export of Anthropic's console, as CSV.

    Ends with exit code 1 when there is a difference that requests which died do not explain.
    """
    import asyncio

    from bots.app.configuration import read_configuration
    from bots.ops.usage_report import compare_statement
    from core.billing import reconciliation

    statement = reconciliation.read_statement(file, api_key)
    found = asyncio.run(compare_statement(read_configuration().core, statement))
    click.echo(escape_controls(reconciliation.describe_comparisons(statement, found), "\n"))
    sys.exit(0 if all(one.explained for one in found) else 1)


@main.command()
@click.option("--name", envvar="USER", default="", help="Who you are at first, if not the user of this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Listen on this port; else CONFAB_HTTP_PORT, 8321 or a free one."
)
@click.option("--open", "show", is_flag=True, help="Open the page in your browser.")
@click.option("--link", is_flag=True, help="Print a link to the dashboard of `confab run`, and do nothing else.")
@click.option("--workspace", default="", help="For --link: whose dashboard it opens, such as slack:T024.")
def web(name: str, port: int | None, workspace: str, *, show: bool, link: bool) -> None:
    """Talk to Claude in your browser, as several people and in several channels.

    Beside each conversation stands what Claude is sent. The page is on this machine's loopback
    address alone, and the address that is printed has a key, good for one browser.

    With --link it prints where you open the dashboard that `confab run` serves. The link is good
    once, for ten minutes.
    """
    import asyncio

    from bots.app.configuration import read_configuration

    if link:
        from bots.app.web_pages import make_operator_link

        click.echo(asyncio.run(make_operator_link(read_configuration().core, workspace)))
        return
    from bots.app.ending import run_to_end
    from bots.app.playground import serve_playground
    from bots.console.place import find_user
    from bots.ops import logs
    from bots.web.playground.place import clean_name

    configuration = read_configuration()
    settings = configuration.core
    level = settings.confab_log_level if "confab_log_level" in settings.model_fields_set else "WARNING"
    logs.configure(level, configuration.secrets(), settings.confab_log_format)
    run_to_end(serve_playground(configuration, clean_name(name or find_user()) or "you", port, click.echo, show=show))
