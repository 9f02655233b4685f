"""The terminal as a person sees it: `confab chat` at a pseudo-terminal, compared screen by screen with an emulator's.

Tests bots.console.adapter, bots.console.terminal, bots.console.live_input, bots.console.status_row,
bots.console.log_stream, bots.console.place, bots.console.other_terminals, bots.console.lines.told_batches.
"""

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.claude.script import Answer, Gate, last_words
from tests.fakes.claude.server import ClaudeFake
from tests.support.clock_notes import without_times
from tests.support.pseudo_terminal import run_in_window
from tests.support.standstill import ASLEEP, answer_slowly, stopped
from tests.support.terminal_chat import talk_of_tools

STAMP = re.compile(r"\[\w+day, \d[^\]]*\]")
ROOT = Path(__file__).parents[3]
WINDOWS = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 35)])
WELCOME = {
    80: [
        "Talk to Claude. /as NAME is somebody else, /channel NAME and /new are",
        "elsewhere, /help has more, and Ctrl-D leaves.",
        "",
    ],
    100: [
        "Talk to Claude. /as NAME is somebody else, /channel NAME and /new are elsewhere, /help has more,",
        "and Ctrl-D leaves.",
        "",
    ],
}
PROMPT = "ada in #general>"
LONG = "\n\n".join(f"Paragraph {at} says its number, **{at}**, in `code` too." for at in range(60))


@pytest.fixture
def environment(tmp_path):
    dropped = ("ANTHROPIC_", "CONFAB_", "LC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    chosen = {"USER": "ada", "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return kept | chosen | {"DATABASE_URL": f"sqlite:///{tmp_path}/confab.db"}


@pytest.fixture
async def claude(environment):
    async with ClaudeFake() as fake:
        environment |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url}
        yield fake


@asynccontextmanager
async def chat(environment, folder, columns=80, rows=24, before="", ready=PROMPT):
    async with run_in_window(["chat"], environment, folder, columns, rows, before) as window:
        await window.shows(lambda text: text.endswith(ready))
        yield window


def asked(times, prompt=PROMPT):
    """Whether so many prompts stand on the screen, the last one empty."""
    return lambda text: text.count(prompt) == times and text.endswith(prompt)


async def test_the_transcript_of_the_readme_is_what_the_screen_shows(environment, tmp_path):
    (block,) = re.findall(r"make demo\n\n((?:    .*\n|\n)+)", (ROOT / "README.md").read_text())
    wanted = [line[4:] for line in block.rstrip().splitlines()]
    typed = [line.partition("> ")[2] for line in wanted if re.match(r"\w+ in #\w+> ", line)]
    async with chat(environment, tmp_path, 100, 35) as window:
        for line in typed[:-1]:
            window.type(f"{line}\r")
            await window.shows(lambda text: f"> {line}\n" in text and text.endswith(">"))  # noqa: B023
        window.type(typed[-1])
        await window.shows(typed[-1])

        assert [STAMP.sub("[day and time]", line) for line in window.lines] == [
            STAMP.sub("[day and time]", line) for line in wanted
        ]


@WINDOWS
async def test_a_text_taller_than_the_window_is_printed_once_and_whole(environment, tmp_path, claude, columns, rows):
    claude.script(Answer(text=LONG, chunk=7))
    async with chat(environment, tmp_path, columns, rows) as window:
        window.type("count\r")
        await window.shows(asked(2))

        drawn = [line for at in range(60) for line in (f"Paragraph {at} says its number, {at}, in code too.", "")]
        assert window.lines == [*WELCOME[columns], f"{PROMPT} count", *drawn, PROMPT]


@pytest.mark.parametrize("before", ["", "$ half a line", "x" * 79, "x" * 80, "x" * 81, "one\r\n"])
async def test_wherever_the_cursor_is_the_first_line_stands_once(environment, tmp_path, before):
    async with chat(environment, tmp_path, before=before) as window:
        stood = [before[at : at + 80] for at in range(0, len(before.strip()), 80)]

        assert window.lines == [*(line.strip() for line in stood), *WELCOME[80], PROMPT]


