"""One Messages API request out of persona, turns and a model's capabilities."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.content import FRAME, IMAGE_TOKENS, Document, Image, Returned, Text, Uploaded
from core.domain.models import CITATIONS, Model
from core.domain.personas import Persona
from core.domain.tools import PREAMBLE, ToolDefinition
from core.prompting.code_requests import continue_request
from core.prompting.request import (
    CITING,
    CITING_TOKENS,
    CITING_WEB,
    HOUSE,
    SYSTEM,
    TOOLING,
    Block,
    build_request,
    leave_out_files,
    replace_contents,
    simplify_request,
)
from core.prompting.turns import Turn

TURNS = [
    Turn("user", (Text("Ada: a"),), ("1",)),
    Turn("assistant", (Text("x"),), ("2",)),
    Turn("user", (Text("Bob: b"),), ("3",)),
]
NEW = Model("new", 1_000_000, 128_000, frozenset({"low", "high"}), frozenset({"adaptive", "disabled"}), known=True)
OLD = Model("old", 200_000, 64_000, frozenset(), frozenset({"enabled"}), known=True)
BARE = Model("bare")


def test_a_request_is_system_prompt_turns_and_two_breakpoints():
    made = build_request(Persona(system="Be brief.", max_tokens=1000), TURNS, NEW, "1h")

    mark = {"type": "ephemeral", "ttl": "1h"}
    assert made.body == {
        "model": "new",
        "max_tokens": 1000,
        "system": [
            {"type": "text", "text": HOUSE},
            {"type": "text", "text": "Be brief.", "cache_control": mark},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Ada: a"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
            {"role": "user", "content": [{"type": "text", "text": "Bob: b"}]},
        ],
        "cache_control": mark,
    }
    assert made.headers == {}
    assert made.last == "3"
    assert made.blocks == (
        Block("house", Text(HOUSE)),
        Block("persona", Text("Be brief."), breakpoint=True),
        Block("user", Text("Ada: a")),
        Block("assistant", Text("x")),
        Block("user", Text("Bob: b"), breakpoint=True),
    )


@pytest.mark.parametrize("persona", [Persona(), Persona(system="Be brief.")], ids=["alone", "behind a persona"])
def test_the_notes_of_a_channel_end_the_system_prompt_with_its_breakpoint(persona):
    made = build_request(persona, TURNS, NEW, "1h", notes="Notes.")

    *before, last = made.body["system"]
    assert last == {"type": "text", "text": "Notes.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert not any("cache_control" in one for one in before)
    system = [one for one in made.blocks if one.origin in SYSTEM]
    assert [one.origin for one in system] == ["house", *(["persona"] if persona.system else []), "notes"]
    assert [one.breakpoint for one in system] == [False] * len(before) + [True]


def test_a_picture_that_is_left_out_is_the_one_that_the_api_names_also_behind_notes():
    picture = Image("a.png", "image/png", 10, 10, "AAAA")
    turns = [Turn("user", (Text("Ada: a"), picture), ("1",))]
    made = build_request(Persona(system="Be brief."), turns, NEW, "1h", notes="Notes.")

    smaller = simplify_request(made, "messages.0.content.1.image: too odd")

    assert smaller is not None
    assert smaller.blocks[-1].content.words.startswith("[The image")
    assert smaller.body["messages"][0]["content"][0]["text"] == "Ada: a"


def test_without_a_persona_the_house_has_the_breakpoint():
    made = build_request(Persona(), TURNS, NEW, "5m")

    mark = {"type": "ephemeral", "ttl": "5m"}
    assert made.body["system"] == [{"type": "text", "text": HOUSE, "cache_control": mark}]
    assert made.blocks[0] == Block("house", Text(HOUSE), breakpoint=True)


@pytest.mark.parametrize(
    ("persona", "model", "sent"),
    [
        pytest.param(Persona(effort="low"), NEW, {"output_config": {"effort": "low"}}, id="effort where it is known"),
        pytest.param(Persona(effort="max"), NEW, {}, id="an unknown level is left out"),
        pytest.param(Persona(effort="low"), OLD, {}, id="effort is left out for a model without"),
        pytest.param(
            Persona(effort="low"), BARE, {"output_config": {"effort": "low"}}, id="effort for a model of unknown ones"
        ),
        pytest.param(Persona(), BARE, {}, id="nothing that nobody chose"),
        pytest.param(Persona(thinking="adaptive"), NEW, {"thinking": {"type": "adaptive"}}, id="thinking"),
        pytest.param(Persona(thinking="enabled"), NEW, {}, id="thinking of a kind it lacks is left out"),
        pytest.param(
            Persona(thinking="enabled", max_tokens=4096),
            OLD,
            {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
            id="enabled thinking has half the tokens",
        ),
        pytest.param(Persona(thinking="enabled", max_tokens=500), OLD, {"max_tokens": 500}, id="too few to think"),
        pytest.param(Persona(max_tokens=999_999), OLD, {"max_tokens": 64_000}, id="never more than the model writes"),
        pytest.param(Persona(temperature=0.2), OLD, {"extra_body": {"temperature": 0.2}}, id="temperature"),
        pytest.param(Persona(temperature=0.2), NEW, {}, id="temperature is left out where it is refused"),
        pytest.param(
            Persona(temperature=0.2, thinking="enabled"),
            OLD,
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
            id="thinking excludes a temperature",
        ),
    ],
)
def test_only_what_a_model_takes_is_sent(persona, model, sent):
    body = build_request(persona, TURNS, model, "1h").body

    usual = {"model": model.id, "max_tokens": 8192}
    extra = {name: value for name, value in body.items() if name not in {"system", "messages", "cache_control"}}
    assert extra == usual | sent


def test_a_temperature_goes_under_the_api_version_that_takes_it():
    assert build_request(Persona(temperature=0.2), TURNS, OLD, "1h").headers == {"anthropic-version": "2023-06-01"}


def test_after_a_pause_what_came_goes_back_as_it_was():
    made = build_request(Persona(), TURNS, NEW, "1h")
    content = [{"type": "text", "text": "so far"}]

    more = continue_request(made, content)

    assert more.body["messages"] == [*made.body["messages"], {"role": "assistant", "content": content}]
    assert (more.last, more.model) == (made.last, made.model)


@given(st.lists(st.text(min_size=1, max_size=50), min_size=1, max_size=9), st.text(max_size=50))
def test_the_bound_is_never_below_the_bytes_sent(texts, system):
    made = build_request(Persona(system=system), [Turn("user", (Text(text),)) for text in texts], NEW, "1h")

    assert made.input_bound >= sum(len(text.encode()) for text in (*texts, system, HOUSE))


def test_the_same_thread_makes_the_same_bytes():
    bodies = {json.dumps(build_request(Persona(system="s"), TURNS, NEW, "1h").body) for _ in range(3)}

    assert len(bodies) == 1


PICTURE = Image("plan.png", "image/png", 40, 30, "AAAA")
SEEN = [Turn("user", (Text("Ada: look"), PICTURE, Text("Bob: and?")), ("1", "2"))]
BLOCK = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def test_a_picture_stands_where_it_was_shown_and_is_bounded_by_what_it_can_cost():
    made, without = (
        build_request(Persona(), turns, NEW, "1h") for turns in (SEEN, [Turn("user", SEEN[0].content[::2])])
    )

    assert made.body["messages"] == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Ada: look"}, BLOCK, {"type": "text", "text": "Bob: and?"}],
        }
    ]
    assert made.input_bound == without.input_bound + IMAGE_TOKENS + FRAME
    assert [block.breakpoint for block in made.blocks] == [True, False, False, True]


def test_a_picture_is_shown_in_words_and_never_in_bytes():
    made = build_request(Persona(), SEEN, NEW, "1h")

    assert made.blocks[2].content.words == "[plan.png, image/png, 40 x 30 pixels, 3 bytes]"
    assert "AAAA" not in repr(made.blocks)


@pytest.mark.parametrize("images", [True, False])
def test_a_model_that_reads_no_images_is_told_that_there_was_one(images):
    made = build_request(Persona(), SEEN, replace(NEW, blind=frozenset() if images else frozenset({"image"})), "1h")

    kinds = [block["type"] for block in made.body["messages"][0]["content"]]
    assert kinds == (["text", "image", "text"] if images else ["text"] * 3)
    assert all(isinstance(block.content, Text) for block in made.blocks) != images


@pytest.mark.parametrize(
    "complaint", ["messages.0.content.1.image.source: Could not process image", "At least one of the Image dimensions"]
)
def test_pictures_that_are_not_taken_are_left_out_once(complaint):
    made = build_request(Persona(), SEEN, NEW, "1h")

    plainer = simplify_request(made, complaint)
    assert plainer is not None
    assert [block["type"] for block in plainer.body["messages"][0]["content"]] == ["text"] * 3
    assert "left out" in plainer.body["messages"][0]["content"][1]["text"]
    assert plainer.input_bound < made.input_bound
    assert simplify_request(plainer, complaint) is None


def test_the_mark_of_the_cache_stays_where_a_picture_is_left_out():
    moved = simplify_request(build_request(Persona(), [Turn("user", SEEN[0].content[:2])], NEW, "1h"), "cache_control")
    assert moved is not None

    plainer = simplify_request(moved, "Could not process image")
    assert plainer is not None
    assert plainer.body["messages"][0]["content"][1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


FORMED = {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "null"}}}


@pytest.mark.parametrize(
    ("config", "complaint", "left"),
    [
        (FORMED, "output_config.effort: Input should be 'high'", {"format": FORMED["format"]}),
        (FORMED, "output_config: Extra inputs are not permitted", {"format": FORMED["format"]}),
        ({"effort": "low"}, "output_config: Extra inputs are not permitted", None),
    ],
    ids=["effort with a form", "all of it with a form", "all of it"],
)
def test_an_effort_that_is_not_taken_leaves_the_form_of_the_answer(config, complaint, left):
    made = build_request(Persona(), TURNS, NEW, "1h")

    plainer = simplify_request(replace(made, body=made.body | {"output_config": config}), complaint)

    assert plainer is not None
    assert plainer.body.get("output_config") == left


def test_a_form_that_is_not_taken_is_no_matter_of_effort():
    made = build_request(Persona(), TURNS, NEW, "1h")
    asked = replace(made, body=made.body | {"output_config": FORMED})

    assert simplify_request(asked, "output_config.format: Extra inputs are not permitted") is None


PLAN = Document("plan.pdf", 1, 5, "BBBB")


def test_what_can_be_cited_is_bounded_by_more():
    turns = [Turn("user", (Text("Ada: look"), PLAN))]
    plain, cited = (
        build_request(Persona(), turns, replace(NEW, lacks=lacks), "1h")
        for lacks in (frozenset({CITATIONS}), frozenset())
    )

    assert cited.input_bound == plain.input_bound + CITING_TOKENS + len(f"\n\n{CITING}") + PLAN.text
    uncited = simplify_request(cited, "messages.0.content.1.document.citations: Extra inputs are not permitted")
    assert uncited is not None
    assert uncited.input_bound == cited.input_bound - CITING_TOKENS - PLAN.text
    assert uncited.body["messages"] == plain.body["messages"]


def test_of_a_request_that_is_too_large_all_that_is_shown_is_left_out():
    made = build_request(Persona(), [Turn("user", (Text("Ada: look"), PICTURE, PLAN))], NEW, "1h")

    plainer = leave_out_files(made)

    assert plainer is not None
    assert [block["type"] for block in plainer.body["messages"][0]["content"]] == ["text"] * 3
    assert plainer.left_out == {"image", "document"}
    assert leave_out_files(plainer) is None


@pytest.mark.parametrize(
    "complaint",
    ["max_tokens: 8192 > 4096, which is the maximum; see the documentation", "thinking: see our docs on imagery"],
)
def test_a_complaint_of_something_else_leaves_no_file_out(complaint):
    made = build_request(Persona(thinking="adaptive"), [Turn("user", (PICTURE, PLAN))], NEW, "1h")

    plainer = simplify_request(made, complaint)

    assert plainer is not None
    assert plainer.left_out == frozenset()


def test_a_pdf_that_is_not_taken_is_left_out_and_pictures_stay():
    made = build_request(Persona(), [Turn("user", (Text("Ada: look"), PICTURE, PLAN))], NEW, "1h")

    plainer = simplify_request(made, "messages.0.content.2.pdf.source.base64.data: The PDF specified was not valid.")

    assert plainer is not None
    assert [block["type"] for block in plainer.body["messages"][0]["content"]] == ["text", "image", "text"]
    assert plainer.blocks[-1].content == Text(
        "[The document that stood here is left out, for it could not be shown to you.]"
    )


@pytest.mark.parametrize(("size", "tokens"), [((750, 1), 1), ((1_024, 1_024), 1_399), ((4_000, 4_000), IMAGE_TOKENS)])
def test_about_how_many_tokens_a_picture_has_is_told_by_its_pixels(size, tokens):
    made = build_request(Persona(), [Turn("user", (Image("a", "image/png", *size, "AAAA"),))], NEW, "1h")

    assert made.blocks[-1].tokens == tokens


@pytest.mark.parametrize(
    "complaint",
    [
        "messages.2.content.1.image.source: Could not process image",
        "400 invalid_request_error At least one of the image dimensions exceed (messages.2.content.1)",
    ],
)
def test_only_the_picture_that_the_api_names_is_left_out(complaint):
    turns = [Turn("user", (Text("Ada: look"), PICTURE)), Turn("assistant", (Text("yes"),))]
    turns.append(Turn("user", (Text("Ada: and?"), PICTURE)))
    made = build_request(Persona(system="Be brief."), turns, NEW, "1h")

    plainer = simplify_request(made, complaint)

    assert plainer is not None
    assert plainer.body["messages"][:2] == made.body["messages"][:2]
    assert [block["type"] for block in plainer.body["messages"][2]["content"]] == ["text", "text"]
    assert [block.content.kind for block in plainer.blocks] == ["text", "text", "text", "image", "text", "text", "text"]


@pytest.mark.parametrize("complaint", ["messages.0.content.0: no", "messages.7.content.1: no", "messages.0.content.9"])
def test_a_complaint_about_words_leaves_no_picture_out(complaint):
    made = build_request(Persona(), [Turn("user", (Text("Ada: look"), PICTURE))], NEW, "1h")

    assert simplify_request(made, complaint) is None


def test_a_file_that_is_told_anew_stands_in_its_place():
    made = build_request(Persona(), [Turn("user", (Text("Ada: look"), PICTURE, PLAN))], NEW, "1h")
    fresh = replace(PICTURE, data="", uploaded=Uploaded("file_2", 3))

    told = replace_contents(made, {2: fresh})

    assert told.body["messages"][0]["content"][1] == fresh.build_block()
    assert told.blocks[2].content == fresh
    assert told.body["messages"][0]["content"][2] == made.body["messages"][0]["content"][2]


LOOK = ToolDefinition("look", {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}})
SEARCH = ToolDefinition(
    "web_search", {"type": "web_search_x", "name": "web_search"}, capability="web", results_bound=50
)
USED = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "é\ud800"}}


def test_tools_stand_in_the_request_with_a_word_about_what_they_bring_and_count_in_its_bound():
    plain = build_request(Persona(), TURNS, NEW, "1h")
    made = build_request(Persona(), TURNS, NEW, "1h", tools=[LOOK, SEARCH])

    assert made.body["tools"] == [LOOK.body, SEARCH.body]
    assert made.body["system"][0]["text"] == f"{HOUSE}\n\n{TOOLING}\n\n{CITING_WEB}"
    words = len(f"\n\n{TOOLING}\n\n{CITING_WEB}".encode())
    more = words + LOOK.tokens_bound + SEARCH.tokens_bound + 50 + PREAMBLE + CITING_TOKENS
    assert made.input_bound == plain.input_bound + more
    assert made.digest != plain.digest
    assert "tools" not in plain.body


def test_tools_that_anthropic_runs_share_what_is_set_aside_for_their_results():
    fetch = ToolDefinition("web_fetch", {"type": "web_fetch_x", "name": "web_fetch", "max_uses": 3}, results_bound=70)
    search = replace(SEARCH, body={**SEARCH.body, "max_uses": 4})

    made = build_request(Persona(), TURNS, NEW, "1h", tools=[LOOK, fetch, search])

    assert (made.results_bound, made.searches_bound) == (70, 4)


def test_a_model_that_lacks_a_tool_is_asked_without_it():
    made = build_request(Persona(), TURNS, replace(NEW, lacks=frozenset({"web"})), "1h", tools=[LOOK, SEARCH])

    assert (made.body["tools"], made.tools) == ([LOOK.body], (LOOK,))


def test_what_a_tool_brought_goes_back_below_the_call_as_it_came():
    image = Image("a.png", "image/png", 2, 2, "AAAA")
    brought = Returned("toolu_1", (Text("a broom"), image), failed=True)
    before = build_request(Persona(), TURNS, NEW, "1h", tools=[LOOK])
    made = continue_request(before, [USED], [brought])

    assert made.body["messages"][-2:] == [
        {"role": "assistant", "content": [USED]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [{"type": "text", "text": "a broom"}, image.build_block()],
                    "is_error": True,
                }
            ],
        },
    ]
    assert made.digest not in {before.digest, continue_request(before, [USED], [replace(brought, content=())]).digest}
    assert made.input_bound > before.input_bound + IMAGE_TOKENS + len("a broom")


def test_a_picture_that_a_tool_brought_can_be_left_out_too():
    brought = Returned("toolu_1", (Text("a broom"), Image("a.png", "image/png", 2, 2, "AAAA")))
    made = continue_request(build_request(Persona(), TURNS, NEW, "1h", tools=[LOOK]), [USED], [brought])

    smaller = leave_out_files(made)

    assert smaller
    note = "[The image that stood here is left out, for it could not be shown to you.]"
    told = smaller.body["messages"][-1]["content"][0]
    assert told["content"] == [{"type": "text", "text": "a broom"}, {"type": "text", "text": note}]
    assert leave_out_files(smaller) is None
