"""Tokens of installed workspaces: sealed where they are kept, renewed before they run out, and in no log.

Tests bots.slack.installations.credentials, bots.ops.sealing.
"""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bots.ops.logs import OURS, configure
from bots.ops.sealing import Seal
from bots.slack.installations.installed import NOT_READABLE
from bots.slack.installations.setup import TOKENS
from core.domain.clock import system_clock
from core.domain.errors import CannotConnect, StoreUnavailable, TokenRefused
from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.faults import Fault
from tests.support.slack_installations import KEYS, SECOND, town
from tests.support.waiting import until

HOURS = 12 * 3_600


class Later:
    """The house's clock and Slack's: both are as much ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self):
        return system_clock() + timedelta(seconds=self.ahead)

    def read_seconds(self) -> float:
        return self().timestamp()


@pytest.fixture
def later(slack):
    clock = Later()
    slack.world.clock = slack.oauth.clock = clock.read_seconds
    slack.oauth.lifetime = HOURS
    return clock


async def test_a_token_is_renewed_by_whoever_uses_it_once_for_many_at_once(slack, claude, store, later):
    async with town(slack, claude, store, clock=later) as two:
        two.second.world.clock = later.read_seconds
        made = await store.installations.find("slack:T0TWO")
        later.ahead = HOURS - 60
        roots = [await two.second.say("bob", "dev", f"<@U0BOT> hello {number}") for number in range(8)]
        await two.home.answered(8)

        assert [len(two.second.texts("dev", root)) for root in roots] == [1] * 8
        assert slack.oauth.refreshes in {1, 2}  # the background work may have renewed the first workspace's meanwhile
        kept = await store.installations.find("slack:T0TWO")
        assert kept.version == made.version + 1


async def test_tokens_are_renewed_in_the_background_where_nobody_says_anything(slack, claude, store, later):
    async with town(slack, claude, store, clock=later) as two:
        made = await store.installations.list("slack")
        later.ahead = HOURS - 3_600
        await two.home.platform._installed.workspaces.renew_due()

        kept = await store.installations.list("slack")
        assert [one.version for one in kept] == [one.version + 1 for one in made]
        assert len(made) == 2


async def test_a_token_is_renewed_while_its_answer_runs(slack, claude, store, later):
    gate = Gate()
    claude.script(Answer(text="a long answer", gate=gate))
    async with town(slack, claude, store, clock=later) as two:
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await gate.reached.wait()
        later.ahead = HOURS + 10
        gate.opened.set()
        await two.home.answered()

        assert two.second.texts("dev", root) == ["a long answer"]


@asynccontextmanager
async def both(slack, claude, store, later):
    """Two processes over one store."""
    beside = {"process": "p2", "alone": False}
    async with (
        town(slack, claude, store, clock=later, rules={"alone": False}) as two,
        town(slack, claude, store, installed=False, second=two.second, clock=later, rules=beside) as other,
    ):
        yield [one.home.platform._installed.workspaces for one in (two, other)]


async def test_two_processes_renew_a_token_once_and_both_go_on(slack, claude, store, later):
    async with both(slack, claude, store, later) as processes:
        webs = [(await one.find("slack:T024")).web for one in processes]
        later.ahead = HOURS - 3_600
        await asyncio.gather(*(one.renew_due() for one in processes for _ in range(3)))
        later.ahead = HOURS + 3_600
        for web in webs:
            await web.read("users.info", user="U0BOB")

        assert slack.oauth.refreshes == 2  # one for each workspace


async def test_a_token_that_another_process_renewed_is_found_when_the_old_one_is_refused(slack, claude, store, later):
    async with both(slack, claude, store, later) as processes:
        web = (await processes[0].find("slack:T0TWO")).web
        old = processes[0]._entries["slack:T0TWO"].credentials.tokens.bot
        later.ahead = HOURS - 3_600
        await processes[1].renew_due()
        slack.refuse(old, "token_revoked")

        assert (await web.call_once("auth.test"))["team_id"] == "T0TWO"


async def test_slack_in_trouble_costs_no_token_while_the_old_one_is_good(slack, claude, store, later, caplog):
    async with town(slack, claude, store, clock=later) as two:
        slack.fail_next("oauth.v2.access", Fault(status=500), 4)
        later.ahead = HOURS - 60
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()

        assert len(two.second.texts("dev", root)) == 1
        assert "could not be renewed" in caplog.text


@pytest.fixture
def own_logging():
    """What a test changes of the logging of this process is undone: its stream does not outlive it."""
    root, ours = logging.getLogger(), [logging.getLogger(name) for name in OURS]
    handlers, levels = root.handlers[:], [one.level for one in (root, *ours)]
    yield
    root.handlers[:] = handlers
    for one, level in zip((root, *ours), levels, strict=True):
        one.setLevel(level)


async def test_no_token_is_in_the_database_or_in_a_log(slack, claude, tmp_path, later, capsys, own_logging):
    path = tmp_path / "confab.db"
    store = await open_store(f"sqlite:///{path}")
    configure("DEBUG", [slack.oauth.client_secret])
    async with town(slack, claude, store, clock=later) as two:
        later.ahead = HOURS - 60
        await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()
        for token in slack.oauth.issued:
            logging.getLogger("bots.test").warning("a line with %s", token)
    await store.shut()

    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    written = capsys.readouterr().err
    assert len(slack.oauth.issued) >= 6
    assert "a line with [secret]" in written
    for secret in (*slack.oauth.issued, slack.oauth.client_secret):
        assert secret.encode() not in stored
        assert secret not in written


async def test_another_key_is_told_with_its_mend_and_nothing_is_lost(slack, claude, store):
    async with town(slack, claude, store):
        pass
    with pytest.raises(CannotConnect) as raised:
        async with town(slack, claude, store, installed=False, keys=KEYS[1:]):
            pass

    assert str(raised.value) == NOT_READABLE.format(names="slack:T024, slack:T0TWO")
    assert "CONFAB_SECRET_KEY" in str(raised.value)
    async with town(slack, claude, store, installed=False) as two:
        await until(lambda: not two.home.platform.offline)

        assert len(await store.installations.list("slack")) == 2


async def test_keys_rotate_with_a_new_one_before_the_old_one(slack, claude, store):
    async with town(slack, claude, store) as two:
        second = two.second
    for keys in ((KEYS[1], KEYS[0]), KEYS[1:]):
        async with town(slack, claude, store, installed=False, keys=keys, second=second) as again:
            root = await second.say("bob", "dev", "<@U0BOT> hello")
            await again.home.rest()

            assert len(second.texts("dev", root)) == 1


async def test_sealed_tokens_in_another_workspaces_row_are_good_for_nothing(slack, claude, store, caplog):
    async with town(slack, claude, store) as two:
        first, second = await store.installations.list("slack")
        await store.installations.renew(first, second.sealed, None)
        two.home.platform._installed.workspaces._entries.clear()
        await slack.say("bob", "dev", "<@U0BOT> hello")
        await slack.until(lambda: slack.outbox.lost or len(slack.outbox.deliveries) >= 1)
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await until(lambda: len(two.second.texts("dev", root)) == 1)

        assert len(two.home.asked) == 1
        assert "slack:T024 were sealed with another key" in caplog.text


class FailingStore:
    """Installations over a store that can't be written for a while, after Slack has given new tokens out."""

    def __init__(self, kept, failures):
        self._kept = kept
        self.failures = failures

    def __getattr__(self, name):
        return getattr(self._kept, name)

    async def renew(self, *changes):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("the disk is full")
        return await self._kept.renew(*changes)


