"""Files that tools made are fetched side by side, within bounds; what can't be had costs a sentence.

Tests core.files.made_files.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.claude.client import Claude
from core.domain.messages import File, MadeFile
from core.files.made_files import LARGEST, MOST, FetchedFiles, MadeFiles
from tests.fakes.claude.script import Fault
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import at_once

NOTE = MadeFile("notes/note.md", "text/markdown", "words")


@asynccontextmanager
async def storage(wait: float = 30.0):
    """Claude's file storage, and what fetches out of it."""
    async with ClaudeFake() as fake:
        claude = Claude(fake.key, fake.url)
        try:
            yield fake, MadeFiles(claude.files, at_once, wait)
        finally:
            await claude.close()


def make(fake, name: str = "chart.png", kind: str = "image/png", content: bytes = b"a picture") -> MadeFile:
    return MadeFile(file_id=fake.files.make(name, kind, content, container="container_1").id, api_key="key")


async def test_files_are_fetched_by_their_ids_and_those_of_ours_are_there():
    async with storage() as (fake, made_files):
        chart = make(fake)
        fetched = await made_files.fetch([chart, NOTE])

    alt = "Picture that code made: chart.png (PNG picture, 9 bytes)"
    assert fetched == FetchedFiles(
        (File("chart.png", "image/png", b"a picture", alt), File("note.md", "text/markdown", b"words")),
        (
            MadeFile("chart.png", "image/png", file_id=chart.file_id, api_key="key"),
            MadeFile("note.md", "text/markdown", "words"),
        ),
    )


async def test_two_of_the_same_name_get_two_names():
    async with storage() as (fake, made_files):
        fetched = await made_files.fetch([make(fake), make(fake, "Chart.png")])

    assert [file.name for file in fetched.files] == ["chart.png", "Chart-2.png"]


async def test_what_cannot_be_had_costs_a_sentence_and_the_others_are_there():
    async with storage() as (fake, made_files):
        large = make(fake, "large.csv", "text/csv", bytes(LARGEST + 1))
        gone = MadeFile("gone.png", "image/png", file_id="file_1")
        many = [make(fake, f"{number}.txt", "text/plain") for number in range(MOST)]
        fetched = await made_files.fetch([large, gone, *many])

    assert len(fetched.files) == MOST - 2
    assert fetched.problem == (
        "I could not attach `large.csv`: it is larger than the 10 MB that I post. I could not attach `gone.png`: "
        "Claude's API has it no more. I could not attach `7.txt`, `8.txt`: I post at most 9 files with an answer."
    )
    assert len(fetched.named) == MOST + 2


async def test_trouble_that_passes_is_waited_for():
    async with storage() as (fake, made_files):
        chart = make(fake)
        fake.script(Fault(500, "api_error"), Fault(status=None), path="GET /v1/files")
        assert len((await made_files.fetch([chart])).files) == 1

        fake.script(*[Fault(500, "api_error")] * 3, path="GET /v1/files")
        fetched = await made_files.fetch([chart])
    assert (fetched.files, fetched.named) == ((), (chart,))
    assert fetched.problem == "I could not attach a file: it could not be fetched just now."


async def test_no_file_is_waited_for_longer_than_all_of_them_may_take():
    async with storage(wait=0.05) as (fake, made_files):

        async def hold(_index: int) -> None:
            await asyncio.Event().wait()

        fake.on_request(hold)
        fetched = await made_files.fetch([make(fake), NOTE])

    assert [file.name for file in fetched.files] == ["note.md"]
    assert "could not be fetched just now" in fetched.problem


@pytest.mark.parametrize("name", ["../../etc/passwd", "a`b.png", "", "x" * 300 + ".png"])
async def test_no_name_breaks_out_of_its_place(name):
    async with storage() as (fake, made_files):
        fetched = await made_files.fetch([make(fake, name)])

    (file,) = fetched.files
    assert file.name
    assert not set("/\\`") & set(file.name)
    assert len(file.name) <= 80


async def test_a_stand_in_has_no_such_files():
    fetched = await MadeFiles(sleep=at_once).fetch([MadeFile(file_id="file_1"), NOTE])

    assert [file.name for file in fetched.files] == ["note.md"]
