"""The terminal, as people use it: real processes, killed for real.

Tests bots.console.adapter, bots.console.surface, bots.console.terminal, bots.console.attachments,
bots.delivery.open_place.
"""

import asyncio
import os
import re
import signal
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from core.billing.ledger_rows import Scope
from core.store import open_store
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.support.clock_notes import without_times
from tests.support.documents import write_docx
from tests.support.standstill import ASLEEP, answer_slowly, stopped
from tests.support.terminal_chat import chat, said, talk_of_tools

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


async def test_without_a_key_a_stand_in_answers_and_says_so(environment, tmp_path):
    shown = await said(environment, tmp_path, "hello")

    assert "This is an offline **stand-in**, not Claude" in shown
    assert "would have been sent 1 turn" in shown
    assert "> ada: hello" in shown


async def test_the_stand_in_costs_nothing_whatever_a_budget_has_left(environment, tmp_path):
    lines = ["/budget set 0.0001", "/persona tune model=claude-opus-5-5", "hello", "/usage"]

    shown = await said(environment, tmp_path, *lines)

    assert "With a key, `claude-opus-5-5` would have been sent 1 turn" in shown
    assert re.search(r"\$0\.00\b", shown)


async def test_a_batch_is_offered_started_with_a_word_and_its_results_are_written_beside_no_other_file(
    environment, tmp_path
):
    (tmp_path / "words.csv").write_text("text\nHello\nThanks\n")
    (tmp_path / "batch-1.csv").write_text("mine")
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        async with chat(environment, tmp_path) as process:
            process.stdin.write(b"/attach words.csv\n/batch Say {text}\n/start\n")
            shown = await read_until(process, "batch-1.jsonl")
            process.stdin.close()
            shown += (await process.stdout.read()).decode()

    assert "You said: Say Thanks" in shown
    assert "Start asks them all" in shown
    assert "2 of 2 rows are answered. It cost $0.0000" in shown
    assert "You said: Say Hello" not in shown.partition("rows are answered")[2]
    assert (tmp_path / "batch-1.csv").read_text() == "mine"
    assert (tmp_path / "batch-1-2.csv").read_text().splitlines()[1:] == [
        "1,Hello,You said: Say Hello,",
        "2,Thanks,You said: Say Thanks,",
    ]


async def test_a_file_stays_attached_until_something_was_done_with_it(environment, tmp_path):
    (tmp_path / "words.csv").write_text("text\nHello\nThanks\n")
    lines = ["/attach words.csv", "/batch Say {txt}", "/batch max_tokens=0 Say {text}", "/attach", "/batch Say {text}"]
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        shown = await said(environment, tmp_path, *lines, "/attach")

    refused, listed, offered = (shown.index(one) for one in ("There is no column", "- words.csv", "This is batch 1."))
    assert refused < listed < offered < shown.index("Nothing is attached.")


async def read_until(process, words: str) -> str:
    """What the terminal shows until these words stand there."""
    shown = ""
    async with asyncio.timeout(60):
        while words not in shown:
            shown += (await process.stdout.read(1_000)).decode()
    return shown


async def test_code_that_claude_names_is_shown_once_with_its_name_and_written_nowhere(environment, tmp_path):
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text="Here:\n\n```python circle_area.py\nprint(3)\n```\nRun it.")
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        shown = await said(environment, tmp_path, "the area of a circle?")

    assert re.search(r"```python circle_area\.py\nprint\(3\)\n```\nRun it\.", shown)
    assert (shown.count("circle_area.py"), shown.count("print(3)")) == (1, 1)
    assert list(tmp_path.rglob("circle_area*")) == []


async def test_several_people_speak_in_several_channels_with_a_persona(environment, tmp_path):
    async with ClaudeFake() as claude:
        claude.answer = lambda body: Answer(text=f"{len(body['system'])} system, {len(body['messages'])} turns")
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        shown = await said(
            environment,
            tmp_path,
            "hello",
            "/as bob",
            "me too",
            "/persona set Be brief.",
            "again",
            "/channel dev",
            "x",
            "/new",
            "y",
        )
        told = [
            [without_times(turn["content"][0]["text"]) for turn in one.body["messages"]]
            for one in claude.requests
            if one.path == "/v1/messages"
        ]

    answers = [line for line in shown.splitlines() if "system" in line]
    assert answers == [
        "1 system, 1 turns",
        "1 system, 3 turns",
        "2 system, 5 turns",
        "1 system, 1 turns",
        "1 system, 1 turns",
    ]
    assert told[1] == ["ada: hello", "1 system, 1 turns", "bob: me too"]
    assert "This channel has this persona" in shown


