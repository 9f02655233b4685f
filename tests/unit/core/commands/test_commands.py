"""What each command does: core.commands.persona, core.commands.prompt, core.commands.forget, core.commands.help.

Tests core.commands.lines.told_tools too.
"""

import logging
import re
from dataclasses import replace

import pytest

from core.commands import TABLE
from core.commands.registry import (
    BELOW_ANSWER,
    IN_MENU,
    MEMBERS_ONLY,
    RankTooLow,
    UsageError,
)
from core.domain.content import Text
from core.domain.errors import VersionConflict
from core.domain.events import Commanded
from core.domain.messages import Asks, Rank, ThreadKey
from core.domain.personas import Persona, Place
from core.prompting.request import Block, Request
from core.store import open_store
from core.tools.registry import ToolRegistry
from tests.support.provided_tools import ProvidedTools

KEY = ThreadKey("board:w1", "c1", "t1")
BAD_MODEL = (
    "A model's id has letters, digits and `.-_:/@+` alone, such as `claude-haiku-5-5`. `persona models` lists them all."
)


@pytest.fixture
async def store(board):
    opened = await open_store("sqlite://", clock=board.now)
    yield opened
    await opened.shut()


async def test_without_a_persona_the_defaults_are_shown(give):
    assert (
        await give("persona show", "U2")
        == "No persona is set here; these are the defaults.\n\nmodel `new`\n> (no system prompt)"
    )


async def test_what_is_set_is_shown_with_who_set_it(give):
    await give("persona set Be brief.\nBe kind.")

    shown = await give("persona show", "U2")
    assert shown.startswith("Set for this channel by Ada on 2026-01-02 (version 1).")
    assert shown.endswith("> Be brief.\n> Be kind.")


async def test_setting_the_same_again_makes_no_new_version(give, store):
    await give("persona set Be brief.")

    assert "It was that already." in await give("persona set Be brief.")
    assert len(await store.personas.versions(Place("board:w1", "c1"))) == 1


async def test_tuning_keeps_the_words_and_setting_keeps_the_tuning(give, store):
    await give("persona set Be brief.")
    await give("persona tune effort=low max_tokens=4000")
    await give("persona set Be long.")

    held = await store.personas.persona(Place("board:w1", "c1"))
    assert held.persona == Persona(system="Be long.", effort="low", max_tokens=4000)


async def test_files_and_long_answers_are_tuned_and_shown(give, store):
    tuned = await give("persona tune files=never long=file")

    assert "files `never`, long `file`" in tuned
    assert "files `never`, long `file`" in await give("persona show", "U2")
    assert (await store.personas.persona(Place("board:w1", "c1"))).persona == Persona(files="never", long="file")


async def test_prompts_are_tuned_shown_and_taken_back(give, store):
    tuned = await give('persona tune where=workspace prompts="Sum up  our week ;; Ask"')
    held = await store.personas.persona(Place("board:w1"))
    await give("persona tune where=workspace prompts=default")

    assert "prompts `Sum up our week; Ask`" in tuned
    assert held.persona == Persona(prompts="Sum up our week; Ask")
    assert (await store.personas.persona(Place("board:w1"))).persona == Persona()


async def test_nobody_can_write_the_version_that_a_form_has_shown(give, store):
    await give("persona set seen=7 Be brief.")

    assert (await store.personas.persona(Place("board:w1", "c1"))).persona == Persona("seen=7 Be brief.")
    with pytest.raises(UsageError):
        await give("budget set 5 seen=7")


@pytest.mark.parametrize("line", ["persona tune files=always", "persona tune long=short"])
async def test_a_choice_that_there_is_not_is_refused(give, line):
    with pytest.raises(UsageError):
        await give(line)


async def test_default_takes_a_choice_back(give, store):
    await give("persona tune effort=low")
    await give("persona tune effort=default")

    assert (await store.personas.persona(Place("board:w1", "c1"))).persona == Persona()


async def test_the_workspaces_persona_holds_where_a_channel_has_none(give):
    await give("persona set where=workspace You are of this house.")

    assert "Set for the whole workspace" in await give("persona show", key=ThreadKey("board:w1", "c9", "t"))
    assert "No persona" in await give("persona show", key=ThreadKey("board:w2", "c9", "t"))


