"""Doctor: health checks of every service that is configured, side by side; nothing is changed there."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from bots.app.configuration import KEYS, Configuration, find_misspelt_variables
from bots.app.persona_folders import check_library
from bots.app.registry import PLATFORMS
from bots.app.tool_check import check_tools
from bots.ops.exposed_files import find_exposed
from bots.ops.logs import RedactingFormatter
from bots.ops.plugin import PlatformPlugin
from bots.ops.results import (
    CLAUDE,
    DATABASE,
    FILES,
    MCP,
    PERSONAS,
    SECONDS,
    TOOLS,
    CheckResult,
    CheckResults,
    Service,
    State,
    run_concurrently,
)
from core.billing import prices
from core.claude.client import Claude
from core.claude.errors import ClaudeError
from core.domain.clock import is_time_zone, system_clock
from core.domain.errors import SettingsError, StoreUnusable
from core.domain.models import Model
from core.domain.secret_shapes import shorten_secrets
from core.domain.wording import count_noun, escape_controls
from core.settings import Settings
from core.store import Condition, Server, inspect
from core.store.records.files import WaitingDeletions
from core.store.records.jobs import WaitingBatches

T = TypeVar("T")

CONFAB = Service("Confab")

UNSET = f"ANTHROPIC_API_KEY: not set. Until it is, only a stand-in answers, in `confab chat`. Make a key at {KEYS}."
NOT_ACCEPTED = "not accepted"
TROUBLES = {
    "key": (NOT_ACCEPTED, f"Make a key at {KEYS} and set ANTHROPIC_API_KEY to it."),
    "forbidden": ("not allowed", "Let this key use the Models API, or set ANTHROPIC_API_KEY to one that may."),
    "unreachable": (
        "no answer",
        "See that this machine reaches ANTHROPIC_BASE_URL, by HTTPS_PROXY if that is the way.",
    ),
    "proxy": (
        "the proxy does not let us through",
        "Set HTTPS_PROXY to a proxy that does, with user and password if it wants them, or unset it.",
    ),
    "not Claude": ("not Claude", "Set ANTHROPIC_BASE_URL to Claude's address or a gateway's, or unset it."),
    "disabled": ("the organization is disabled", "Ask Anthropic's support, or set ANTHROPIC_API_KEY to another's key."),
    "no credit": ("the credit is used up", "Buy more at https://platform.claude.com/settings/billing."),
    "no model": ("no Models API", "Set ANTHROPIC_BASE_URL to Claude's address, or to a gateway that lists its models."),
}
LATER = "Try again in a few minutes; https://status.claude.com says how Claude is."
UNZONED = "Update the time zones of this machine, or of its image (tzdata), or let `budget set zone=...` name another."
NAMED = 3  # models that a mend names
TUNED = 50  # models of personas that are asked after

MEGABYTE = 1_000_000
LOW = 500 * MEGABYTE  # bytes left on a disk: the log of writes, and a copy, need room beside the database
PATIENCE = timedelta(minutes=10)  # questions are answered in seconds; one that waits so long waits for somebody
TRIES = 3  # of a deletion, after which something hinders it
UNDELETED = timedelta(minutes=15)  # an upload whose outcome is not known is looked for ten minutes long

FAR = timedelta(milliseconds=20)  # a round trip to a database in the same building takes less than one
SKEW = timedelta(seconds=5)  # between two clocks
LOCAL = tuple(one.name for one in (DATABASE, FILES, TOOLS, MCP, PERSONAS))  # always there, whatever is configured

COLOURS: dict[State, str] = {"ok": "green", "warning": "yellow", "problem": "red", "off": "bright_black"}
MARK, SERVICE = 9, 10  # columns

log = logging.getLogger(__name__)


def print_report(configuration: Configuration, as_json: bool) -> int:
    """Check everything and print the results. The exit code: 1 for a problem, 2 for a wrong setting."""
    findings = asyncio.run(run_checks(configuration))
    click.echo(json.dumps([asdict(one) for one in findings], indent=2) if as_json else format_results(findings))
    wrong = [one.name for one in findings if one.state == "problem"]
    return 2 if any(name.startswith("CONFAB_") for name in wrong) else min(len(wrong), 1)


async def run_checks(configuration: Configuration) -> list[CheckResult]:
    """Check every service side by side; results come in the same order each time, without a secret."""
    settings = configuration.core
    checks: list[tuple[Service, CheckResults]] = [(CLAUDE, check_claude(settings))]
    checks += [(Service(plugin.title), _check_platform(plugin, configuration)) for plugin in PLATFORMS]
    checks += [(DATABASE, _check_database(settings.database_url, system_clock())), (FILES, _check_files(settings))]
    checks += [(TOOLS, check_tools(configuration)), (PERSONAS, check_library(configuration))]
    if configuration.servers:
        from bots.app.mcp_servers import check_servers  # noqa: PLC0415  it loads the SDK, which is an extra

        checks.append((MCP, check_servers(configuration)))
    findings = [one async for one in run_concurrently(*(_run_check(service, check) for service, check in checks))]
    findings += list(_check_settings(configuration, findings))
    hidden = RedactingFormatter(configuration.secrets()).redact
    return [
        replace(
            one,
            name=escape_controls(hidden(one.name)),
            says=escape_controls(hidden(one.says)),
            mend=escape_controls(hidden(one.mend)),
        )
        for one in findings
    ]


def _check_settings(configuration: Configuration, findings: Sequence[CheckResult]) -> Iterator[CheckResult]:
    """What is wrong with the settings as a whole: slips in names and secrets, and too few of them to answer anybody."""
    for line in find_misspelt_variables():
        name, _, says = line.partition(": ")
        yield CONFAB.warning(name, says.rstrip("."), "Mend its name in .env or in the environment, or take it away.")
    for line in configuration.doubt_secrets():
        name, _, says = line.partition(": ")
        cause, _, mend = says.partition("; ")
        yield CONFAB.warning(name, cause, _sentence(mend))
    titles = " or ".join(plugin.title for plugin in PLATFORMS)
    if all(one.state == "off" for one in findings if one.service not in LOCAL):
        mend = f"Set a key, and the tokens of {titles}, as named above. `confab chat` works without."
        yield CONFAB.problem("settings", "nothing is set up yet", mend)


def format_results(findings: Sequence[CheckResult]) -> str:
    """A line for each finding, its mend beneath; then how many there are of what is not ok."""
    counted = Counter(one.state for one in findings)
    amiss = [count_noun(counted[state], state) for state in ("problem", "warning") if counted[state]]
    return "\n".join([*(_format_result(one) for one in findings), "", ", ".join(amiss) or "no problem"])


def _format_result(finding: CheckResult) -> str:
    mark = click.style(f"{finding.state:<{MARK}}", fg=COLOURS[finding.state])
    line = f"{mark}{finding.service:<{SERVICE}}{finding.name}: {finding.says}"
    return f"{line}\n{' ' * (MARK + SERVICE)}{finding.mend}" if finding.mend else line


async def _run_check(service: Service, check: CheckResults) -> CheckResults:
    """Run a check to its end, however it ends: one service's failure hides nothing else."""
    try:
        async for finding in check:
            yield finding
    except Exception as error:
        log.exception("the check of %s failed", service.name)
        says = f"the check itself failed ({type(error).__name__})"
        yield service.problem("check", says, "This is a bug in Confab. Please report it with the log above.")


