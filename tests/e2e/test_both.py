"""One process serves Slack and Discord: what is lost comes back, what is left is taken up, and no answer is doubled."""

import asyncio
import contextlib
import json
import signal

import pytest
import pytest_asyncio

from tests.fakes.claude.script import Fault, Gate
from tests.support.deployment import running, world
from tests.support.leaks import leaks
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = ("slack", "discord")
LOAD = 20  # questions
OTHER = {"slack": "discord", "discord": "slack"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory):
    """The world, served by one process."""
    async with world(tmp_path_factory.mktemp("both")) as everything, running(everything):
        yield everything


async def finished(served) -> None:
    """Every question there ever was has its one whole answer, and beside them we said nothing."""
    with contextlib.suppress(TimeoutError):
        await until(lambda: not served.unanswered())
    assert served.unanswered() == {}
    assert served.posts() == len(served.asked)
    assert [served.slack.pings, served.discord.pings] == [[], []]


async def ready(served, platforms: dict[str, bool]) -> None:
    """Wait until the process says that of its platforms these are connected, and no secret beside."""
    async with asyncio.timeout(40):
        while True:
            text = await served.told("/readyz")
            assert leaks([text]) == []
            told = json.loads(text)
            if {name: said == "connected" for name, said in told["platforms"].items()} == platforms:
                assert told["ready"] is all(platforms.values())
                return
            await asyncio.sleep(0.1)


async def test_both_are_answered_and_each_call_is_counted(served):
    for platform in BOTH:
        await served.ask(platform)
    await served.command()
    await finished(served)

    counted = (await served.told("/metrics")).splitlines()
    called = 'confab_platform_calls_total{method="%s",outcome="ok",platform="%s"} '
    for method, platform in [("chat.postMessage", "slack"), ("POST /channels/{}/messages", "discord")]:
        assert any(line.startswith(called % (method, platform)) for line in counted)
    await ready(served, {"slack": True, "discord": True})


@pytest.mark.parametrize("lost", BOTH)
async def test_while_one_platform_is_lost_the_other_is_answered_and_later_so_is_the_lost_one(served, lost):
    gate = Gate(after=4)
    broken = await served.ask(lost, gate)
    await gate.reached.wait()
    await served.wires[lost].cut()
    gate.opened.set()
    missed = await served.ask(lost)
    await ready(served, {lost: False, OTHER[lost]: True})
    for _ in range(3):
        asked = await served.ask(OTHER[lost])
        await until(lambda asked=asked: not served.unanswered(asked))
    assert served.unanswered(broken)
    assert served.answers(missed) == []

    await served.wires[lost].mend()
    await ready(served, {lost: True, OTHER[lost]: True})
    await finished(served)


async def test_while_claude_is_lost_questions_wait_and_later_are_answered(served):
    gates = {platform: Gate(after=4) for platform in BOTH}
    for platform in BOTH:
        await served.ask(platform, gates[platform])
        await gates[platform].reached.wait()
    tries = served.log.count("unreachable")
    await served.wires["claude"].cut()
    for platform in BOTH:
        await served.ask(platform)
        gates[platform].opened.set()
    await until(lambda: served.log.count("unreachable") >= tries + len(BOTH))
    await served.wires["claude"].mend()

    await finished(served)


async def test_an_overload_of_claudes_is_waited_for(served):
    served.claude.script(Fault(), Fault(status=503, type="api_error"), Fault())
    for platform in BOTH:
        await served.ask(platform)

    await finished(served)


async def test_told_to_stop_under_load_it_ends_what_is_under_way_and_the_next_start_answers_the_rest(tmp_path):
    async with world(tmp_path) as everything:
        gates = [Gate(after=4) for _ in range(LOAD)]
        async with running(everything) as process:
            for number, gate in enumerate(gates):
                await everything.ask(BOTH[number % len(BOTH)], gate)
            under_way = tuple(everything.asked)
            await asyncio.gather(*(gate.reached.wait() for gate in gates))
            process.send_signal(signal.SIGTERM)
            await until(lambda: "stopping" in everything.log)
            left = [await everything.ask("slack"), await everything.ask("discord"), await everything.command()]
            while f"confab_open_questions {LOAD + len(left)}.0" not in await everything.told("/metrics"):
                await asyncio.sleep(0.02)
            for gate in gates:
                gate.opened.set()
            assert await asyncio.wait_for(process.wait(), 30) == 0

        assert everything.unanswered(*under_way) == {}
        assert len(everything.unanswered(*left)) == len(left)
        async with running(everything):
            await finished(everything)