async def test_a_paste_of_many_lines_is_one_question_also_a_taller_one_than_the_window(environment, tmp_path, claude):
    pasted = "\n".join(f"line {at} {'x' * 100}" for at in range(40))
    claude.script(Answer(text="Read."))
    async with chat(environment, tmp_path) as window:
        window.paste(pasted)
        await window.shows("line 39")
        window.type("\r")
        await window.shows(lambda text: "Read." in text and text.endswith(PROMPT))
        (request,) = [one for one in claude.requests if one.path == "/v1/messages"]

        lines = "".join(window.lines)
        assert without_times(request.body["messages"][0]["content"][0]["text"]) == "ada: " + pasted.replace(
            "\n", "\n  "
        )
        assert [lines.count(f"line {at} ") for at in range(40)] == [1] * 40
        assert lines.count("x" * 100) == 40


async def test_a_sign_of_life_stands_until_the_first_word_and_leaves_no_trace(environment, tmp_path, claude):
    gate = Gate(after=1)
    claude.script(Answer(text="Here.", gate=gate))
    async with chat(environment, tmp_path) as window:
        window.type("hello\r")
        await window.shows("thinking ...")
        gate.opened.set()
        await window.shows(asked(2))

        assert window.lines == [*WELCOME[80], f"{PROMPT} hello", "Here.", "", PROMPT]


async def test_words_appear_while_the_answer_grows(environment, tmp_path, claude):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four five six", chunk=4, gate=gate))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows(lambda text: text.endswith("\none two"))
        gate.opened.set()
        await window.shows(asked(2))

        assert window.lines[4] == "one two three four five six"


async def test_ctrl_c_stops_an_answer_and_what_was_said_stays(environment, tmp_path, claude):
    claude.script(Answer(text="one two three four five six", chunk=4, gate=Gate(after=6)))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        window.type("\x03")
        await window.shows(asked(2))

        assert [line for line in window.lines[4:] if line] == [
            *("one two thre", "(Stopped.)", "/continue goes on, /retry answers anew, /delete deletes it"),
            PROMPT,
        ]


async def test_ctrl_c_before_the_first_word_says_that_it_stopped(environment, tmp_path, claude):
    claude.script(Answer(text="never", gate=Gate(after=1)))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("thinking")
        window.type("\x03")
        await window.shows(asked(2))

        assert window.lines == [*WELCOME[80], f"{PROMPT} count", "(Stopped.)", "", PROMPT]


async def test_a_ctrl_c_that_stopped_an_answer_does_not_count_at_the_prompt(environment, tmp_path, claude):
    claude.script(Answer(text="one two three four", chunk=4, gate=Gate(after=6)))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        window.type("\x03")
        await window.shows(asked(2))
        window.type("\x03")
        await window.shows("Ctrl-C once more, or Ctrl-D, leaves.")
        window.type("\x03")

        assert await window.end() == 0


async def test_an_answer_that_was_stopped_goes_on_and_is_tried_again_by_words(environment, tmp_path, claude):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three four", chunk=4, gate=gate), Answer(text=" and five."), Answer(text="Six."))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        window.type("\x03")
        await window.shows(asked(2))
        hint = "/continue goes on, /retry answers anew, /delete deletes it" in window.lines
        for times, line in enumerate(("/continue", "/up", "/continue", "/retry"), 3):
            window.type(f"{line}\r")
            await window.shows(asked(times))

        begin = window.lines.index(f"{PROMPT} /continue")
        assert hint
        assert window.lines[begin:] == [
            *(f"{PROMPT} /continue", "and five.", ""),
            *(f"{PROMPT} /up", "Noted: 👍. Thank you.", ""),
            *(f"{PROMPT} /continue", "This answer was not cut off, so there is nothing to go on with.", ""),
            *(f"{PROMPT} /retry", "Six.", "", PROMPT),
        ]


