"""Routes of messages: read, post, edit, delete, react."""

from dataclasses import replace

from tests.fakes.discord import forms
from tests.fakes.discord.drafts import draft, redraft
from tests.fakes.discord.message_payloads import rest_message
from tests.fakes.discord.nouns import FORUMS, SPOKEN, Channel, Flag, Json, Kind, Permission, Post, Type
from tests.fakes.discord.posts import forwarded, publish, react, remembered, remove, reply_to, rewrite
from tests.fakes.discord.refusals import Refused, malformed, refused
from tests.fakes.discord.rest import Ask, Route
from tests.fakes.discord.world import World

PAGE = 100  # messages of one listing
OLD = 3600.0  # seconds after which edits are counted
OLD_EDITS = 5  # of those, in one channel; Discord publishes no number
OLD_WAIT = 0.02  # seconds it asks to wait; Discord asks for more


class Messages:
    """What the bot may do with messages."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> dict[str, Route]:
        base, one = "/channels/{channel}/messages", "/channels/{channel}/messages/{message}"
        return {
            f"GET {base}": self.page,
            f"POST {base}": self.post,
            f"GET {one}": self.get,
            f"PATCH {one}": self.edit,
            f"DELETE {one}": self.delete,
            f"PUT {one}/reactions/{{emoji}}/@me": self.react,
            f"DELETE {one}/reactions/{{emoji}}/@me": self.unreact,
            "POST /channels/{channel}/typing": self.typing,
        }

    def page(self, ask: Ask) -> list[Json]:
        """Newest first; nothing at all without READ_MESSAGE_HISTORY."""
        channel = self._world.known(ask.path["channel"])
        self._world.demand(self._world.me.id, channel, Permission.VIEW_CHANNEL)
        if not self._world.may(self._world.me.id, channel, Permission.READ_MESSAGE_HISTORY):
            return []
        return [rest_message(self._world, post) for post in reversed(_page(self._world.history(channel.id), ask))]

    def get(self, ask: Ask) -> Json:
        return rest_message(self._world, self._post(ask, Permission.READ_MESSAGE_HISTORY))

    def post(self, ask: Ask) -> Json:
        """A new message, or the one that was posted with the same enforced nonce."""
        me, nonce = self._world.me.id, ask.body.get("nonce")
        channel = self._room(ask)
        if nonce is not None and ask.body.get("enforce_nonce"):
            forms.nonce(nonce)
            again = remembered(self._world, me, str(nonce))
            if again:
                return rest_message(self._world, again) | {"nonce": nonce}
        drafted = self._drafted(channel, ask)
        self._world.slow_down(me, channel)
        post = publish(self._world, drafted)
        if nonce is not None:
            self._world.nonces[me, str(nonce)] = (post.id, self._world.clock())
        return rest_message(self._world, post) | ({} if nonce is None else {"nonce": nonce})

    def edit(self, ask: Ask) -> Json:
        channel = self._world.known(ask.path["channel"])
        post = self._post(ask, Permission.VIEW_CHANNEL)
        others = set(ask.body) - {"flags", "tts", "allowed_mentions"}
        if post.author != self._world.me.id and (others or not self._manages(channel)):
            raise refused(50005)
        if channel.archived:
            raise refused(50083)
        self._world.demand(self._world.me.id, channel, forms.needs({}, ask.sizes))
        changed = redraft(self._world, post, ask)
        self._count_old(post)
        return rest_message(self._world, rewrite(self._world, changed))

    def delete(self, ask: Ask) -> None:
        channel = self._world.known(ask.path["channel"])
        post = self._post(ask, Permission.VIEW_CHANNEL)
        if post.type == Type.THREAD_STARTER:
            raise refused(50021)
        if post.author != self._world.me.id and not self._manages(channel):
            raise refused(50013 if channel.guild else 50003)
        if channel.archived:
            raise refused(50083)
        remove(self._world, post)

    def react(self, ask: Ask) -> None:
        post, emoji = self._reacted(ask), ask.path["emoji"]
        if emoji not in dict(post.reactions):
            channel = self._world.channels[post.channel]
            self._world.demand(self._world.me.id, channel, Permission.ADD_REACTIONS)
        react(self._world, post, self._world.me.id, emoji, on=True)

    def unreact(self, ask: Ask) -> None:
        react(self._world, self._reacted(ask), self._world.me.id, ask.path["emoji"], on=False)

    def typing(self, ask: Ask) -> None:
        """Nothing to see: the call itself is the record."""
        self._room(ask)

    def _reacted(self, ask: Ask) -> Post:
        post = self._post(ask, Permission.READ_MESSAGE_HISTORY)
        emoji = ask.path["emoji"]
        if emoji.isascii() and not emoji.partition(":")[2].isdigit():
            raise refused(10014)
        if self._world.channels[post.channel].archived:
            raise refused(50083)
        return post

    def _post(self, ask: Ask, permission: Permission) -> Post:
        channel = self._world.known(ask.path["channel"])
        self._world.demand(self._world.me.id, channel, permission)
        return self._world.post(channel.id, ask.path["message"])

    def _room(self, ask: Ask) -> Channel:
        """The channel to post in, if the bot may post there."""
        channel, me = self._world.known(ask.path["channel"]), self._world.me.id
        if channel.kind in {*FORUMS, Kind.CATEGORY}:
            raise refused(50008)
        if self._world.silent_dms & set(channel.recipients):
            raise refused(50007)
        thread = channel.kind == Kind.THREAD
        self._world.demand(me, channel, Permission.SEND_MESSAGES_IN_THREADS if thread else Permission.SEND_MESSAGES)
        if channel.locked and not self._world.may(me, channel, Permission.MANAGE_THREADS):
            raise refused(160005)
        if channel.kind in SPOKEN:
            self._world.demand(me, channel, Permission.CONNECT)
        return channel

    def _drafted(self, channel: Channel, ask: Ask) -> Post:
        given, me = ask.body.get("message_reference"), self._world.me.id
        if given and given.get("type") == 1:
            forms.only(ask.body, forms.POSTED)
            return replace(forwarded(self._world, channel, me, self._source(given)), nonce=ask.body.get("nonce"))
        self._world.demand(me, channel, forms.needs(ask.body, ask.sizes))
        found = reply_to(self._world, channel, me, given) if given else None
        kind = Type.REPLY if found else Type.DEFAULT
        parts = {"type": kind, "reference": found, "nonce": ask.body.get("nonce")}
        return draft(self._world, channel, ask, forms.POSTED, **parts)

    def _source(self, given: Json) -> Post:
        source = self._world.known(str(given.get("channel_id")))
        self._world.demand(self._world.me.id, source, Permission.READ_MESSAGE_HISTORY)
        return self._world.post(source.id, str(given.get("message_id")))

    def _manages(self, channel: Channel) -> bool:
        return self._world.may(self._world.me.id, channel, Permission.MANAGE_MESSAGES)

    def _count_old(self, post: Post) -> None:
        """Refuse with 30046 one more edit of messages older than an hour."""
        if self._world.clock() - post.at < OLD or Flag.LOADING in post.flags:
            return
        times = self._world.old_edits.setdefault(post.channel, [])
        times[:] = [at for at in times if self._world.clock() - at < OLD]
        if len(times) >= OLD_EDITS:
            refusal = refused(30046)
            raise Refused(refusal.status, refusal.body | {"retry_after": OLD_WAIT, "global": False})
        times.append(self._world.clock())


def _page(history: list[Post], ask: Ask) -> list[Post]:
    """The part of `history` (oldest first) that `before`, `after` or `around` asks for."""
    limit = ask.query.get("limit", "50")
    if not limit.isdigit() or not 1 <= int(limit) <= PAGE:
        raise malformed("limit", "NUMBER_TYPE_MAX", f"int value should be less than or equal to {PAGE}.")
    count, found = int(limit), ask.query
    if "after" in found:
        return [post for post in history if int(post.id) > int(found["after"])][:count]
    if "before" in found:
        return [post for post in history if int(post.id) < int(found["before"])][-count:]
    if "around" in found:
        middle = int(found["around"])
        older = [post for post in history if int(post.id) < middle][-(count // 2) :] if count > 1 else []
        return (older + [post for post in history if int(post.id) >= middle])[:count]
    return history[-count:]
