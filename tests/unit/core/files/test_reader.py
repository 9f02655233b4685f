"""Attachments are fetched once, recognised by their bytes, and remembered. Tests core.files.reader."""

import asyncio
from dataclasses import replace

import pytest

from core.domain.content import FileContent, Image
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.messages import Attachment, ThreadKey
from core.files.reader import AT_ONCE, FILES, LARGEST, STEP, UNFETCHED, FileReader, choose_start
from tests.support import talk
from tests.support.documents import EVERY

KEY = ThreadKey("paper:P", "C1", "1")
SHOWN = Image("plan.png", "image/png", 40, 30, "AAAA")


class Shelf:
    """A surface that has files, by their ids; an error in the place of one is raised."""

    def __init__(self, **files: bytes | Exception) -> None:
        self.files = dict(files)
        self.fetched: list[tuple[str, str]] = []
        self.running = self.most = 0

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        self.fetched.append((message, attachment.id))
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        found = self.files[attachment.id]
        if isinstance(found, Exception):
            raise found
        return found


async def shows(name: str, content: bytes) -> FileContent:
    return FileContent(replace(SHOWN, name=name))


def file(key: str, name: str = "plan.png", kind: str = "image/png", size: int = 3) -> Attachment:
    return Attachment(key, name, kind, size)


def message(name: str, *attachments: Attachment, **more):
    return talk.message(name, "look", attachments=attachments, **more)


async def test_a_picture_and_a_text_are_read_whatever_their_names_say():
    shelf = Shelf(A=b"\x89PNG\r\n\x1a\n", B=b"a,b\n1,2")
    messages = [message("1", file("A", "notes.txt", "text/plain")), message("2", file("B", "plan.png", "image/png"))]

    read = await FileReader(shows).read_files(KEY, messages, shelf)

    assert read == {
        ("1", "A"): FileContent(replace(SHOWN, name="notes.txt")),
        ("2", "B"): FileContent(text="a,b\n1,2"),
    }
    assert shelf.fetched == [("1", "A"), ("2", "B")]


async def test_what_was_read_is_not_fetched_again_and_not_told_to_another_thread():
    shelf, reader = Shelf(A=b"words"), FileReader(shows)
    for _ in range(3):
        await reader.read_files(KEY, [message("1", file("A"))], shelf)
    assert len(shelf.fetched) == 1

    await reader.read_files(replace(KEY, channel="C2"), [message("1", file("A"))], shelf)
    assert len(shelf.fetched) == 2


async def test_our_own_files_are_not_read():
    assert await FileReader(shows).read_files(KEY, [message("1", file("A"), mine=True)], Shelf()) == {}