async def test_new_tokens_are_kept_also_where_the_store_was_away_and_their_user_has_gone(slack, claude, store, later):
    failing = FailingStore(store.installations, 3)
    async with town(slack, claude, store, clock=later, setup={"store": failing}) as two:
        workspaces = two.home.platform._installed.workspaces
        web = (await workspaces.find("slack:T0TWO")).web
        made = workspaces._entries["slack:T0TWO"].credentials.installation.version
        later.ahead = HOURS - 60
        using = asyncio.create_task(web.call_once("auth.test"))
        await slack.until(lambda: slack.oauth.refreshes == 1)
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        await until(lambda: workspaces._entries["slack:T0TWO"].credentials.installation.version > made)
        later.ahead = HOURS + 60

        assert failing.failures == 0
        assert (await web.call_once("auth.test"))["team_id"] == "T0TWO"


async def test_tokens_that_slack_renews_no_more_are_told_once_and_a_new_installation_mends_it(
    slack, claude, store, later, caplog
):
    async with town(slack, claude, store, clock=later) as two:
        slack.oauth.refresh_tokens.clear()
        later.ahead = HOURS + 60
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await until(lambda: "waits for a token that works" in caplog.text)
        await two.browser.install(slack, SECOND)
        await until(lambda: len(two.second.texts("dev", root)) == 1)

        assert caplog.text.count("Slack renews the token of slack:T0TWO no more (invalid_refresh_token)") == 1


async def test_a_secret_that_slack_does_not_take_is_told_as_that_and_no_installation_is_to_blame(
    slack, claude, store, later, caplog
):
    async with town(slack, claude, store, clock=later) as two:
        slack.fail_next("oauth.v2.access", Fault(error="bad_client_secret"), 1_000)
        later.ahead = HOURS - 3_600
        await two.home.platform._installed.workspaces.renew_due()

        assert "SLACK_CLIENT_SECRET: Slack does not take it" in caplog.text
        assert "install Confab there again" not in caplog.text


async def test_tokens_that_another_process_sealed_with_another_key_are_told_in_words_and_other_workspaces_go_on(
    slack, claude, store, later, caplog
):
    async with town(slack, claude, store, clock=later) as two:
        workspaces = two.home.platform._installed.workspaces
        web = (await workspaces.find("slack:T0TWO")).web
        kept = await store.installations.find("slack:T0TWO")
        sealed = Seal(KEYS[1:], TOKENS).close(json.dumps(["slack:T0TWO", "xoxb-other", "xoxe-other"]))
        await store.installations.renew(kept, sealed, kept.expires_at)
        slack.refuse(workspaces._entries["slack:T0TWO"].credentials.tokens.bot, "token_revoked")
        with pytest.raises(TokenRefused):
            await web.call_once("auth.test")
        await workspaces.renew_due()
        root = await slack.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()

        assert NOT_READABLE.format(names="slack:T0TWO") in caplog.text
        assert len(two.home.texts("dev", root)) == 1
