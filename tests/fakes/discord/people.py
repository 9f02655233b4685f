"""People: what somebody at a Discord client says and does, and what the bot's gateway hears of it."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha512

from tests.fakes.discord.commands import Commands
from tests.fakes.discord.forms import FILE
from tests.fakes.discord.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL,
    Interaction,
    Interactions,
    source_of,
)
from tests.fakes.discord.message_payloads import message_json
from tests.fakes.discord.nouns import Channel, Flag, Json, Kind, Permission, Type, Upload
from tests.fakes.discord.options import Filling, Given, filled, picked, submitted
from tests.fakes.discord.payloads import member_json, partial_channel, user_json
from tests.fakes.discord.posts import (
    PARSED,
    close_thread,
    forwarded,
    mentioned,
    new,
    open_thread,
    publish,
    react,
    reference,
    remove,
    rewrite,
    store,
)
from tests.fakes.discord.refusals import refused
from tests.fakes.discord.world import APPLICATION, Event, World


class People:
    """Everybody but the bot. They and their places are named by name or id; `dm` is one's DM with the bot.

    What Discord's client wouldn't let a person do raises `Refused`, `LookupError` or `ValueError`.
    """

    def __init__(self, world: World, commands: Commands, interactions: Interactions) -> None:
        self.world = world
        self.commands = commands
        self._interactions = interactions

    async def say(
        self,
        user: str,
        channel: str,
        text: str,
        reply_to: str | None = None,
        *,
        ping: bool = True,
        attachments: Sequence[Upload] = (),
        embeds: Sequence[Json] = (),
    ) -> str:
        """Post a message; its id. Only bots and webhooks have embeds of their own."""
        author, place = self.world.user(user).id, self._place(user, channel)
        if not self.world.users[author].webhook:
            thread = place.kind == Kind.THREAD
            self.world.demand(
                author, place, Permission.SEND_MESSAGES_IN_THREADS if thread else Permission.SEND_MESSAGES
            )
            if place.locked and not self.world.may(author, place, Permission.MANAGE_THREADS):
                raise refused(160005)
            self.world.slow_down(author, place)
        parts: Json = {"files": store(self.world, place.id, attachments), "embeds": tuple(embeds)}
        if reply_to:
            parts |= {"type": Type.REPLY, "reference": reference(self.world, self.world.posts[reply_to])}
        post = new(self.world, place, author, text, **parts)
        return publish(self.world, mentioned(self.world, post, PARSED | {"replied_user": ping})).id

    async def edit(self, message: str, text: str) -> None:
        """Its author changes its words; whom it replies to is mentioned as before."""
        post = self.world.posts[message]
        target = self.world.posts.get((post.reference or {}).get("message_id", ""))
        pinged = target is not None and target.author in post.mentions
        changed = replace(post, content=text, edited=self.world.clock())
        rewrite(self.world, mentioned(self.world, changed, PARSED | {"replied_user": pinged}))

    async def delete(self, message: str) -> None:
        remove(self.world, self.world.posts[message])

    async def forward(self, user: str, message: str, channel: str) -> str:
        """Forward a message; the new one's id."""
        place, target = self._place(user, channel), self.world.posts[message]
        return publish(self.world, forwarded(self.world, place, self.world.user(user).id, target)).id

    async def react(self, user: str, message: str, emoji: str, *, on: bool = True) -> None:
        react(self.world, self.world.posts[message], self.world.user(user).id, emoji, on=on)

    async def start_thread(self, where: str, name: str, user: str = "ada", invited: Sequence[str] = ()) -> str:
        """A thread on a message, or one in a channel without, a private one if anybody is `invited`; its id."""
        start = self.world.posts.get(where)
        parent = self.world.channels[start.channel] if start else self.world.channel(where)
        guests = tuple(self.world.user(one).id for one in invited)
        return open_thread(self.world, parent, self.world.user(user).id, name, start, invited=guests).id

    async def delete_thread(self, thread: str) -> None:
        close_thread(self.world, self.world.channels[thread])

    async def forum_post(self, user: str, forum: str, title: str, text: str, tags: Sequence[str] = ()) -> str:
        """A post of a forum; the id of its thread and of its first message."""
        author = self.world.user(user).id
        thread = open_thread(self.world, self.world.channel(forum), author, title, tags=tags)
        first = mentioned(self.world, new(self.world, thread, author, text), None)
        return publish(self.world, replace(first, id=thread.id)).id

    async def unfurl(self, message: str, link: str) -> bool:
        """What is behind a link arrives later, as an update that edits nothing; False if it is suppressed."""
        post = self.world.posts[message]
        channel = self.world.channels[post.channel]
        may = post.author not in self.world.users or self.world.may(post.author, channel, Permission.EMBED_LINKS)
        if Flag.SUPPRESS_EMBEDS in post.flags or not may:
            return False
        rewrite(self.world, replace(post, embeds=(*post.embeds, {"type": "link", "url": link, "title": link})))
        return True

    async def interact(
        self, user: str, channel: str, command: str, options: Mapping[str, Given] | None = None
    ) -> Interaction:
        """Give a slash command: `ask`, `persona show`."""
        held = self._held(user, self._place(user, channel), COMMAND)
        found = self._offered(held, command)
        return self._send(held, filled(Filling(self.world, held.channel), found, command, options or {}))

    async def choose(self, user: str, message: str, command: str) -> Interaction:
        """Choose a command from a message's menu, under Apps."""
        post = self.world.posts[message]
        held = self._held(user, self.world.channels[post.channel], COMMAND)
        offered = self.commands.visible(held.user, held.channel)
        found = next(one for one in offered if (one["type"], one["name"]) == (3, command))
        shown = {message: message_json(self.world, post)}
        body = {"id": found["id"], "name": command, "type": 3, "target_id": message, "resolved": {"messages": shown}}
        return self._send(held, body)

    async def autocomplete(
        self, user: str, channel: str, command: str, typed: tuple[str, str], options: Mapping[str, Given] | None = None
    ) -> Interaction:
        """Type into an option that completes itself: its name, and what is typed so far."""
        held = self._held(user, self._place(user, channel), AUTOCOMPLETE)
        found = self._offered(held, command)
        return self._send(held, filled(Filling(self.world, held.channel), found, command, options or {}, typed))

    async def press(self, user: str, message: str, component: str, values: Sequence[str] = ()) -> Interaction:
        """Press a button, or pick `values` of a select; named by custom id, label or emoji.

        Who does not see the message, or the button on it, presses nothing: `LookupError`.
        """
        post, person = self.world.posts[message], self.world.user(user).id
        place = self.world.channels[post.channel]
        alone = (post.interaction or {}).get("user", {}).get("id") if post.ephemeral else person
        if alone != person or not self.world.may(person, place, Permission.VIEW_CHANNEL):
            raise LookupError(f"{user} does not see message {message}")
        pressed = picked(post, component, values)
        held = self._held(user, place, COMPONENT)
        held.source = message
        return self._send(held, pressed)

    async def submit_modal(self, shown: Interaction, values: Mapping[str, Given]) -> Interaction:
        """Send the modal that `shown` showed, its parts named by custom id or label."""
        if shown.modal is None:
            raise LookupError("no modal was shown")
        held = self._held(shown.user, shown.channel, MODAL)
        held.before = shown
        return self._send(held, submitted(Filling(self.world, held.channel), shown.modal, values))

    def _place(self, user: str, channel: str) -> Channel:
        return self.world.dm(self.world.user(user).id) if channel == "dm" else self.world.channel(channel)

    def _offered(self, held: Interaction, command: str) -> Json:
        for found in self.commands.visible(held.user, held.channel):
            if found["name"] == command.split(maxsplit=1)[0]:
                return found
        raise LookupError(f"{self.world.users[held.user].name} sees no /{command} in {held.channel.name}")

    def _held(self, user: str, place: Channel, kind: int) -> Interaction:
        key, person = self.world.snowflake(), self.world.user(user).id
        held = Interaction(key, interaction_token(key), kind, person, place, self.world.clock(), self.world)
        return self._interactions.hold(held)

    def _send(self, held: Interaction, body: Json) -> Interaction:
        payload = interaction_json(held) | {"data": body}
        there = self.world.ours(held.channel)  # what comes from elsewhere is told to the first shard
        self.world.tell(Event("INTERACTION_CREATE", payload, held.channel.guild if there else None))
        return held