async def test_ctrl_c_twice_leaves_in_the_middle_of_an_answer(environment, tmp_path, claude):
    claude.script(Answer(text="one two three four", chunk=4, gate=Gate(after=6)))
    async with chat(environment, tmp_path) as window:
        raw = window.modes
        window.type("count\r")
        await window.shows("one two")
        window.type("\x03\x03")

        assert await window.end() == 0
        assert window.lines[4:] == ["one two", "", "What is not answered yet is answered at the next start."]
        assert window.modes != raw


@pytest.mark.parametrize("keys", ["\x04", "\x03\x03", "half a line\x03\x03"])
async def test_ctrl_d_and_ctrl_c_twice_leave_the_prompt(environment, tmp_path, keys):
    async with chat(environment, tmp_path) as window:
        window.type(keys)

        assert await window.end() == 0
        assert PROMPT not in window.lines


async def test_two_terminals_on_one_database_answer_their_own_questions(environment, tmp_path, claude):
    claude.answer = lambda body: Answer(text=f"{len(body['messages'])} turns", chunk=3)
    async with chat(environment, tmp_path) as one, chat(environment, tmp_path) as other:
        other.type("half a ")
        await other.shows("half a")
        one.type("first\r")
        await one.shows(asked(2))
        other.type("line\r")
        await other.shows(lambda text: text.count(PROMPT) == 2)

        assert one.lines == [*WELCOME[80], f"{PROMPT} first", "1 turns", "", PROMPT]
        assert other.lines[-4:] == [f"{PROMPT} half a line", "1 turns", "", PROMPT]


async def test_an_answer_of_a_terminal_that_died_stands_above_the_line_that_is_typed_here(
    environment, tmp_path, claude
):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three", chunk=4, gate=gate), Answer(text="The whole answer."))
    async with chat(environment, tmp_path) as dying, chat(environment, tmp_path) as window:
        dying.type("count\r")
        await dying.shows("one two")
        window.type("half a line")
        await window.shows("half a line")
        dying.process.send_signal(signal.SIGKILL)
        await window.shows("The whole answer.")
        await window.shows(lambda text: text.endswith(f"{PROMPT} half a line"))

        assert window.lines[-4:] == [
            "(The answer to ada in #general)",
            "The whole answer.",
            "",
            f"{PROMPT} half a line",
        ]


async def test_what_is_typed_during_an_answer_is_the_next_line_and_not_in_the_answer(environment, tmp_path, claude):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three", chunk=4, gate=gate), Answer(text="four"))
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        window.type("and on\r")
        gate.opened.set()
        await window.shows(asked(3))

        assert window.lines[3:] == [f"{PROMPT} count", "one two three", "", f"{PROMPT} and on", "four", "", PROMPT]


async def test_log_lines_stand_beside_the_answer(environment, tmp_path, claude):
    gate = Gate(after=6)
    claude.script(Answer(text="one two three", chunk=4, gate=gate))
    async with chat(environment | {"CONFAB_LOG_LEVEL": "DEBUG"}, tmp_path, 100, 35) as window:
        window.type("count\r")
        await window.shows("one two")
        gate.opened.set()
        await window.shows(lambda text: "closed: shown" in text and text.endswith(PROMPT))

        assert window.lines.count("one two three") == 1
        assert window.text.count("closed: shown") == 1


