"""What the check finds of Slack: tokens, scopes, the socket or the signing secret, the status."""

import json
from datetime import UTC, datetime

import pytest

from bots.ops.sealing import Seal
from bots.slack.doctor import PURPOSES, RENEWAL, SLACK, SPARE, UNSEALED
from bots.slack.installations.setup import TOKENS
from bots.slack.manifest import SCOPES
from core.store import open_store
from core.store.records.installations import Installation
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import TEAM, Grant, Team
from tests.fakes.slack.server import SlackFake
from tests.support.doctor import brief, chosen, findings
from tests.support.proxy import refusing_proxy

ADD = "Add it (OAuth & Permissions, Bot Token Scopes), or paste the manifest again; then reinstall the app."
SECRET = "8f742231b10e8888abcd99edf12085a5"

TOKEN = SLACK.ok("bot token", "accepted in Analytical Engines, as confab")
GRANTED = SLACK.ok("scopes", f"all {len(SCOPES)} are granted")
STATUS = SLACK.ok("status", "people are shown that Claude thinks")
SOCKET = SLACK.ok("app token", "accepted; Slack lets us connect")


def settings(slack: SlackFake, **values: object):
    tokens = {"slack_bot_token": slack.token, "slack_app_token": slack.app_token, "slack_api_url": slack.base_url}
    return chosen(**tokens | values)


async def test_a_workspace_that_is_well_is_told_so_and_sees_nothing_of_it(slack):
    told = await findings(SLACK, settings(slack))

    assert told == [TOKEN, GRANTED, STATUS, SOCKET]
    assert (slack.world.posts, slack.world.statuses, slack.sockets.connections) == ({}, {}, 0)
    [status] = slack.called("assistant.threads.setStatus")
    assert (status["channel_id"] in slack.world.channels, status["status"]) == (False, "")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("token_revoked", "not accepted: the token is revoked (token_revoked)"),
        ("account_inactive", "not accepted: the app is switched off or not installed any more (account_inactive)"),
        ("org_login_required", "refused (org_login_required)"),
    ],
)
async def test_a_bot_token_that_is_refused_is_one_problem_and_the_other_is_still_asked(slack, word, says):
    slack.refuse(slack.token, word)
    told = await findings(SLACK, settings(slack))

    install = "Install the app again (Install App), and set SLACK_BOT_TOKEN to the token that stands there."
    assert told == [SLACK.problem("bot token", says, install), SOCKET]


async def test_missing_scopes_are_named_one_by_one_with_what_they_are_for():
    async with SlackFake(scopes=frozenset(SCOPES) - {"files:read", "users:read"}) as slack:
        told = await findings(SLACK, settings(slack))

    assert told == [
        TOKEN,
        SLACK.warning("scope files:read", "missing; it is for files that hang on messages", ADD),
        SLACK.problem("scope users:read", "missing; it is for names, and who is an admin or a guest", ADD),
        STATUS,
        SOCKET,
    ]


def test_every_scope_of_the_manifest_is_for_something():
    assert sorted(PURPOSES) == sorted(SCOPES)


@pytest.mark.parametrize("word", ["missing_scope", "access_denied", "unknown_method"])
async def test_a_workspace_without_statuses_is_a_warning(slack, word):
    slack.fail_next("assistant.threads.setStatus", Fault(error=word))
    told = await findings(SLACK, settings(slack))

    plan = "Answers come all the same. For it Slack wants assistant:write, and a plan with agents."
    assert told[2] == SLACK.warning("status", f"people are not shown that Claude thinks ({word})", plan)
    assert brief(told) == [("bot token", "ok"), ("scopes", "ok"), ("status", "warning"), ("app token", "ok")]


async def test_an_app_token_that_may_not_connect_is_a_problem(slack):
    slack.grants[slack.app_token] = Grant(TEAM, frozenset(), "xapp")
    told = await findings(SLACK, settings(slack))

    generate = "Generate one with connections:write (Basic Information, App-Level Tokens); set SLACK_APP_TOKEN to it."
    assert told[-1] == SLACK.problem("app token", "not accepted: a scope is missing (missing_scope)", generate)


