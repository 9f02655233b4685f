"""Whatever keeps an answer from being shown, people see it plainly or are told, once; and Claude is asked once.

Tests core.answering.display_fallback and core.rendering.paginator.
"""

import asyncio
import logging
import re
from dataclasses import replace

import pytest

from bots.discord.formatting import PIECE, split_page
from bots.slack.publisher import UNSUITED
from core.answering.display_fallback import Fallback
from core.answering.reply import Reply, forget_page
from core.domain.errors import CannotShow, PlaceClosed, Rejected, StoreUnavailable
from core.domain.messages import FinalText, Question
from core.rendering.paginator import cut_by_length
from core.store import open_store
from tests.fakes.board import Board, BoardSurface
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.claude.server import ClaudeFake
from tests.fakes.discord.limits import Answer as RestAnswer
from tests.fakes.discord.server import DiscordFake
from tests.fakes.slack.faults import Fault
from tests.support.discord_house import confab, idle
from tests.support.house import at_once, house
from tests.support.slack_house import at_home
from tests.support.waiting import until

LONG = "\n\n".join(f"Paragraph {number} of **many** words. " + "word " * 60 for number in range(60))
REFERENCE = re.compile(r"\(reference ([0-9A-F]{6})\)")
"""Of every notice."""
POST, EDIT = "POST /channels/{channel}/messages", "PATCH /channels/{channel}/messages/{message}"


def referenced(notice: str, log: str) -> bool:
    """Whether a notice names a reference that the log explains."""
    found = REFERENCE.search(notice)
    return found is not None and f"reference {found[1]}: " in log


def words(pages: list[str]) -> str:
    """All that pages say, whatever stands between two of its words."""
    return "".join("".join(pages).split())


# The core: any platform, any trouble.


@pytest.fixture
def board():
    return Board()


@pytest.fixture
async def kept(tmp_path):
    opened = await open_store(f"sqlite:///{tmp_path}/confab.db")
    yield opened
    await opened.shut()


@pytest.fixture
async def claude():
    async with ClaudeFake() as server:
        server.answer = lambda body: Answer(text="An answer of some words.")
        yield server


async def board_answers(board: Board, store, claude: ClaudeFake, **options) -> list[str]:
    """All that stands in a thread once its question is closed."""
    async with house(store, claude, board, **options) as assistant:
        await assistant.ingest(board.said("t1", "U1", "hello"))
        async with asyncio.timeout(5):
            await assistant.worker.idle()
    return board.shown("t1")


BUGS = [
    RecursionError("too deep"),
    ValueError("no such row"),
    KeyError("id"),
    Rejected("no"),
    asyncio.CancelledError(),
]


class Fragile(BoardSurface):
    """Breaks when it is told to end."""

    def __init__(self, board: Board, question: Question, trouble: Exception) -> None:
        super().__init__(board, question)
        self._trouble, self.growing, self.plain = trouble, asyncio.Event(), False

    async def show(self, reply) -> None:
        try:
            async for _ in reply.texts():
                self.growing.set()
        finally:
            raise self._trouble

    async def show_plainly(self, reply, text) -> None:
        self.plain = True


class FragileBoard(Board):
    """The board, whose surface can't be shown anything when it is told to end."""

    async def surface(self, question):
        self.surfaced = Fragile(self, question, CannotShow("it ended"))
        return self.surfaced


async def test_what_breaks_while_an_answer_is_being_ended_is_shown_no_other_way(board, kept, caplog):
    event = board.said("t1", "U1", "hello")
    question = Question(event.key, event.message.id, "U1", event.message.at)
    surface, reply = Fragile(board, question, ValueError("while it ended")), Reply(question, forget_page)
    await kept.questions.ingest(event)
    claim = await kept.questions.claim_next("p1", ["board"])
    showing = asyncio.create_task(Fallback(kept.questions, {"board": board}).show(surface, reply, claim))
    reply.say("An answer")
    await surface.growing.wait()
    showing.cancel()
    done, _ = await asyncio.wait({showing}, timeout=5)

    assert (done, surface.plain, caplog.text) == ({showing}, False, "")


