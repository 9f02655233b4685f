"""The check as a whole, and what it finds of Claude and the database.

Tests core.store.sqlite.inspection.
"""

import asyncio
import json
import os
import re
import time
from asyncio.subprocess import PIPE
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest

from bots.app.doctor import (
    check_prices,
    format_results,
    run_checks,
)
from bots.app.tool_check import check_tools
from bots.discord.doctor import DISCORD
from bots.ops.results import CLAUDE, DATABASE, SECONDS, CheckResult
from bots.slack.doctor import SLACK
from bots.slack.manifest import SCOPES
from core.billing.prices import COLUMNS
from core.domain.clock import system_clock
from core.domain.models import STRUCTURED_OUTPUTS
from core.domain.personas import Persona, Place
from core.store import open_store
from tests.fakes.claude.client import HAIKU
from tests.fakes.claude.script import Fault
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.client import pointed
from tests.fakes.discord.limits import Answer
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.nouns import TEAM, Grant
from tests.fakes.slack.server import SlackFake
from tests.support import fork_server
from tests.support.doctor import brief, chosen, findings
from tests.support.provided_tools import ProvidedTools

ROOT = Path(__file__).parents[3]
FIRST = "claude-haiku-5-5, claude-sonnet-5-5, claude-opus-5-5."
KEY = "Make a key at https://platform.claude.com/settings/keys and set ANTHROPIC_API_KEY to it."


def keyed(claude: ClaudeFake, **values: object):
    return chosen(**{"anthropic_api_key": claude.key, "anthropic_base_url": claude.url} | values)


async def test_a_key_and_models_that_are_active_are_ok_and_cost_nothing(claude):
    told = await findings(CLAUDE, keyed(claude, confab_fallback_models=("claude-opus-5-5",)))

    assert told == [
        CLAUDE.ok("key", "accepted, for 6 models"),
        CLAUDE.ok("model claude-haiku-5-5", "active"),
        CLAUDE.ok("model claude-opus-5-5", "active"),
    ]
    assert {request.path.rpartition("/")[0] for request in claude.requests} == {"/v1", "/v1/models"}
    assert claude.billed == []


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        (
            {"confab_model": "claude-9"},
            CLAUDE.problem(
                "model claude-9", "there is none of that name for this key", f"Set CONFAB_MODEL to another one: {FIRST}"
            ),
        ),
        (
            {"confab_model": "gw_live_9f8aKq27Zr1bXc4d"},
            CLAUDE.problem(
                "model gw_l… (24 characters)",
                "there is none of that name for this key",
                f"Set CONFAB_MODEL to another one: {FIRST}",
            ),
        ),
        (
            {"confab_fallback_models": ("claude-3-7-sonnet-20250219",)},
            CLAUDE.problem(
                "model claude-3-7-sonnet-20250219",
                "retired on 2026-02-19",
                f"Set CONFAB_FALLBACK_MODELS to another one: {FIRST}",
            ),
        ),
        (
            {"confab_model": "claude-sonnet-4-5"},
            CLAUDE.warning(
                "model claude-sonnet-4-5",
                "deprecated; it retires on 2026-11-30",
                f"Set CONFAB_MODEL to another one: {FIRST}",
            ),
        ),
    ],
    ids=["unknown", "a key", "retired", "deprecated"],
)
async def test_a_model_that_does_not_last_is_told_with_its_date_and_others(claude, values, finding):
    told = await findings(CLAUDE, keyed(claude, **values))

    assert told[-1] == finding


async def test_a_model_that_somebody_tuned_and_that_retires_soon_is_told(claude, tmp_path):
    url = f"sqlite:///{tmp_path}/confab.db"
    store = await open_store(url)
    for number, model in enumerate(["claude-opus-5-5", "claude-sonnet-4-5"]):
        await store.personas.change(Place("slack:T1", "C1"), Persona(model=model), number, "U1", system_clock())
    await store.shut()

    told = await findings(CLAUDE, keyed(claude, database_url=url))

    assert brief(told) == [("key", "ok"), (f"model {HAIKU}", "ok"), ("model claude-sonnet-4-5", "warning")]
    assert told[-1].mend.startswith(
        "Choose another one where it was tuned, with `persona tune model=...`: claude-haiku"
    )


