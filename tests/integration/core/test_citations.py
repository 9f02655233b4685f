"""What Claude cites of PDFs: numbers in its answer, and pages below it, in every prompt and after a restart alike.

Tests core.claude.streams.accumulator, core.answering.completions and core.prompting.request.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from core.claude.citations import Citation
from core.claude.streams.accumulator import CITATION, MessageAccumulator, read_citation
from core.domain.events import Deleted
from core.domain.messages import Attachment
from core.files.code_blocks import list_code_files
from core.rendering.reply_notes import CUT, append_note
from tests.fakes.board import START
from tests.fakes.claude.script import Answer, Break, Fault, Gate, Pages, Passage
from tests.support.board_house import key
from tests.support.drawings import draw, print_pages
from tests.support.gateway import Gateway, serve
from tests.support.house import house

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
COSTS = Passage("the cost is 5", (Pages(0, 3, 3),))
ENDS = Passage("it ends in May", (Pages(0, 4, 6), Pages(0, 3, 3)))
CITED = Answer(passages=(Passage("By the plan, "), COSTS, Passage(" and "), ENDS, Passage(".")))
SHOWN = "By the plan, the cost is 5[1] and it ends in May[2][1].\n\n[1] plan.pdf, page 3\n[2] plan.pdf, pages 4 to 6"


def attach(board, *names: str, text: str = "what does it cost?", thread: str = "t1"):
    attachments = tuple(Attachment(name, name, "application/pdf", 1_000, "") for name in names)
    board.files.update({name: print_pages(9) for name in names})
    return board.said(thread, "U1", text, attachments=attachments)


async def ask(board, assistant, event) -> str:
    await assistant.ingest(event)
    await assistant.worker.idle()
    return board.shown("t1")[-1]


def bodies(server) -> list[dict]:
    return [one.body for one in server.requests if one.path == "/v1/messages"]


def documents(body) -> list[dict]:
    return [block for turn in body["messages"] for block in turn["content"] if block["type"] == "document"]


@pytest.mark.parametrize("chunk", [3, 1_000])
@pytest.mark.parametrize("early", [False, True], ids=["behind its text", "before its text"])
async def test_what_is_cited_has_a_number_and_its_pages_below(assistant, board, claude, chunk, early):
    passages = tuple(Passage(one.text, one.cites, early) for one in CITED.passages)
    claude.script(Answer(passages=passages, chunk=chunk))

    assert await ask(board, assistant, attach(board, "plan.pdf")) == SHOWN
    assert [one["citations"] for one in documents(bodies(claude)[0])] == [{"enabled": True}]


async def test_numbers_come_while_the_answer_grows_and_the_pages_at_its_end(assistant, board, claude):
    gate = Gate(after=9)
    claude.script(Answer(passages=CITED.passages, chunk=1_000, gate=gate))

    await assistant.ingest(attach(board, "plan.pdf"))
    await gate.reached.wait()
    await board.until("t1", "By the plan, the cost is 5[1]")
    gate.opened.set()
    await board.until("t1", SHOWN)


async def test_an_answer_that_is_stopped_has_the_pages_of_the_numbers_that_it_has(assistant, board, claude):
    gate = Gate(after=9)
    claude.script(Answer(passages=CITED.passages, chunk=1_000, gate=gate))

    asked = attach(board, "plan.pdf")
    await assistant.ingest(asked)
    await board.until("t1", "By the plan, the cost is 5[1]")
    await assistant.ingest(Deleted("e9", asked.key, asked.message.id, START + timedelta(hours=1)))
    said = "By the plan, the cost is 5[1]\n\n[1] plan.pdf, page 3"
    await board.until("t1", append_note(said, "Stopped."))


async def test_later_prompts_and_later_processes_are_told_the_answer_as_it_stands(store, claude, board):
    claude.script(CITED)
    async with house(store, claude, board) as assistant:
        await ask(board, assistant, attach(board, "plan.pdf"))
    board.files = {}  # what was read of it is gone with the process, and comes again
    for process in ("p2", "p3"):
        board.files["plan.pdf"] = print_pages(9)
        async with house(store, claude, board, process=process) as assistant:
            await ask(board, assistant, board.said("t1", "U1", "and?"))

    first, second, third = [body["messages"] for body in bodies(claude)]
    assert second[:1] == first
    assert third[:3] == second
    assert second[1] == {"role": "assistant", "content": [{"type": "text", "text": SHOWN}]}
    assert claude.refused == []


async def test_all_documents_of_a_conversation_can_be_cited(assistant, board, claude):
    claude.script(Answer(passages=(Passage("Both.", (Pages(1, 2, 2), Pages(0, 1, 1))),)))

    shown = await ask(board, assistant, attach(board, "plan.pdf", "cost.pdf"))

    assert shown == "Both.[1][2]\n\n[1] cost.pdf, page 2\n[2] plan.pdf, page 1"
    assert [one["citations"]["enabled"] for one in documents(bodies(claude)[0])] == [True, True]


async def test_the_prompt_says_who_writes_numbers_only_where_something_can_be_cited(assistant, board, claude):
    board.files["a.png"] = draw()
    await ask(board, assistant, board.said("t1", "U1", "hello", attachments=(Attachment("a.png", "a.png", "", 9, ""),)))
    await ask(board, assistant, attach(board, "plan.pdf"))

    assert ["lists its pages below" in body["system"][0]["text"] for body in bodies(claude)] == [False, True]


NAMES = {
    "a mention": ("<@U1> @here.pdf", "U1 here.pdf"),
    "markup": ("**[x](y)** `z`.pdf", "`** x (y)** 'z'.pdf`"),
    "lines": ("a\n[2] b.pdf", "a 2 b.pdf"),
    "nothing": ("[]", "a file"),
}


@pytest.mark.parametrize(("name", "shown"), NAMES.values(), ids=NAMES)
async def test_a_documents_name_is_no_markup_and_no_mention(assistant, board, claude, name, shown):
    claude.script(Answer(passages=(COSTS,)))

    assert (await ask(board, assistant, attach(board, name))).splitlines()[-1] == f"[1] {shown}, page 3"


ODD = {
    "a title like a mention": ({"document_title": "<@U1>*b*"}, Citation(0, "U1 *b*", 3, 3)),
    "no title": ({"document_title": None}, Citation(0, "document 1", 3, 3)),
    "no pages": ({"start_page_number": None}, None),
    "absurd pages": ({"end_page_number": 10**30}, None),
    "an end before its beginning": ({"end_page_number": 1}, Citation(0, "a", 3, 3)),
    "characters": ({"type": "char_location"}, None),
}


@pytest.mark.parametrize(("fields", "read"), ODD.values(), ids=ODD)
def test_what_a_gateway_cites_is_read_as_far_as_it_is_a_citation_of_pages(fields, read):
    told = {"type": "page_location", "document_index": 0, "document_title": "a", "start_page_number": 3}

    assert read_citation({**told, "end_page_number": 4, **fields}) == read


CODE = (
    Passage("So:\n\n```\n"),
    Passage("cost = 5", (Pages(0, 3, 3),)),
    Passage("\n```\n\nSo it is, and `"),
    Passage("end", (Pages(0, 4, 4),)),
    Passage("` "),
    Passage("in May", (Pages(0, 5, 5),)),
)


@pytest.mark.parametrize("chunk", [1, 3, 1_000])
async def test_no_number_stands_in_code(assistant, board, claude, chunk):
    claude.script(Answer(passages=CODE, chunk=chunk))

    shown = await ask(board, assistant, attach(board, "plan.pdf"))

    said = "So:\n\n```\ncost = 5\n```\n[1]\n\nSo it is, and `end`[2] in May[3]\n\n[1] plan.pdf, page 3"
    assert shown.startswith(said)


async def test_an_answer_that_is_cut_in_code_has_its_pages_and_its_note_behind_it(assistant, board, claude, store):
    claude.script(Answer(passages=CODE[:2], stop_reason="max_tokens"))

    shown = await ask(board, assistant, attach(board, "plan.pdf"))

    said = f"So:\n\n```\ncost = 5\n```\n\n{CUT}[1] plan.pdf, page 3"
    assert (await store.threads.thread(key())).replies.popitem()[1].cut == "```"
    assert list_code_files(shown) == ()
    assert shown == append_note(said, "This answer reached its longest length. Continue goes on from here.")


async def test_after_a_pause_the_blocks_go_back_unchanged_and_the_numbers_go_on(assistant, board, claude):
    claude.script(
        Answer(passages=CITED.passages[:2], blocks=(SEARCH,), stop_reason="pause_turn"),
        Answer(passages=CITED.passages[2:]),
    )

    assert await ask(board, assistant, attach(board, "plan.pdf")) == SHOWN
    back = bodies(claude)[1]["messages"][-1]
    cited = {
        "type": "page_location",
        "cited_text": "What stands there. ",
        "document_index": 0,
        "document_title": "plan.pdf",
        "start_page_number": 3,
        "end_page_number": 4,
    }
    assert back["content"][1] == {"type": "text", "text": COSTS.text, "citations": [cited]}
    assert claude.refused == []


async def test_the_numbers_go_on_in_the_process_that_goes_on_after_a_pause(store, board, claude):
    gate = Gate()
    claude.script(
        Answer(passages=CITED.passages[:2], blocks=(SEARCH,), stop_reason="pause_turn"),
        Answer(passages=CITED.passages[2:], gate=gate),
        Answer(passages=CITED.passages[2:]),
    )
    async with house(store, claude, board, process="first") as assistant:
        await assistant.ingest(attach(board, "plan.pdf"))
        await gate.reached.wait()
        await assistant.worker.drain(0)
    async with house(store, claude, board, process="second"):
        await board.until("t1", SHOWN)

    assert len(bodies(claude)) == 3


async def test_an_answer_that_broke_off_is_cited_anew(assistant, board, claude):
    claude.script(Answer(passages=CITED.passages, breaks=Break("reset", after=20)), CITED)

    assert await ask(board, assistant, attach(board, "plan.pdf")) == SHOWN


async def test_a_model_that_does_not_cite_is_not_asked_to(store, board, claude):
    claude.lacks = frozenset({"citations"})
    claude.script(CITED)
    async with house(store, claude, board) as assistant:
        shown = await ask(board, assistant, attach(board, "plan.pdf"))

    assert shown == "By the plan, the cost is 5 and it ends in May."
    assert ["citations" in one for one in documents(bodies(claude)[0])] == [False]
    assert claude.refused == []


async def test_what_complains_of_citations_gets_documents_without_from_then_on(assistant, board, claude):
    complaint = "messages.0.content.1.document.citations: Extra inputs are not permitted"
    claude.script(Fault(400, "invalid_request_error", complaint))

    await ask(board, assistant, attach(board, "plan.pdf"))
    await ask(board, assistant, board.said("t1", "U1", "and?"))

    assert [["citations" in one for one in documents(body)] for body in bodies(claude)] == [[True], [False], [False]]
    assert board.shown("t1") == ["fine", "fine"]


async def test_what_is_reserved_covers_citations(assistant, board, claude, tmp_path):
    claude.script(CITED)

    await ask(board, assistant, attach(board, "plan.pdf"))

    with closing(sqlite3.connect(tmp_path / "confab.db")) as database:
        ((bound,),) = database.execute("SELECT input_bound FROM requests")
    assert bound >= claude.billed[0].usage.input_tokens + claude.billed[0].usage.ephemeral_1h_input_tokens


async def test_a_gateways_whole_message_is_cited_too(store, board):
    async with serve(Whole([])) as gateway, house(store, gateway, board) as assistant:
        shown = await ask(board, assistant, attach(board, "plan.pdf"))

    assert shown == "It costs 5[1].\n\n[1] plan.pdf, page 3"


LOCATION = {"type": "page_location", "cited_text": "x", "document_index": 0, "document_title": "plan.pdf"}
CITES = [{**LOCATION, "start_page_number": 3, "end_page_number": 4}]


class Whole(Gateway):
    """A gateway that sends whole blocks, and does not say when they end."""

    def __init__(self, events) -> None:
        begun = {"model": "claude-haiku-5-5", "content": [], "usage": {"input_tokens": 30}}
        block = {"type": "text", "text": "It costs 5", "citations": CITES}
        super().__init__(
            [
                {"type": "message_start", "message": begun},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "."}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
            ]
        )


def test_an_answer_that_died_is_bounded_by_its_citations_too():
    bounds = []
    for count in range(2):
        accumulator = MessageAccumulator()
        usage = {"input_tokens": 30, "output_tokens": 1}
        accumulator.take({"type": "message_start", "message": {"content": [], "usage": usage}})
        block = {"type": "text", "text": "It costs 5", "citations": []}
        accumulator.take({"type": "content_block_start", "index": 0, "content_block": block})
        for cited in CITES * count:
            delta = {"type": "citations_delta", "citation": cited}
            accumulator.take({"type": "content_block_delta", "index": 0, "delta": delta})
        bounds.append(accumulator.bound_usage(5_000, "5m").output)

    assert bounds[1] == bounds[0] + CITATION