async def test_what_breaks_while_a_process_ends_closes_no_question(kept, claude):
    board, gate = FragileBoard(), Gate(after=5)
    claude.answer = lambda body: Answer(text="one two three", gate=gate)
    event = board.said("t1", "U1", "hello")
    async with house(kept, claude, board) as assistant:
        await assistant.ingest(event)
        async with asyncio.timeout(30):
            await gate.reached.wait()
            await board.surfaced.growing.wait()

    assert (await kept.questions.claim_next("p2", ["board"])).question.name == event.message.id


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
async def test_an_answer_that_can_t_be_drawn_is_shown_plainly(board, kept, claude, bug, caplog):
    board.troubles = [bug]

    assert await board_answers(board, kept, claude) == ["An answer of some words."]
    assert len(claude.billed) == 1
    assert ("Traceback" in caplog.text) is not isinstance(bug, Rejected)


async def test_an_answer_that_can_t_be_shown_at_all_is_excused_with_a_reference(board, kept, claude, caplog):
    board.troubles = [RecursionError("too deep"), ValueError("secret words")]

    (notice,) = await board_answers(board, kept, claude)

    assert referenced(notice, caplog.text)
    assert "secret words" not in notice
    assert len(claude.billed) == 1


@pytest.mark.parametrize(
    "trouble", [[ValueError()] * 3, [PlaceClosed("a closed room")]], ids=["nothing", "a closed place"]
)
async def test_where_nothing_can_be_shown_who_asked_is_told_alone(board, kept, claude, trouble, caplog):
    board.troubles = trouble

    assert await board_answers(board, kept, claude) == []
    ((workspace, person, notice),) = board.told
    assert (workspace, person) == ("board:w1", "U1")
    assert referenced(notice, caplog.text)


class Shut:
    """A surface of a place that is closed before there are words."""

    async def show(self, reply) -> None:
        raise PlaceClosed("a closed room")


async def test_the_words_of_an_answer_of_before_a_restart_are_waited_for_where_its_place_is_closed(board, kept):
    event = board.said("t1", "U1", "hello")
    reply = Reply(Question(event.key, event.message.id, "U1", event.message.at), forget_page)
    await kept.questions.ingest(event)
    claim = replace(await kept.questions.claim_next("p1", ["board"]), final_text=FinalText("An answer"))
    showing = asyncio.create_task(Fallback(kept.questions, {"board": board}).show(Shut(), reply, claim))
    done, _ = await asyncio.wait({showing}, timeout=0.05)
    reply.finish("An answer")

    with pytest.raises(PlaceClosed):
        await showing
    assert done == set()


class Walled(BoardSurface):
    """A surface of a place that shows us nothing any more."""

    async def history(self, beside=frozenset()):
        raise PlaceClosed("a closed room")


class WalledBoard(Board):
    async def surface(self, question):
        return Walled(self, question)


async def test_an_answer_that_was_stored_before_a_restart_is_sent_to_who_asked_where_its_place_closed_since(
    kept, claude
):
    board = WalledBoard()
    event = board.said("t1", "U1", "hello")
    await kept.questions.ingest(event)
    claim = await kept.questions.claim_next("p0", ["board"])
    await kept.questions.store_final_text(claim, FinalText("An answer"))
    await kept.questions.heartbeat("p0", leaving=True)
    async with house(kept, claude, board) as assistant, asyncio.timeout(20):
        await assistant.worker.idle()

    ((_, _, told),) = board.told
    assert told.endswith("My answer:\n\nAn answer")
    assert claude.billed == []


async def test_where_a_place_is_closed_as_an_answer_begins_who_asked_is_told_it_alone(board, kept, claude):
    board.troubles = [PlaceClosed("a closed room")]

    assert await board_answers(board, kept, claude) == []
    ((_, _, told),) = board.told
    assert told.endswith("My answer:\n\nAn answer of some words.")
    assert len(claude.billed) == 1


async def test_a_question_is_closed_where_nobody_can_be_told_anything(board, kept, claude, caplog):
    board.troubles, board.deaf = [ValueError()] * 3, True

    assert await board_answers(board, kept, claude) == []
    assert "who asked can't be told either" in caplog.text


