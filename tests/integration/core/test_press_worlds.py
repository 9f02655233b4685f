"""Random worlds on the board: whoever presses what, however often, whatever is killed, each question has one reply.

Tests core.store.rules.presses, core.answering.responder.
"""

import os
from collections import Counter
from dataclasses import dataclass

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from core.answering.assistant import Assistant
from core.billing.ledger_rows import Scope
from core.domain.controls import Control
from core.domain.events import Deleted, Pressed
from core.domain.messages import Rank
from core.store import open_store
from core.store.protocols import Store
from tests.e2e.worlds import brisk
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer, Fault, refusal
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import closed, key
from tests.support.house import house

WORLDS = int(os.environ.get("PRESS_WORLDS", "20"))


@dataclass(frozen=True, slots=True)
class Ask:
    person: int


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody presses a button below a reply, counted from the newest; `soon`: before anything else is done."""

    control: Control
    which: int
    person: int
    soon: bool


@dataclass(frozen=True, slots=True)
class Again:
    """A press is told once more, counted from the newest."""

    which: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Somebody takes back a question, counted from the newest."""

    which: int


@dataclass(frozen=True, slots=True)
class Kill:
    """The process ends in the middle of whatever it does, and another one begins."""


@dataclass(frozen=True, slots=True)
class Feel:
    """How Claude takes the next request."""

    mood: str


@dataclass(frozen=True, slots=True)
class Settle:
    """All that can be answered is answered."""


MOODS = {
    "cut": lambda: Answer(text="the air scatters what is", stop_reason="max_tokens"),
    "code": lambda: Answer(text="So:\n```python\nx = 1", stop_reason="max_tokens"),
    "broken": lambda: Fault(status=400, type="invalid_request_error", message="no"),
    "refusing": refusal,
}
Step = Ask | Press | Again | Delete | Kill | Feel | Settle
_few = st.integers(0, 2)
_press = st.builds(
    Press,
    control=st.sampled_from([*Control, Control.RETRY, Control.CONTINUE]),
    which=_few,
    person=_few,
    soon=st.booleans(),
)
_other = (
    st.builds(Again, which=_few),
    st.builds(Delete, which=_few),
    st.just(Kill()),
    st.builds(Feel, mood=st.sampled_from(sorted(MOODS))),
    st.just(Settle()),
)
_step = st.sampled_from([_press] * 6 + [st.builds(Ask, person=_few), *_other]).flatmap(lambda one: one)


class World:
    """One thread on a board, and all that happens in it. Ada manages the place."""

    def __init__(self, store: Store, claude: ClaudeFake, board: Board) -> None:
        self.store, self.claude, self.board = store, claude, board
        self.asked: dict[str, str] = {}
        """Who asked, by the names of questions."""
        self.deleted: set[str] = set()
        self.presses: list[Pressed] = []
        self._numbers = 0
        board.ranks["U1"] = Rank.MANAGER
        claude.answer = self._answer

    def _answer(self, _body) -> Answer:
        self._numbers += 1
        return Answer(text=f"answer {self._numbers}")

    async def live(self, steps: list[Step]) -> None:
        """Process after process, each up to a kill, until all is settled."""
        lives: list[list[Step]] = [[]]
        for step in steps:
            lives[-1].append(step)
            if isinstance(step, Kill):
                lives.append([])
        for number, life in enumerate(lives):
            async with house(self.store, self.claude, self.board, process=f"p{number}") as assistant:
                for step in life:
                    await self._take(assistant, step)
                if life and isinstance(life[-1], Kill):
                    await assistant.worker.drain(0)
                else:
                    await closed(self.store)

    async def _take(self, assistant: Assistant, step: Step) -> None:
        match step:
            case Ask(person):
                posted = self.board.said("t1", f"U{person + 1}", "why?")
                self.asked[posted.message.id] = posted.message.author
                await assistant.ingest(posted)
            case Press():
                await self._press(assistant, step)
            case Again(which) if self.presses:
                await assistant.ingest(self.presses[-1 - which % len(self.presses)])
            case Delete(which) if self.asked:
                name = list(self.asked)[-1 - which % len(self.asked)]
                self.deleted.add(name)
                self.board.posts[key()] = [one for one in self.board.posts[key()] if one.id != name]
                await assistant.ingest(Deleted(self.board.number(), key(), name, self.board.now()))
            case Feel(mood):
                self.claude.script(MOODS[mood]())
            case Settle():
                await closed(self.store)

    async def _press(self, assistant: Assistant, step: Press) -> None:
        replies = [one.answers for one in self.board.posts.get(key(), []) if one.mine and one.answers]
        if not replies:
            return
        name = replies[-1 - step.which % len(replies)]
        pressed = Pressed(
            self.board.number(), key(), f"U{step.person + 1}", step.control, name, self.board.now(), '{"press": 1}'
        )
        self.presses.append(pressed)
        await assistant.ingest(pressed)
        if not step.soon:
            await closed(self.store)

    async def check(self) -> None:
        """Each question has one reply, each answer went on once, and what is told is what stands there."""
        thread = await self.store.threads.thread(key())
        pages = Counter(one.answers for one in self.board.posts.get(key(), []) if one.mine)
        assert {name: count for name, count in pages.items() if count > 1} == {}
        commands = {one.id for one in self.presses if one.control in {Control.STOP, Control.RETRY}}
        assert set(pages) - commands <= {*self.asked, *(one.id for one in self.presses)}
        rests = Counter(final.continues for final in thread.replies.values() if final.continues)
        assert all(count == 1 for count in rests.values())
        shown = {one.answers: one.text for one in self.board.posts.get(key(), []) if one.mine and not one.notice}
        told = {name: final.text for name, final in thread.replies.items() if final.text}
        assert {name: text for name, text in shown.items() if name in told} == {
            name: text for name, text in told.items() if name in shown
        }
        votes = {(one.question, one.person) for one in self.presses if one.control in {Control.UP, Control.DOWN}}
        counted = await self.store.ledger.count_votes(Scope("board:w1"), self.board.now().replace(year=2000))
        assert counted.up + counted.down <= len(votes)


async def _live(steps: list[Step]) -> None:
    board = Board()
    async with ClaudeFake() as claude:
        store = await open_store("sqlite://", clock=board.now)
        world = World(store, claude, board)
        try:
            await world.live(steps)
            await world.check()
        finally:
            await store.shut()


@seed(1)
@settings(max_examples=WORLDS, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_step, min_size=8, max_size=16))
def test_whatever_is_pressed_each_question_has_one_reply(steps):
    brisk.run(_live([Ask(0), Settle(), *steps]))