async def test_escape_sequences_in_names_and_texts_are_harmless(environment, tmp_path, claude):
    evil = "\x1b[2J\x1b]8;;http://evil\x07click\x1b]8;;\x07 \x1b]52;c;eA==\x07 \x9b31m \u202egnp"
    claude.script(Answer(text=f"{evil} [docs](http://x.y/z)"))
    async with chat(environment, tmp_path, 100, 35) as window:
        window.paste("/as \x1b]0;title\x07bob")
        window.type("\rhello\r")
        await window.shows(lambda text: "docs" in text and text.endswith("bob in #general>"))

        assert (
            "\\x1b[2J\\x1b]8;;http://evil\\x07click\\x1b]8;;\\x07 \\x1b]52;c;eA==\\x07 \\x9b31m \\u202egnp docs"
            in window.text.replace("\n", " ")
        )
        assert "docs (http://x.y/z)" in window.text.replace("\n", " ")
        assert not re.search(rb"\x1b\]|\xc2\x9b|\xe2\x80\xae", bytes(window.raw))


@pytest.mark.parametrize("columns", [20, 80])
async def test_wide_characters_at_the_border_are_whole(environment, tmp_path, claude, columns):
    text = "日本語のテキストはここにあります。そして続きます。" * 3 + " 🎉🎉🎉🎉 ende"
    claude.script(Answer(text=text, chunk=5))
    async with chat(environment, tmp_path, columns, 24, ready="#general>") as window:
        window.type("x\r")
        await window.shows(lambda text: "ende" in text and text.endswith(PROMPT))

        assert re.sub(r"\s", "", text) in re.sub(r"\s", "", window.text)


async def test_a_window_of_20_columns_shows_every_word(environment, tmp_path, claude):
    claude.script(
        Answer(
            text="A **table**:\n\n| name | what it does |\n|---|---|\n| a | answers questions |\n\n" + "word " * 30,
            chunk=3,
        )
    )
    async with chat(environment, tmp_path, 20, 24) as window:
        window.type("a question that is long\r")
        await window.shows(lambda text: text.endswith(f"word\n\n{PROMPT}"))

        start = window.lines.index("A table:")
        assert window.lines[start + 2 : start + 6] == [
            "name  what it does",
            "----  -------------",
            "a     answers",
            "      questions",
        ]
        assert window.text.count("word") == 30
        assert "a question that is long" in window.text.replace("\n", "")


async def test_resized_while_an_answer_grows_nothing_is_lost_or_doubled(environment, tmp_path, claude):
    gate = Gate(after=40)
    claude.script(Answer(text=LONG, chunk=20, gate=gate))
    async with chat(environment, tmp_path, 100, 35) as window:
        window.type("count\r")
        await gate.reached.wait()
        window.resize(60, 40)
        gate.opened.set()
        await window.shows(lambda text: "Paragraph 59" in text and text.endswith(PROMPT))

        numbers = re.findall(r"Paragraph (\d+) says", window.text)
        assert numbers == [str(at) for at in range(60)]


async def test_a_dumb_terminal_gets_the_same_words_without_escape_sequences(environment, tmp_path, claude):
    claude.script(Answer(text="**Bold** and [docs](http://x.y)", chunk=3))
    async with chat(environment | {"TERM": "dumb"}, tmp_path) as window:
        window.type("hello\n")
        await window.shows(asked(2))
        window.type("\x04")

        assert await window.end() == 0
        assert window.lines[3:6] == [f"{PROMPT} hello", "Bold and docs (http://x.y)", ""]
        assert b"\x1b" not in window.raw


async def test_help_lists_the_moves_and_tab_completes(environment, tmp_path):
    async with chat(environment, tmp_path, 100, 35) as window:
        window.type("/he\t\r")
        await window.shows(lambda text: "threads [NUMBER]" in text and text.endswith(PROMPT))
        window.type("/persona se\twhere=w\t")
        await window.shows("/persona set where=workspace")

        assert "Type a line, and Claude answers below it; Ctrl-C stops an answer. Commands:" in window.lines
        assert "Mention me" not in window.text
        assert {"• /as NAME: Be somebody else", "• /channel NAME: Go to another channel"} <= set(window.lines)