async def test_tokens_that_are_mixed_up_are_named_without_a_character_of_them(slack):
    told = await findings(SLACK, settings(slack, slack_bot_token=slack.app_token, slack_app_token=slack.token))

    where = "What it holds belongs in SLACK_APP_TOKEN. It stands on the app's page, under OAuth & Permissions."
    assert told[0] == SLACK.problem("settings", "SLACK_BOT_TOKEN: must begin with xoxb-", where)
    assert [(one.name, one.says) for one in told[1:]] == [
        ("bot token", "not accepted: a token of another kind (not_allowed_token_type)"),
        ("app token", "not accepted: a token of another kind (not_allowed_token_type)"),
    ]
    assert [one for one in told if "test" in f"{one.says}{one.mend}"] == []


async def test_an_app_token_alone_is_a_problem(slack):
    told = await findings(SLACK, settings(slack, slack_bot_token=None))

    assert brief(told) == [("settings", "problem"), ("app token", "ok")]


@pytest.mark.parametrize(
    ("secret", "finding"),
    [
        (SECRET, SLACK.ok("signing secret", "set; whether Slack reaches /slack/events can't be seen from here")),
        (
            "xapp-1-A0-1",
            SLACK.warning(
                "signing secret",
                "not the 32 letters and digits that Slack's secrets are",
                "Set SLACK_SIGNING_SECRET to what stands under Basic Information, App Credentials.",
            ),
        ),
    ],
    ids=["set", "something else"],
)
async def test_in_http_mode_the_signing_secret_takes_the_sockets_place(slack, secret, finding):
    values = {"slack_app_token": None, "slack_signing_secret": secret, "confab_http_port": 8080}
    told = await findings(SLACK, settings(slack, **values))

    assert told == [TOKEN, GRANTED, STATUS, finding]


async def test_http_mode_without_a_port_is_a_problem(slack):
    told = await findings(SLACK, settings(slack, slack_app_token=None, slack_signing_secret=SECRET))

    needs = "HTTP mode needs the port that Slack's requests arrive at."
    assert told[0] == SLACK.problem("settings", "CONFAB_HTTP_PORT: not set", needs)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=503), "Slack does not answer (HTTP 503)"),
        (Fault(status=429, retry_after=30), "Slack does not answer (ratelimited)"),
        (Fault(error="internal_error"), "Slack does not answer (internal_error)"),
        (Fault(dropped=True), "Slack does not answer (ServerDisconnectedError)"),
    ],
    ids=["unavailable", "limited", "trouble", "cut"],
)
async def test_a_slack_in_trouble_is_not_taken_for_a_wrong_token(slack, fault, says):
    slack.fail_next("auth.test", fault)
    told = await findings(SLACK, settings(slack))

    reach = "See that this machine reaches SLACK_API_URL. https://slack-status.com says how Slack is."
    assert told == [SLACK.problem("bot token", says, reach), SOCKET]


FOREIGN = "Unset SLACK_API_URL, or set it to Slack's address. A proxy or a login page may answer in Slack's place."


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>Log in</html>", "an answer that says neither ok nor why"),
        (b"[]", "an answer that says neither ok nor why"),
        (b"{}", "an answer that says neither ok nor why"),
        (b'{"ok": true}', "auth.test: an answer without user_id"),
        (b'["odd"]', "auth.test: an answer that can't be read"),
        (b"5", "auth.test: an answer that can't be read"),
        (b"\xff{", "auth.test: an answer that can't be read"),
    ],
)
async def test_what_answers_in_slack_s_place_is_told_and_the_other_token_is_still_asked(slack, body, says):
    slack.fail_next("auth.test", Fault(body=body))
    told = await findings(SLACK, settings(slack))

    assert told == [SLACK.problem("bot token", f"what answers is not Slack ({says})", FOREIGN), SOCKET]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("", "Cannot connect to host 127.0.0.1:"),
        ("407 Proxy Authentication Required", "407)"),
    ],
)
async def test_a_proxy_that_lets_nothing_through_is_named(monkeypatch, slack, status, says):
    async with refusing_proxy(monkeypatch, status):
        told = await findings(SLACK, settings(slack))

    assert [one.name for one in told] == ["bot token", "app token"]
    assert all("the proxy that HTTPS_PROXY or HTTP_PROXY names does not let us through (" in one.says for one in told)
    assert all(says in one.says for one in told)


def many(slack: SlackFake, **values: object):
    app = {"slack_client_id": slack.oauth.client_id, "slack_client_secret": slack.oauth.client_secret}
    place = {"confab_http_port": 8080, "confab_public_url": "https://confab.example"}
    return settings(slack, **{"slack_bot_token": None, **app, **place, **values})


