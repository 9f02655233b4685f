"""A world of tools on the board: two processes share a database, and each thing that happens is heard by one of them."""

import asyncio
import itertools
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.answering.assistant import Assistant
from core.billing.ledger_rows import Scope
from core.billing.reports import sum_rows
from core.domain.controls import APPROVAL, Control
from core.domain.errors import StoreUnavailable
from core.domain.events import Deleted, Edited, Event, Pressed
from core.domain.messages import Message, ThreadKey
from core.store import open_store
from core.store.protocols import Store
from tests.e2e.worlds import brisk
from tests.e2e.worlds.tool_steps import (
    HOUR,
    MOODS,
    PLANS,
    Again,
    Ask,
    Change,
    Feel,
    Forget,
    Kill,
    Press,
    Serve,
    Settle,
    Sleep,
    Spoil,
    Step,
)
from tests.e2e.worlds.workshop import ServedShop, ShopServer, Workshop
from tests.fakes.board import Board
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.board_house import key
from tests.support.databases import WORDS_OF_CALLS, Database, Databases
from tests.support.house import house

PLAN = re.compile(rf"(x\d+x) ({'|'.join(sorted(PLANS, key=len, reverse=True))})")
SHOWN = re.compile(r'"what": "(x\d+x/\d+)"')
PATIENCE = 600.0  # seconds of the brisk loop's that everything may take to be answered