@WINDOWS
async def test_a_prompt_is_shown_without_a_word_cut_in_two(environment, tmp_path, columns, rows):
    persona = " ".join(f"word{at}" for at in range(60))
    async with chat(environment, tmp_path, columns, rows) as window:
        window.type(f"/persona set {persona}\r")
        await window.shows(asked(2))
        window.type("hello\r")
        await window.shows(asked(3))
        window.type("/prompt\r")
        await window.shows(asked(4))

        shown = window.lines[window.lines.index(f"{PROMPT} /prompt") :]
        words = [word.strip("*") for row in shown for word in row.split()]
        assert [word for word in words if re.match(r"word\d", word)] == persona.split() * 2  # the stand-in quotes it


async def test_what_hangs_on_the_next_message_stands_in_the_prompt_and_tab_completes_it(environment, tmp_path, claude):
    (tmp_path / "two words.csv").write_text("a,b")
    async with chat(environment, tmp_path) as window:
        window.type("/attach tw\t\r")
        await window.shows(lambda text: text.endswith("ada in #general [two words.csv]>"))
        window.type("look\r")
        await window.shows(lambda text: "[two words.csv]> look\n" in text and text.endswith(PROMPT))

    (asked,) = [one.body for one in claude.requests if one.path == "/v1/messages"]
    assert asked["messages"][0]["content"][0]["text"].endswith(
        "look\n[ada attached two words.csv (CSV, 3 bytes), which says:]\n  a,b"
    )


async def test_a_long_text_that_a_command_needs_is_asked_for(environment, tmp_path):
    async with chat(environment, tmp_path) as window:
        window.type("/persona set\r")
        await window.shows(lambda text: text.endswith(":"))
        window.type("You are a pirate.\r")
        await window.shows("▌ You are a pirate.")


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("/persona history\r", "has never had a persona of its own"),
        ("/new\r", "A new conversation"),
        ("\r", "Nothing was done."),
        ("\x03", "Nothing was done."),
    ],
    ids=["a command", "a move", "an empty line", "Ctrl-C"],
)
async def test_what_is_typed_in_the_place_of_words_that_a_command_needs_takes_it_back(
    environment, tmp_path, keys, shown
):
    async with chat(environment, tmp_path) as window:
        window.type("/persona set\r")
        await window.shows(lambda text: text.endswith(":"))
        window.type(keys)
        await window.shows(lambda text: shown in text and text.endswith(PROMPT))
        window.type("/persona show\r")
        await window.shows("No persona is set here")


@pytest.mark.parametrize("keys", ["\x04", "\x03\x03", "/quit\r"])
async def test_who_is_asked_for_a_long_text_leaves_as_everywhere(environment, tmp_path, keys):
    async with chat(environment, tmp_path) as window:
        window.type("/persona set\r")
        await window.shows(lambda text: text.endswith(":"))
        window.type(keys)

        assert await window.end() == 0
        assert "needs text" not in window.text
        assert "▌" not in window.text


async def test_threads_lists_conversations_and_goes_back(environment, tmp_path):
    async with chat(environment, tmp_path) as window:
        window.type("/new\r/threads\r/threads 1\r")
        await window.shows(asked(4))

        assert "A new conversation in #general. /threads lists those of this terminal." in window.lines
        assert [line[:16] for line in window.lines if line.endswith("(you are here)")] == [
            "2. #general, beg",
            "1. #general, beg",
        ]


async def test_a_line_of_history_comes_back_and_is_edited(environment, tmp_path, claude):
    async with chat(environment, tmp_path) as window:
        window.type("first\r")
        await window.shows(asked(2))
        window.type("\x1b[A\x01the \r")
        await window.shows(lambda text: "the first" in text and text.endswith(PROMPT))


@pytest.mark.parametrize("line", ["/quit", "exit"])
async def test_a_person_leaves_by_a_word(environment, tmp_path, line):
    async with chat(environment, tmp_path) as window:
        window.type(f"{line}\r")

        assert await window.end() == 0