def _check_platform(plugin: PlatformPlugin[Any], configuration: Configuration) -> CheckResults:
    """The check of a platform. What it needs is imported before any call is timed."""
    if configuration.configures(plugin):
        return plugin.doctor(configuration.platforms[plugin.name], configuration.core)
    return _report_off(Service(plugin.title), plugin.missing)


async def _report_off(service: Service, mend: str) -> CheckResults:
    yield service.off(mend)


async def check_claude(settings: Settings) -> CheckResults:
    """Check the key, and each model that may be asked: whether it is there, how long, and whether it has a price."""
    usable: list[str] = []
    if settings.anthropic_api_key is None:
        yield CLAUDE.off(UNSET)
    else:
        async for finding in _check_key(settings, settings.anthropic_api_key.get_secret_value(), usable):
            yield finding
    for finding in check_prices(settings.confab_prices, usable):
        yield finding


async def _check_key(settings: Settings, key: str, usable: list[str]) -> CheckResults:
    """Check the key and the models; the ids of those that work are added to `usable`."""
    client = Claude(key, settings.anthropic_base_url, silence=SECONDS)
    await client.open()
    try:
        known = [model.id for model in await _limit_time(client.models())]
        wanted = await _list_models(settings)
        told = await asyncio.gather(*(_check_model(client, *one, known) for one in wanted.items()))
        yield CLAUDE.ok("key", f"accepted, for {count_noun(len(known), 'model')}")
        usable += [model for model, one in zip(wanted, told, strict=True) if one.works]
        for finding in told:
            yield finding
    except ClaudeError as trouble:
        yield _explain_trouble("key", trouble)
    finally:
        await client.close()


