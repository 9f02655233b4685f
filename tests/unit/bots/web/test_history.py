"""The playground's history (bots.web.playground.history, bots.web.playground.adapter) over a real store.

What a person said is told to the core at least once, whenever a process dies; private posts are kept nowhere.
"""

import asyncio
from dataclasses import replace

import pytest

from bots.web.playground.adapter import Playground
from bots.web.playground.hub import Gap
from bots.web.playground.posts import PlaygroundPost
from core.domain.errors import CannotAnswer, StoreUnavailable
from core.domain.events import Commanded, Deleted, Edited, Posted, Receipt
from core.domain.messages import Attachment, File, PastRange, Question, ThreadKey
from core.store import open_store
from tests.support.talk import at
from tests.support.waiting import PATIENCE

KEY = ThreadKey("web:playground", "general", "1")
SAID = PlaygroundPost("10", "ada", "hello", at(1))
PLOT = File("plot.png", "image/png", b"\x89PNG")


class Core:
    """What is told to the core; while it is `away` its store takes nothing."""

    def __init__(self):
        self.told, self.away = [], False

    async def ingest(self, event):
        if self.away:
            raise StoreUnavailable("away")
        self.told.append(event)
        return Receipt(new=True, ours=True, question=True, key=event.key)


@pytest.fixture
async def store():
    store = await open_store("sqlite://")
    yield store
    await store.shut()


@pytest.fixture
def core():
    return Core()


@pytest.fixture
def playground(store, core, clock):
    playground = Playground(store.posts, clock)
    playground.history.connect(core.ingest)
    return playground


async def test_what_was_said_corrected_or_taken_away_while_nobody_could_be_told_is_told_at_the_next_start(
    store, core, clock, playground
):
    history = playground.history
    for name in ("11", "12"):
        await history.say(KEY, replace(SAID, name=name))
    core.told.clear()
    core.away = True
    for act in (history.say(KEY, SAID), history.edit(KEY, "11", "hi"), history.delete(KEY, "12")):
        with pytest.raises(StoreUnavailable):
            await act
    core.away = False
    next_one = Playground(store.posts, clock)
    running = asyncio.create_task(next_one.run(core.ingest))
    async with asyncio.timeout(PATIENCE):
        while await store.posts.list_waiting(KEY.workspace):
            await asyncio.sleep(0.01)
    running.cancel()

    assert [(type(one), getattr(one, "message", None) and one.id.partition(":")[0]) for one in core.told] == [
        (Posted, "10"),
        (Edited, "11"),
        (Deleted, "12"),
    ]


async def test_what_is_answered_to_one_person_alone_is_shown_to_them_and_kept_nowhere(store, core, playground):
    history = playground.history
    asked = replace(SAID, text="/prompt", command=True, private=True)
    await history.say(KEY, asked)
    await history.keep(KEY, replace(SAID, name="10.1", question="10", text="your prompt", private=True))

    assert [type(one) for one in core.told] == [Commanded]
    assert [post.text for post in await history.list_posts(KEY, "ada")] == ["/prompt", "your prompt"]
    assert await history.list_posts(KEY, "bob") == []
    assert await store.posts.list_thread(KEY) == []


async def test_a_growing_answer_stands_once_whether_it_is_kept_or_grows(playground):
    history = playground.history
    answer = replace(SAID, name="10.1", question="10", text="o", whole=False)
    await history.say(KEY, SAID)
    await history.save(KEY, answer)
    history.grow(KEY, replace(answer, text="one"))
    history.note_activity(KEY, "10.1", "reading")
    growing = await history.list_posts(KEY, "bob")
    await history.keep(KEY, replace(answer, text="one two", whole=True), [PLOT])
    history.settle(KEY, "10.1")
    whole = await history.list_posts(KEY, "bob")

    assert [(post.text, post.activity) for post in growing] == [("hello", ""), ("one", "reading")]
    assert [(post.text, post.whole, len(post.files)) for post in whole] == [("hello", True, 0), ("one two", True, 1)]


async def test_what_is_forgotten_is_shown_to_no_window_any_more(playground):
    history = playground.history
    known = history.hub.newest
    await history.say(KEY, replace(SAID, command=True, private=True, text="/prompt"))
    history.drop_shown("other")

    assert await history.list_posts(KEY, "ada") == []
    with pytest.raises(Gap):
        await anext(history.hub.follow(known, 0))


async def test_a_file_is_read_where_it_hangs_and_the_past_of_a_channel_as_everybody_saw_it(playground):
    history = playground.history
    await history.say(KEY, replace(SAID, name="10"), [PLOT])
    await history.say(ThreadKey("web:playground", "general", "2"), replace(SAID, name="11", text="elsewhere"))
    await history.keep(KEY, replace(SAID, name="10.1", question="10", text="hi"))
    surface = await playground.surface(Question(KEY, "10", "ada", at(1)))
    (hung,) = (await history.find(KEY, "10")).files
    attachment = Attachment(hung.id, hung.name, hung.type, hung.size)

    assert await surface.fetch(attachment, "10") == PLOT.content
    with pytest.raises(CannotAnswer):
        await surface.fetch(replace(attachment, id="other"), "10")
    every = await surface.read_past("ada", PastRange("", 9))
    assert sorted(one.text for one in every.messages) == ["elsewhere", "hello", "hi"]
    here = await surface.read_past("ada", PastRange("1", 1))
    assert len(here.messages) == 1


async def test_what_is_told_to_one_person_stands_where_they_spoke_last(playground):
    await playground.history.say(ThreadKey("web:playground", "dev", "3"), SAID)
    await playground.tell("web:playground", "ada", "Your budget is used up.")

    found = await playground.history.list_posts(ThreadKey("web:playground", "dev", "3"), "ada")
    assert {post.text for post in found} == {"hello", "Your budget is used up."}
