"""Claude runs code on the files of a conversation, and what it makes is posted once, whatever dies meanwhile.

Tests core.prompting.code_requests, core.files.made_files, core.files.uploads, core.tools.hosted.
"""

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

import pytest

from core.billing.ledger_rows import Scope
from core.claude.client import Claude
from core.domain.content import Text
from core.domain.controls import Control
from core.domain.events import Deleted
from core.domain.messages import Attachment, MadeFile
from core.domain.personas import Persona
from core.domain.tools import ToolDefinition, ToolResult
from core.files.deletions import FileDeletions
from core.tools.hosted import CODE_ESTIMATE, HostedTools, build_code_tools
from core.tools.registry import ToolRegistry
from core.tools.tool import Tool
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Fault, Gate, Run
from tests.support.board_house import closed, key, press, spent
from tests.support.drawings import draw
from tests.support.house import house

pytestmark = pytest.mark.slow

CSV = b"month,sum\nMay,3\nJune,4\n"
ZIP = b"PK\x03\x04 no office file"
CHART = ("chart.png", "image/png", b"a picture")
TABLE = ("totals.csv", "text/csv", b"a,b\n1,2\n")
PLOTTED = Answer(text="Here it is.", code=(Run(makes=(CHART,)),))
TOOLS = ToolRegistry([HostedTools(build_code_tools())], ("code",), ("code",))


class Talk:
    """A house on the board in which Claude may run code."""

    def __init__(self, board, claude, store, assistant) -> None:
        self.board, self.claude, self.store, self.assistant = board, claude, store, assistant

    async def ask(self, *files: tuple[str, bytes], text: str = "plot this", thread: str = "t1"):
        """Say something with files, each named and with its bytes, and wait for the answer."""
        attachments = [Attachment(f"F-{name}", name, "", len(content)) for name, content in files]
        self.board.files |= {f"F-{name}": content for name, content in files}
        event = self.board.said(thread, "U1", text, attachments=tuple(attachments))
        await self.assistant.ingest(event)
        await closed(self.store)
        return event

    async def delete_due(self) -> None:
        """Delete what is due at Claude, as another process would."""
        claude = Claude(self.claude.key, self.claude.url)
        try:
            assert claude.files
            await FileDeletions(self.store.files, claude.files).delete_due()
        finally:
            await claude.close()

    @property
    def asked(self):
        return [one.body for one in self.claude.requests if one.path == "/v1/messages"]

    @property
    def made(self) -> list[str]:
        """What code made and Claude's API still has."""
        return [one.name for one in self.claude.files.stored.values() if one.container]


async def sleep_on(_seconds: float) -> None:
    """The outbox is looked into by a test alone."""
    await Gate().opened.wait()


@asynccontextmanager
async def at_home(board, claude, store, **options):
    async with house(store, claude, board, deletion_sleep=sleep_on, tools=TOOLS, **options) as assistant:
        yield Talk(board, claude, store, assistant)


@pytest.fixture
async def talk(board, claude, store):
    async with at_home(board, claude, store) as made:
        yield made


def brought(body, turn: int = -1) -> list[str]:
    """The ids of the files that a turn brings into the container."""
    return [one["file_id"] for one in body["messages"][turn]["content"] if one["type"] == "container_upload"]


async def test_plot_this_csv_ends_with_a_picture(talk):
    talk.claude.script(PLOTTED)
    await talk.ask(("sales.csv", CSV))

    assert talk.board.shown("t1") == ["Here it is."]
    ((chart,),) = talk.board.hung.values()
    assert (chart.name, chart.type, chart.content) == CHART
    assert chart.alt == "Picture that code made: chart.png (PNG picture, 9 bytes)"
    (container,) = talk.claude.containers.stored.values()
    (held,) = container.files.values()
    assert held.content == CSV
    (body,) = talk.asked
    tag = held.name.split("-")[2].removesuffix(".csv")
    assert f"sales.csv ({len(CSV)} bytes), which code finds with {tag} in its name, which says:]" in str(
        body["messages"]
    )
    await talk.delete_due()
    assert talk.made == []


async def test_the_time_of_code_is_booked_at_an_estimate(talk):
    talk.claude.script(PLOTTED)
    await talk.ask(("sales.csv", CSV))
    await talk.ask(text="thanks")

    (line,) = await talk.store.ledger.sum_usage(Scope("board:w1"), START - timedelta(days=9), "model")
    assert (line.requests, line.estimate) == (2, CODE_ESTIMATE)
    assert line.micro_usd == CODE_ESTIMATE + sum(one.micro_usd for one in talk.claude.billed)