TAKEN_ALONG = Permission.ATTACH_FILES | Permission.EMBED_LINKS | Permission.MENTION_EVERYONE
"""What an application may do in any place where only a person has installed it."""


def interaction_token(key: str) -> str:
    """What answers an interaction, as long and as opaque as Discord's."""
    return urlsafe_b64encode(f"interaction:{key}:".encode() + sha512(key.encode()).digest() * 2).decode().rstrip("=")


def interaction_json(held: Interaction) -> Json:
    """INTERACTION_CREATE without its data: who, where, with which rights, on which message."""
    world, place, user = held.world, held.channel, held.user
    payload: Json = {
        "id": held.id,
        "application_id": APPLICATION,
        "type": held.type,
        "token": held.token,
        "version": 1,
        "channel_id": place.id,
        "channel": partial_channel(world, place, user),
        "app_permissions": str(int(TAKEN_ALONG if held.alone else world.permissions(world.me.id, place))),
        "locale": "en-US",
        "entitlements": [],
        "authorizing_integration_owners": held.owners,
        "context": held.context,
        "attachment_size_limit": FILE,
    }
    source = world.posts.get(source_of(held) or "")
    return payload | _person(held) | ({"message": message_json(world, source)} if source else {})


def _person(held: Interaction) -> Json:
    world, place, person = held.world, held.channel, user_json(held.world.users[held.user])
    if place.guild is None:
        return {"user": person}
    granted = str(int(world.permissions(held.user, place)))
    member = member_json(world.guilds[place.guild], held.user) | {"user": person, "permissions": granted}
    about = {"id": place.guild, "locale": "en-US", "features": []}
    return {"guild_id": place.guild, "guild": about, "guild_locale": "en-US", "member": member}