def check_prices(path: str, models: Iterable[str]) -> Iterator[CheckResult]:
    """What is wrong with the prices of these models, with a price list in the file `path` if there is any."""
    try:
        known = prices.read_prices(path)
    except SettingsError as error:
        yield CLAUDE.problem("prices", str(error), "Mend the file, or unset CONFAB_PRICES; until then nothing starts.")
        return
    for model in models:
        if not known.has_price(model):
            says = "not known; its costs are not counted, and budgets refuse it"
            yield CLAUDE.warning(f"price of {model}", says, "Add it to the file that CONFAB_PRICES names.")


async def _list_models(settings: Settings) -> dict[str, str]:
    """The models that may be asked, each with how to choose another one; the settings' first, then the personas'."""
    fallbacks = dict.fromkeys(settings.confab_fallback_models, "Set CONFAB_FALLBACK_MODELS to another one")
    chosen = {settings.confab_model: "Set CONFAB_MODEL to another one"} | fallbacks
    try:
        tuned = (await inspect(settings.database_url, busy=timedelta(seconds=SECONDS))).models[:TUNED]
    except StoreUnusable:  # which the check of the database tells
        tuned = ()
    others = dict.fromkeys(tuned, "Choose another one where it was tuned, with `persona tune model=...`")
    return chosen | {model: how for model, how in others.items() if model not in chosen}


async def _check_model(client: Claude, model: str, how: str, known: Sequence[str]) -> CheckResult:
    """Check one model. Raises ClaudeError where it is the key that is not accepted, which may be revoked meanwhile."""
    name = f"model {shorten_secrets(model)}"
    others = ", ".join([one for one in known if one != model][:NAMED]) or "none is listed"
    mend = f"{how}: {others}."
    try:
        return _describe_lifespan(name, await _limit_time(client.model(model)), mend, system_clock())
    except ClaudeError as trouble:
        if trouble.kind == "key":
            raise
        if trouble.kind == "no model":
            return CLAUDE.problem(name, "there is none of that name for this key", mend)
        return _explain_trouble(name, trouble)


def _describe_lifespan(name: str, model: Model, mend: str, now: datetime) -> CheckResult:
    on = f" on {model.retires_at:%Y-%m-%d}" if model.retires_at else ""
    if model.lifecycle == "retired":
        return CLAUDE.problem(name, f"retired{on}", mend)
    if model.describe_end(now):
        return CLAUDE.warning(name, f"{model.lifecycle}; it retires{on}" if on else model.lifecycle, mend)
    return CLAUDE.ok(name, "active")


def _explain_trouble(name: str, trouble: ClaudeError) -> CheckResult:
    says, mend = TROUBLES.get(trouble.kind, (trouble.kind, LATER))
    return CLAUDE.problem(name, f"{says} ({trouble.detail.strip()})", mend)


