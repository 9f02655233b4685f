"""The people of a world: what they say, change and take back, on whichever platform it is."""

from dataclasses import dataclass, replace

from core.domain.messages import ThreadKey
from core.store.rules.split_questions import WITHIN
from tests.e2e.worlds.model import Conversation, Room, Spoken, Truth
from tests.e2e.worlds.process import Servers
from tests.e2e.worlds.steps import Say
from tests.fakes.discord.nouns import Upload
from tests.fakes.slack.nouns import BOT, File
from tests.support.drawings import draw

SLACKERS = {"ada": "U0ADA", "bob": "U0BOB", "dee": "U0DEE"}
DISCORDERS = {"ada": "7001", "bob": "7002", "cy": "7003", "robot": "7901"}
ANNEX = "8139"

ROOMS = (
    Room("slack", "C0GEN", "slack:T024", ("ada", "bob", "dee")),
    Room("discord", "81382", "discord:8138", ("ada", "bob", "cy", "robot"), chain=True),
    Room("slack", "C0DEV", "slack:T024", ("bob", "ada")),
    Room("discord", "den", f"discord:{ANNEX}", ("cy", "ada"), chain=True),
    Room("slack", "D0ADA", "slack:T024", ("ada",), direct=True),
    Room("discord", "thread", "discord:8138", ("bob", "ada", "robot"), whole=True),
    Room("discord", "dm", "discord:@me", ("ada",), whole=True, direct=True),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of ours, as it stands on a platform. `question` is what it answers."""

    channel: str
    id: str
    question: str
    text: str
    notice: bool


class People:
    """Acts in both platforms' worlds, and writes down in `truth` what it did."""

    def __init__(self, servers: Servers, truth: Truth) -> None:
        self._slack = servers.slack
        self._discord = servers.discord
        self._truth = truth
        self.rooms: list[Room] = []

    async def open_rooms(self) -> None:
        """One more guild, one thread, one direct message channel."""
        self._discord.guild(ANNEX, "The Annex")
        den = self._discord.room("den", guild=ANNEX)
        thread = await self._discord.start_thread("81383", "A thread")
        direct = self._discord.world.dm("7001").id
        names = {"den": den, "thread": thread, "dm": direct}
        self.rooms = [replace(room, name=names.get(room.name, room.name)) for room in ROOMS]
        for room in self.rooms:
            if room.whole:
                self._truth.begin(room, room.name)

    async def say(self, step: Say) -> None:
        room = self.rooms[step.room % len(self.rooms)]
        person = room.people[step.person % len(room.people)]
        here = [one for one in self._truth.conversations if one.room == room and self.alive(one)]
        found = here[-step.where % len(here)] if here and (step.where or room.whole) else None
        conversation = found or self._truth.begin(room)
        said = self._frame(conversation, person, mention=step.mention, other=step.other and not room.direct)
        if step.file:
            number = self._truth.number()
            picture = draw((number % 256, number // 256, 0), size=(4, 3))
            said.file, said.content = f"{self._truth.word()}.png", picture
            if step.text:
                said.file, said.content = f"{self._truth.word()}.txt", b"hello"
        await self._say(said, None if found is None else step.target)

    def can_ask(self, conversation: Conversation) -> bool:
        """Whether it is a thread that can be read whole, and people can still write in."""
        return not conversation.room.chain and self.alive(conversation)

    async def ask(self, conversation: Conversation) -> None:
        """One more question, with a mention."""
        await self._say(self._frame(conversation, conversation.room.people[0], mention=True, other=False), 0)

    def _frame(self, conversation: Conversation, person: str, *, mention: bool, other: bool) -> Spoken:
        """What somebody is about to say."""
        slack, room = conversation.room.platform == "slack", conversation.room
        ids = SLACKERS if slack else DISCORDERS
        us = BOT if slack else self._discord.me
        stranger = next(ids[name] for name in ("bob", "ada") if name != person)
        frame = f"{f'<@{us}> ' if mention else ''}{{}}{f' <@{stranger}>' if other else ''}"
        certain = (mention or room.direct) and person != "robot"
        return Spoken("", conversation, person, certain, other, [self._truth.word()], frame=frame)

    async def _say(self, spoken: Spoken, target: int | None) -> None:
        """Say it, in reply to a message of its conversation, or as the first one."""
        conversation = spoken.conversation
        if conversation.room.platform == "slack":
            files = [File("", spoken.file, guess(spoken), spoken.content, "")] if spoken.file else []
            thread = None if target is None else conversation.root
            if conversation.room.direct and thread is None:  # or it would add to what was said before
                self._slack.world.pass_time(2 * WITHIN.total_seconds())
            spoken.id = await self._slack.say(spoken.person, conversation.room.name, spoken.text, thread, files=files)
        else:
            await self._say_in_discord(spoken, None if target is None else self._target(conversation, target))
        conversation.root = conversation.root or spoken.id
        self._truth.spoken[conversation.room.name, spoken.id] = spoken

    async def _say_in_discord(self, spoken: Spoken, target: str | None) -> None:
        room = spoken.conversation.room
        replied = None if room.whole else self._discord.world.posts.get(target or "")
        to_us = replied is not None and replied.author == self._discord.me
        spoken.certain |= to_us and spoken.person != "robot"
        files = [Upload(spoken.file, spoken.content, guess(spoken))] if spoken.file else []
        chosen = replied.id if replied else None
        spoken.id = await self._discord.say(spoken.person, room.name, spoken.text, chosen, attachments=files)

    def _target(self, conversation: Conversation, which: int) -> str | None:
        """A message of the conversation that still stands, counted from the newest."""
        standing = sorted(self._standing(conversation), key=int)
        return standing[-1 - which % len(standing)] if standing else None

    def _standing(self, conversation: Conversation) -> list[str]:
        said = [one.id for one in self._truth.spoken.values() if one.conversation is conversation and not one.deleted]
        return said + [page.id for page in self.pages() if self.conversation(page) is conversation]

    def conversation(self, page: Page) -> Conversation | None:
        asked = self._truth.spoken.get((page.channel, page.question))
        return asked.conversation if asked else None

    def alive(self, conversation: Conversation) -> bool:
        """Whether anything is left that people can reply to."""
        room = conversation.room
        if room.platform == "slack":
            return (room.name, conversation.root) in self._slack.world.posts
        return room.whole or bool(self._standing(conversation))

    async def edit(self, which: int) -> None:
        """Somebody changes their words. Who made a mention keeps it."""
        standing = [one for one in self._truth.spoken.values() if not one.deleted]
        if not standing:
            return
        spoken = standing[-1 - which % len(standing)]
        spoken.words.append(self._truth.word())
        room = spoken.conversation.room
        if room.platform == "slack":
            await self._slack.edit(spoken.person, room.name, spoken.id, spoken.text)
        else:
            await self._discord.edit(spoken.id, spoken.text)

    async def delete(self, which: int) -> None:
        """A message is taken back, or a page of ours taken away."""
        spoken = [one for one in self._truth.spoken.values() if not one.deleted]
        pages = self.pages()
        if not spoken and not pages:
            return
        places = [(one.conversation.room.name, one.id) for one in spoken] + [(page.channel, page.id) for page in pages]
        places.sort(key=lambda place: float(place[1]) if "." in place[1] else (int(place[1]) >> 22) / 1000 + 1420070400)
        channel, name = places[-1 - which % len(places)]
        await self._remove(channel, name, pages)

    async def _remove(self, channel: str, name: str, pages: list[Page]) -> None:
        said = self._truth.spoken.get((channel, name))
        if said:
            said.deleted = True
        else:
            page = next(page for page in pages if (page.channel, page.id) == (channel, name))
            self._truth.removed.add((channel, page.question))
        if "." in name:
            await self._slack.delete("ada", channel, name)
        else:
            await self._discord.delete(name)

    async def stop(self, which: int) -> None:
        """Somebody presses Stop in a thread of Slack's."""
        threads = [one for one in self._truth.conversations if one.room.platform == "slack" and self.alive(one)]
        if threads:
            conversation = threads[-1 - which % len(threads)]
            self._truth.stopped.add(conversation.mark)
            await self._slack.stop("ada", conversation.room.name, conversation.root)

    def pages(self) -> list[Page]:
        """All pages of ours, oldest first on each platform."""
        return [*self._slack_pages(), *self._discord_pages()]

    def _slack_pages(self) -> list[Page]:
        found = []
        for post in sorted(self._slack.world.posts.values(), key=lambda post: float(post.ts)):
            if post.bot_id:
                payload = (post.metadata or {}).get("event_payload", {})
                text = next(one.text for one in self._slack.visible(post.channel) if one.ts == post.ts)
                notice = bool(payload.get("notice"))
                found.append(Page(post.channel, post.ts, payload.get("question", ""), text, notice))
        return found

    def _discord_pages(self) -> list[Page]:
        mine = [post for post in self._discord.world.posts.values() if post.author == self._discord.me]
        return [
            Page(post.channel, post.id, str(post.nonce).partition("-")[0], post.content, post.content.startswith("-# "))
            for post in sorted(mine, key=lambda post: int(post.id))
            if post.nonce
        ]

    def key(self, conversation: Conversation) -> ThreadKey:
        """Where core keeps a conversation, where its whole is one thread."""
        room = conversation.room
        if not room.whole:
            return ThreadKey(room.workspace, room.name, conversation.root)
        parent = self._discord.world.channels[room.name].parent
        return ThreadKey(room.workspace, parent or room.name, room.name)


def guess(spoken: Spoken) -> str:
    """The media type of the file of a message."""
    return "text/plain" if spoken.file.endswith(".txt") else "image/png"