class World:
    """Two threads on a board, and all that happens in them."""

    def __init__(self, stores: Sequence[Store], claude: ClaudeFake, board: Board, server: ShopServer | None) -> None:
        self.stores, self.claude, self.board = stores, claude, board
        self.asked: dict[str, Message] = {}
        self.keys: dict[str, ThreadKey] = {}
        self.gone: set[str] = set()
        self.shop = ServedShop(self.asked, server) if server else Workshop(self.asked)
        self.presses: list[Pressed] = []
        self.waited: dict[str, tuple[str, str, str]] = {}
        """What was to be made by the calls that people were asked about, with the question and its asker."""
        self.houses: list[tuple[Assistant, AsyncExitStack]] = []
        self._numbers = itertools.count(1)
        claude.answer = self._answer

    def _answer(self, body: Mapping[str, Any]) -> Answer:
        """What the newest question is about, round by round."""
        rounds, text = 0, ""
        for turn in reversed(body["messages"]):
            kinds = {block["type"] for block in turn["content"]}
            rounds += "tool_use" in kinds
            if turn["role"] == "user" and "tool_result" not in kinds:
                text = "\n".join(block.get("text", "") for block in turn["content"])
                break
        found = PLAN.findall(text)
        mark, plan = found[-1] if found else ("", "nothing")
        if rounds >= len(PLANS[plan]):
            return Answer(text=f"answer {next(self._numbers)}")
        begun = sum(map(len, PLANS[plan][:rounds]))
        return Answer(
            text=f"round {rounds}. ",
            blocks=tuple(
                {
                    "type": "tool_use",
                    "id": f"toolu_{next(self._numbers)}",
                    "name": f"{self.shop.prefix}{tool}",
                    "input": {"what": f"{mark}/{begun + number}"},
                }
                for number, tool in enumerate(PLANS[plan][rounds])
            ),
            stop_reason="tool_use",
        )

    async def live(self, steps: Sequence[Step]) -> None:
        try:
            for _ in self.stores:
                await self._begin()
            for step in steps:
                await self._take(step)
            await self._settle()
            self._check_shown()
            while self._list_waiting():  # what was edited meanwhile begins again, and asks again
                self.board.slept(HOUR)
                await self._settle()
        finally:
            while self.houses:
                await self._end(0)

    async def _begin(self) -> None:
        stack, name = AsyncExitStack(), f"p{next(self._numbers)}"
        store = self.stores[len(self.houses) % len(self.stores)]
        tools = await stack.enter_async_context(self.shop.open(store))
        assistant = await stack.enter_async_context(
            house(store, self.claude, self.board, process=name, tools=tools, alone=False)
        )
        self.houses.append((assistant, stack))

    async def _end(self, which: int) -> None:
        assistant, stack = self.houses.pop(which)
        await assistant.worker.drain(0)
        await stack.aclose()

    def _hear(self) -> Assistant:
        """The process that hears of the next thing."""
        return self.houses[next(self._numbers) % len(self.houses)][0]

    async def _tell(self, event: Event) -> None:
        """Tell one of the processes, as platforms do: again where the database was too slow for it."""
        while True:
            try:
                await self._hear().ingest(event)
                return
            except StoreUnavailable:
                continue

    async def _settle(self) -> None:
        for assistant, _ in self.houses:
            await assistant.worker.heartbeat()
            assistant.worker.wake()
        async with asyncio.timeout(PATIENCE):
            while (await self.stores[0].questions.count_open())[0]:
                await asyncio.sleep(0.02)

    async def _take(self, step: Step) -> None:
        match step:
            case Ask(person, thread, plan):
                words = f"x{len(self.asked) + 1}x {plan}"
                posted = self.board.said(f"t{thread + 1}", f"U{person + 1}", words)
                self.asked[posted.message.id], self.keys[posted.message.id] = posted.message, posted.key
                await self._tell(posted)
            case Press():
                await self._press(step)
            case Again(which) if self.presses:
                await self._tell(self.presses[-1 - which % len(self.presses)])
            case Change(which, deletes) if self.asked:
                await self._change(list(self.asked)[-1 - which % len(self.asked)], deletes=deletes)
            case Forget(person, thread):
                await self._forget(person, f"t{thread + 1}")
            case Kill(which):
                await self._end(which)
                await self._begin()
            case Feel(mood):
                self.claude.script(MOODS[mood]())
            case Spoil(how):
                self.shop.spoiled.append(how)
            case Serve(how):
                await self.shop.serve(how)
            case Sleep(seconds):
                self.board.slept(seconds)
            case Settle():
                await self._settle()

    async def _press(self, step: Press) -> None:
        if not step.soon:
            await self._settle()
        waiting = self._list_waiting()
        self.waited |= waiting
        subjects = list(self.waited if step.old else waiting)
        if not subjects:
            return
        subject = subjects[-1 - step.which % len(subjects)]
        name, what, asker = self.waited[subject]
        person = asker if step.person is None else f"U{step.person + 1}"
        number, at = self.board.number(), self.board.now()
        press = Pressed(number, self.keys[name], person, step.control, subject, at, '{"press": 1}')
        self.presses.append(press)
        if person == asker and subject in waiting and step.control is not Control.DENY:
            self.shop.allowed.add((name, what))  # before: it may act before the press is acknowledged
            if step.control is Control.ALLOW_THREAD:
                self.shop.granted.add((asker, self.keys[name]))
        await self._tell(press)

    def _list_waiting(self) -> dict[str, tuple[str, str, str]]:
        """What people are asked about now."""
        found = {}
        for posts in self.board.posts.values():
            for post in posts:
                if post.mine and post.answers and self.board.buttons.get(post.id) == APPROVAL:
                    (what,) = SHOWN.findall(post.text)
                    name = post.answers
                    found[self.board.subjects[post.id]] = name, what, self.asked[name].author
        return found

    async def _change(self, name: str, *, deletes: bool) -> None:
        key, posts = self.keys[name], self.board.posts[self.keys[name]]
        at = next((at for at, one in enumerate(posts) if one.id == name), None)
        if at is None:
            return
        if deletes:
            del posts[at]
            self.gone.add(name)
            await self._tell(Deleted(self.board.number(), key, name, self.board.now()))
            return
        number = self.board.number()
        posts[at] = replace(posts[at], text=f"{posts[at].text}, please", edited=self.board.now())
        await self._tell(Edited(number, key, posts[at]))

    async def _forget(self, person: int | None, thread: str) -> None:
        place = key(thread)
        who = None if person is None else f"U{person + 1}"
        scope = Scope(place.workspace, place.channel, None if who else thread, who)
        self.gone |= {
            name for name, message in self.asked.items() if (message.author == who if who else self.keys[name] == place)
        }
        await self.stores[0].threads.forget(scope)

    def _check_shown(self) -> None:
        """Each question that stands has one reply, of its own or of those it was answered with; none has two."""
        pages = Counter(one.answers for posts in self.board.posts.values() for one in posts if one.mine)
        assert {name: count for name, count in pages.items() if count > 1} == {}

    async def check(self, database: Database) -> None:
        self.shop.check()
        assert database.rows("SELECT name FROM questions WHERE outcome IS NULL") == []
        assert database.count("tool_calls", WORDS_OF_CALLS) == 0
        for table in ("claims", "pages"):
            assert database.count(table) == 0, table
        assert database.count("questions", "parked IS NOT NULL OR told IS NOT NULL OR parked_until IS NOT NULL") == 0
        shown = {one.answers for posts in self.board.posts.values() for one in posts if one.mine}
        rows = database.rows("SELECT name, reply, outcome FROM questions WHERE command IS NULL")
        unseen = [row for row in rows if row[0] not in self.gone and (row[1] or row[0]) not in shown]
        assert unseen == []
        assert {name for name, _, _ in rows} == set(self.asked)
        self._check_prompts()
        self._check_told()
        await self._check_money(database)

    def _check_prompts(self) -> None:
        """Nothing of one thread is told in another."""
        for request in (one for one in self.claude.requests if one.path == "/v1/messages"):
            marks = set(re.findall(r"x\d+x", str(request.body["messages"])))
            names = {self.keys[name].thread for name, one in self.asked.items() if one.text.split()[0] in marks}
            assert len(names) <= 1, (marks, names)

    def _check_told(self) -> None:
        """Of each call Claude is told what it brought, or in a line that it failed; never the result of another call."""
        for request in (one for one in self.claude.requests if one.path == "/v1/messages"):
            blocks = [block for turn in request.body["messages"] for block in turn["content"]]
            called = {block["id"]: block for block in blocks if block["type"] == "tool_use"}
            for block in (one for one in blocks if one["type"] == "tool_result"):
                self.shop.check_told(called[block["tool_use_id"]], block)

    async def _check_money(self, database: Database) -> None:
        assert database.count("requests", "state = 'reserved'") == 0
        assert database.count("requests", "content IS NOT NULL OR step IS NOT NULL") == 0
        lines = await self.stores[0].ledger.sum_usage(Scope("board:w1"), self.board.now().replace(year=2000), "model")
        whole, billed = sum_rows(lines), sum(one.micro_usd for one in self.claude.billed)
        assert whole.micro_usd >= billed if whole.died else whole.micro_usd == billed


async def _live(steps: Sequence[Step], database: Database, server: ShopServer | None) -> None:
    board = Board()
    async with ClaudeFake() as claude:
        stores = [await open_store(database.url, clock=board.now) for _ in range(2)]
        world = World(stores, claude, board, server)
        try:
            if server:
                await server.become("up")
                await world.shop.trust(stores[0])
            await world.live(steps)
            await claude.settled()
            await world.check(database)
        finally:
            for store in stores:
                await store.shut()
            if server:
                await server.close()


def hold(steps: Sequence[Step], engine: str, make_server: Callable[[], ShopServer | None] = lambda: None) -> None:
    """Live through these steps, and see that all holds. With a server, it has the tools."""

    with tempfile.TemporaryDirectory() as folder, Databases(engine) as databases:
        brisk.run(_live(steps, databases.of(Path(folder)), make_server()))