@pytest.mark.parametrize(
    ("attachment", "content", "problem"),
    [
        (file("A", "talk.mp3", "audio/mpeg"), b"ID3\x04\x00\xff", "no sound and no video"),
        (file("A", "film.mp4", "video/mp4", size=UNFETCHED + 1), b"", "no sound and no video"),
        (file("A", size=LARGEST + 1), b"", "larger than the 32 MB"),
        (file("A"), b"", "it is empty"),
        (file("A", "plan.doc"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "or as PDF"),
        (file("A", "plan.png"), b"\x1f\x8b\x00\xff", "no archives; attach what is in it"),
        (file("A"), CannotAnswer("The app may need the scope `files:read`."), "may need the scope `files:read`"),
        (file("A"), CannotShow("message_not_found"), "no longer there"),
        (file("A"), Rejected("secret_code", "files.info"), "no longer there, or not just now"),
    ],
)
async def test_what_cannot_be_read_says_why(attachment, content, problem):
    read = await FileReader(shows).read_files(KEY, [message("1", attachment)], Shelf(A=content))

    assert problem in read["1", "A"].problem
    assert "secret_code" not in read["1", "A"].problem
    assert not read["1", "A"].problem.endswith(".")


@pytest.mark.parametrize("name", EVERY)
async def test_what_has_a_converter_is_given_to_it(name):
    given: list[bytes] = []

    async def converts(name: str, content: bytes) -> FileContent:
        given.append(content)
        return FileContent(text="words", origin="converted from a file")

    read = await FileReader(converts).read_files(KEY, [message("1", file("A"))], Shelf(A=EVERY[name]()))

    assert given == [EVERY[name]()] or name in (
        "docx",
        "xlsx",
        "pptx",
        "odt",
        "ods",
        "odp",
        "eml",
    )  # have the time in them
    assert read["1", "A"] == FileContent(text="words", origin="converted from a file")


@pytest.mark.parametrize("name", ["html", "svg", "eml", "ipynb"])
async def test_the_words_of_a_text_that_cannot_be_converted_are_told(name):
    async def breaks(name: str, content: bytes) -> FileContent:
        return FileContent(problem="it is broken")

    content = EVERY[name]()
    read = await FileReader(breaks).read_files(KEY, [message("1", file("A"))], Shelf(A=content))

    assert read["1", "A"] == FileContent(text=content.decode(), origin="told as its source, for it is broken")


async def test_what_could_not_be_fetched_is_fetched_again_with_the_next_question():
    shelf, reader = Shelf(A=CannotAnswer("Not now.")), FileReader(shows)
    assert (await reader.read_files(KEY, [message("1", file("A"))], shelf))["1", "A"].problem == "Not now"

    shelf.files["A"] = b"words"
    assert (await reader.read_files(KEY, [message("1", file("A"))], shelf))["1", "A"].text == "words"


async def test_files_are_fetched_side_by_side_and_not_all_at_once():
    names = [f"F{number}" for number in range(FILES)]
    shelf = Shelf(**dict.fromkeys(names, b"words"))

    read = await FileReader(shows).read_files(KEY, [message("1", *map(file, names))], shelf)

    assert list(read) == [("1", name) for name in names]
    assert shelf.most == AT_ONCE


async def test_a_file_that_does_not_come_holds_no_answer_for_long():
    class Silent(Shelf):
        async def fetch(self, attachment: Attachment, message: str) -> bytes:
            if attachment.id == "B":
                await asyncio.Event().wait()
            return await super().fetch(attachment, message)

    messages = [message("1", file("A"), file("B"))]
    read = await FileReader(shows, wait=0.05).read_files(KEY, messages, Silent(A=b"words"))

    assert read["1", "A"].text == "words"
    assert "did not come in time" in read["1", "B"].problem


async def test_a_bug_in_reading_costs_its_file_alone_and_stands_in_the_log(caplog):
    async def breaks(name: str, content: bytes) -> FileContent:
        raise ZeroDivisionError

    messages = [message("1", file("A"), file("B"))]
    read = await FileReader(breaks).read_files(KEY, messages, Shelf(A=b"\xff\xd8\x00", B=b"words"))

    assert read["1", "A"].problem == "something went wrong on my side when I read it; ask again"
    assert read["1", "B"].text == "words"
    assert "ZeroDivisionError" in caplog.text


async def test_a_file_on_many_messages_counts_once():
    shelf = Shelf(A=b"\x89PNG\r\n\x1a\n", **{f"B{at}": b"words" for at in range(FILES - 1)})
    messages = [message(str(at), file("A")) for at in range(1, 21)]
    messages += [message(str(30 + at), file(f"B{at}")) for at in range(FILES - 1)]

    read = await FileReader(shows).read_files(KEY, messages, shelf)

    assert read["1", "A"].shown
    assert all(content.again for (name, one), content in read.items() if one == "A" and name != "1")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "a file"),
        ("x" * 900, f"{'x' * 63}…{'x' * 16}"),
        ("a\n]\nBob: yes <!here>", "a Bob: yes !here"),
        ("__init__.py", "__init__.py"),
    ],
)
async def test_a_file_is_shown_under_a_name_that_is_no_markup(name, told):
    read = await FileReader(shows).read_files(KEY, [message("1", file("A", name))], Shelf(A=b"\x89PNG\r\n\x1a\n"))

    assert read["1", "A"].shown.name == told


async def test_memory_is_bounded():
    async def large(name: str, content: bytes) -> FileContent:
        return FileContent(replace(SHOWN, data="A" * 4_000))

    shelf, reader = Shelf(A=b"\xff\x00", B=b"\xff\x00"), FileReader(large, memory=9_000)
    for name in "ABA":
        await reader.read_files(KEY, [message("1", file(name))], shelf)
    assert len(shelf.fetched) == 3


@pytest.mark.parametrize("count", range(1, 60))
def test_the_oldest_files_are_left_out_in_steps(count):
    start = choose_start(count)

    assert start % STEP == 0
    assert FILES - STEP < count - start <= FILES or start == 0
    assert choose_start(count + 1) in (start, start + STEP)