async def test_a_thread_keeps_its_container_and_its_files_and_no_other_has_it(talk):
    talk.claude.script(*[replace(PLOTTED, code=(Run(lists=True),))] * 3)
    await talk.ask(("sales.csv", CSV))
    await talk.ask(("costs.csv", b"1,2\n"), text="and these")
    await talk.ask(text="hello", thread="t2")

    first, second, other = talk.asked
    assert ("container" in first, "container" in other) == (False, False)
    assert second["container"] == next(iter(talk.claude.containers.stored))
    assert second["messages"][0] == first["messages"][0]
    assert brought(second) == [*brought(first), *brought(second)[1:]]
    assert len(brought(second)) == 2
    assert [len(one.files) for one in talk.claude.containers.stored.values()] == [2, 0]


async def test_what_claude_cannot_read_is_there_for_code_and_nobody_is_told_otherwise(talk):
    talk.claude.script(PLOTTED)
    await talk.ask(("data.zip", ZIP), ("plan.png", draw()))

    assert talk.board.shown("t1") == ["Here it is."]
    (container,) = talk.claude.containers.stored.values()
    assert sorted(held.name.rpartition(".")[2] for held in container.files.values()) == ["png", "zip"]
    assert "could not read" not in str(talk.asked[0]["messages"])
    assert talk.claude.files.uploads == 2


async def test_after_a_restart_nothing_is_uploaded_again(board, claude, store):
    claude.script(PLOTTED, PLOTTED)
    async with at_home(board, claude, store) as talk:
        await talk.ask(("data.zip", ZIP))
    async with at_home(board, claude, store, process="p2") as talk:
        await talk.ask(text="again")

    assert claude.files.uploads == 1
    assert talk.asked[1]["messages"][0] == talk.asked[0]["messages"][0]


async def test_where_files_are_sent_inline_code_opens_none(board, claude, store):
    async with at_home(board, claude, store, inline=True) as talk:
        claude.script(PLOTTED)
        await talk.ask(("sales.csv", CSV), ("data.zip", ZIP))

    assert brought(talk.asked[0]) == []
    assert "which says:]\n  month,sum" in talk.asked[0]["messages"][0]["content"][0]["text"]
    assert "I could not read `data.zip`" in board.shown("t1")[0]
    assert claude.files.uploads == 0


async def test_a_container_that_is_gone_is_replaced_by_a_new_one_with_the_files(talk):
    talk.claude.script(*[replace(PLOTTED, code=(Run(lists=True),))] * 2)
    await talk.ask(("sales.csv", CSV))
    talk.claude.containers.stored.clear()
    await talk.ask(text="now in blue")

    assert ["container" in body for body in talk.asked] == [False, True, False]
    ((name, container),) = talk.claude.containers.stored.items()
    assert len(container.files) == 1
    assert (await talk.store.threads.thread(key())).container.id == name
    assert len(talk.claude.billed) == 2


@pytest.mark.parametrize(("years", "named"), [(9, False), (0, True)], ids=["it may be gone", "it surely runs"])
async def test_a_container_that_may_be_gone_is_not_asked_for_again_after_a_failure(board, claude, store, years, named):
    async with at_home(board, claude, store, clock=board.now) as talk:
        claude.script(PLOTTED, Fault(500, "api_error", "Internal server error"), PLOTTED)
        await talk.ask(("sales.csv", CSV))
        board.slept(3_600 * 24 * 365 * years)
        await talk.ask(text="now in blue")

    assert ["container" in body for body in talk.asked] == [False, True, named]
    assert board.shown("t1")[-1] == "Here it is."


async def test_what_was_made_before_a_pause_is_posted_too_and_code_goes_on_where_it_was(talk):
    paused = Answer(text="First. ", code=(Run(makes=(TABLE,)),), stop_reason="pause_turn")
    talk.claude.script(paused, PLOTTED)
    await talk.ask()

    assert talk.board.attached("t1") == [["totals.csv", "chart.png"]]
    assert talk.asked[1]["container"] == next(iter(talk.claude.containers.stored))


async def test_a_file_that_cannot_be_had_costs_a_line_and_not_the_answer(talk):
    talk.claude.script(PLOTTED)
    talk.claude.script(Fault(404, "not_found_error", "File not found: file_1"), path="GET /v1/files")
    await talk.ask()

    assert "Here it is." in talk.board.shown("t1")[0]
    assert "(I could not attach a file: Claude's API has it no more.)" in talk.board.shown("t1")[0]
    assert (await talk.store.threads.thread(key())).replies["0001"].text == "Here it is."


async def test_an_answer_given_anew_has_new_files_and_one_that_stands_keeps_its_own(talk):
    talk.claude.script(PLOTTED, Answer(text="Better.", code=(Run(makes=(TABLE,)),)))
    await talk.ask()
    await press(talk.assistant, talk.board, Control.RETRY, "0001")
    await closed(talk.store)
    assert (talk.board.shown("t1"), talk.board.attached("t1")) == (["Better."], [["totals.csv"]])

    talk.claude.script(Fault(400, "invalid_request_error", "No."))
    await press(talk.assistant, talk.board, Control.RETRY, "0001")
    await closed(talk.store)
    assert talk.board.attached("t1") == [["totals.csv"]]
    assert "This could not be answered anew." in talk.board.shown("t1")[0]
    await talk.delete_due()
    assert talk.made == []


