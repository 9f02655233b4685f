"""What stands beside a conversation (bots.web.playground.prompt_panel, bots.web.playground.persona_panel)."""

from datetime import date

import pytest

from bots.web.playground.persona_panel import LONGEST, Piece, compare_words, list_commands
from bots.web.playground.prompt_panel import describe_request
from bots.web.playground.waiting_files import WaitingFiles
from core.billing.prices import read_prices
from core.domain.content import Text
from core.domain.messages import File
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.prompting.request import build_request
from core.prompting.turns import Turn

TODAY = date(2026, 11, 20)
HAIKU = "claude-haiku-5-5"
OWN = Persona(system="Be brief.", effort="low")


def view(model=HAIKU, **persona):
    turns = [Turn("user", (Text("ada: Hello"),), ("1",))]
    request = build_request(Persona(system="Be brief.", **persona), turns, Model(model), "1h")
    return request, describe_request(request, read_prices(), TODAY)


def test_the_blocks_stand_as_they_are_sent_with_the_breakpoints_of_the_cache():
    request, shown = view()

    assert [(one.number, one.origin, one.breakpoint, one.told) for one in shown.blocks] == [
        (1, "Confab's own words", False, False),
        (2, "The persona", True, False),
        (3, "People", True, True),
    ]
    sent = [block["text"] for block in [*request.body["system"], *request.body["messages"][0]["content"]]]
    assert [one.words for one in shown.blocks] == sent
    assert shown.tokens == sum(one.tokens for one in shown.blocks)
    assert shown.settings["max_tokens"] == str(request.body["max_tokens"])


def test_the_price_is_that_of_a_prompt_that_is_new_and_of_one_that_the_cache_has():
    _, shown = view()
    prices = read_prices()

    assert shown.new_cost == prices.cost(HAIKU, Usage(cache_write_1h=shown.tokens), TODAY).micro_usd
    assert shown.cached_cost == prices.cost(HAIKU, Usage(cache_read=shown.tokens), TODAY).micro_usd
    assert view("unheard-of")[1].new_cost is None


@pytest.mark.parametrize(
    ("given", "commands"),
    [
        ({"text": "Be brief.", "effort": "low"}, []),
        ({"text": "Be\r\nlong.", "effort": "low", "seen": "4"}, [("persona set", {"text": "Be\nlong.", "seen": "4"})]),
        ({"text": "Be brief.", "effort": "", "model": HAIKU, "seen": "4"}, [("persona tune", {"model": HAIKU, "effort": "default", "seen": "4"})]),
        ({"text": "x", "effort": "low", "tools": "none", "seen": "4"}, [("persona set", {"text": "x", "seen": "4"}), ("persona tune", {"tools": "none"})]),
        ({"text": " ", "effort": "low"}, []),
    ],
    ids=["as it was", "words", "settings", "both", "no words"],
)  # fmt: skip
def test_a_form_gives_the_commands_that_make_the_persona_so(given, commands):
    assert list(list_commands(OWN, given)) == commands


def test_a_draft_is_compared_word_by_word():
    assert compare_words("Be very brief.", "Be brief. Now") == [
        Piece("same", "Be"),
        Piece("removed", " very"),
        Piece("same", " brief."),
        Piece("added", " Now"),
    ]
    assert compare_words("a", "a") == [Piece("same", "a")]
    assert compare_words("x" * LONGEST, "y") == [Piece("removed", "x" * LONGEST), Piece("added", "y")]


def test_files_wait_for_their_message_and_the_oldest_make_room():
    uploads = WaitingFiles(most=2, held=10)
    tokens = [uploads.add(File(str(number), "", b"abcd")) for number in range(3)]
    found = uploads.find(tokens[1:])
    uploads.drop(tokens[1:2])

    assert [one.name for one in found] == ["1", "2"]
    assert (uploads.find(tokens[:1]), uploads.find(tokens[1:2]), uploads.find([])) == (None, None, [])
    assert len(uploads.find([uploads.add(File("large", "", b"x" * 99))]) or ()) == 1
