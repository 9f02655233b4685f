"""Interactions: what a person set off, and the routes that answer it by token."""

from dataclasses import dataclass, field, replace

from tests.fakes.discord import forms
from tests.fakes.discord.commands import BOT_DM, GUILD, PRIVATE
from tests.fakes.discord.components import CUSTOM_ID
from tests.fakes.discord.drafts import draft, redraft
from tests.fakes.discord.message_payloads import message_json
from tests.fakes.discord.nouns import Channel, Flag, Json, Permission, Post, Type
from tests.fakes.discord.payloads import user_json
from tests.fakes.discord.posts import mentioned, note_pings, publish, reference, remove, rewrite
from tests.fakes.discord.refusals import malformed, refused
from tests.fakes.discord.rest import Ask, Route
from tests.fakes.discord.world import APPLICATION, World

FIRST = 3.0  # seconds until an interaction that got no answer is gone
TOKEN = 15 * 60.0  # seconds a token lives
FOLLOWUPS = 5  # messages after the first answer, where only a person has installed the application
CHOICES = 25  # of an autocompletion

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5  # interaction types
MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOOSE, SHOW_MODAL = 4, 5, 6, 7, 8, 9  # callback types
ANSWERS = {
    COMMAND: {MESSAGE, DEFER, SHOW_MODAL},
    COMPONENT: {MESSAGE, DEFER, DEFER_UPDATE, UPDATE, SHOW_MODAL},
    AUTOCOMPLETE: {CHOOSE},
    MODAL: {MESSAGE, DEFER, DEFER_UPDATE, UPDATE},
}


@dataclass(slots=True, eq=False)
class Interaction:
    """What a person set off, and what they see of it. Times are in seconds since 1970."""

    id: str
    token: str
    type: int
    user: str
    channel: Channel
    at: float
    world: World
    source: str | None = None
    """The message whose component was pressed."""
    before: "Interaction | None" = None
    """What showed the modal that was submitted."""
    acknowledged: bool = False
    ephemeral: bool = False
    original: str | None = None
    """The id of the first answer."""
    posted: list[str] = field(default_factory=list)
    """The ids of the followups."""
    modal: Json | None = None
    choices: list[Json] | None = None

    @property
    def owners(self) -> Json:
        """Who has installed the application that it was set off with: 0 the server, 1 a person.

        A component's are those of its message.
        """
        source = self.world.posts.get(self.source or "")
        if source and source.interaction:
            return dict(source.interaction["authorizing_integration_owners"])
        by_place = {"0": self.channel.guild or "0"} if self.world.ours(self.channel) else {}
        return by_place | ({"1": self.user} if self.user in self.world.installs else {})

    @property
    def alone(self) -> bool:
        """Whether only a person has installed the application: the bot itself is not there."""
        return "0" not in self.owners

    @property
    def context(self) -> int:
        if self.channel.guild:
            return GUILD
        return BOT_DM if self.world.ours(self.channel) else PRIVATE

    @property
    def thinking(self) -> bool:
        """True while the first answer is deferred."""
        post = self.world.posts.get(self.original or "")
        return post is not None and Flag.LOADING in post.flags

    @property
    def answer(self) -> str | None:
        """What the first answer says; None if there is none, or it was deleted."""
        post = self.world.posts.get(self.original or "")
        return None if post is None else post.content

    @property
    def followups(self) -> list[str]:
        """What the followups say that are still there."""
        return [self.world.posts[post].content for post in self.posted if post in self.world.posts]

    @property
    def failed(self) -> bool:
        """True once the person reads "The application did not respond"."""
        return not self.acknowledged and self.world.clock() - self.at > FIRST

    def metadata(self) -> Json:
        """How Discord marks the answers."""
        user = user_json(self.world.users[self.user])
        marked: Json = {"id": self.id, "type": self.type, "user": user, "authorizing_integration_owners": self.owners}
        if self.source:
            marked["interacted_message_id"] = self.source
        if self.before:
            marked["triggering_interaction_metadata"] = self.before.metadata()
        return marked