async def test_prompt_and_help_show_what_they_promise(environment, tmp_path):
    shown = await said(environment, tmp_path, "hello", "/prompt", "/help", "/nonsense")

    assert re.search(r"\*\*2\. user\*\*, about \d+ tokens\n```\n\[.+\]\nada: hello\n```", shown)
    assert "- `/persona show|set|" in shown
    assert "There is no command `nonsense`." in shown


async def test_what_an_action_answers_is_no_turn_of_the_conversation(environment, tmp_path):
    shown = await said(environment, tmp_path, "hello", "/explain", "/prompt")

    _, _, prompt = shown.partition("The next request, ")
    assert re.findall(r"^\*\*\d\. (user|assistant)\*\*", prompt, re.MULTILINE) == ["user", "assistant"]


async def test_in_a_fresh_conversation_an_action_says_that_nothing_was_said_and_code_needs_nothing(
    environment, tmp_path
):
    translated, drafted = [await said(environment, tmp_path, line) for line in ("/translate", "/draft code a sum")]

    assert "Nothing was said in this conversation yet." in translated
    assert "[What is asked for:]" in drafted


async def test_in_a_pipe_a_command_without_its_text_takes_no_other_line_for_it(environment, tmp_path):
    shown = await said(environment, tmp_path, "/persona set", "You are a pirate.", "/persona show")

    assert "`/persona set` needs text" in shown
    assert "> ada: You are a pirate." in shown
    assert "There is no persona" in shown or "No persona" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/as", "`/as NAME`: you are ada."),
        ("/channel", "`/channel NAME`: you are in #general."),
        ("/channel x y", "The name of a channel is one word, such as `/channel x-y`."),
        ("/nonsense", "There is no command `nonsense`. `/help` lists them all."),
        ("/?", "- `/help`: Show what can be done here"),
        ("/help", "- `/quit`: Leave, as `/exit`, `exit` and Ctrl-D do"),
        ("exit", "> ada: exit"),
        ("/new", "A new conversation in #general. `/threads` lists those of this terminal."),
        ("/threads 9", "There is no conversation `9`. `/threads` lists them."),
        ("/etc/hosts is a file", "> ada: /etc/hosts is a file"),
    ],
)
async def test_moves_say_where_one_is(environment, tmp_path, line, words):
    shown = await said(environment, tmp_path, line)

    assert words in shown.splitlines()


@pytest.mark.parametrize("line", ["/quit", "/EXIT"])
async def test_nothing_is_read_behind_a_line_that_leaves(environment, tmp_path, line):
    assert await said(environment, tmp_path, line, "hello") == ""


async def test_control_characters_are_harmless_in_a_pipe_too(environment, tmp_path):
    shown = await said(environment, tmp_path, "/as \x1b]0;owned\x07bob", "\x1b[2Jhello \x9b31m \u202egnp.exe")

    assert "x1b 0;owned x07bob: \\x1b[2Jhello \\x9b31m \\u202egnp.exe" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e")


async def test_bytes_that_are_no_utf_8_are_replaced_and_end_nothing(environment, tmp_path):
    async with chat(environment, tmp_path) as process, asyncio.timeout(20):
        shown, complaints = await process.communicate(b"caf\xe9\nagain\n")

    assert (process.returncode, complaints) == (0, b"")
    assert "> ada: caf\N{REPLACEMENT CHARACTER}" in shown.decode()
    assert "> ada: again" in shown.decode()


async def test_killed_in_the_middle_of_an_answer_it_finishes_it_at_the_next_start(environment, tmp_path):
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        gate = Gate(after=6)
        claude.script(Answer(text="one two three four five six", chunk=4, gate=gate), Answer(text="The whole answer."))
        async with chat(environment, tmp_path) as process:
            process.stdin.write(b"count\n")
            await process.stdin.drain()
            await asyncio.wait_for(gate.reached.wait(), 20)
            process.send_signal(signal.SIGKILL)
            await process.wait()

        shown = await said(environment, tmp_path)
        billed = [one.usage for one in claude.billed]

    assert shown == "The whole answer.\n"
    store = await open_store(environment["DATABASE_URL"])
    (line,) = await store.ledger.sum_usage(Scope("console:local"), BEGINNING - timedelta(1), "model")
    await store.shut()
    assert (line.requests, line.died, len(billed)) == (2, 1, 2)
    assert line.usage.output >= 8192 + billed[1].output_tokens
    assert line.usage.prompt >= sum(usage.prompt_tokens if hasattr(usage, "prompt_tokens") else 0 for usage in billed)