async def test_after_a_stall_the_answer_is_shown_whole_and_what_was_typed_meanwhile_is_done(
    environment, tmp_path, claude
):
    answer_slowly(claude)
    async with chat(environment, tmp_path) as window:
        window.type("count\r")
        await window.shows("one two")
        async with stopped(window.process):
            window.type("and on\r/as bob\r")
            await asyncio.sleep(ASLEEP)
        await window.shows(lambda text: text.endswith("bob in #general>"))
        sent = [last_words(one.body) for one in claude.requests if one.path == "/v1/messages"]

        assert window.lines[3:] == [
            f"{PROMPT} count", "one two", "(This answer was interrupted. It begins again.)", "", "Whole: ada: count", "", f"{PROMPT} and on", "Whole: ada: and on", "",
            f"{PROMPT} /as bob", "bob in #general>",
        ]  # fmt: skip
        assert len(sent) == 3


async def test_an_answer_that_another_terminal_takes_over_is_given_up_and_the_next_line_is_answered(
    environment, tmp_path, claude
):
    answer_slowly(claude)
    async with (
        chat(environment, tmp_path) as asleep,
        chat(environment, tmp_path) as awake,
    ):
        asleep.type("count\r")
        await asleep.shows("one two")
        async with stopped(asleep.process):
            asleep.type("and on\r")
            await awake.shows("Whole: ada: count")
        await asleep.shows(asked(3))

        assert asleep.lines[3:] == [
            f"{PROMPT} count", "one two", "Another terminal has answered this.", "",
            f"{PROMPT} and on", "Whole: ada: and on", "", PROMPT,
        ]  # fmt: skip
        assert awake.text.count("Whole") == 1


async def test_batches_that_wait_or_run_are_told_of_at_the_next_start_and_words_find_them_in_a_new_conversation(
    environment, claude, tmp_path
):
    claude.batches.seconds = None
    (tmp_path / "words.csv").write_text("text\nHello\nThanks\n")
    async with chat(environment, tmp_path, 100, 35) as window:
        window.type("/batch\r")
        await window.shows("is to be done with each row.")
        window.type("/attach words.csv\r")
        await window.shows("[words.csv]>")
        window.type("/batch\r")
        await window.shows(lambda text: text.endswith("ends this):\n>"))
        question = window.lines[-3:]
        window.type("Say {text}\r")
        await window.shows("This is batch 1.")
        window.type("/exit\r")
        await window.process.wait()
    async with chat(environment, tmp_path, 100, 35) as window:
        offered = window.text
        window.type("/new\r/start\r")
        await window.shows("is answered within a day")
        ours = window.text
        window.type("/exit\r")
        await window.process.wait()
    async with chat(environment, tmp_path, 100, 35) as window:
        running = window.text
        window.type("/new\r/stop\r")
        await window.shows("This is about batch 1. It is stopped")

    assert question == [
        'what to do with each row; {text} is its column "text", options (categories="a, b") stand before (an',
        "empty line or Ctrl-C ends this):",
        ">",
    ]
    assert "Batch 1 of #general waits for a start. /start asks all of its rows, /batch stop drops it." in offered
    assert "The answer to" not in ours
    assert "Batch 1 runs in #general. /stop stops it; its results are shown here." in running
    assert running.startswith("Talk to Claude.")


async def test_what_waits_to_be_allowed_is_told_below_the_greeting_with_the_lines_that_go_there(
    environment, claude, tmp_path
):
    await talk_of_tools(environment, tmp_path, "/new\n/as bob\none", "make 1")
    async with chat(environment, tmp_path, 100, 35) as window:
        greeting, _, waits = " ".join(window.text.split()).partition(" make waits in ")

    assert greeting == " ".join(" ".join(WELCOME[100]).split())
    assert re.fullmatch(
        r"#general for bob, until \d\d:\d\d\. Type /as bob, then /threads #general \S+, then /allow or /deny\. "
        rf"{re.escape(PROMPT)}",
        waits,
    )