async def test_a_cleared_channel_falls_back(give):
    await give("persona set where=workspace Wide.")
    await give("persona set Narrow.")

    assert await give("persona clear") == "This channel has no persona of its own any more. Cleared by Ada."
    assert "> Wide." in await give("persona show")
    assert await give("persona clear") == "There was no persona to clear."


@pytest.mark.parametrize(
    ("line", "person", "sentence"),
    [
        ("persona set x", "U2", "Only those who manage this channel can use `persona set`."),
        ("persona set where=workspace x", "U3", "Only those who manage the whole workspace can set its persona."),
        ("persona clear where=workspace", "U3", "Only those who manage the whole workspace can set its persona."),
        ("persona tune", "U1", "Name at least one thing to tune, such as `persona tune effort=low`."),
        ("persona tune effort=high model=old", "U1", "old does not take effort `high`; it has no effort levels."),
        (
            "persona tune temperature=0.5",
            "U1",
            "new no longer takes a temperature. Use effort instead: low is brief, high is thorough.",
        ),
        ("persona tune temperature=1.1", "U1", "temperature is a number from 0 to 1; `1.1` is not."),
        ("persona tune temperature=-0", "U1", "temperature is a number from 0 to 1; `-0` is not."),
        ("persona tune temperature=nan", "U1", "temperature is a number from 0 to 1; `nan` is not."),
        ("persona tune temperature=0_1", "U1", "temperature is a number from 0 to 1; `0_1` is not."),
        ("persona tune temperature=\uff11", "U1", "temperature is a number from 0 to 1; `\uff11` is not."),
        ("persona tune temperature=hot", "U1", "temperature is a number from 0 to 1; `hot` is not."),
        ("persona tune max_tokens=9000", "U1", "new writes at most 8,000 tokens."),
        ("persona show", "U9", MEMBERS_ONLY),
        ("prompt", "U9", MEMBERS_ONLY),
        ("usage", "U9", MEMBERS_ONLY),
        ("usage of=me", "U9", MEMBERS_ONLY),
        ("budget show", "U9", MEMBERS_ONLY),
        ("forget", "U9", MEMBERS_ONLY),
        ("forget of=me", "U9", MEMBERS_ONLY),
        (
            "forget of=everybody",
            "U2",
            "Only those who manage this channel can erase what others said. `forget of=me` erases yours.",
        ),
        ("persona tune model=\x1b[31mred", "U1", BAD_MODEL),
        ("persona tune model=\u202egpt", "U1", BAD_MODEL),
        ("persona tune model==1+1", "U1", BAD_MODEL),
        ("persona tune model=" + "a" * 129, "U1", BAD_MODEL),
    ],
)
async def test_what_cannot_be_set_is_refused_with_a_reason(give, board, store, line, person, sentence):
    board.ranks |= {"U3": Rank.MANAGER, "U9": Rank.GUEST}

    with pytest.raises(UsageError) as raised:
        await give(line, person)

    assert str(raised.value) == sentence
    assert await store.personas.persona(Place("board:w1", "c1")) is None


async def test_of_two_who_change_it_at_once_the_second_is_told(store, board):
    place = Place("board:w1", "c1")
    await store.personas.change(place, Persona(system="a"), 0, "U1", board.now())

    with pytest.raises(VersionConflict):
        await store.personas.change(place, Persona(system="b"), 0, "U2", board.now())


async def test_of_a_thread_that_nothing_is_kept_of_is_shown_what_is_told_before_the_first_words(give):
    nothing, head, house = (await give("prompt")).split("\n\n")

    assert nothing.startswith("Nothing yet:")
    assert head.startswith("The next request, about ")
    assert house.startswith("**1. house**")


async def test_a_prompt_is_fenced_beyond_what_stands_in_it(give, store, board):
    await store.questions.ingest(board.said("t1", "U1", "hello"))

    shown = await give("prompt")

    assert "**1. house**, about 2 tokens\n````\n```x```\n````\ncache breakpoint" in shown
    assert shown.startswith("The next request, about 2 tokens: model `new`, at most 5 tokens of answer.\n")


