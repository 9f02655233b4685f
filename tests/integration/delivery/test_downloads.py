"""A file is downloaded once, bounded and patiently. Tests bots.delivery.downloads."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from bots.delivery.downloads import LARGEST, TRIES, Download, download_file
from core.domain.errors import CannotAnswer, NoAnswer
from core.files import reader


@asynccontextmanager
async def serving(answer: Callable) -> AsyncIterator[str]:
    """A server whose every request is answered by `answer`; its address."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/a.txt"
    finally:
        await runner.cleanup()


class Pauses(list):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_what_platforms_fetch_is_what_core_reads():
    assert LARGEST == reader.LARGEST


@pytest.mark.parametrize("more", [0, 1])
async def test_a_file_ends_at_the_limit_whatever_was_declared(more):
    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for size in (LARGEST // 2, LARGEST // 2 + more):
            await response.write(b"a" * size)
        return response

    async with serving(stream) as url, aiohttp.ClientSession() as session:
        if more:
            with pytest.raises(CannotAnswer, match="larger than the 32 MB"):
                await download_file(session, url)
        else:
            assert len((await download_file(session, url)).content) == LARGEST


async def test_a_redirect_is_not_followed():
    asked = []

    async def send_elsewhere(request):
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"}, content_type="text/html")

    async with serving(send_elsewhere) as url, aiohttp.ClientSession() as session:
        assert await download_file(session, url) == Download(302, "text/html", b"")
    assert asked == ["/a.txt"]


@pytest.mark.parametrize(
    ("status", "named", "requests"), [(429, "2", TRIES), (429, "", TRIES), (429, "3600", 1), (502, "", TRIES)]
)
async def test_trouble_is_waited_for_a_few_times_and_never_long(status, named, requests):
    asked, pauses = [], Pauses()

    async def refuse(request):
        asked.append(request.path)
        return web.Response(status=status, headers={"Retry-After": named})

    async with serving(refuse) as url, aiohttp.ClientSession() as session:
        with pytest.raises(NoAnswer, match="just now; ask again"):
            await download_file(session, url, pauses)
    assert len(asked) == requests
    assert sum(pauses) < 10
    assert named != "2" or pauses == [2.0, 2.0]


async def test_a_download_ends_with_who_asks_for_it():
    arrived = asyncio.Event()

    async def hang(_request):
        arrived.set()
        await asyncio.Event().wait()

    async with serving(hang) as url, aiohttp.ClientSession() as session:
        download = asyncio.create_task(download_file(session, url))
        await arrived.wait()
        download.cancel()
        await asyncio.wait([download])
        assert download.cancelled()
        assert session.connector is not None
        assert not session.connector._acquired
