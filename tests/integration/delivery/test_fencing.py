"""Requests of who answers a question go out while the floor is surely theirs, looked at right before the first byte."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest

from bots.delivery.fencing import fence_requests
from core.domain.errors import LeaseLost
from core.worker.lease import ProcessLease, QuestionLease, current_lease

LEASE = timedelta(seconds=5)


@asynccontextmanager
async def server():
    """Where it listens, and all that reached it."""
    received: list[bytes] = []

    async def receive(reader, writer):
        while line := await reader.readline():
            received.append(line)
            if line == b"\r\n":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                break
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", received


async def ask(url: str, lease: QuestionLease | None) -> int:
    current_lease.set(lease)
    async with (
        aiohttp.ClientSession(trace_configs=[fence_requests(aiohttp.TraceConfig())]) as session,
        session.post(url, json={"page": 1}) as answer,
    ):
        return answer.status


async def test_a_request_of_one_who_holds_the_floor_goes_out(clock):
    process_lease = ProcessLease(clock)
    process_lease.renew(clock.now + LEASE)

    async with server() as (url, _):
        assert await ask(url, QuestionLease(process_lease)) == 200


async def test_a_request_that_answers_no_question_goes_out():
    async with server() as (url, _):
        assert await ask(url, None) == 200


async def test_of_one_who_lost_the_floor_while_the_connection_opened_nothing_is_sent(clock):
    process_lease = ProcessLease(clock)
    lease = QuestionLease(process_lease)
    async with server() as (url, received):
        completions = asyncio.create_task(ask(url, lease))
        await asyncio.sleep(0.05)
        assert not completions.done()
        lease.drop()
        process_lease.renew(clock.now + LEASE)

        with pytest.raises(LeaseLost):
            await completions

        assert received == []