SAID = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, "cached for 1 hour"),
        ({"cache_control": {"type": "ephemeral"}}, "cached for 5 minutes"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "thinking `adaptive`, effort `low`"),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
            "thinking `enabled` of at most 4,096 tokens",
        ),
        ({"extra_body": {"temperature": 0.5}}, "temperature `0.5`"),
        ({"service_tier": "auto"}, '`{"service_tier": "auto"}`'),
    ],
)
async def test_the_settings_of_a_prompt_stand_in_words(give, store, board, body, told):
    async def compose(question, surface) -> Request:
        return Request({"model": "new", "max_tokens": 1, "messages": SAID, **body}, ())

    shown = await give("prompt", compose=compose)

    assert shown == f"The next request, about 0 tokens: model `new`, at most 1 token of answer, {told}."


async def test_the_tools_of_a_prompt_are_shown_as_they_are_sent_with_their_tokens(give):
    tools = [{"name": "web_search", "type": "web_search_20260318"}, {"name": "x" * 400, "input_schema": {}}]

    async def compose(question, surface) -> Request:
        return Request(
            {"model": "new", "max_tokens": 1, "messages": SAID, "tools": tools}, (Block("house", Text("y" * 400)),)
        )

    head, told, house = (await give("prompt", compose=compose)).split("\n\n")

    assert head == "The next request, about 268 tokens: model `new`, at most 1 token of answer."
    assert told.splitlines() == [
        f"**tools**, about 147 tokens: `web_search` 16, `{'x' * 400}` 131",
        "```",
        '{"name": "web_search", "type": "web_search_20260318"}',
        f'{{"name": "{"x" * 400}", "input_schema": {{}}}}',
        "```",
    ]
    assert house.startswith("**1. house**, about 121 tokens")


@pytest.mark.parametrize(
    ("line", "where"),
    [("prompt", IN_MENU), ("stop", BELOW_ANSWER), ("retry", BELOW_ANSWER)],
)
async def test_where_no_conversation_is_known_the_hint_names_what_there_is(give, line, where):
    said = await give(line, key=ThreadKey("board:w1", "c1", ""))

    assert f"write `!{line}` in its thread" in said
    assert said.endswith(where)


async def test_forget_where_no_conversation_is_known_is_refused_to_its_giver_alone(give):
    with pytest.raises(UsageError, match=r"write `!forget` in its thread"):
        await give("forget", key=ThreadKey("board:w1", "c1", ""))


async def test_forgetting_says_how_much(give, store, board):
    await store.questions.ingest(board.said("t1", "U1", "hello"))
    await store.questions.ingest(board.said("t1", "U2", "hi", asks=Asks.NO))

    assert (await give("forget", "U1")).startswith("2 messages are forgotten.")
    assert await give("forget", "U1") == "Confab keeps nothing of this thread."


async def test_who_does_not_manage_the_channel_forgets_their_own_words_alone(give, store, board, caplog):
    caplog.set_level(logging.INFO)
    await store.questions.ingest(board.said("t1", "U1", "secret of Ada"))
    await store.questions.ingest(board.said("t1", "U2", "secret of Bob", asks=Asks.NO))

    assert (await give("forget", "U2")).startswith("1 message is forgotten, yours and the answers to you.")
    assert [one.text for one in (await store.threads.thread(KEY)).messages] == ["secret of Ada"]
    assert (await give("forget", "U2")).startswith("Confab keeps nothing of you in this thread.")
    assert (await give("forget of=me", "U1")).startswith("1 message is forgotten, yours and")
    assert (await store.threads.thread(KEY)).messages == ()
    said = [record.getMessage() for record in caplog.records if record.name == "core.commands.forget"]
    assert said == [
        "U2 erased own words of thread t1 in c1 of board:w1: 1",
        "U2 erased own words of thread t1 in c1 of board:w1: 0",
        "U1 erased own words of thread t1 in c1 of board:w1: 1",
    ]


async def test_guests_who_may_ask_may_give_the_commands_of_members(give, board):
    board.ranks["U9"] = Rank.GUEST

    shown = await give("persona show", "U9", guests=True)
    with pytest.raises(RankTooLow):
        await give("persona clear", "U9", guests=True)

    assert shown.startswith("No persona is set here")
    assert "Commands:" in await give("help", "U9")