async def test_interrupted_it_says_that_nothing_is_lost(environment, tmp_path):
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        gate = Gate(after=3)
        claude.script(Answer(text="one two three", gate=gate))
        async with chat(environment, tmp_path) as process:
            process.stdin.write(b"count\n")
            await process.stdin.drain()
            await asyncio.wait_for(gate.reached.wait(), 20)
            process.send_signal(signal.SIGINT)
            _, complaints = await asyncio.wait_for(process.communicate(), 30)

    assert complaints.decode().strip() == "What is not answered yet is answered at the next start."


@pytest.mark.parametrize(
    ("contents", "line"),
    [(b"this is not a database, " * 100, "not a database"), (None, "No such file|unable to open|cannot")],
    ids=["not a database", "no such folder"],
)
async def test_a_database_that_cannot_be_used_is_one_clear_line(environment, tmp_path, contents, line):
    path = tmp_path / ("x.db" if contents else "missing/x.db")
    if contents:
        path.write_bytes(contents)
        path.chmod(0o600)
    async with chat(environment | {"DATABASE_URL": f"sqlite:///{path}"}, tmp_path) as process:
        shown, complaints = await process.communicate(b"hello\n")

    assert (process.returncode, shown) == (2, b"")
    assert str(path) in complaints.decode()
    assert complaints.decode().count("\n") == 1


async def test_what_the_terminal_can_t_print_is_printed_escaped(environment, tmp_path):
    async with ClaudeFake() as fake:
        fake.answer = lambda body: Answer(text="Caf\u00e9")
        environment |= {"ANTHROPIC_API_KEY": fake.key, "ANTHROPIC_BASE_URL": fake.url, "PYTHONIOENCODING": "ascii"}
        async with chat(environment, tmp_path) as process, asyncio.timeout(20):
            shown, logged = await process.communicate(b"hello\nagain\n")

    assert (process.returncode, shown.decode(), logged) == (0, "Caf\\xe9\nCaf\\xe9\n", b"")
    assert len(fake.billed) == 2


@asynccontextmanager
async def telling(environment: dict[str, str]):
    """Claude, and what it is told: the text of the last turn of each request."""
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        told: list[str] = []
        claude.answer = lambda body: [
            told.append(without_times(body["messages"][-1]["content"][0]["text"])),
            Answer(text="Yes."),
        ][1]
        yield told


async def test_files_are_attached_to_the_next_message_alone(environment, tmp_path):
    (tmp_path / "two words.csv").write_text("a,b\n1,2")
    (tmp_path / "plan.docx").write_bytes(write_docx())
    async with telling(environment) as told:
        shown = await said(
            environment, tmp_path, "/attach 'two words.csv' plan.docx", "/attach", "sum up", "/attach", "and now?"
        )

    first, second = told
    assert first.startswith("ada: sum up\n[ada attached two words.csv (CSV, 7 bytes), which says:]\n  a,b\n  1,2\n[")
    assert "kB), converted from a Word document, which says:]\n  # Plan\n" in first
    assert second == "ada: and now?"
    assert shown.startswith("Attached to the next message: two words.csv (CSV, 7 bytes).\n\nAttached to the next")
    assert re.search(
        r"\.\nAttached to the next message:\n\n- two words\.csv \(CSV, 7 bytes\)\n"
        r"- plan\.docx \(Word document, \d+ kB\)\nYes\.\nNothing is attached\.",
        shown,
    )


async def test_what_is_detached_is_not_sent(environment, tmp_path):
    (tmp_path / "a.csv").write_text("a,b")
    async with telling(environment) as told:
        shown = await said(environment, tmp_path, "/attach a.csv", "/detach", "hello")

    assert told == ["ada: hello"]
    assert "Detached: a.csv." in shown