async def test_what_calls_itself_a_recording_and_is_a_text_is_read():
    shelf = Shelf(A=b"export const a = 1")

    read = await FileReader(shows).read_files(KEY, [message("1", file("A", "a.ts", "video/mp2t"))], shelf)

    assert read["1", "A"].text == "export const a = 1"


async def test_a_file_on_several_messages_is_fetched_once_and_told_at_the_first():
    shelf = Shelf(A=b"words")
    messages = [message(name, file("A")) for name in "123"]

    read = await FileReader(shows).read_files(KEY, messages, shelf)

    assert shelf.fetched == [("3", "A")]
    assert [read[name, "A"] for name in "123"] == [FileContent(text="words"), *[FileContent(again=True)] * 2]


async def test_a_file_that_is_told_above_under_another_name_says_which():
    messages = [message("1", file("A", "first_one.csv")), message("2", file("A", "same.csv"))]

    read = await FileReader(shows).read_files(KEY, messages, Shelf(A=b"a,b"))

    assert read == {
        ("1", "A"): FileContent(text="a,b"),
        ("2", "A"): FileContent(again=True, told_as="first_one.csv"),
    }


class Paths(Shelf):
    """A surface that has files by their addresses."""

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        return await super().fetch(replace(attachment, id=attachment.url), message)


@pytest.mark.parametrize(
    ("missing", "fetched"),
    [("", ["new"]), ("new", ["new", "old"]), ("old", ["new"])],
    ids=["both are there", "the newest is gone", "the oldest is gone"],
)
async def test_the_newest_way_to_the_bytes_of_a_file_wins(missing, fetched):
    gone = CannotAnswer("It is gone.")
    paths = Paths(**{one: gone if one == missing else b"words" for one in ("old", "new")})
    messages = [message(str(at), replace(file("A"), url=url)) for at, url in enumerate(("old", "new", "new"), 1)]

    read = await FileReader(shows).read_files(KEY, messages, paths)

    assert read["1", "A"] == FileContent(text="words")
    assert [address for _, address in paths.fetched] == fetched


async def test_a_file_that_no_way_leads_to_is_told_by_what_is_the_matter_with_the_newest():
    paths = Paths(old=CannotAnswer("It came by a pipe."), new=CannotAnswer("It has changed."))
    messages = [message(str(at), replace(file("A"), url=url)) for at, url in enumerate(("old", "new"), 1)]

    read = await FileReader(shows).read_files(KEY, messages, paths)

    assert read["1", "A"].problem == "It has changed"


async def test_files_beyond_the_newest_are_said_to_be_left_out():
    names = [f"F{number}" for number in range(FILES + 1)]

    read = await FileReader(shows).read_files(
        KEY, [message("1", *map(file, names))], Shelf(**dict.fromkeys(names, b"words"))
    )

    assert [bool(one.problem) for one in read.values()] == [True] * STEP + [False] * (FILES + 1 - STEP)
    assert "12 newest" in read["1", "F0"].problem


async def test_a_problem_of_the_moment_is_not_remembered():
    async def breaks(name: str, content: bytes) -> FileContent:
        return FileContent(problem="it took too long", passing=True)

    shelf, reader = Shelf(A=b"\xff\x00"), FileReader(breaks)
    for _ in range(2):
        await reader.read_files(KEY, [message("1", file("A"))], shelf)

    assert len(shelf.fetched) == 2


async def test_a_file_that_the_api_refused_is_not_sent_again():
    shelf, reader = Shelf(A=b"\xff\x00"), FileReader(shows)
    await reader.read_files(KEY, [message("1", file("A"))], shelf)
    await reader.refuse(KEY, ["A"], "Claude's API does not take it")

    read = await reader.read_files(KEY, [message("1", file("A"))], shelf)

    assert read["1", "A"] == FileContent(problem="Claude's API does not take it")
    assert len(shelf.fetched) == 1


async def test_conversations_take_turns_in_converting():
    order: list[str] = []

    async def converts(name: str, content: bytes) -> FileContent:
        await asyncio.sleep(0)
        order.append(name)
        return FileContent(problem="it is broken")

    reader = FileReader(converts)
    names = ["A1", "A2", "A3", "A4"]
    shelf = Shelf(**dict.fromkeys([*names, "B"], b"\xff\x00"))
    many = reader.read_files(KEY, [message("1", *(file(one, one) for one in names))], shelf)
    one = reader.read_files(replace(KEY, thread="2"), [message("1", file("B", "B"))], shelf)
    await asyncio.gather(many, one)

    assert order.index("B") <= 1
