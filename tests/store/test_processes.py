"""Several processes over one database: nothing is done twice, nothing is lost, whatever is killed."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from core.store import open_store
from tests.support.talk import PLATFORMS, asked, message, thread

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

CLAIMS = """
import asyncio, sys
from core.domain.messages import Outcome
from core.store import open_store

async def main(url, process):
    store = await open_store(url)
    print("open", flush=True)
    sys.stdin.readline()
    while claim := await store.questions.claim_next(process, ["slack"]):
        print(claim.question.name)
        await store.questions.close(claim, Outcome.SHOWN)
        await asyncio.sleep(0.002)  # leave room for the other
    await store.shut()

asyncio.run(main(*sys.argv[1:]))
"""

WRITES = """
import asyncio, itertools, sys
from core.store import open_store
from tests.support.talk import asked, message, said, thread

async def main(url):
    store = await open_store(url)
    for number in itertools.count():
        name = str(number)
        await store.questions.ingest(asked(message(name, "x" * 3000), thread(name)))
        print(name, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def python(script, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", script, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )


async def test_two_processes_answer_every_question_exactly_once(shared_url):
    store = await open_store(shared_url)
    for number in range(200):
        await store.questions.ingest(asked(str(number), thread(str(number))))
    processes = [await python(CLAIMS, shared_url, name) for name in ("p", "q")]
    assert [await process.stdout.readline() for process in processes] == [b"open\n"] * 2

    shown = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [complaints for _, complaints in shown] == [b"", b""]
    claimed = [out.decode().split() for out, _ in shown]
    assert sorted(claimed[0] + claimed[1], key=int) == [str(number) for number in range(200)]
    assert all(claimed)
    assert await store.questions.count_open() == (0, None)
    await store.shut()


async def test_many_processes_can_open_a_new_database_at_once(shared_url):
    processes = [await python(CLAIMS, shared_url, str(number)) for number in range(6)]

    shown = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert shown == [(b"open\n", b"")] * 6


async def test_what_was_heard_survives_a_kill_at_any_moment(shared_url):
    heard = 0
    for lines in (1, 7, 40):
        process = await python(WRITES, shared_url)
        for _ in range(lines):
            heard = max(heard, int(await process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
        heard = max([heard, *(int(line) for line in rest.split(b"\n")[:-1])])

    store = await open_store(shared_url)
    for number in range(heard + 1):
        held = await store.threads.thread(thread(str(number)))
        assert held.messages == (message(str(number), "x" * 3000),)
    count, _ = await store.questions.count_open()
    assert count in (heard + 1, heard + 2)
    await store.shut()


async def test_what_one_process_writes_the_other_reads(shared_url):
    first, second = await open_store(shared_url), await open_store(shared_url)

    await first.questions.ingest(asked("1"))
    claim = await second.questions.claim_next("q", PLATFORMS)

    assert claim.question.name == "1"
    assert await first.questions.claim_next("p", PLATFORMS) is None
    await asyncio.gather(first.shut(), second.shut())