async def test_only_models_of_the_operators_list_may_be_chosen(give):
    with pytest.raises(UsageError) as raised:
        await give("persona tune model=old", models=("new", "newer"))

    assert str(raised.value).startswith("The model `old` may not be used here. These may: `new`, `newer`.")
    assert "`new`" in await give("persona tune model=new", models=("new", "newer"))
    assert "tuned" in await give("persona tune model=default", models=("new",))


TOOLS = ToolRegistry(
    [
        ProvidedTools({"history": ("search_history", "read_thread"), "time": ("current_time",)}, free=True),
        ProvidedTools({"web": ("web_search", "web_fetch"), "code": ("code_execution",)}, hosted=True),
        ProvidedTools({"tickets": ("create", "find"), "wiki": ()}, down=["wiki"]),
    ],
    ("history", "time", "web", "tickets", "wiki"),
)


async def test_tools_are_chosen_in_order_and_small_and_taken_back(give, store):
    place = Place("board:w1", "c1")
    await give("persona tune tools=Web,history,web", tools=TOOLS)
    assert (await store.personas.persona(place)).persona == Persona(tools="history,web")

    await give("persona tune tools=none", tools=TOOLS)
    assert (await store.personas.persona(place)).persona == Persona(tools="none")

    await give("persona tune tools=default effort=low", tools=TOOLS)
    assert (await store.personas.persona(place)).persona == Persona(effort="low")


async def test_what_is_taken_back_is_told_with_what_holds_then(give):
    await give("persona tune where=workspace tools=web", tools=TOOLS)
    await give("persona tune tools=tickets model=new", tools=TOOLS)
    both = (await give("persona tune tools=default model=default", tools=TOOLS)).split("\n\n")
    again = (await give("persona tune tools=default", tools=TOOLS)).split("\n\n")
    wide = (await give("persona tune where=workspace tools=default", tools=TOOLS)).split("\n\n")

    begins = "is tuned from its next answer on."
    assert both[0] == f"This channel {begins} Taken back: model `new`, tools `tickets`. Set by Ada."
    assert again[0] == f"This channel {begins} This channel had no tools of its own. Set by Ada."
    assert wide[0] == f"This workspace {begins} Taken back: tools `web`. Set by Ada."
    held = [next(one for one in told if one.startswith("Claude may use ")) for told in (both, again, wide)]
    assert [one.split("`")[1] for one in held] == ["web", "web", "history"]


async def test_a_channel_has_its_own_tools_and_else_the_workspaces(give):
    await give("persona tune where=workspace tools=web", tools=TOOLS)
    await give("persona tune tools=time", tools=TOOLS)

    assert "tools `time`" in await give("persona show", tools=TOOLS)
    assert "tools `web`" in await give("persona show", key=replace(KEY, channel="c2"), tools=TOOLS)


async def test_which_tools_hold_is_shown_with_what_each_group_is_and_what_it_costs(give):
    by_default = (await give("persona show", tools=TOOLS)).split("\n\n")
    tuned = (await give("persona tune tools=web,tickets,wiki,current_time", tools=TOOLS)).split("\n\n")
    reads = (await give("persona tune tools=web_fetch", tools=TOOLS)).split("\n\n")
    nothing = (await give("persona tune tools=none", tools=TOOLS)).split("\n\n")

    more = "More may be chosen with `persona tune tools=...`: "
    assert by_default[2:] == [
        "Claude may use `history` (read_thread, search_history); `time` (current_time).",
        f"{more}`tickets` (create, find), `web` (web_fetch, web_search), `wiki`.",
    ]
    assert tuned[1].startswith("tools `current_time,tickets,web,wiki`")
    assert tuned[2:] == [
        "Claude may use `tickets` (create, find), asking first before create; `time` (current_time); "
        "`web` (web_fetch, web_search), web_search at a price beside its tokens. "
        "`wiki` can't be had just now, or not all of it.",
        f"{more}`history` (read_thread, search_history).",
    ]
    assert reads[2] == "Claude may use `web` (web_fetch)."
    assert nothing[2] == "Claude has no tools here."


async def test_a_tool_that_is_not_there_is_refused_with_those_that_are(give, store):
    with pytest.raises(UsageError) as refused:
        await give("persona tune tools=wbe,time", tools=TOOLS)

    assert str(refused.value).startswith("There is no tool `wbe`. Did you mean `web`? These may be chosen: `history` (")
    with pytest.raises(UsageError, match="The group `code` is not allowed here"):
        await give("persona tune tools=code", tools=TOOLS)
    assert await store.personas.persona(Place("board:w1", "c1")) is None


