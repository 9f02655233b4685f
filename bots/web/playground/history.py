"""History of the playground: posts as the store keeps them, with what is only shown: growing and private ones.

Whatever changes is published to every window. A post is kept before what it says is ingested, and says so until then:
after a restart it is ingested again, and an event that comes twice counts once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bots.web.playground.hub import Hub
from bots.web.playground.posts import (
    COMMANDED,
    DELETED,
    EDITED,
    POSTED,
    WORKSPACE,
    PlaygroundPost,
    build_command,
    build_event,
    hang_file,
    read_post,
    store_post,
)
from core.domain.clock import Clock
from core.domain.events import Event, Ingest, Receipt
from core.domain.messages import File, ThreadKey
from core.store.records.posts.stored_posts import PostedThread, Posts

PRIVATE_KEPT = 200  # private posts that windows can still be shown

PostPlace = tuple[str, str]
"""A channel and a post's name in it."""


@dataclass(frozen=True, slots=True)
class PostChange:
    """A post of a conversation is another now, or gone."""

    key: ThreadKey
    name: str
    post: PlaygroundPost | None


@dataclass(frozen=True, slots=True)
class ThreadsChange:
    """There is a conversation more, or one less."""


Happening = PostChange | ThreadsChange


class PlaygroundHistory:
    """All that stands in the playground. `ingest` is the core's, once that runs."""

    def __init__(self, posts: Posts, clock: Clock) -> None:
        self._posts, self.clock = posts, clock
        self.hub: Hub[Happening] = Hub()
        self._live: dict[PostPlace, tuple[ThreadKey, PlaygroundPost]] = {}
        self._private: dict[PostPlace, tuple[ThreadKey, PlaygroundPost, Sequence[File]]] = {}
        self._ingest: Ingest | None = None
        self._connected = asyncio.Event()

    def connect(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._connected.set()

    async def ingest_waiting(self) -> None:
        """Ingest what a process kept that could not tell it any more."""
        for stored in await self._posts.list_waiting(WORKSPACE):
            await self._tell(stored.key, read_post(stored), stored.waiting)

    async def ingest(self, event: Event) -> Receipt:
        await self._connected.wait()
        assert self._ingest is not None
        return await self._ingest(event)

    async def say(self, key: ThreadKey, post: PlaygroundPost, files: Sequence[File] = ()) -> Receipt:
        """Let what a person says, or a command, stand, and tell it. What is answered privately is not kept."""
        post = replace(post, files=tuple(map(hang_file, files)))
        kind = COMMANDED if post.command else POSTED
        if post.private:
            receipt = await self.ingest(build_event(key, post, kind))
            self._show_private(key, post, files)
            return receipt
        known = await self.list_threads()
        await self._posts.write(store_post(key, post, kind), files)
        self.hub.publish(*_change(key, post))
        if all((one.channel, one.thread) != (key.channel, key.thread) for one in known):
            self.publish_threads()
        return await self._tell(key, post, kind)

    async def give(self, key: ThreadKey, post: PlaygroundPost) -> Receipt:
        """Give a command by a form that is still open: where something is wrong with it, nothing stands."""
        receipt = await self.ingest(replace(build_command(key, post), by_form=True))
        if receipt.new and post.private:
            self._show_private(key, post, ())
        elif receipt.new:
            await self.keep(key, post)
        return receipt

    async def edit(self, key: ThreadKey, name: str, text: str) -> None:
        """Let a message say something else."""
        held = await self.find(key, name)
        if held is not None and not held.mine and not held.command and held.text != text:
            post = replace(held, text=text, edited=self.clock())
            await self._posts.write(store_post(key, post, EDITED))
            self.hub.publish(*_change(key, post))
            await self._tell(key, post, EDITED)

    async def delete(self, key: ThreadKey, name: str) -> None:
        """Take a message away."""
        held = await self.find(key, name)
        if held is not None and not held.mine:
            post = PlaygroundPost(name, held.person, "", held.at, edited=self.clock())
            await self._posts.write(store_post(key, post, DELETED), [])
            self.hub.publish(f"{key.channel}/{name}", PostChange(key, name, None))
            await self._tell(key, post, DELETED)

    async def _tell(self, key: ThreadKey, post: PlaygroundPost, kind: str) -> Receipt:
        receipt = await self.ingest(build_event(key, post, kind))
        if kind == DELETED:
            await self._posts.delete(key.workspace, key.channel, post.name)
        else:
            await self._posts.mark_ingested(store_post(key, post, kind))
        return receipt

    def grow(self, key: ThreadKey, post: PlaygroundPost) -> None:
        """Show how an answer stands, and keep nothing of it yet."""
        self._live[key.channel, post.name] = key, post
        self.hub.publish(*_change(key, post))

    def note_activity(self, key: ThreadKey, name: str, activity: str) -> None:
        """Show what goes on where an answer grows."""
        if held := self._live.get((key.channel, name)):
            self.grow(key, replace(held[1], activity=activity))

    def settle(self, key: ThreadKey, name: str) -> None:
        """An answer grows no more here: what is kept of it stands."""
        self._live.pop((key.channel, name), None)

    async def keep(self, key: ThreadKey, post: PlaygroundPost, files: Sequence[File] | None = None) -> None:
        """Keep an answer of ours as it stands; without `files` it keeps those that hang on it."""
        if files is not None:
            post = replace(post, files=tuple(map(hang_file, files)))
        if post.private:
            await self.remove(key, post.name)
            self._show_private(key, post, files or ())
            return
        await self._posts.write(store_post(key, post), files)
        self.hub.publish(*_change(key, post))

    async def save(self, key: ThreadKey, post: PlaygroundPost) -> None:
        """Keep what stands by now of an answer that grows, and tell nobody, for it is shown already."""
        await self._posts.write(store_post(key, post))

    async def remove(self, key: ThreadKey, name: str) -> None:
        """Take an answer of ours away."""
        self._live.pop((key.channel, name), None)
        self._private.pop((key.channel, name), None)
        await self._posts.delete(key.workspace, key.channel, name)
        self.hub.publish(f"{key.channel}/{name}", PostChange(key, name, None))

    def _show_private(self, key: ThreadKey, post: PlaygroundPost, files: Sequence[File]) -> None:
        self._private[key.channel, post.name] = key, post, files
        while len(self._private) > PRIVATE_KEPT:
            del self._private[next(iter(self._private))]
        self.hub.publish(*_change(key, post))

    def publish_threads(self) -> None:
        self.hub.publish("threads", ThreadsChange())

    def drop_shown(self, name: str) -> None:
        """Show no longer what is not kept, such as after `forget`, but for the post of this name: it told so."""
        self._private = {place: held for place, held in self._private.items() if place[1] == name}
        self.hub.forget()

    async def find(self, key: ThreadKey, name: str) -> PlaygroundPost | None:
        """A post as it is kept, of this conversation."""
        stored = await self._posts.find(key.workspace, key.channel, name)
        return read_post(stored) if stored and stored.key == key and stored.waiting != DELETED else None

    async def list_posts(self, key: ThreadKey, person: str) -> list[PlaygroundPost]:
        """What a person sees of a conversation, oldest first."""
        stored = await self._posts.list_thread(key)
        found = {one.name: read_post(one) for one in stored if one.waiting != DELETED}
        found |= {post.name: post for held, post, _ in self._private.values() if held == key}
        found |= {post.name: post for held, post in self._live.values() if held == key}
        seen = (post for post in found.values() if not post.private or post.person == person)
        return sorted(seen, key=lambda post: post.order)

    async def list_channel(self, channel: str, most: int) -> list[tuple[ThreadKey, PlaygroundPost]]:
        """The newest posts of a channel that everybody sees, oldest first."""
        stored = await self._posts.list_newest(WORKSPACE, channel, most)
        return [(one.key, read_post(one)) for one in stored if one.waiting != DELETED]

    async def list_threads(self) -> Sequence[PostedThread]:
        return await self._posts.list_threads(WORKSPACE)

    async def list_people(self) -> Sequence[str]:
        return await self._posts.list_people(WORKSPACE)

    async def read_file(self, channel: str, name: str, number: int) -> File | None:
        """A file that hangs on a post."""
        if held := self._private.get((channel, name)):
            return held[2][number] if number < len(held[2]) else None
        return await self._posts.read_file(WORKSPACE, channel, name, number)


def _change(key: ThreadKey, post: PlaygroundPost) -> tuple[str, PostChange]:
    return f"{key.channel}/{post.name}", PostChange(key, post.name, post)
