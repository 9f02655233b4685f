"""The playground: a platform of one process, whose conversations are shown in a browser on the same machine."""

import asyncio
import time

from bots.web.playground.history import PlaygroundHistory
from bots.web.playground.posts import WORKSPACE, PlaygroundPost
from bots.web.playground.surface import PlaygroundSurface
from core.domain.clock import Clock, system_clock
from core.domain.controls import Control
from core.domain.events import Ingest
from core.domain.messages import Question, ThreadKey
from core.domain.platform import Connected, ignore_connected
from core.store.records.posts.stored_posts import Posts

INSTRUCTIONS = """\
Your answer is shown in a browser. Headings, lists, tables, code blocks and links are drawn; linked pictures, LaTeX, \
HTML such as <br>, footnotes and task lists are not."""
FIRST_CHANNEL, FIRST_THREAD = "general", "1"


class Playground:
    """Several people and channels in a browser. Everybody is the same person, so everybody may do everything."""

    name, offline, reachable = "web", "", True
    instructions = INSTRUCTIONS
    file_hint = "Attach one below the field, then write `/batch` with what is to be done with each row."

    def __init__(self, posts: Posts, clock: Clock = system_clock) -> None:
        self.history = PlaygroundHistory(posts, clock)

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        """Tell what an earlier process kept and could not tell any more, then all that is said."""
        self.history.connect(ingest)
        await self.history.ingest_waiting()
        await asyncio.Event().wait()

    async def surface(self, question: Question) -> PlaygroundSurface:
        return PlaygroundSurface(self.history, question)

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        """Say it in the conversation in which the person spoke last, for them alone."""
        key = await self._find_place(person)
        name = f"{time.time_ns()}.t"
        words = f"{text}\n\n{answer}" if answer else text
        post = PlaygroundPost(name, person, words, self.history.clock(), question="", notice=True, private=True)
        await self.history.keep(key, post)

    async def _find_place(self, person: str) -> ThreadKey:
        for one in await self.history.list_threads():
            key = ThreadKey(WORKSPACE, one.channel, one.thread)
            if any(post.person == person for post in await self.history.list_posts(key, person)):
                return key
        return ThreadKey(WORKSPACE, FIRST_CHANNEL, FIRST_THREAD)

    async def close(self) -> None:
        """Windows read on until the server ends them."""