async def test_the_files_of_a_stopped_answer_are_deleted(talk):
    gate = Gate()
    paused = Answer(text="First. ", code=(Run(makes=(TABLE,)),), stop_reason="pause_turn")
    talk.claude.script(paused, Answer(text="Second.", gate=gate))
    event = talk.board.said("t1", "U1", "count")
    await talk.assistant.ingest(event)
    await gate.reached.wait()
    await press(talk.assistant, talk.board, Control.STOP, event.message.id)
    await closed(talk.store)

    assert talk.board.attached("t1") == [[]]
    await talk.delete_due()
    assert talk.made == []


async def test_a_file_of_a_request_that_was_stopped_is_deleted_too(talk):
    gate = Gate(after=11)
    talk.claude.script(replace(PLOTTED, gate=gate))
    event = talk.board.said("t1", "U1", "count")
    await talk.assistant.ingest(event)
    await gate.reached.wait()
    await talk.board.until("t1", "Here ")
    await press(talk.assistant, talk.board, Control.STOP, event.message.id)
    await closed(talk.store)

    assert talk.made == ["chart.png"]
    await talk.delete_due()
    assert talk.made == []


async def test_a_file_that_a_tool_of_ours_made_is_posted_with_those_of_code(board, claude, store):
    note = MadeFile("note.md", "text/markdown", "words")

    class Desk:
        """A provider of a tool that makes a file."""

        free = True
        groups: ClassVar = {"desk": ("write",)}

        async def list_tools(self, key):
            definition = ToolDefinition("write", {"name": "write", "input_schema": {"type": "object"}})
            return [Tool(definition, "desk", lambda _: "writing", self.write)]

        async def write(self, scope, arguments):
            return ToolResult((Text("Done."),), files=(note,))

    tools = ToolRegistry([HostedTools(build_code_tools()), Desk()], ("code", "desk"), ("code", "desk"))
    used = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    claude.script(Answer(code=(Run(makes=(TABLE,)),), blocks=(used,), stop_reason="tool_use"), PLOTTED)
    async with house(store, claude, board, tools=tools) as assistant:
        await assistant.ingest(board.said("t1", "U1", "write it down"))
        await closed(store)

    assert board.attached("t1") == [["totals.csv", "note.md", "chart.png"]]
    bodies = [one.body for one in claude.requests if one.path == "/v1/messages"]
    assert bodies[1]["container"] == next(iter(claude.containers.stored))


async def test_a_file_that_is_gone_at_claude_is_uploaded_again(talk):
    talk.claude.script(*[replace(PLOTTED, code=(Run(lists=True),))] * 2)
    await talk.ask(("sales.csv", CSV))
    talk.claude.files.stored.clear()
    await talk.ask(text="now in blue")

    (held,) = talk.claude.files.stored.values()
    assert held.content == CSV
    assert [turn for turn in (0, -1) if brought(talk.asked[-1], turn) != [held.id]] == []


async def test_a_file_goes_with_its_message_and_the_container_with_it(talk):
    talk.claude.script(PLOTTED, PLOTTED)
    event = await talk.ask(("sales.csv", CSV))
    await talk.ask(text="what else?")
    await talk.assistant.ingest(Deleted("d1", event.key, event.message.id, talk.board.now()))
    await talk.delete_due()
    await talk.ask(text="and now?")

    assert talk.claude.files.stored == {}
    assert "container" not in talk.asked[-1]
    assert brought(talk.asked[-1]) == []


async def test_a_model_that_takes_an_older_version_is_asked_with_that_from_then_on(board, claude, store):
    claude.script(PLOTTED, PLOTTED)
    persona = {"persona": Persona(model="claude-sonnet-4-6")}
    async with at_home(board, claude, store, **persona) as talk:
        await talk.ask(("sales.csv", CSV))
        await talk.ask(text="again")

    versions = [body["tools"][0]["type"] for body in talk.asked]
    assert versions == ["code_execution_20260521", "code_execution_20250825", "code_execution_20250825"]
    assert board.attached("t1") == [["chart.png"], ["chart.png"]]


async def test_a_process_that_dies_before_it_posts_leaves_the_files_to_the_next_one(board, claude, store):
    claude.script(PLOTTED)
    reached = Gate()

    class Dying:
        """Questions of a process that dies right before it closes one."""

        def __getattr__(self, name):
            return getattr(store.questions, name)

        async def close(self, claim, outcome, **_more):
            reached.reached.set()
            await reached.opened.wait()

    async with house(replace(store, questions=Dying()), claude, board, tools=TOOLS) as assistant:
        await assistant.ingest(board.said("t1", "U1", "plot this"))
        await reached.reached.wait()
    board.hung.clear()
    await store.questions.heartbeat("p1", leaving=True)
    async with at_home(board, claude, store, process="p2"):
        await closed(store)

    assert board.attached("t1") == [["chart.png"]]
    assert len(claude.billed) == 1
    assert len(await spent(store)) == 1
