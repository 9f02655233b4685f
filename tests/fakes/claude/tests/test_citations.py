"""The stand-in for Claude cites documents as the Messages API does, where a request lets it."""

import anthropic
import pytest

from tests.fakes.claude.client import base64_block, said, streamed, text, user
from tests.fakes.claude.script import Answer, Pages, Passage

PDF = {**base64_block("document", "application/pdf", b"%PDF-1.4 /Type /Page"), "title": "plan.pdf"}
CITED = {**PDF, "citations": {"enabled": True}}
ANSWER = Answer(passages=(Passage("It costs "), Passage("5", (Pages(0, 3, 4),))), chunk=100)
PLACE = {
    "type": "page_location",
    "cited_text": "What stands there. ",
    "document_index": 0,
    "document_title": "plan.pdf",
    "start_page_number": 3,
    "end_page_number": 5,
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


async def test_each_passage_is_a_block_and_its_citation_a_delta_behind_its_text(claude, sdk):
    claude.script(ANSWER)

    events = await streamed(sdk, **said(user(CITED, text("Hi"))))

    deltas = [event.delta for event in events if event.type == "content_block_delta"]
    assert [one.type for one in deltas] == ["text_delta", "text_delta", "citations_delta"]
    assert deltas[-1].citation.to_dict() == {**PLACE, "file_id": None}


async def test_without_leave_to_cite_it_is_one_text(claude, sdk):
    claude.script(ANSWER)

    events = await streamed(sdk, **said(user(PDF, text("Hi"))))

    assert [event.delta.text for event in events if event.type == "content_block_delta"] == ["It costs 5"]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({**PLACE, "file_id": "file_1"}, "page_location.file_id: Extra inputs are not permitted"),
        ({name: PLACE[name] for name in PLACE if name != "cited_text"}, "page_location.cited_text: Field required"),
    ],
    ids=["more", "less"],
)
async def test_a_citation_comes_back_as_it_went_out_or_not_at_all(sdk, place, words):
    cited = {**text("5"), "citations": [place]}

    with pytest.raises(anthropic.BadRequestError, match=words):
        await streamed(sdk, **said(user(CITED, text("Hi")), {"role": "assistant", "content": [cited, SEARCH]}))
