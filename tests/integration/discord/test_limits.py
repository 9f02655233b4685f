"""Discord's rate limits: none is reached, and whatever is refused or given up, later requests go on.

Tests bots.discord.outbound_budget, bots.discord.shielded_calls.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import aiohttp
import discord
import pytest

from bots.app.supervisor import Supervisor
from bots.delivery.fencing import fence_requests
from bots.discord.adapter import Discord
from bots.discord.client import Body, Rest
from bots.discord.errors import translate_errors
from bots.discord.outbound_budget import Busy, OutboundBudget, Urgency
from bots.discord.shielded_calls import GlobalLimit, Inflight, urgent
from core.domain.errors import LeaseLost, RateLimited, Uncertain
from core.worker.lease import ProcessLease, QuestionLease, current_lease
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.discord.client import pointed
from tests.fakes.discord.limits import VIA, Delay, Fault, limited, shared
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.server import DiscordFake
from tests.support.discord_house import confab, idle, settled
from tests.support.house import at_once, house
from tests.support.waiting import until

POST, TYPING = "POST /channels/{channel}/messages", "POST /channels/{channel}/typing"
GENERAL, DEV = "81382", "81383"
ROOMS, QUESTIONS = 50, 4
BAN = Served(429, "<html>error code: 1015</html>", {"Retry-After": "1"})  # Cloudflare's, for a second
LEASE = timedelta(seconds=5)
LEAST = 6.0  # answers a second, but for what the processor takes; 25 where nobody else uses the two cores
SHARED = 2  # times the processor time that this may take where other tests use the cores too


class Line:
    """The library, logged in, and our requests through it."""

    def __init__(self, guild: DiscordFake, seconds: float, budget: OutboundBudget | None = None) -> None:
        self.guild = guild
        self.inflight = Inflight(guild.api_url, budget, seconds)
        self.client = self._client()
        self.rest = Rest(lambda: self.client.http, self.inflight)
        self.number = 0

    def _client(self) -> discord.Client:
        trace = fence_requests(self.inflight.trace_requests(aiohttp.TraceConfig()))
        return discord.Client(intents=discord.Intents.none(), http_trace=trace)

    async def connect(self) -> None:
        """Log in, anew if we were."""
        await self.client.close()
        self.client = self._client()
        await self.client.login(self.guild.token)
        self.inflight.guard_limit(self.client.http)

    async def post(self, text: str, channel: str = GENERAL) -> str:
        self.number += 1
        return await translate_errors(self.rest.post(channel, Body(text), f"nonce-{self.number}"))

    async def sent(self, text: str) -> asyncio.Task[str]:
        """A message that is on its way, and was received at least once."""
        before = len(self.guild.calls)
        posting = asyncio.create_task(self.post(text))
        await self.guild.until(lambda: len(self.guild.calls) > before)
        await asyncio.sleep(0.02)  # until its answer is read
        return posting

    def shown(self, channel: str = GENERAL) -> list[str]:
        return [one.content for one in self.guild.visible(channel) if one.author == "confab"]


@asynccontextmanager
async def opened(
    guild: DiscordFake, seconds: float = 30.0, budget: OutboundBudget | None = None
) -> AsyncIterator[Line]:
    with pointed(guild):
        line = Line(guild, seconds, budget)
        await line.connect()
        try:
            yield line
        finally:
            await line.inflight.close()
            await line.client.close()


async def converse(guild: DiscordFake, room: str) -> int:
    """Ask four questions, each when the one before is answered; how many were answered."""
    for number in range(QUESTIONS):
        await guild.say("ada", room, f"<@{guild.me}> question {number}?")
        await guild.until(
            lambda number=number: sum(one.author == "confab" for one in guild.visible(room)) > number, timeout=60
        )
    return QUESTIONS


async def test_fifty_conversations_are_answered_without_one_refusal(guild, claude, store):
    rooms = [guild.room(f"room-{number}") for number in range(ROOMS)]
    claude.answer = lambda body: Answer(text="fine", chunk=100)
    guild.document_limits()
    async with confab(guild, claude, store, edit=1.2) as running:
        began, used = time.perf_counter(), time.process_time()
        answered = await asyncio.gather(*(converse(guild, room) for room in rooms))
        took, worked = time.perf_counter() - began, time.process_time() - used
        await idle(running)

    assert answered == [QUESTIONS] * ROOMS
    assert [one for one in guild.refusals if one.status == 429] == []
    assert took - SHARED * worked < ROOMS * QUESTIONS / LEAST


async def test_typing_that_the_first_text_ends_while_everything_is_refused_holds_up_nobody(guild, claude, running):
    gate = Gate(after=3)
    claude.script(Answer(text="the first answer", gate=gate))
    guild.fault(TYPING, limited(0.3, everywhere=True))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    await guild.until(lambda: any(call.path.endswith("/typing") for call in guild.calls))
    gate.opened.set()
    await settled(guild, running)
    await guild.say("ada", "dev", f"<@{guild.me}> and why?")
    await settled(guild, running)

    assert [one.content for one in guild.visible("general") if one.author == "confab"] == ["the first answer"]
    assert [one.content for one in guild.visible("dev") if one.author == "confab"] == ["fine"]


@pytest.mark.parametrize(
    "trouble",
    [limited(0.2), limited(0.2, everywhere=True), shared(0.2), BAN, Delay(0.2), Fault.DROP],
    ids=["429 of a route", "429 of everything", "429 of what is shared", "429 of Cloudflare", "slow", "cut"],
)
async def test_a_request_that_is_cancelled_holds_up_no_other_and_is_not_made_again(guild, trouble):
    async with opened(guild) as line:
        await line.post("known", DEV)
        guild.fault(POST, trouble)
        given_up = await line.sent("given up")
        given_up.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(line.post("the next"), line.post("elsewhere", DEV))
        with suppress(asyncio.CancelledError, Uncertain, RateLimited):
            await given_up

        expected = [["the next"], ["given up", "the next"], ["the next", "given up"]]
        assert line.shown() in (expected[1:] if isinstance(trouble, Delay) else expected[:1])
        assert line.shown(DEV) == ["known", "elsewhere"]


async def test_a_request_that_is_never_answered_ends_and_holds_up_no_other(guild):
    async with opened(guild, seconds=0.1) as line:
        guild.fault(POST, Fault.HANG)
        with pytest.raises(Uncertain, match="TimeoutError"):
            await line.post("lost")
        async with asyncio.timeout(5):
            await line.post("the next")

        assert line.shown() == ["the next"]


@pytest.mark.parametrize("everywhere", [False, True], ids=["of a route", "of everything"])
async def test_a_rate_limit_longer_than_the_deadline_is_waited_for_and_the_message_posted_once(guild, everywhere):
    async with opened(guild, seconds=0.1) as line:
        guild.fault(POST, limited(0.4, everywhere=everywhere))
        await asyncio.gather(line.post("the first"), line.post("another", DEV))

        assert (line.shown(), line.shown(DEV)) == (["the first"], ["another"])
        assert [one for one in guild.calls if one.path.endswith("/messages")][3:] == []


async def test_while_cloudflare_bans_us_nothing_is_sent_and_a_final_text_waits(guild, caplog):
    async with opened(guild) as line:
        guild.fault(POST, Served(429, "<html>error code: 1015</html>", {"Retry-After": "600"}), 2)
        refused = await asyncio.gather(line.post("one"), line.post("two", DEV), return_exceptions=True)
        before = len(guild.calls)
        with urgent(Urgency.FINAL):
            final = asyncio.create_task(line.post("final"))
        with urgent(Urgency.GROWING):
            growing = [line.post("growing"), translate_errors(line.rest.fetch_answer("8000", "token"))]
        others = [translate_errors(line.rest.show_typing(GENERAL)), translate_errors(line.rest.fetch_person(None, "7"))]
        async with asyncio.timeout(2):
            with urgent(Urgency.GROWING):
                refused += await asyncio.gather(*growing, *others, return_exceptions=True)
        slash = asyncio.create_task(
            translate_errors(line.rest.edit_answer("8000", "token", "@original", Body("final")))
        )
        await asyncio.wait([final, slash], timeout=0.1)

        assert [type(one) for one in refused] == [RateLimited] * 6
        assert (final.done(), slash.done(), len(guild.calls) - before) == (False, False, 0)
        assert caplog.text.count("Cloudflare refuses all our requests to Discord (429); none is sent for 600 s") == 1
        final.cancel()
        slash.cancel()


async def test_a_final_text_is_posted_once_when_cloudflares_ban_is_over(guild):
    async with opened(guild) as line:
        guild.fault(POST, BAN)
        with pytest.raises(RateLimited):
            await line.post("refused")
        banned = time.perf_counter()
        with urgent(Urgency.FINAL):
            async with asyncio.timeout(5):
                await line.post("final")

        assert time.perf_counter() - banned >= 0.9
        assert line.shown() == ["final"]


ODD = {
    "null": None,
    "a text": "0.2",
    "a word": "soon",
    "too many": 1e9,
    "infinity": float("inf"),
    "no number": float("nan"),
    "negative": -5,
    "zero": 0,
    "a list": [1],
}


@pytest.mark.parametrize("header", ["1", "-1"])
@pytest.mark.parametrize(
    "body",
    [
        *({"retry_after": named, "global": True} for named in ODD.values()),
        *({"retry_after": named, "global": False} for named in ODD.values()),
        {"global": True},
        {},
        [],
    ],
    ids=[*(f"{named}, everywhere" for named in ODD), *ODD, "missing, everywhere", "missing", "a list"],
)
async def test_a_429_without_a_number_of_seconds_to_wait_holds_up_nobody(guild, body, header, caplog):
    async with opened(guild) as line:
        headers = {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true", "Retry-After": header, **VIA}
        guild.fault(POST, Served(429, body, headers))
        with pytest.raises(RateLimited) as limit:
            await line.post("refused")
        async with asyncio.timeout(5):
            await asyncio.gather(line.post("again"), line.post("elsewhere", DEV))

        assert limit.value.seconds == 1.0
        assert (line.shown(), line.shown(DEV)) == (["again"], ["elsewhere"])
        assert "Traceback" not in caplog.text


async def test_the_connected_bot_answers_after_a_global_429_without_a_number_of_seconds(guild, claude, running):
    headers = {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true", "Retry-After": "0", **VIA}
    guild.fault(POST, Served(429, {"retry_after": None, "global": True}, headers))
    await guild.say("ada", "general", f"<@{guild.me}> why?")
    async with asyncio.timeout(10):
        await settled(guild, running)

    assert [one.content for one in guild.visible("general") if one.author == "confab"] == ["fine"]


async def test_the_bot_connects_and_answers_after_a_global_429_to_what_the_library_asks_by_itself(guild, claude, store):
    headers = {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true", "Retry-After": "0", **VIA}
    guild.fault("GET /gateway/bot", Served(429, {"retry_after": None, "global": True}, headers))
    discord = Discord(
        guild.token, store.notes, store.installations, api_url=guild.api_url, gateway_url=guild.gateway_url, quick=True
    )
    with pointed(guild):
        async with house(store, claude, discord) as assistant:
            running = asyncio.create_task(Supervisor(discord, sleep=at_once).run(assistant.ingest))
            async with asyncio.timeout(10):
                await guild.until(lambda: guild.gateway.live)
                await guild.say("ada", "general", f"<@{guild.me}> why?")
                await guild.until(lambda: any(one.author == "confab" for one in guild.visible("general")))
                await assistant.worker.idle()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await discord.close()

    assert [one.content for one in guild.visible("general") if one.author == "confab"] == ["fine"]


async def test_a_global_429_lasts_until_the_last_call_that_waits_has_ended():
    limit, gates = GlobalLimit(), [asyncio.Event(), asyncio.Event()]

    async def wait(gate: asyncio.Event) -> None:
        limit.clear()
        await gate.wait()
        limit.set()

    waiting = [asyncio.create_task(wait(gate)) for gate in gates]
    await asyncio.sleep(0)
    seen = [limit.is_set()]
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    seen.append(limit.is_set())
    gates[1].set()
    await waiting[1]
    seen.append(limit.is_set())

    assert seen == [False, False, True]


async def test_a_connection_that_is_closed_while_a_rate_limit_is_waited_for_is_trouble_that_passes(guild):
    async with opened(guild) as line:
        guild.fault(POST, limited(0.2))
        waiting = await line.sent("again")
        await line.connect()
        with pytest.raises(Uncertain):
            await waiting
        await line.post("again")

        assert line.shown() == ["again"]


@pytest.mark.parametrize(("processes", "at_once"), [(1, 4), (2, 2), (9, 1)])
async def test_processes_that_live_share_the_requests_of_a_second(processes, at_once):
    budget = OutboundBudget(slots=4, seconds=60, processes=lambda: processes)
    taking = [asyncio.create_task(budget.take(Urgency.FINAL)) for _ in range(4)]
    await until(lambda: sum(one.done() for one in taking) >= at_once)
    taken = sum(one.done() for one in taking)
    for one in taking:
        one.cancel()
    await asyncio.gather(*taking, return_exceptions=True)

    assert taken == at_once


async def test_at_the_end_what_is_sent_may_end_and_nothing_else_is_sent(guild):
    async with opened(guild, budget=OutboundBudget(slots=4, seconds=60)) as line:
        guild.fault(POST, limited(40), 1)
        guild.fault(POST, Delay(0.2), 1)
        limited_, slow = await line.sent("limited"), asyncio.create_task(line.post("slow", DEV))
        queued = asyncio.create_task(line.post("queued", DEV))
        await guild.until(lambda: sum(call.path.endswith("/messages") for call in guild.calls) == 2)
        async with asyncio.timeout(5):
            await line.inflight.close()
        ended = await asyncio.gather(limited_, slow, queued, line.post("late"), return_exceptions=True)

        assert [type(one) for one in ended] == [Uncertain, str, RateLimited, RateLimited]
        assert (line.shown(), line.shown(DEV)) == ([], ["slow"])
        assert [task for task in asyncio.all_tasks() if task.get_name() == "call to Discord"] == []


async def test_who_no_longer_holds_the_floor_sends_nothing_though_a_task_of_its_own_would(guild, clock):
    async with opened(guild) as line:
        guild.fault(POST, limited(0.2))
        process_lease = ProcessLease(clock)
        process_lease.renew(clock.now + LEASE)
        lease = QuestionLease(process_lease)
        current_lease.set(lease)
        waiting = await line.sent("not ours")
        lease.drop()
        with pytest.raises(LeaseLost):
            await waiting

        assert line.shown() == []


async def test_what_becomes_of_a_request_that_nobody_waits_for_is_logged(guild, caplog):
    async with opened(guild) as line:
        guild.fault(POST, Delay(0.1))
        given_up = await line.sent("given up")
        guild.permit("confab", "general", deny=Permission.SEND_MESSAGES)
        given_up.cancel()
        await until(lambda: "nobody waited for any more ended with Forbidden" in caplog.text)


async def test_the_most_urgent_goes_first_and_of_two_the_one_that_waits_longer():
    budget, order = OutboundBudget(slots=1, seconds=0.01), []

    async def go(urgency: Urgency, name: str) -> None:
        (await budget.take(urgency)).release()
        order.append(name)

    (await budget.take(Urgency.NEEDED)).release()
    await asyncio.gather(
        go(Urgency.LOOKUP, "a name"),
        go(Urgency.NEEDED, "a thread"),
        go(Urgency.FINAL, "one answer"),
        go(Urgency.FINAL, "another answer"),
    )

    assert order == ["one answer", "another answer", "a thread", "a name"]


async def test_who_is_cancelled_leaves_the_slot_to_the_next():
    budget = OutboundBudget(slots=1, seconds=0)
    slot = await budget.take(Urgency.FINAL)
    waiting = [asyncio.create_task(budget.take(Urgency.FINAL)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    slot.release()  # to the second, which does not know it yet
    waiting[1].cancel()
    async with asyncio.timeout(5):
        await waiting[2]

    assert [one.cancelled() for one in waiting] == [True, True, False]


async def test_a_slot_is_free_a_window_after_its_answer_whenever_it_was_sent():
    budget = OutboundBudget(slots=1, seconds=0.05)
    slot = await budget.take(Urgency.FINAL)
    waiting = asyncio.create_task(budget.take(Urgency.FINAL))
    await asyncio.sleep(0.06)
    early = waiting.done()
    slot.release()
    answered = time.perf_counter()
    await waiting

    assert not early
    assert time.perf_counter() - answered >= 0.045


@pytest.mark.parametrize(
    ("taken", "sent"),
    [(1, {"growing", "typing"}), (3, {"growing"}), (6, set())],
    ids=["mostly free", "half used", "nearly used up"],
)
async def test_what_can_wait_leaves_the_last_slots_to_answers(guild, taken, sent):
    budget = OutboundBudget(slots=8, seconds=60)
    async with opened(guild, budget=budget) as line:  # to log in took two
        for _ in range(taken - 1):
            await budget.take(Urgency.FINAL)
        begun = set()
        with suppress(RateLimited), urgent(Urgency.GROWING):
            await line.post("growing")
            begun.add("growing")
        with suppress(Busy):
            await line.rest.show_typing(GENERAL)
            begun.add("typing")

        assert begun == sent


async def test_typing_that_would_come_too_late_is_dropped():
    budget = OutboundBudget(slots=1, seconds=60)
    await budget.take(Urgency.FINAL)
    with pytest.raises(Busy):
        await asyncio.wait_for(budget.take(Urgency.TYPING), 5)
