"""Pictures and PDFs are uploaded to Claude's API once, told by their ids, and deleted there with their last message.

Tests core.claude.files, core.files.uploads, core.files.deletions.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from core.claude.client import Claude
from core.domain.events import Deleted
from core.domain.messages import Attachment
from core.files.conversion import INLINE
from core.files.deletions import LINGER, FileDeletions
from core.files.uploads import SILENT, SLOW
from tests.fakes.claude.script import Fault
from tests.support.board_house import closed
from tests.support.drawings import draw, print_large, print_pages
from tests.support.house import house
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PLAN = print_pages(3)
LARGE = print_large(INLINE + 1)


def plan(name: str = "F1") -> Attachment:
    return Attachment(name, "plan.pdf", "application/pdf", len(PLAN))


def large() -> Attachment:
    return Attachment("F1", "plan.pdf", "application/pdf", len(LARGE))


class Talk:
    """A house on the board, in which people attach files."""

    def __init__(self, board, claude, store, assistant) -> None:
        self.board, self.claude, self.store, self.assistant = board, claude, store, assistant

    async def ask(self, *attachments: Attachment, thread: str = "t1", content: bytes = PLAN):
        """Say something with files, and wait for the answer."""
        self.board.files |= {one.id: content for one in attachments if one.id not in self.board.files}
        event = self.board.said(thread, "U2", "look", attachments=attachments)
        await self.assistant.ingest(event)
        await closed(self.store)
        return event

    async def delete(self, event) -> None:
        await self.assistant.ingest(Deleted(f"d{event.message.id}", event.key, event.message.id, self.board.now()))

    async def delete_due(self) -> int:
        """Delete what is due at Claude, as another process would. How many there were."""
        claude = Claude(self.claude.key, self.claude.url)
        try:
            assert claude.files
            return await FileDeletions(self.store.files, claude.files).delete_due()
        finally:
            await claude.close()

    @property
    def asked(self):
        """Each request: the sources of what it shows."""
        bodies = [one.body for one in self.claude.requests if one.path == "/v1/messages"]
        blocks = [[block for turn in body["messages"] for block in turn["content"]] for body in bodies]
        return [[one["source"] for one in found if "source" in one] for found in blocks]

    @property
    def stored(self) -> list[str]:
        return list(self.claude.files.stored)

    def count(self, method: str, path: str = "/v1/files") -> int:
        return sum((one.method, one.path) == (method, path) for one in self.claude.requests)


async def sleep_on(_seconds: float) -> None:
    """A house looks into the outbox once, at its start: from then on a test does."""
    await asyncio.Event().wait()


@asynccontextmanager
async def at_home(board, claude, store, **options):
    async with house(store, claude, board, deletion_sleep=sleep_on, **options) as assistant:
        yield Talk(board, claude, store, assistant)


@pytest.fixture
async def talk(board, claude, store):
    async with at_home(board, claude, store) as home:
        yield home


def by_id(file_id: str) -> dict[str, str]:
    return {"type": "file", "file_id": file_id}


async def test_a_pdf_is_uploaded_once_and_told_by_its_id_in_each_request(talk):
    await talk.ask(plan())
    await talk.ask()
    await talk.ask()

    (stored,) = talk.stored
    assert talk.asked == [[by_id(stored)]] * 3
    assert talk.count("POST") == 1
    kept = talk.claude.files.stored[stored]
    assert (kept.content, kept.kind, kept.name[:7]) == (PLAN, "application/pdf", "confab-")


async def test_a_pdf_that_no_request_can_hold_is_told_by_its_id(talk):
    await talk.ask(large(), content=LARGE)

    (stored,) = talk.stored
    assert talk.asked == [[by_id(stored)]]
    assert talk.claude.files.stored[stored].content == LARGE


async def test_a_pdf_that_no_request_can_hold_is_not_told_where_nothing_is_stored(board, claude, store):
    async with at_home(board, claude, store, inline=True) as talk:
        await talk.ask(large(), content=LARGE)

    assert talk.asked == [[]]
    assert "`plan.pdf`: a PDF may have 9 MB at most here; send the pages that matter." in board.shown("t1")[-1]


async def test_a_large_pdf_that_could_not_be_stored_is_tried_again_with_the_next_question(talk):
    talk.claude.script(Fault(503, "api_error"), path="/v1/files")
    await talk.ask(large(), content=LARGE)
    await talk.ask()

    (stored,) = talk.stored
    assert talk.asked == [[], [by_id(stored)]]
    assert (
        "`plan.pdf`: it is large, and could not be stored for Claude just now; ask again." in talk.board.shown("t1")[0]
    )


async def test_after_a_restart_a_file_is_neither_fetched_nor_uploaded_again(board, claude, store):
    async with at_home(board, claude, store) as talk:
        await talk.ask(plan())
    board.files.clear()
    async with at_home(board, claude, store, process="p2") as talk:
        await talk.ask()

    first, second = [one.body["messages"][0] for one in claude.requests if one.path == "/v1/messages"]
    assert first == second
    assert claude.files.uploads == 1


async def test_a_question_without_files_makes_no_request_but_its_own(talk):
    await talk.ask()

    assert [one.path for one in talk.claude.requests if "/files" in one.path] == []


async def test_no_file_is_told_in_another_thread_by_the_same_id(talk):
    await talk.ask(plan())
    await talk.ask(plan(), thread="t2")

    first, second = talk.asked
    assert first != second
    assert len(talk.stored) == 2


async def test_the_files_of_a_question_are_uploaded_side_by_side_and_the_same_content_once(talk):
    arrived, all_there = 0, asyncio.Event()

    async def wait(index: int) -> None:
        nonlocal arrived
        if talk.claude.requests[index].path == "/v1/files":
            arrived += 1
            if arrived == 3:
                all_there.set()
            await all_there.wait()

    talk.claude.on_request(wait)
    talk.board.files |= {f"P{at}": draw(colour) for at, colour in enumerate(("red", "blue"))}
    pictures = [Attachment(name, f"{name}.png", "image/png", 90) for name in talk.board.files]
    await talk.ask(*pictures, plan("F1"), plan("F2"))

    assert len(talk.stored) == 3
    (shown,) = talk.asked
    assert len(shown) == 4


async def test_with_the_last_message_that_has_it_a_file_is_deleted_at_claude(talk):
    first = await talk.ask(plan())
    second = await talk.ask(plan())
    await talk.delete(first)
    await talk.delete_due()
    assert len(talk.stored) == 1

    await talk.delete(second)
    await talk.delete_due()
    assert talk.stored == []
    assert await talk.delete_due() == 0


async def test_a_deletion_is_tried_again_until_it_is_done(board, claude, store, caplog):
    async with at_home(board, claude, store) as talk:
        event = await talk.ask(plan())
        claude.script(Fault(500, "api_error", "Trouble"), Fault(429, "rate_limit_error"), path="DELETE /v1/files")
        await talk.delete(event)
        for _ in range(2):
            assert await talk.delete_due() == 1
            assert len(talk.stored) == 1
            assert await talk.delete_due() == 0
            board.slept(60)
    async with at_home(board, claude, store, process="p2") as talk:
        await until(lambda: not talk.stored)
        await until(lambda: talk.count("DELETE", talk.claude.requests[-1].path))
        board.slept(3_600)
        assert await talk.delete_due() == 0
    assert "a file is not deleted at Claude yet: 500 Trouble" in caplog.text


async def test_a_file_that_is_gone_already_counts_as_deleted(talk):
    event = await talk.ask(plan())
    talk.claude.files.stored.clear()
    await talk.delete(event)
    await talk.delete_due()
    talk.board.slept(3_600)

    assert await talk.delete_due() == 0


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_where_there_is_no_files_api_all_is_sent_inline_and_the_log_says_so_once(talk, status, caplog):
    talk.claude.script(*[Fault(status, "not_found_error", "Not Found")] * 2, path="/v1/files")
    await talk.ask(plan())
    await talk.ask(plan("F2"), thread="t2")

    assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"], ["base64"]]
    assert talk.count("POST") == 1
    assert caplog.text.count("files are sent inline from here on") == 1
    assert await talk.delete_due() == 0


async def test_by_setting_all_is_sent_inline(board, claude, store):
    async with at_home(board, claude, store, inline=True) as talk:
        await talk.ask(plan())

        assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"]]
        assert talk.count("POST") == 0


async def test_a_drawing_whose_source_is_told_beside_it_is_sent_inline(talk):
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"><rect width="4" height="3"/></svg>'
    await talk.ask(Attachment("S1", "a.svg", "image/svg+xml", len(drawing)), content=drawing)

    assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"]]
    assert talk.claude.files.uploads == 0


async def test_a_file_for_which_there_is_no_room_is_sent_inline_and_stays_so(talk, caplog):
    talk.claude.files.quota = 0
    await talk.ask(plan())
    talk.claude.files.quota = 10**9
    await talk.ask()
    await talk.ask(plan("F2"), thread="t2")

    assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"], ["base64"], ["file"]]
    assert "storage_quota_exceeded" in caplog.text
    assert await talk.delete_due() == 0


async def test_after_one_that_held_up_its_question_no_upload_is_tried_for_a_while(board, claude, store):
    now = [0.0]

    def pass_time() -> float:
        now[0] += SLOW
        return now[0]

    claude.script(Fault(503, "api_error"), path="/v1/files")
    async with at_home(board, claude, store, upload_seconds=pass_time) as talk:
        await talk.ask(plan("F1"))
        await talk.ask(plan("F2"), thread="t2")
        now[0] += SILENT
        await talk.ask(plan("F3"), thread="t3")

    assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"], ["base64"], ["file"]]
    assert talk.count("POST") == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=None, after=True),
        Fault(502, html="<html>Bad gateway</html>", after=True),
        Fault(200, html="<html>", after=True),
    ],
    ids=["reset", "bad gateway", "no answer of Claude's"],
)
async def test_an_upload_whose_answer_is_lost_is_sent_inline_and_found_by_its_name(talk, fault):
    talk.claude.script(fault, path="/v1/files")
    await talk.ask(plan())
    assert [[one["type"] for one in shown] for shown in talk.asked] == [["base64"]]
    assert len(talk.stored) == 1

    await talk.delete_due()
    assert talk.stored == []


async def test_an_upload_that_turns_up_late_is_deleted_too(talk):
    talk.claude.script(Fault(503, "api_error"), path="/v1/files")
    await talk.ask(plan())
    await talk.delete_due()
    rows = await list_deletions(talk)
    talk.claude.files.upload(form(rows[0].upload), "multipart/form-data; boundary=b")
    talk.board.slept(LINGER.total_seconds())
    await talk.delete_due()

    assert talk.stored == []
    assert await list_deletions(talk) == []


async def test_an_upload_that_never_turns_up_is_looked_for_no_more(talk):
    talk.claude.script(Fault(503, "api_error"), path="/v1/files")
    await talk.ask(plan())
    for _ in range(2):
        assert await talk.delete_due() == 1
        talk.board.slept(LINGER.total_seconds())

    assert await talk.delete_due() == 0


async def test_a_file_of_another_key_is_not_told_and_waits_for_that_key(board, claude, store, caplog):
    claude.add_workspace("sk-ant-other")
    async with at_home(board, claude, store) as talk:
        event = await talk.ask(plan())
    (stored,) = claude.files.stored
    claude.key = "sk-ant-other"
    async with at_home(board, claude, store) as talk:
        await talk.ask()
        assert talk.asked[-1] == [by_id(talk.stored[0])] != [by_id(stored)]
        await talk.delete(event)
        await talk.delete_due()
        assert talk.stored == []
    assert "it was uploaded with another API key" in caplog.text
    claude.key = "sk-ant-test"
    board.slept(3_601)
    async with at_home(board, claude, store) as talk:
        await talk.delete_due()
    assert talk.stored == []


@pytest.mark.parametrize("expired", [False, True])
async def test_a_file_that_vanished_at_claude_is_uploaded_again_once(talk, expired):
    await talk.ask(plan())
    (old,) = talk.stored
    if expired:
        talk.claude.script(
            Fault(404, "not_found_error", f"File has expired: {old}", {"error_code": "file_expired"}),
        )
    else:
        talk.claude.files.stored.clear()
    await talk.ask()
    await talk.ask()

    new = talk.stored[-1]
    assert talk.asked == [[by_id(old)], [by_id(old)], [by_id(new)], [by_id(new)]]
    assert talk.board.shown("t1") == ["fine"] * 3
    await talk.delete_due()
    assert talk.stored == [new]


async def test_a_file_that_vanishes_again_and_again_ends_in_a_sentence(talk):
    await talk.ask(plan())
    talk.claude.script(*[Fault(404, "not_found_error", "File not found.")] * 2)
    await talk.ask()

    assert "gone at Claude" in talk.board.shown("t1")[1]


async def test_only_the_picture_that_the_api_names_is_left_out_also_after_a_restart(board, claude, store):
    board.files |= {"P1": draw("red"), "P2": draw("blue")}
    pictures = [Attachment(name, f"{name}.png", "image/png", 90) for name in board.files]
    details = {"error_code": "image_dimensions_too_large", "paths": ["messages.0.content.2"]}
    claude.script(Fault(400, "invalid_request_error", "At least one of the image dimensions exceed", details))
    async with at_home(board, claude, store) as talk:
        await talk.ask(*pictures)
        (answer,) = board.shown("t1")
        assert "I could not read `P2.png`: Claude's API did not take it" in answer
        await talk.delete_due()
        (kept,) = talk.stored
    async with at_home(board, claude, store, process="p2") as talk:
        await talk.ask()

        assert [len(shown) for shown in talk.asked] == [2, 1, 1]
        assert talk.asked[2] == [by_id(kept)]
        assert len(claude.refused) == 0


async def test_a_question_that_begins_again_waits_for_the_upload_under_way(talk):
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold(index: int) -> None:
        if talk.claude.requests[index].path == "/v1/files":
            reached.set()
            await go.wait()

    talk.claude.on_request(hold)
    talk.board.files["F1"] = PLAN
    await talk.assistant.ingest(talk.board.said("t1", "U2", "look", attachments=(plan(),)))
    await reached.wait()
    await talk.assistant.ingest(talk.board.said("t1", "U2", "and sum up"))
    await talk.assistant.worker.heartbeat()
    go.set()
    await closed(talk.store)

    assert talk.claude.files.uploads == 1
    assert talk.asked[-1] == [by_id(talk.stored[0])]


async def test_a_file_whose_message_is_deleted_during_its_upload_leaves_nothing_behind(talk):
    reached, go = asyncio.Event(), asyncio.Event()

    async def hold(index: int) -> None:
        if talk.claude.requests[index].path == "/v1/files":
            reached.set()
            await go.wait()

    talk.claude.on_request(hold)
    talk.board.files["F1"] = PLAN
    await talk.ask()
    event = talk.board.said("t1", "U2", "look", attachments=(plan(),))
    await talk.assistant.ingest(event)
    await reached.wait()
    await talk.delete(event)
    go.set()
    await closed(talk.store)
    await until(lambda: talk.claude.files.uploads)
    await until_deleted(talk)

    assert talk.stored == []


async def test_the_database_holds_a_fingerprint_of_the_key_and_not_the_key(talk, tmp_path):
    await talk.ask(plan())
    raw = b"".join(file.read_bytes() for file in tmp_path.glob("confab.db*"))

    assert talk.stored[0].encode() in raw
    assert talk.claude.key.encode() not in raw


async def list_deletions(talk):
    """What is due in an hour."""
    talk.board.slept(3_600)
    return await talk.store.files.claim_deletions(20, LINGER * 0)


async def until_deleted(talk) -> None:
    async with asyncio.timeout(10):
        while talk.stored:
            await talk.delete_due()
            await asyncio.sleep(0.01)


def form(name: str) -> bytes:
    """A form that uploads a file under this name."""
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/pdf'
    return head.encode() + b"\r\n\r\nx\r\n--b--\r\n"