class Interactions:
    """Every interaction there was, by its token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: dict[str, Interaction] = {}

    def routes(self) -> dict[str, Route]:
        one = "/webhooks/{webhook}/{token}/messages/{message}"
        return {
            "POST /interactions/{webhook}/{token}/callback": self.callback,
            "POST /webhooks/{webhook}/{token}": self.follow,
            f"GET {one}": self.get,
            f"PATCH {one}": self.edit,
            f"DELETE {one}": self.delete,
        }

    @property
    def failed(self) -> list[Interaction]:
        """Those that nobody has answered: their people read that they failed, or will."""
        return [held for held in self._held.values() if not held.acknowledged]

    def hold(self, interaction: Interaction) -> Interaction:
        self._held[interaction.token] = interaction
        return interaction

    def callback(self, ask: Ask) -> Json | None:
        """The first answer, once, within three seconds."""
        held = self._held.get(ask.path["token"])
        if held is None or held.id != ask.path["webhook"] or held.failed:
            raise refused(10062)
        if held.acknowledged:
            raise refused(40060)
        forms.only(ask.body, {"type", "data"})
        kind = ask.body.get("type")
        if kind not in ANSWERS[held.type] or (kind in {DEFER_UPDATE, UPDATE} and not source_of(held)):
            raise malformed("type", "INTERACTION_INVALID_RESPONSE_TYPE", "Response type is not valid for interaction")
        self._perform(held, kind, replace(ask, body=ask.body.get("data") or {}))
        held.acknowledged = True
        self._world.changes.tell()
        return self._told(held, kind) if ask.query.get("with_response") in {"1", "true"} else None

    def follow(self, ask: Ask) -> Json:
        """One more message; right after a defer it is the first answer's text instead."""
        held = self._by_token(ask)
        if held.thinking and held.original:
            return self._changed(self._world.posts[held.original], ask)
        forms.only(ask.body, forms.WEBHOOK)
        if held.alone and len(held.posted) >= FOLLOWUPS:
            raise refused(40094)
        post = self._post(held, ask, Type.REPLY)
        held.posted.append(post.id)
        self._world.changes.tell()
        return message_json(self._world, post)

    def get(self, ask: Ask) -> Json:
        return message_json(self._world, self._mine(ask))

    def edit(self, ask: Ask) -> Json:
        return self._changed(self._mine(ask), ask)

    def delete(self, ask: Ask) -> None:
        remove(self._world, self._mine(ask))

    def _perform(self, held: Interaction, kind: int, ask: Ask) -> None:
        if kind == MESSAGE:
            held.original = self._post(held, ask, Type.SLASH).id
        elif kind == DEFER:
            forms.only(ask.body, {"flags"})
            held.original = self._post(held, ask, Type.SLASH, loading=True).id
        elif kind == CHOOSE:
            held.choices = _choices(ask.body)
        elif kind == SHOW_MODAL:
            held.modal = _modal(ask.body)
        else:
            held.original = source_of(held)
            if kind == UPDATE and held.original:
                self._changed(self._world.posts[held.original], ask)

    def _post(self, held: Interaction, ask: Ask, kind: Type, *, loading: bool = False) -> Post:
        """Publish an answer: to everybody, or to the one who asked."""
        ephemeral = Flag(ask.body.get("flags") or 0) & Flag.EPHEMERAL
        if held.alone and not self._world.may(held.user, held.channel, Permission.USE_EXTERNAL_APPS):
            ephemeral = Flag.EPHEMERAL
            ask = replace(ask, body=ask.body | {"flags": int(ephemeral | Flag(ask.body.get("flags") or 0))})
        flags, marked = ephemeral | (Flag.LOADING if loading else 0), held.metadata()
        parts: Json = {"type": kind if held.type == COMMAND or kind == Type.REPLY else Type.DEFAULT, "flags": flags}
        target = self._world.posts.get(held.original or "")
        if kind == Type.REPLY and target:
            marked |= {"original_response_message_id": target.id}
            parts |= {"reference": reference(self._world, target)}
        if loading:
            post = Post(self._world.snowflake(), held.channel.id, self._world.me.id, "", self._world.clock(), **parts)
        else:
            post = draft(self._world, held.channel, ask, forms.CALLBACK, **parts)
        held.ephemeral = held.ephemeral or bool(ephemeral)
        return publish(self._world, replace(post, interaction=marked))

    def _changed(self, post: Post, ask: Ask) -> Json:
        forms.only(ask.body, forms.WEBHOOK)
        if any(size > self._world.largest_file for size in ask.sizes):
            raise refused(40005)
        changed = redraft(self._world, post, ask)
        if Flag.LOADING in post.flags:
            changed = mentioned(self._world, changed, ask.body.get("allowed_mentions"))
            note_pings(self._world, changed)
        return message_json(self._world, rewrite(self._world, changed))

    def _by_token(self, ask: Ask) -> Interaction:
        held = self._held.get(ask.path["token"])
        if held is None or ask.path["webhook"] != APPLICATION or not held.acknowledged:
            raise refused(10015)
        if self._world.clock() - held.at > TOKEN:
            raise refused(50027)
        return held

    def _mine(self, ask: Ask) -> Post:
        held, asked = self._by_token(ask), ask.path["message"]
        known = held.original if asked == "@original" else asked
        post = self._world.posts.get(known or "")
        if post is None or post.id not in {held.original, *held.posted}:
            raise refused(10008)
        return post

    def _told(self, held: Interaction, kind: int) -> Json:
        told: Json = {"id": held.id, "type": held.type, "channel_id": held.channel.id, "guild_id": held.channel.guild}
        resource: Json = {"type": kind}
        if held.original:
            told |= {"response_message_id": held.original, "response_message_loading": held.thinking}
            told |= {"response_message_ephemeral": held.ephemeral}
            resource["message"] = message_json(self._world, self._world.posts[held.original])
        return {"interaction": told, "resource": resource}


def source_of(held: Interaction) -> str | None:
    """The message whose component began this, through a modal too."""
    return held.source or (held.before.source if held.before else None)


def _choices(body: Json) -> list[Json]:
    forms.only(body, {"choices"})
    choices: list[Json] = body.get("choices") or []
    if len(choices) > CHOICES:
        raise malformed("data.choices", "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
    for number, choice in enumerate(choices):
        if not 1 <= len(choice["name"]) <= 100 or len(str(choice["value"])) > 100:
            where = f"data.choices.{number}.name"
            raise malformed(where, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return choices


def _modal(body: Json) -> Json:
    """A modal: a title of at most 45 characters, a custom id, one to five parts."""
    forms.only(body, {"custom_id", "title", "components"})
    forms.text(body, "title", 45, least=1)
    forms.text(body, "custom_id", CUSTOM_ID, least=1)
    if not 1 <= len(body.get("components") or ()) <= 5:
        raise malformed("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    return body
