"""A PDF of 30 MB is fetched, read, uploaded and told without holding up the event loop.

Tests core.files.reader, core.files.conversion, core.files.uploads, core.claude.files.
"""

import asyncio
import os
import sys
from contextlib import asynccontextmanager

import aiohttp
import anthropic
import pytest

from bots.delivery.downloads import download_file
from core.claude.files import FileStorage
from core.domain.content import FileContent, Uploaded
from core.domain.messages import Attachment
from core.files.reader import FileReader
from core.files.uploads import FileUploads
from tests.support import talk
from tests.support.drawings import print_large
from tests.support.loop_watch import LoopWatch, settle_heap

settled_heap = pytest.fixture(settle_heap, autouse=True)
STALL = 0.050  # seconds of work that others may have to wait for
SIZE = 30_000_000


class Downloads:
    """A surface whose files are at a server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        return (await download_file(self._session, attachment.url)).content


@asynccontextmanager
async def running_server(path):
    """A process that serves the file at `path` and takes uploads: its work is none of ours. Its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.upload_server", str(path), stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    try:
        assert process.stdout
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


@pytest.mark.slow
async def test_a_pdf_of_30_mb_holds_the_loop_for_less_than_50_ms(tmp_path, store):
    content = print_large(SIZE)
    (tmp_path / "plan.pdf").write_bytes(content)
    async with running_server(tmp_path / "plan.pdf") as url, aiohttp.ClientSession() as session:
        claude = anthropic.AsyncAnthropic(api_key="sk-1", base_url=url, max_retries=0)

        async def get_client() -> anthropic.AsyncAnthropic:
            return claude

        storage = FileStorage(get_client, "sk-1")
        await storage.delete("file_0")  # the first request of a client builds much, whatever it is
        reader = FileReader(uploads=FileUploads(store.files, storage))
        plan = Attachment("F1", "plan.pdf", "application/pdf", len(content), f"{url}/plan.pdf")
        said = talk.message("1", "look", attachments=(plan,))
        await store.questions.ingest(talk.asked(said))
        async with LoopWatch() as watch:
            read = await reader.read_files(talk.KEY, [said], Downloads(session))
        await claude.close()

    (told,) = read.values()
    assert isinstance(told, FileContent)
    assert told.shown
    assert told.shown.uploaded == Uploaded("file_1", len(content))
    assert watch.longest < STALL