class Failing:
    """Questions of a store that fail to be closed so often, or to keep the final words."""

    def __init__(self, within, closing=(), saying=()) -> None:
        self._within, self.closing, self.saying = within, list(closing), list(saying)

    def __getattr__(self, name: str):
        return getattr(self._within, name)

    async def close(self, claim, outcome, **_more):
        if self.closing:
            raise self.closing.pop(0)
        await self._within.close(claim, outcome)

    async def store_final_text(self, claim, said):
        if self.saying:
            raise self.saying.pop(0)
        await self._within.store_final_text(claim, said)


class Unkept:
    """A ledger that keeps no final text with a settlement, as when the claim was lost for a moment."""

    def __init__(self, within) -> None:
        self._within = within

    def __getattr__(self, name: str):
        return getattr(self._within, name)

    async def settle(self, reservation, settled, _end=None):
        return await self._within.settle(reservation, settled)


@pytest.mark.parametrize(
    "failing",
    [
        {"closing": [ValueError("bug")] * 2},
        {"saying": [StoreUnavailable("full")] * 3},
        {"saying": [ValueError("bug")] * 2},
    ],
    ids=["a bug at the end", "a full disk", "a bug before the words are kept"],
)
async def test_a_second_try_shows_what_claude_said_the_first_time(board, kept, claude, failing):
    store = replace(kept, questions=Failing(kept.questions, **failing), ledger=Unkept(kept.ledger))

    assert await board_answers(board, store, claude, sleep=at_once) == ["An answer of some words."]
    assert len(claude.billed) == 1


async def test_a_bug_that_no_try_overcomes_is_told_with_a_reference(board, kept, claude, caplog):
    class Broken(Failing):
        async def store_final_text(self, claim, said):
            raise ValueError("bug")

    store = replace(kept, questions=Broken(kept.questions), ledger=Unkept(kept.ledger))

    shown = await board_answers(board, store, claude, sleep=at_once)

    assert referenced(shown[-1], caplog.text)
    assert len(claude.billed) == 1


