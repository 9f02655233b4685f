"""One line an event, with its ids, and no secret in it."""

import asyncio
import json
import logging
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import pytest

from bots.ops.logs import JsonFormatter, RedactingFormatter
from core.domain.messages import Asks
from core.domain.wording import is_control
from core.store import open_store
from core.telemetry import current_question
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.house import house

ROOT = Path(__file__).parents[3]
IDS = {"workspace": "slack:T1", "channel": "C1", "question": "7"}


def line(message: str, secrets=(), error: BaseException | None = None, form=RedactingFormatter, **fields: str) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("core.x", logging.INFO, "", 0, message, (), info)
    record.__dict__ |= fields
    return form(secrets).format(record)


def raised(message: str) -> ValueError:
    """An error with a traceback."""
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    "token",
    [
        "sk-ant-api03-abcdefgh_ijkl-mnop",
        "xoxb-1234567890-abcdefghij",
        "xapp-1-A0APP-123-abcdef",
        "xoxe.xoxp-1-abcdefgh",
        ".".join(["MTIzNDU2Nzg5MDEyMzQ1Njc4", "GabcDE", "abcdefghijklmnopqrstuvwxyz12345"]),
        "aW50ZXJhY3Rpb246ODQ1MDI3NzM4Mjc2NDYyNjMyOnVjU0lFSjNSeFZ",
        "webhooks/4242/a-token_of-another-shape",
        "interactions/4242/a-token_of-another-shape",
        "commands/T024/1234567/abcDEF123",
        "ticket=0f3a-92c1",
    ],
)
@pytest.mark.parametrize("form", [RedactingFormatter, JsonFormatter], ids=["text", "json"])
def test_what_looks_like_a_token_is_hidden(token, form):
    shown = line(f"connecting with {token}, hm", form=form, request=token)

    assert token not in shown
    assert shown.count("[secret]") == 2


def test_a_known_secret_is_hidden_whatever_it_looks_like():
    assert line("key=plain-gateway-key!", ["plain-gateway-key", ""]).endswith("core.x: key=[secret]!")


@pytest.mark.parametrize("form", [RedactingFormatter, JsonFormatter])
def test_a_traceback_is_searched_too(form):
    shown = line("failed", ["hunter2hunter2"], raised("bad key hunter2hunter2"), form)

    assert "ValueError: bad key [secret]" in shown
    assert "hunter2" not in shown


def test_a_secret_that_json_escapes_is_hidden_too():
    secret = 'a"b\\c-ü\n'

    told = json.loads(line(f"key={secret}!", [secret], raised(f"bad {secret}"), JsonFormatter))

    assert told["message"] == "key=[secret]!"
    assert "ValueError: bad [secret]" in told["error"]


def test_ordinary_words_stay():
    assert line("question 1763712000.000100 in slack:T024").endswith("core.x: question 1763712000.000100 in slack:T024")


def test_ids_are_fields_in_text_and_in_json():
    text, told = (
        line("hello", **IDS, request="req_1"),
        json.loads(line("hello", form=JsonFormatter, **IDS, request="req_1")),
    )

    assert text.endswith("core.x: hello workspace=slack:T1 channel=C1 question=7 request=req_1")
    assert {name: value for name, value in told.items() if name != "at"} == {
        "level": "INFO",
        "logger": "core.x",
        "message": "hello",
        **IDS,
        "request": "req_1",
    }


class Counted(JsonFormatter):
    """A formatter that counts how often it looks for secrets."""

    searches = 0

    def redact(self, text: str) -> str:
        Counted.searches += 1
        return super().redact(text)


@pytest.mark.parametrize(("name", "searches"), [("C1", 1), ("C\0one", 9)], ids=["a plain line", "a line with a NUL"])
def test_secrets_are_looked_for_once_a_line_and_never_across_its_fields(name, searches):
    Counted.searches = 0
    ids = {**IDS, "channel": name, "request": "sesame"}

    told = json.loads(line("open", ["open\0sesame", "sesame"], form=Counted, **ids))

    assert (told["message"], told["request"], Counted.searches) == ("open", "[secret]", searches)