async def test_what_cannot_be_attached_says_why(environment, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(32_000_001)
    paths = ("nowhere", "folder", "empty", "pipe", "large", "x" * 5_000, "a\0b")

    shown = await said(environment, tmp_path, *(f"/attach {one}" for one in paths), "/attach 'a")

    assert shown.splitlines() == [
        "There is no file `nowhere`.",
        "`folder` is a folder. Attach the files in it.",
        "`empty` is empty: it is not attached.",
        "`pipe` can't be read: it is no regular file.",
        "`large` can't be attached: it is larger than the 32 MB that I read; send a part of it.",
        f"`{'x' * 200}` can't be read: File name too long.",
        "`a\\x00b` can't be read: embedded null byte.",
        "A quote is not closed. `/attach 'two words.pdf'` attaches a file with a space in its name.",
    ]


async def test_a_file_is_read_again_after_a_restart_and_said_to_have_changed_or_gone(environment, tmp_path):
    (tmp_path / "a.txt").write_text("first")
    async with telling(environment) as told:
        await said(environment, tmp_path, "/attach a.txt", "look")
        shown = await said(environment, tmp_path, "again")
        (tmp_path / "a.txt").write_text("second")
        changed = await said(environment, tmp_path, "/prompt")
        (tmp_path / "a.txt").unlink()
        gone = await said(environment, tmp_path, "/prompt")

    assert told == ["ada: look\n[ada attached a.txt (text, 5 bytes), which says:]\n  first", "ada: again"]
    assert shown == "Yes.\n"
    assert "which Confab could not read: it has changed since it was attached; attach it again]" in changed
    assert "which Confab could not read: it is no longer there]" in gone


async def test_what_is_piped_in_is_attached_to_a_message_of_the_command_line(environment, tmp_path):
    (tmp_path / "b.txt").write_text("more")
    async with telling(environment) as told:
        async with chat(environment, tmp_path, "sum", "up", "--attach", "b.txt") as process:
            shown, complaints = await process.communicate(b"a,b\n1,2\n")
        async with chat(environment, tmp_path, "and", "now?") as process:
            _, empty = await process.communicate(b"")

    assert (process.returncode, shown.decode(), complaints) == (0, "Yes.\n", b"Attached: stdin (8 bytes).\n")
    assert empty == b"stdin is empty: nothing is attached.\n"
    assert told == [
        "ada: sum up\n[ada attached b.txt (text, 4 bytes), which says:]\n  more\n"
        "[ada attached stdin (8 bytes), which says:]\n  a,b\n  1,2",
        "ada: and now?",
    ]


async def test_what_was_piped_in_is_not_kept_and_said_to_be_gone(environment, tmp_path):
    async with telling(environment):
        async with chat(environment, tmp_path, "sum up") as process:
            await process.communicate(b"a,b\n1,2\n")
        shown = await said(environment, tmp_path, "/prompt")

    assert "which Confab could not read: it came by a pipe and was not kept; attach it again]" in shown


async def test_a_file_is_read_from_its_path_whose_bytes_came_by_a_pipe_before(environment, tmp_path):
    (tmp_path / "my_big_report.csv").write_text("a,b")
    async with telling(environment) as told:
        async with chat(environment, tmp_path, "sum up") as process:
            await process.communicate(b"a,b")
        async with chat(environment, tmp_path, "and now?", "--attach", "my_big_report.csv") as process:
            await process.communicate(b"")
        shown = await said(environment, tmp_path, "/prompt")

    assert told[1] == "ada: and now?\n[ada attached my_big_report.csv (CSV, 3 bytes), which is told above as stdin]"
    assert "ada attached stdin (3 bytes), which says:]\n  a,b" in shown


async def test_dev_null_is_no_pipe_and_nothing_is_said_of_it(environment, tmp_path):
    async with telling(environment) as told:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-m", "bots", "chat", "hello",
            cwd=tmp_path, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        shown, complaints = await process.communicate()

    assert (shown, complaints, told) == (b"Yes.\n", b"", ["ada: hello"])


async def test_who_goes_elsewhere_with_files_is_told_that_they_go_along(environment, tmp_path):
    (tmp_path / "a_b_c.csv").write_text("a,b")
    moves = ("/attach a_b_c.csv", "/as bob", "/as", "/channel dev", "/new", "hello", "/as ada")
    async with telling(environment) as told:
        shown = await said(environment, tmp_path, *moves)

    kept = "Still attached to the next message: `a_b_c.csv`."
    assert told == ["bob: hello\n[bob attached a_b_c.csv (CSV, 3 bytes), which says:]\n  a,b"]
    assert shown.splitlines() == [
        "Attached to the next message: `a_b_c.csv` (CSV, 3 bytes).",
        kept,
        "`/as NAME`: you are bob.",
        kept,
        "A new conversation in #dev. `/threads` lists those of this terminal.",
        "",
        kept,
        "Yes.",
    ]


async def test_a_press_before_any_answer_says_that_there_is_none(environment, tmp_path):
    shown = await said(environment, tmp_path, "/up", "/down", "/continue", "/retry", "/stop")

    assert shown.splitlines() == ["There is no answer here yet."] * 4 + [
        "Nothing is being answered in this conversation."
    ]


async def test_a_note_below_an_answer_is_plain_in_a_pipe(environment, tmp_path):
    for name in ("my_broken.png", "half_.jpg"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + name.encode())
    async with telling(environment):
        shown = await said(environment, tmp_path, "/attach *_*.*", "look")

    assert shown.splitlines()[3:] == [
        "Yes.",
        "",
        "(I could not read `half_.jpg`, `my_broken.png`: each is neither a picture nor a text that I can read, or it is "
        "broken; save it anew, as PNG, JPEG, PDF or text.)",
    ]


@pytest.mark.parametrize(
    ("arguments", "piped", "complaint"),
    [
        (("--attach", "nowhere.pdf", "look"), b"", "There is no file `nowhere.pdf`.\n"),
        (("look",), bytes(32_000_001), "Standard input can't be attached: it is larger than the 32 MB that I read; send a part of it.\n"),
    ],
    ids=["no file", "too large"],
)  # fmt: skip
async def test_a_command_line_with_what_cannot_be_attached_asks_nothing(
    environment, tmp_path, arguments, piped, complaint
):
    async with chat(environment, tmp_path, *arguments) as process:
        shown, complaints = await process.communicate(piped)

    assert (process.returncode, shown, complaints.decode()) == (2, b"", complaint)


async def test_a_tool_that_acts_is_allowed_in_words_or_denied(environment, tmp_path):
    lines = "one\n/allow\n/allow\ntwo\n/deny\nthree\n/as bob\n/allow thread\n/as ada\n/allow thread\nfour"
    answers = ("make 1", "Made.", "make 2", "Not made.", "make 3", "Made three.", "make 4", "Made four.")
    shown = await talk_of_tools(environment, tmp_path, lines, *answers)

    asked = [line for line in shown.splitlines() if line.startswith(("Made", "Not", "No tool", "Only", "[", "**May"))]
    assert asked == [
        "**May I use make?** It acts outside of this conversation: to make make 1.",
        "Made.",
        "No tool waits here for an answer.",
        "**May I use make?** It acts outside of this conversation: to make make 2.",
        "Not made.",
        "**May I use make?** It acts outside of this conversation: to make make 3.",
        "Only ada, who asked, can decide this.",
        "Made three.",
        "Made four.",
        "[made 3]",
    ]


async def test_a_pipe_that_ends_while_a_question_waits_says_how_it_goes_on_and_it_does(environment, tmp_path):
    left = await talk_of_tools(environment, tmp_path, "one", "make 1")
    later = await talk_of_tools(environment, tmp_path, "/allow", "Made.")

    waits = re.compile(r"`?make`? waits in #general for ada, until \d\d:\d\d\. Start `confab chat` again by then")
    assert waits.search(" ".join(left.split()))
    assert "[made 0]" in left
    assert not waits.search(" ".join(later.split()))
    assert "It goes on." in later
    assert "I make one.\n\nMade." in later
    assert "[made 1]" in later


async def test_what_waits_in_a_new_conversation_is_found_again_where_the_last_line_says(environment, tmp_path):
    left = await talk_of_tools(environment, tmp_path, "/new\none", "make 1")
    way = re.search(r"and type `(/threads #general [-\d]+T[:\d]+)`, then `/allow` or `/deny`", " ".join(left.split()))
    assert way
    later = await talk_of_tools(environment, tmp_path, f"{way[1]}\n/allow", "Made.")

    assert "It goes on." in later
    assert "[made 1]" in later


async def test_a_pipe_goes_on_after_a_stall_as_if_nothing_had_been(environment, tmp_path):
    async with ClaudeFake() as claude:
        environment |= {"ANTHROPIC_API_KEY": claude.key, "ANTHROPIC_BASE_URL": claude.url}
        gate = answer_slowly(claude)
        async with chat(environment, tmp_path) as process:
            process.stdin.write(b"count\nand on\n/keep\n")
            await asyncio.wait_for(gate.reached.wait(), 30)
            async with stopped(process):
                await asyncio.sleep(ASLEEP)
            shown, _ = await asyncio.wait_for(process.communicate(b""), 60)

    assert shown.decode().splitlines()[:2] == ["Whole: ada: count", "Whole: ada: and on"]
    assert len(shown.decode().splitlines()) == 3