async def test_of_an_app_for_many_workspaces_its_id_and_secret_are_tried(slack):
    told = await findings(SLACK, many(slack))

    app = "its id and secret are right; workspaces install it at https://confab.example/slack/install"
    where = "Open https://confab.example/slack/install and install it."
    none = SLACK.warning("workspaces", "installed in none yet", where)
    assert told == [SOCKET, SLACK.ok("app", app), none]
    assert slack.oauth.issued == []


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"slack_client_secret": "wrong"}, "not accepted: not the secret of this app (bad_client_secret)"),
        ({"slack_client_id": "1.1"}, "not accepted: no app has this id (invalid_client_id)"),
    ],
)
async def test_an_id_or_a_secret_that_slack_does_not_know_is_a_problem(slack, values, says):
    told = await findings(SLACK, many(slack, **values))

    where = "Both stand on the app's page, under Basic Information: SLACK_CLIENT_ID and SLACK_CLIENT_SECRET."
    assert told[:2] == [SOCKET, SLACK.problem("app", says, where)]


PAGE = "https://confab.example/slack/install"


@pytest.fixture
def kept(slack, tmp_path):
    """What a check is made with, whose database is `address`, and a way to keep installations there."""
    address, key = f"sqlite:///{tmp_path}/confab.db", "k" * 42 + "A="

    async def keep(workspace: str, token: str, seal: str = key) -> None:
        sealed = Seal([seal], TOKENS).close(json.dumps([workspace, token, "xoxe-1-test"]))
        store = await open_store(address)
        await store.installations.install(Installation(workspace, "{}", sealed, "U0ADA", datetime.now(UTC)))
        await store.shut()

    configuration = many(slack, database_url=address, confab_secret_key=key)
    return configuration, keep


async def test_each_installed_workspace_is_told_with_its_token_and_its_scopes(slack, kept):
    configuration, keep = kept
    for name, scopes in (("T0TWO", SCOPES), ("T0TRI", set(SCOPES) - {"users:read"}), ("T0FOR", set(SCOPES) - SPARE)):
        slack.add_workspace(Team(name, f"Team {name[-1]}"))
        slack.grants[f"xoxb-{name}"] = Grant(name, frozenset(scopes))
        await keep(f"slack:{name}", f"xoxb-{name}")
    told = (await findings(SLACK, configuration))[2:]

    again = f"Paste the manifest again, then install it anew: {PAGE}"
    spared = "; ".join(f"{one} (for {PURPOSES[one]})" for one in SCOPES if one in SPARE)
    lacks = "users:read (for names, and who is an admin or a guest)"
    assert told == [
        SLACK.ok("workspaces", "installed in 3 workspaces"),
        SLACK.warning("workspace T0FOR", f"accepted in Team R, as confab; it lacks {spared}", again),
        SLACK.problem("workspace T0TRI", f"accepted in Team I, as confab; it lacks {lacks}", again),
        SLACK.ok("workspace T0TWO", f"accepted in Team O, as confab; of its scopes all {len(SCOPES)} are granted"),
    ]
    assert slack.oauth.refreshes == 0


async def test_a_token_that_can_not_be_read_or_is_refused_is_told_with_its_mend(slack, kept):
    configuration, keep = kept
    for name, refusal in (("T0OUT", "token_expired"), ("T0REV", "token_revoked")):
        slack.grants[f"xoxb-{name}"] = Grant(TEAM, frozenset(SCOPES), refusal=refusal)
        await keep(f"slack:{name}", f"xoxb-{name}")
    await keep("slack:T0KEY", "xoxb-T0KEY", seal="m" * 42 + "A=")
    told = (await findings(SLACK, configuration))[2:]

    says = "not accepted: the token is revoked (token_revoked)"
    assert told == [
        SLACK.ok("workspaces", "installed in 3 workspaces"),
        SLACK.problem(
            "workspace T0KEY", "its tokens can't be read with this key", f"{UNSEALED} Or install it anew: {PAGE}"
        ),
        SLACK.problem(
            "workspace T0OUT", "not accepted: the token has run out (token_expired)", RENEWAL.format(page=PAGE)
        ),
        SLACK.problem("workspace T0REV", says, f"Install it anew: {PAGE}"),
    ]
    assert "xoxb" not in str(told)


async def test_what_an_app_for_many_workspaces_lacks_is_named(slack):
    told = await findings(SLACK, many(slack, confab_public_url=""))

    assert brief(told)[0] == ("settings", "problem")
    assert "CONFAB_PUBLIC_URL" in str(told[0])