def test_pieces_say_all_of_a_text():
    found = cut_by_length(LONG, 700)

    assert words(found) == words([LONG])
    assert max(map(len, found)) <= 700
    assert cut_by_length("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert cut_by_length("  \n ", 10) == []


# Slack.


@pytest.fixture
async def home():
    async with at_home() as house:
        house.claude.answer = lambda body: Answer(text=LONG, chunk=500)
        yield house


REFUSALS = ["invalid_blocks", "msg_too_long", "no_text", "an_error_of_next_year"]


@pytest.mark.parametrize("error", REFUSALS)
@pytest.mark.parametrize("page", [1, 2])
async def test_what_slack_refuses_once_is_shown_plainly(home, error, page):
    gate, times = Gate(after=6), 2 if error in UNSUITED else 1  # these are tried as sections at once
    home.claude.answer = lambda body: Answer(text=LONG, chunk=500, gate=gate)
    if page == 1:
        home.slack.fail_next("chat.postMessage", Fault(error=error), times)
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await gate.reached.wait()
    if page == 2:
        await home.slack.until(lambda: home.ours("dev", root))
        home.slack.fail_next("chat.postMessage", Fault(error=error), times)
    gate.opened.set()
    await home.answered()

    shown = words(home.texts("dev", root)).replace("**", "")
    assert shown == words([LONG]).replace("**", "")
    assert len(home.claude.billed) == 1


async def test_what_slack_never_takes_is_excused_in_the_thread(home, caplog):
    home.slack.fail_next("chat.postMessage", Fault(error="no_text"), 2)
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.answered()

    (notice,) = home.ours("dev", root)
    assert referenced(notice.text, caplog.text)
    assert notice.metadata["event_payload"]["notice"] is True
    assert len(home.claude.billed) == 1


async def test_a_part_that_slack_took_stands_above_the_notice(home, caplog):
    gate = Gate(after=6)
    home.claude.answer = lambda body: Answer(text=LONG, chunk=500, gate=gate)
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await gate.reached.wait()
    await home.slack.until(lambda: home.ours("dev", root))
    home.slack.fail_next("chat.postMessage", Fault(error="no_text"), 2)
    gate.opened.set()
    await home.answered()

    *pages, notice = home.texts("dev", root)
    assert words([LONG]).startswith(words(pages)[:2_000])
    assert referenced(notice, caplog.text)
    assert len(home.claude.billed) == 1


@pytest.mark.parametrize("line", ["usage of=me", "help"], ids=["private", "in the channel"])
async def test_a_command_that_slack_never_answers_as_it_should_is_answered_somehow(home, line):
    home.slack.fail_next("response_url", Fault(status=500), 9)
    home.slack.fail_next("chat.postMessage", Fault(error="restricted_action"), 2)
    home.slack.fail_next("chat.postEphemeral", Fault(error="no_text"))
    await home.slack.command("ada", "dev", "/claude", line)
    await home.rest()

    assert {one.user for one in home.slack.visible("dev", "ada")} <= {"U0BOT", "ephemeral"}
    assert home.slack.visible("dev", "ada")


async def test_where_slack_lets_us_post_nothing_the_notice_is_whispered(home, caplog):
    home.slack.fail_next("chat.postMessage", Fault(error="an_error_of_next_year"), 3)
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.answered()

    assert home.ours("dev", root) == []
    (notice,) = [one for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    assert referenced(notice.text, caplog.text)
    assert len(home.claude.billed) == 1


async def test_where_slack_whispers_nothing_either_who_asked_gets_a_direct_message(home, caplog):
    home.slack.fail_next("chat.postMessage", Fault(error="an_error_of_next_year"), 3)
    home.slack.fail_next("chat.postEphemeral", Fault(error="restricted_action"))
    await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.answered()

    (sent,) = home.slack.called("chat.postMessage")[3:]
    assert referenced(str(sent["text"]), caplog.text)
    assert len(home.claude.billed) == 1


async def test_a_channel_we_were_put_out_of_is_told_in_a_direct_message(home, caplog):
    home.slack.fail_next("chat.postMessage", Fault(error="not_in_channel"))
    await home.slack.say("ada", "dev", "<@U0BOT> go")
    await home.rest()

    _, sent, *_pages = home.slack.called("chat.postMessage")
    assert "I could not answer you where you asked me." in str(sent["text"])
    assert referenced(str(sent["text"]), caplog.text)


async def test_an_answer_that_slack_takes_no_further_is_sent_whole_to_who_asked(home, caplog):
    gate = Gate(after=6)
    home.claude.answer = lambda body: Answer(text=LONG, chunk=500, gate=gate)
    root = await home.slack.say("ada", "dev", "<@U0BOT> go")
    await gate.reached.wait()
    await home.slack.until(lambda: home.ours("dev", root))
    home.slack.fail_next("chat.update", Fault(error="not_in_channel"))
    gate.opened.set()
    await home.answered()

    direct = [post for post in home.slack.world.posts.values() if post.channel == "D0ADA"]
    drawn = ["".join(part["text"]["text"] for part in post.blocks) for post in direct[1:]]
    assert referenced(direct[0].text, caplog.text)
    assert [post.metadata["event_payload"]["notice"] for post in direct] == [True] * len(direct)
    assert words(drawn) == words([LONG])
    assert len(home.claude.billed) == 1


# Discord.


@pytest.fixture
async def fake():
    async with DiscordFake() as server:
        yield server


@pytest.fixture
async def running(fake, claude, kept):
    claude.answer = lambda body: Answer(text=LONG, chunk=500)
    async with confab(fake, claude, kept) as process:
        yield process


def refusal(code: int) -> Reply:
    """What Discord says, as it says it."""
    return RestAnswer(400, {"message": "Message was blocked by automatic moderation", "code": code})


async def mentioned(fake: DiscordFake, running, claude: ClaudeFake) -> None:
    await fake.say("ada", "general", f"<@{fake.me}> go")
    await until(lambda: claude.requests)
    await idle(running)


def ours(fake: DiscordFake, room: str = "general") -> list[str]:
    return [post.content for post in fake.visible(room) if post.author == "confab"]


@pytest.mark.parametrize("code", [200000, 240000, 50006, 999_999])
@pytest.mark.parametrize("page", [1, 2], ids=["before any page", "after a page"])
async def test_what_discord_refuses_once_is_shown_plainly(fake, claude, running, code, page):
    gate = Gate(after=6)
    claude.answer = lambda body: Answer(text=LONG, chunk=500, gate=gate)
    if page == 1:
        fake.fault(POST, refusal(code))
    await fake.say("ada", "general", f"<@{fake.me}> go")
    await gate.reached.wait()
    if page == 2:
        await until(lambda: ours(fake))
        fake.fault(POST, refusal(code))
    gate.opened.set()
    await idle(running)

    assert words(ours(fake)) == words([LONG])
    assert max(map(len, ours(fake))) <= PIECE
    assert len(claude.billed) == 1


@pytest.mark.parametrize("body", [{}, [], "<html>"], ids=["no id", "a list", "no JSON"])
async def test_an_answer_of_discord_s_that_can_t_be_parsed_is_survived(fake, claude, running, body):
    fake.fault(POST, RestAnswer(200, body))
    await mentioned(fake, running, claude)

    assert words(ours(fake)) == words([LONG])
    assert len(claude.billed) == 1


async def test_what_discord_never_takes_is_excused_in_the_channel(fake, claude, running, caplog):
    fake.fault(POST, refusal(200000), 2)
    await mentioned(fake, running, claude)

    (notice,) = ours(fake)
    assert notice.startswith("-# ")
    assert referenced(notice, caplog.text)
    assert len(claude.billed) == 1


async def test_a_slash_answer_that_discord_never_takes_is_excused_in_its_place(fake, claude, running, caplog):
    fake.fault("PATCH /webhooks/{webhook}/{token}/messages/{message}", refusal(200000), 2)
    asked = await fake.interact("ada", "general", "ask", {"prompt": "why?"})
    await until(lambda: claude.requests)
    await idle(running)

    assert referenced(asked.answer or "", caplog.text)
    assert len(claude.billed) == 1


async def test_where_discord_takes_nothing_who_asked_gets_a_direct_message(fake, claude, running, caplog):
    fake.fault(POST, refusal(200000), 3)
    await mentioned(fake, running, claude)

    assert ours(fake) == []
    (sent,) = [
        call.json["content"] for call in fake.calls if call.method == "POST" and call.path.endswith("/messages")
    ][3:]
    assert referenced(sent, caplog.text)
    assert len(claude.billed) == 1


@pytest.mark.parametrize("code", [50001, 50013], ids=["no access any more", "no permission any more"])
async def test_an_answer_that_discord_takes_no_further_is_sent_whole_to_who_asked(fake, claude, running, code, caplog):
    gate = Gate(after=6)
    claude.answer = lambda body: Answer(text=LONG, chunk=500, gate=gate)
    await fake.say("ada", "general", f"<@{fake.me}> go")
    await gate.reached.wait()
    await until(lambda: ours(fake))
    fake.fault(EDIT, RestAnswer(403, {"message": "Missing", "code": code}))
    gate.opened.set()
    await idle(running)

    notice, *pages = [post.content for post in fake.visible("@ada")]
    assert referenced(notice, caplog.text)
    assert words([split_page(page, quote=False)[1] for page in pages]) == words([LONG])
    assert [split_page(page, quote=False)[2] for page in pages] == [True] * len(pages)
    assert len(claude.billed) == 1


async def test_no_text_of_an_exception_is_shown(fake, claude, running, caplog):
    caplog.set_level(logging.INFO)
    fake.fault(POST, refusal(200000), 2)
    await mentioned(fake, running, claude)

    assert "200000" in caplog.text
    assert "200000" not in "".join(ours(fake))


async def test_a_private_answer_that_discord_never_takes_is_excused_to_its_person_alone(fake, claude, running, caplog):
    fake.fault("PATCH /webhooks/{webhook}/{token}/messages/{message}", refusal(200000), 2)
    asked = await fake.interact("ada", "general", "ask", {"prompt": "why?", "private": True})
    await until(lambda: claude.requests)
    await idle(running)

    assert referenced(asked.answer or "", caplog.text)
    assert ours(fake) == []