async def _limit_time(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(SECONDS):
            return await call
    except TimeoutError:
        raise ClaudeError("unreachable", "", f"after {SECONDS:g} seconds") from None


async def _check_files(settings: Settings) -> CheckResults:
    for one in await asyncio.to_thread(find_exposed, settings):
        yield FILES.warning(one.path, one.says, one.mend)


async def _check_database(url: str, now: datetime) -> CheckResults:
    try:
        condition = await inspect(url, busy=timedelta(seconds=SECONDS))
    except StoreUnusable as error:
        what, _, why = str(error).partition(" cannot be used: ")
        cause, _, mend = why.partition("; ")
        kind = "file" if url.startswith("sqlite") else "server"
        yield DATABASE.problem(kind, f"{what.removeprefix('The database ')}: {cause}", _sentence(mend))
        return
    if condition.server is not None:
        yield describe_server(condition, condition.server)
        yield describe_clock(condition.server)
    else:
        yield _describe_file(condition)
    if condition.free is not None:
        yield describe_disk(condition.free)
    yield describe_questions(condition.waiting, condition.oldest, now)
    if condition.deletions.oldest is not None:
        yield describe_deletions(condition.deletions, now - condition.deletions.oldest)
    if condition.batches.deletions or condition.batches.unposted:
        yield describe_batches(condition.batches, now)
    for zone in condition.zones:
        if not is_time_zone(zone):
            yield DATABASE.warning("time zone", f"{zone} is not known here; UTC holds in its place", UNZONED)
    if condition.votes:
        yield DATABASE.ok("feedback", str(condition.votes))


def _describe_file(condition: Condition) -> CheckResult:
    if condition.free is None:
        return DATABASE.warning(
            "file", "in memory; a restart forgets everything", "Set DATABASE_URL=sqlite:///confab.db"
        )
    if condition.moved:
        cause, _, mend = condition.moved.partition("; ")
        return DATABASE.problem("file", f"{condition.path}: {cause}", _sentence(mend))
    if not condition.version:
        return DATABASE.ok("file", f"{condition.path} is not there yet; the first start makes it")
    return DATABASE.ok("file", f"{condition.path} can be written; {_describe_version(condition)}")


def describe_server(condition: Condition, server: Server) -> CheckResult:
    """What there is to say of a database on a server that can be read and written."""
    how = _describe_version(condition) if condition.version else "the first start makes its tables"
    milliseconds = server.latency / timedelta(milliseconds=1)
    says = f"{condition.path} can be written; {how}; {server.name}, {milliseconds:.1f} ms away"
    if server.latency > FAR:
        mend = "Put the database near: each question waits for it some fifty times."
        return DATABASE.warning("server", says, mend)
    return DATABASE.ok("server", says)


def describe_clock(server: Server) -> CheckResult:
    """What there is to say of a server's clock."""
    seconds = abs(server.ahead.total_seconds())
    if seconds < SKEW.total_seconds():
        return DATABASE.ok("clock", "agrees with this machine's")
    says = f"{seconds:,.0f} s {'ahead of' if server.ahead > timedelta() else 'behind'} this machine's"
    mend = "Let NTP set both. Leases count on the server's alone; times in usage and budgets are this machine's."
    return DATABASE.warning("clock", says, mend)


def _describe_version(condition: Condition) -> str:
    behind = "" if condition.version == condition.newest else f" of {condition.newest}, which the next start makes it"
    return f"version {condition.version}{behind}; {_megabytes(condition.bytes)}"


def describe_disk(free: int) -> CheckResult:
    """What there is to say of so many bytes that are free."""
    if free < LOW:
        return DATABASE.warning("disk", f"only {_megabytes(free)} are free", "Make room, or name another DATABASE_URL.")
    return DATABASE.ok("disk", f"{_megabytes(free)} are free")


def describe_questions(count: int, oldest: datetime | None, now: datetime) -> CheckResult:
    """What there is to say of so many open questions, the oldest asked at that moment."""
    if oldest is None:
        return DATABASE.ok("questions", "none waits for its answer")
    age = now - oldest
    says = f"{count:,} without an answer, the oldest for {_round(age)}"
    if age > PATIENCE:
        return DATABASE.warning("questions", says, "See whether `confab run` runs; its log says what hinders it.")
    return DATABASE.ok("questions", says)


def describe_deletions(waiting: WaitingDeletions, age: timedelta) -> CheckResult:
    """What there is to say of files that wait to be deleted at Claude's API, the oldest for so long."""
    says = f"{waiting.count:,} to be deleted at Claude, the oldest for {_round(age)}"
    if age <= UNDELETED:
        return DATABASE.ok("files", says)
    why = f" ({waiting.problem})" if waiting.problem else ""
    mend = "See whether Confab runs with the key that they were uploaded with; it tries again by itself."
    return DATABASE.warning("files", f"{says}{why}", mend)


def describe_batches(waiting: WaitingBatches, now: datetime) -> CheckResult:
    """What there is to say of batches that wait to be deleted at Claude's API, and of results that are not posted."""
    age = now - waiting.since if waiting.since else timedelta()
    says, mends = list[str](), list[str]()
    if waiting.deletions:
        why = f" ({waiting.problem})" if waiting.problem and waiting.tries >= TRIES else ""
        says.append(f"{waiting.deletions:,} to be deleted at Claude{why}")
    if waiting.tries >= TRIES:
        mends.append("See whether Confab runs with the key that they were given in with; it tries again by itself.")
    if waiting.unposted:
        says.append(f"results of {waiting.unposted:,} to be posted, the oldest for {_round(age)}")
    if age > UNDELETED:
        mends.append("Let Confab post in their channels; `batch show` with a batch's number posts its results then.")
    told = "; ".join(says)
    return DATABASE.warning("batches", told, " ".join(mends)) if mends else DATABASE.ok("batches", told)


def _round(age: timedelta) -> timedelta:
    return timedelta(seconds=int(age.total_seconds()))


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:,.1f} MB"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
