"""The playground in the matrix: `confab web` in a process that dies, and somebody with a browser before it."""

import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, CookieJar

from bots.web.playground.posts import PlaygroundPost, parse_body
from bots.web.site.csrf import FIELD
from core.domain.controls import Control
from tests.e2e.reliability.bot import PLAYGROUND
from tests.e2e.reliability.kinds import AGAIN, CODE, SHORT, Kind, growing, says
from tests.e2e.reliability.machine import Machine
from tests.e2e.reliability.worlds import CONNECTING, Hook, Page, list_machine
from tests.fakes.claude.script import Answer
from tests.fakes.claude.server import ClaudeFake
from tests.support.databases import Database
from tests.support.waiting import until

WORDS = "What is the area of a circle?"
OFTEN = 0.05  # seconds between two looks at the database
TOKEN = re.compile(r'name="form-token" content="(\w+)"')


class PlaygroundWorld:
    """A playground that moves to another port with each process, and a person who sends again what is not there."""

    workspace = "web:playground"
    unacknowledged = False

    def __init__(self, claude: ClaudeFake, session: ClientSession, addresses: Path) -> None:
        self.claude, self.addresses = claude, addresses
        self.machine: Machine | None = None
        self.database: Database | None = None
        self.asked = ""
        self.failed: tuple[str, dict[str, str]] | None = None
        """What was sent, and may not have arrived."""
        self._session = session

    def environment(self) -> dict[str, str]:
        claude = {"ANTHROPIC_API_KEY": self.claude.key, "ANTHROPIC_BASE_URL": self.claude.url}
        return claude | list_machine(self.machine) | {PLAYGROUND: str(self.addresses)}

    @property
    def connections(self) -> int:
        return len(self._list_addresses())

    async def connected(self, times: int) -> None:
        await until(lambda: self.connections >= times, CONNECTING, OFTEN)

    def on_request(self, hook: Hook) -> None:
        """It asks no server of a platform: what it keeps is in the store."""

    def posts(self) -> list[PlaygroundPost]:
        assert self.database
        there = self.database.count("posts")
        rows = self.database.rows("SELECT body FROM posts ORDER BY at, id") if there else []
        return [parse_body(body) for (body,) in rows]

    def pages(self) -> list[Page]:
        """What Confab said; what it has not said whole says so."""
        ours = [post for post in self.posts() if post.mine]
        return [Page("here", post.text, _describe(post)) for post in ours]

    @property
    def untidy(self) -> object:
        """What is still to be ingested, what grows for ever, and what stands there more often than it was said."""
        assert self.database
        said = [post.text for post in self.posts() if not post.mine]
        growing = [post.name for post in self.posts() if not post.whole]
        return self.database.count("posts", "waiting <> ''") or growing or len(said) != 1

    async def until(self, predicate: Callable[[], object], seconds: float) -> None:
        await until(predicate, seconds, OFTEN)

    async def send(self, action: str, **fields: str) -> None:
        """Send a form as the page does. What does not arrive is remembered."""
        self.failed = action, fields
        address = self._find_address()
        try:
            async with self._session.get(address) as page:
                token = TOKEN.search(await page.text())
            assert token
            async with self._session.post(
                f"{address}playground/{action}", data={FIELD: token[1], "as": "ada", **fields}
            ) as answer:
                assert answer.status == 200, await answer.text()
        except ClientError:
            return
        self.failed = None

    async def has(self, words: str) -> bool:
        """Whether these words stand on the page of a process that lives."""
        try:
            async with self._session.get(f"{self._find_address()}?{urlencode({'as': 'ada'})}") as page:
                return words in await page.text()
        except ClientError:
            return False

    def _find_address(self) -> str:
        """That of the newest process; nobody listens at the one that stands for none."""
        return (self._list_addresses() or ["http://127.0.0.1:1/"])[-1]

    def _list_addresses(self) -> list[str]:
        return self.addresses.read_text().split() if self.addresses.exists() else []


def _describe(post: PlaygroundPost) -> str:
    controls = ", ".join(one.value for one in post.controls)
    files = ", ".join(f"{one.name} {one.id[:8]}" for one in post.files)
    return f"answers {bool(post.question)}, whole {post.whole}, can {controls}, has {files or 'nothing'}"


@asynccontextmanager
async def playground_world() -> AsyncIterator[PlaygroundWorld]:
    with tempfile.TemporaryDirectory() as folder:
        async with ClaudeFake() as claude, ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
            yield PlaygroundWorld(claude, session, Path(folder) / "addresses")


async def say(world: PlaygroundWorld) -> None:
    await world.send("say", text=WORDS)


async def press_again(world: PlaygroundWorld) -> None:
    """Try the answer again that stands there; Claude says something else from now on."""
    world.claude.answer = lambda _body: Answer(text=AGAIN, chunk=20, delay=0.02)
    (answer,) = (post for post in world.posts() if post.mine)
    await world.send("press", control=Control.RETRY.value, subject=answer.subject)


async def send_again(world: PlaygroundWorld) -> None:
    """When the page is there again, look whether one's words stand on it, and send them where they do not."""
    while True:
        await until(lambda: world.failed, float("inf"), OFTEN)
        assert world.failed
        (action, fields), before = world.failed, world.connections
        await until(lambda seen=before: world.connections > seen or not world.failed, float("inf"), OFTEN)
        if await world.has(fields["text"]):
            world.failed = None
        else:
            await world.send(action, **fields)


def attached(pages: list[Page]) -> bool:
    """An answer with code, and the file of it once."""
    return len(pages) == 1 and "print(3)" in pages[0].text and pages[0].mark.count("circle_area.py") == 1


PLAYGROUND_KINDS = [
    Kind("playground message", playground_world, say, says(SHORT), repeated=True, attend=send_again),
    Kind("playground file", playground_world, say, attached, growing(CODE), repeated=True, attend=send_again),
    Kind("playground tried again", playground_world, press_again, says(AGAIN), before=(say, says(SHORT))),
]