@pytest.mark.parametrize(
    "line", ["tools=web, time", "tools=time , web effort=low", 'tools="web, time"', "tools=web,time"]
)
async def test_tools_may_have_blanks_at_their_commas(give, line):
    assert "tools `time,web`" in await give(f"persona tune {line}", tools=TOOLS)


async def test_no_tool_where_one_should_stand_is_answered_with_those_that_there_are(give):
    with pytest.raises(UsageError, match=r"Name at least one tool\. These may be chosen: `history`"):
        await give("persona tune tools=", tools=TOOLS)


async def test_what_may_be_said_with_allow_is_told_as_it_is_written(give):
    with pytest.raises(UsageError, match="Write `allow` or `allow thread`; `foo` is neither"):
        await give("allow foo")


async def test_what_is_not_about_tools_is_tuned_also_where_those_that_were_chosen_are_gone(give):
    await give("persona tune tools=web", tools=TOOLS)

    assert "tuned" in await give("persona tune effort=low", tools=ToolRegistry())


async def test_a_name_that_could_be_markup_stands_as_code(give, board):
    board.people["U1"] = "[x](http://evil.example) `<!here>`\n# Boss"

    assert (await give("persona set x")).startswith(
        "This channel has this persona from its next answer on. Set by `[x](http://evil.example) '<!here>' # Boss`."
    )


async def test_help_names_every_command_in_one_message(give):
    shown = await give("help")

    lines = [line for line in shown.splitlines() if line.startswith("- `")]
    told = {word for line in lines for word in re.findall(r"\w+", line.partition(": ")[0])}
    assert {word for row in TABLE if not row.asks for word in row.words.split()} <= told
    assert len(shown) < 1_900  # what Discord shows on one page


async def test_help_tells_of_the_commands_that_begin_with_a_word_and_who_may_give_them(give):
    shown = await give("help persona")

    lines = shown.splitlines()
    assert [line for line in lines if not line.startswith("- `persona ")] == []
    assert len(lines) == sum(row.words.startswith("persona ") for row in TABLE)
    assert "- `persona set TEXT [...]`: Give Claude a persona in this channel: its system prompt (managers)" in lines
    assert len(shown) < 1_900


async def test_help_tells_all_that_a_command_takes(give):
    row = next(row for row in TABLE if row.words == "persona tune")

    shown = await give("help persona tune")

    assert [one.name for one in row.parameters if f"- `{one.name}`: {one.about}" not in shown] == []


@pytest.mark.parametrize("words", ["explain", "translate", "ask about", "/explain"])
async def test_help_tells_of_what_stands_in_menus_too(give, words):
    assert (await give(f"help {words}")).startswith(f"`{words.lstrip('/')}")


async def test_help_of_a_command_that_is_none_names_the_nearest(give):
    with pytest.raises(UsageError, match=r"There is no command `persna`\. Did you mean `persona "):
        await give("help persna")


async def test_a_command_is_a_question_that_its_event_makes_once(store, board):
    event = Commanded("k1", KEY, "U1", "help", board.now())

    assert [(await store.questions.ingest(event)).question for _ in range(2)] == [True, False]


async def test_help_lists_each_first_word_once(give):
    words = [line.split("`")[1].split()[0] for line in (await give("help")).splitlines() if line.startswith("- `")]

    assert len(words) == len(set(words)) > 10


@pytest.mark.parametrize(
    ("line", "beginning"),
    [
        ("help notes", "- `note add TEXT`"),
        ("help note", "- `note add TEXT`"),
        ("help persona tune follow_ups", "`persona tune ["),
        ("help persona tune follow_ups=smart", "`persona tune ["),
        ("help /persona use", "`persona use NAME"),
    ],
)
async def test_help_understands_plurals_and_names_of_values(give, line, beginning):
    assert (await give(line)).startswith(beginning)


async def test_a_persona_with_examples_says_their_number_once(give):
    await give('example add must="a day" When?')

    assert "examples" not in (shown := await give("persona show"))
    assert "1 example" in shown