def test_nothing_is_found_out_about_a_line_that_it_does_not_show():
    program = (
        "import logging; from bots.ops import logs; logs.configure('INFO', []); shown = []; "
        "logging.getLogger().handlers[0].emit = shown.append; logging.getLogger('core.x').info('hello'); "
        "print(shown[0].lineno, shown[0].thread, shown[0].process, shown[0].processName)"
    )

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout == "0 None None None\n"


def test_a_line_logged_while_a_question_is_answered_has_its_ids():
    def logged() -> str:
        current_question.set(IDS)
        return line("hello")

    assert copy_context().run(logged).endswith("hello workspace=slack:T1 channel=C1 question=7")
    assert line("hello").endswith("core.x: hello")


def test_json_is_one_line_also_with_a_traceback():
    shown = line("two\nlines", error=raised("failed"), form=JsonFormatter)

    assert "\n" not in shown
    assert json.loads(shown)["message"] == "two\nlines"


@pytest.mark.parametrize(
    ("form", "is_json"), [("auto", True), ("json", True), ("text", False)], ids=["a pipe", "json", "text"]
)
def test_a_pipe_gets_json_unless_text_is_asked_for(form, is_json):
    program = f"import logging; from bots.ops import logs; logs.configure('INFO', [], {form!r})"
    program += "; logging.getLogger('core.x').info('hello')"

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stderr.startswith("{") == is_json
    assert "hello" in run.stderr


@pytest.mark.parametrize(("level", "lines"), [("DEBUG", ["ours", "warning"]), ("ERROR", [])])
def test_a_library_is_logged_only_where_it_warns_and_we_from_the_level_up(level, lines):
    program = (
        f"import logging; from bots.ops import logs; logs.configure({level!r}, [], 'json'); "
        "logging.getLogger('bots.x').debug('ours'); "
        "logging.getLogger('any.library').info('chatter'); logging.getLogger('any.library').warning('warning')"
    )

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [json.loads(one)["message"] for one in run.stderr.splitlines()] == lines


def test_a_line_that_can_not_be_written_is_not_printed_with_its_secrets_in_another_way():
    program = (
        "import io, logging; from bots.ops import logs; gone = io.StringIO(); gone.close(); "
        "logs.configure('INFO', ['sesame'], 'text', gone); logging.getLogger('core.x').info('open %s', 'sesame')"
    )

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout + run.stderr == ""


FORGED = "Ada\x1b[2J\n2026-11-20T10:00:00+0000 INFO core.x: all is well\x9b31m\u202e"


def test_nobodys_name_makes_a_line_of_its_own_or_moves_the_cursor():
    shown = line(f"who is {FORGED}", error=raised(FORGED), channel=FORGED)

    head, *traceback = shown.split("\n")
    assert head.count("all is well") == 2
    assert traceback
    assert all(one.startswith("  ") for one in traceback)
    assert not any(is_control(letter) for letter in shown.replace("\n", ""))


def test_as_json_it_is_one_line_that_says_the_same():
    shown = line(f"who is {FORGED}", error=raised(FORGED), channel=FORGED, form=JsonFormatter)

    assert not any(map(is_control, shown))
    assert json.loads(shown)["message"] == f"who is {FORGED}"


class Kept(logging.Handler):
    """Formats what is logged as it is logged, while the ids are known."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(JsonFormatter([]).format(record)))


@pytest.fixture
def lines():
    kept, root = Kept(), logging.getLogger("core")
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    yield kept.lines
    root.removeHandler(kept)
    root.setLevel(before)


async def test_an_answer_is_three_lines_with_ids_and_no_word_of_anybody(lines):
    board = Board()
    store = await open_store("sqlite://", clock=board.now)
    async with ClaudeFake() as claude:
        claude.script(Answer(text="The walrus was Paul."))
        async with house(store, claude, board) as assistant:
            event = board.said("t1", "U1", "Who was the walrus?", asks=Asks.CERTAINLY)
            await assistant.ingest(event)
            async with asyncio.timeout(30):
                await assistant.worker.idle()
    await store.shut()

    where = {"workspace": "board:w1", "channel": "c1", "question": event.message.id}
    told = [one for one in lines if one["level"] == "INFO"]
    assert [one["message"] for one in told] == ["taken up", "asked claude-haiku-5-5: end_turn", "closed: shown"]
    assert all(where.items() <= one.items() for one in told)
    assert told[1]["request"].startswith("req_")
    assert "walrus" not in json.dumps(lines).lower()