@pytest.mark.parametrize(
    ("fault", "says", "mend"),
    [
        (Fault(status=403, type="permission_error", message="No"), "not allowed (403 permission_error No)", "Let this"),
        (Fault(), "overloaded (529 overloaded_error Overloaded)", "Try again in a few minutes"),
        (Fault(status=200, html="<html>Log in</html>"), "not Claude (", "Set ANTHROPIC_BASE_URL"),
        (Fault(status=404, type="not_found_error", message="?"), "no Models API (404", "Set ANTHROPIC_BASE_URL"),
        (Fault(status=None), "no answer (Connection error.", "See that this machine reaches ANTHROPIC_BASE_URL"),
    ],
    ids=["not allowed", "overloaded", "captive portal", "gateway without models", "reset"],
)
async def test_a_claude_that_cannot_be_asked_is_a_problem_with_its_own_mend(claude, fault, says, mend):
    claude.script(fault, fault, path="/v1/models")  # aiohttp asks again by itself when a connection is reset
    [told] = await findings(CLAUDE, keyed(claude))

    assert (told.name, told.state) == ("key", "problem")
    assert told.says.startswith(says)
    assert told.mend.startswith(mend)


def test_a_model_without_a_price_is_a_warning_until_a_file_names_it(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(f"{','.join(COLUMNS)}\nclaude-next,2026-11-20,0,1,5,1.25,2,0.1,0.5,10,mine\n")
    says, mend = (
        "not known; its costs are not counted, and budgets refuse it",
        "Add it to the file that CONFAB_PRICES names.",
    )

    assert list(check_prices("", [HAIKU, "claude-next"])) == [CLAUDE.warning("price of claude-next", says, mend)]
    assert list(check_prices(str(path), [HAIKU, "claude-next"])) == []


async def test_a_price_list_that_stops_the_start_is_a_problem(claude, tmp_path):
    told = await findings(CLAUDE, keyed(claude, confab_prices=f"{tmp_path}/none.csv"))

    assert (told[-1].name, told[-1].state) == ("prices", "problem")
    assert told[-1].says.startswith(f"CONFAB_PRICES: {tmp_path}/none.csv can't be read")


async def test_a_model_that_cannot_be_asked_after_does_not_hide_the_key(claude):
    async def spoil(index: int) -> None:
        if index == 1:
            claude.script(Fault(), path="/v1/models")

    claude.on_request(spoil)
    told = await findings(CLAUDE, keyed(claude))

    assert brief(told) == [("key", "ok"), (f"model {HAIKU}", "problem")]
    assert told[1].says == "overloaded (529 overloaded_error Overloaded)"


async def test_a_wrong_key_is_one_problem_however_many_models_there_are(claude):
    told = await findings(CLAUDE, keyed(claude, anthropic_api_key="sk-ant-other", confab_fallback_models=("a", "b")))

    assert told == [CLAUDE.problem("key", "not accepted (401 authentication_error Invalid API key)", KEY)]


async def test_a_key_that_is_revoked_between_two_requests_is_one_problem_and_not_the_models(claude):
    async def revoke(index: int) -> None:
        if index == 1:
            claude.key = "sk-ant-other"

    claude.on_request(revoke)
    told = await findings(CLAUDE, keyed(claude, confab_fallback_models=("claude-opus-5-5",)))

    assert told == [CLAUDE.problem("key", "not accepted (401 authentication_error Invalid API key)", KEY)]


async def test_nothing_configured_is_a_problem_and_says_what_to_set():
    told = await run_checks(chosen())

    assert [(one.service, one.state) for one in told] == [
        ("Claude", "off"),
        ("Slack", "off"),
        ("Discord", "off"),
        ("Database", "warning"),
        ("Database", "ok"),
        ("Tools", "ok"),
        ("Tools", "ok"),
        ("Confab", "problem"),
    ]
    assert [one.mend.partition(":")[0] for one in told[:3]] == [
        "ANTHROPIC_API_KEY",
        "SLACK_BOT_TOKEN and SLACK_APP_TOKEN",
        "DISCORD_BOT_TOKEN",
    ]
    assert told[-1].says == "nothing is set up yet"
    assert told[-1].mend.startswith("Set a key, and the tokens of Slack or Discord, as named above.")


async def test_a_misspelt_variable_is_a_warning_that_names_the_nearest(monkeypatch):
    monkeypatch.setenv("CONFAB_MODLE", "claude-opus-5-5")

    (told,) = [one for one in await run_checks(chosen()) if one.name == "CONFAB_MODLE"]

    assert (told.state, told.says) == ("warning", "there is no such setting; CONFAB_MODEL may be meant")


async def test_a_key_that_may_be_an_example_is_tried_and_told(claude):
    told = await run_checks(keyed(claude, anthropic_api_key="your-key-here"))

    assert [(one.name, one.state) for one in told if one.service == "Claude"] == [("key", "problem")]
    (hint,) = [one for one in told if one.service == "Confab"]
    assert (hint.name, hint.state, hint.says, hint.mend) == (
        "ANTHROPIC_API_KEY",
        "warning",
        "looks like an example's",
        "Write the one that was made for you.",
    )


async def test_a_misspelt_variable_does_not_hide_that_nothing_is_set_up(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_APIKEY", "sk-ant-x")
    told = await run_checks(chosen())

    assert [(one.name, one.state) for one in told if one.service == "Confab"] == [
        ("ANTHROPIC_APIKEY", "warning"),
        ("settings", "problem"),
    ]


@pytest.mark.parametrize("key", ["", "sk-ant-other"], ids=["without a key", "with a wrong key"])
async def test_a_price_list_that_cannot_be_read_is_found_without_claude(claude, key):
    settings = (
        keyed(claude, anthropic_api_key=key, confab_prices="nowhere.csv")
        if key
        else chosen(confab_prices="nowhere.csv")
    )
    told = await run_checks(settings)

    assert [one.state for one in told if one.name == "prices"] == ["problem"]


async def test_a_key_alone_is_enough_for_the_terminal(claude):
    told = await run_checks(keyed(claude))

    assert [one for one in told if one.state == "problem"] == []


@asynccontextmanager
async def deaf():
    """A server that takes every connection and says nothing; its address."""
    held = []

    async def lease(_reader, writer):
        held.append(writer)

    server = await asyncio.start_server(lease, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for writer in held:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in held), return_exceptions=True)


async def test_services_that_hang_are_given_up_side_by_side():
    async with deaf() as url, DiscordFake() as discord:
        with pointed(discord):
            began = time.monotonic()
            told = await run_checks(
                chosen(
                    anthropic_api_key="sk-ant-1",
                    anthropic_base_url=url,
                    slack_bot_token="xoxb-1",
                    slack_app_token="xapp-1",
                    slack_api_url=url,
                    discord_bot_token="a.b.c",
                    discord_api_url=url,
                )
            )
            took = time.monotonic() - began

    assert [(one.service, one.name, one.says) for one in told if one.state == "problem"] == [
        ("Claude", "key", "no answer (after 5 seconds)"),
        ("Slack", "bot token", "Slack does not answer (no answer in 5 seconds)"),
        ("Slack", "app token", "Slack does not answer (no answer in 5 seconds)"),
        ("Discord", "token", "Discord does not answer (nothing in 5 seconds)"),
    ]
    assert took < 2 * SECONDS


async def test_a_check_that_breaks_hides_nothing_else(claude, caplog):
    async with DiscordFake() as discord:
        discord.fault("GET /users/@me/guilds", Answer(200, [{"id": "1"}]))
        values = {"discord_bot_token": discord.token, "discord_api_url": discord.api_url}
        with pointed(discord):
            told = await run_checks(keyed(claude, **values))

    assert [(one.service, one.state) for one in told if one.service not in ("Database", "Tools")] == [
        ("Claude", "ok"),
        ("Claude", "ok"),
        ("Slack", "off"),
        ("Discord", "ok"),
        ("Discord", "ok"),
        ("Discord", "warning"),
        ("Discord", "ok"),
        ("Discord", "problem"),
    ]
    assert "the check itself failed (KeyError)" in [one.says for one in told if one.service == "Discord"]
    assert "the check of Discord failed" in caplog.text


async def test_a_secret_that_a_service_says_back_is_hidden(claude):
    claude.script(Fault(status=400, type="invalid_request_error", message=f"bad key {claude.key}"), path="/v1/models")
    [told] = await findings(CLAUDE, keyed(claude))

    assert told.says == "rejected (400 invalid_request_error bad key [secret])"


def test_a_finding_is_a_line_with_its_mend_beneath():
    text = format_results(
        [
            CLAUDE.ok("key", "accepted"),
            SLACK.warning("status", "not shown", "Do this."),
            DISCORD.problem("token", "not accepted", "Do that."),
            DATABASE.off("Set it."),
        ]
    )

    assert click.unstyle(text).splitlines() == [
        "ok       Claude    key: accepted",
        "warning  Slack     status: not shown",
        "                   Do this.",
        "problem  Discord   token: not accepted",
        "                   Do that.",
        "off      Database  settings: not configured",
        "                   Set it.",
        "",
        "1 problem, 1 warning",
    ]


@pytest.fixture
def environment():
    own = ("ANTHROPIC_", "CONFAB_", "SLACK_", "DISCORD_", "DATABASE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return kept | {"PYTHONPATH": str(ROOT)}


async def run(environment, folder, *options):
    """`confab check`: its exit code, and what it printed."""
    process = await fork_server.start(
        "check", *options, folder=folder, environment=environment, stdout=PIPE, stderr=PIPE
    )
    shown, complaints = await process.communicate()
    print(shown.decode())  # where leaks are looked for
    assert complaints.decode() == ""
    return process.returncode, shown.decode()


async def test_the_command_prints_what_the_manual_shows_and_ends_with_1_until_all_is_mended(
    claude, environment, tmp_path
):
    scopes = frozenset(SCOPES)
    async with SlackFake(scopes=scopes - {"im:history"}) as slack, DiscordFake() as discord:
        environment |= {
            "ANTHROPIC_API_KEY": claude.key,
            "ANTHROPIC_BASE_URL": claude.url,
            "CONFAB_FALLBACK_MODELS": "claude-sonnet-4-5",
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.base_url,
            "DISCORD_BOT_TOKEN": discord.token,
            "DISCORD_API_URL": discord.api_url,
        }
        bad, text = await run(environment, tmp_path)
        slack.grants[slack.token] = Grant(TEAM, scopes)
        good, listed = await run(environment, tmp_path, "--json")
        secrets = (claude.key, slack.token, slack.app_token, discord.token)

    assert (bad, good) == (1, 0)
    assert re.sub(r"[\d,.]+ MB are free", "51,200.0 MB are free", text) == shown_in_the_manual()
    told = [CheckResult(**one) for one in json.loads(listed)]
    assert Counter(one.state for one in told) == {"ok": 15, "warning": 2}
    assert [secret for secret in secrets if secret in text + listed] == []


def shown_in_the_manual():
    manual = (ROOT / "docs" / "operations.md").read_text()
    return manual.partition("$ confab check\n")[2].partition("```")[0]


@pytest.mark.parametrize("on", [True, False], ids=["on by default", "to choose from"])
async def test_a_tool_that_the_default_model_lacks_is_told(claude, on):
    providers = [
        ProvidedTools({"web": ("web_search",)}, hosted=True, capability=STRUCTURED_OUTPUTS),
        ProvidedTools({"time": ("current_time",)}, free=True),
    ]
    claude.lacks = frozenset({STRUCTURED_OUTPUTS})
    defaults = ("web", "time") if on else ("time",)
    settings = keyed(claude, confab_tools=("web", "time"), confab_default_tools=defaults)

    told = [one async for one in check_tools(settings, providers)]

    assert brief(told)[2:] == [*([] if on else [("off until chosen", "ok")]), ("web_search", "warning" if on else "ok")]
    assert told[-1].says == f"{HAIKU} can't use it, so it is not told of it"


async def test_what_an_organization_has_not_switched_on_is_told_with_where_to_do_it(claude):
    claude.lacks = frozenset({"enabled web search"})
    settings = keyed(claude, confab_tools=("web",), confab_default_tools=("none",))

    told = [one async for one in check_tools(settings)]

    assert brief(told)[2:] == [("off until chosen", "ok"), ("web_search", "warning")]
    assert "Web search is not enabled for this organization" in told[3].says
    assert "in the Claude Console, under Settings, Privacy" in told[3].mend
    assert [one.path for one in claude.requests if one.path == "/v1/messages"] == []


async def test_a_tool_that_there_is_not_ends_with_2_as_where_confab_starts(environment, tmp_path):
    code, shown = await run(environment | {"CONFAB_TOOLS": "histroy"}, tmp_path)

    assert code == 2
    assert "problem  Tools     CONFAB_TOOLS: There is no tool `histroy`. Did you mean `history`" in shown
