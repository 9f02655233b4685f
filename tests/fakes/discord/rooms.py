"""Routes of places and people: channels, threads, guilds, members, DMs, ourselves, and the CDN."""

from collections.abc import Iterator
from dataclasses import replace

from aiohttp import web

from tests.fakes.discord import forms
from tests.fakes.discord.drafts import draft
from tests.fakes.discord.gateway import Gateway
from tests.fakes.discord.message_payloads import message_json, signature
from tests.fakes.discord.nouns import FORUMS, PRIVATE_THREAD, Channel, Guild, Intent, Json, Kind, Permission, Type
from tests.fakes.discord.payloads import channel_json, guild_json, member_json, role_json, user_json
from tests.fakes.discord.posts import alter, open_thread, publish
from tests.fakes.discord.refusals import malformed, refused
from tests.fakes.discord.rest import Ask, Route
from tests.fakes.discord.world import APPLICATION, World

STARTED = {"name", "auto_archive_duration", "rate_limit_per_user"}
BARE = STARTED | {"type", "invitable"}
FORUM = STARTED | {"message", "applied_tags", "flags", "type"}
TOPICS = {"name", "topic", "nsfw", "rate_limit_per_user", "position", "parent_id", "permission_overwrites"}
THREAD = STARTED | {"archived", "locked", "invitable", "flags", "applied_tags"}
TALKED = {Type.DEFAULT, Type.REPLY, Type.SLASH}  # types of messages on which a thread can be opened
LIMITED = {Intent.GUILD_PRESENCES: 1 << 13, Intent.GUILD_MEMBERS: 1 << 15, Intent.MESSAGE_CONTENT: 1 << 19}
"""The application's flags for what is switched on in a bot that Discord has not verified."""


class Rooms:
    """What the bot may ask of places and people."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self._world = world
        self._gateway = gateway

    def routes(self) -> dict[str, Route]:
        return {
            "GET /users/@me": lambda ask: user_json(self._world.me),
            "GET /users/@me/guilds": self.joined,
            "GET /users/{user}": self.user,
            "POST /users/@me/channels": self.dm,
            "GET /oauth2/applications/@me": self.application,
            "GET /gateway/bot": self.gateway,
            "GET /channels/{channel}": self.channel,
            "PATCH /channels/{channel}": self.alter,
            "POST /channels/{channel}/threads": self.begin,
            "POST /channels/{channel}/messages/{message}/threads": self.begin_on,
            "GET /channels/{channel}/threads/archived/public": self.archived,
            "GET /guilds/{guild}": lambda ask: guild_json(self._world, self._guild(ask)),
            "GET /guilds/{guild}/channels": self.channels,
            "GET /guilds/{guild}/roles": self.roles,
            "GET /guilds/{guild}/members/{user}": self.member,
            "GET /guilds/{guild}/threads/active": self.active,
        }

    def user(self, ask: Ask) -> Json:
        if ask.path["user"] not in self._world.users:
            raise refused(10013)
        return user_json(self._world.users[ask.path["user"]])

    def joined(self, ask: Ask) -> list[Json]:
        """The servers that the bot is in, by id, with what its roles may do there."""
        after, limit = int(ask.query.get("after", 0)), int(ask.query.get("limit", 200))
        ours = (guild for guild in self._world.guilds.values() if self._world.inside(guild.id))
        guilds = sorted((guild for guild in ours if int(guild.id) > after), key=_number)
        return [self._joined(guild) for guild in guilds[:limit]]

    def _joined(self, guild: Guild) -> Json:
        granted = Permission(0)
        for role in guild.roles_of(self._world.me.id) or ():
            granted |= role.permissions
        named: Json = {"id": guild.id, "name": guild.name, "icon": None, "banner": None, "features": []}
        return named | {"owner": False, "permissions": str(int(granted))}

    def dm(self, ask: Ask) -> Json:
        forms.only(ask.body, {"recipient_id"})
        user = str(ask.body.get("recipient_id"))
        if user not in self._world.users:
            raise malformed("recipient_id", "BASE_TYPE_BAD_USER", "Unknown user")
        return channel_json(self._world, self._world.dm(user))

    def application(self, ask: Ask) -> Json:
        owner = user_json(self._world.user("zoe"))
        named: Json = {"id": APPLICATION, "name": "Confab", "description": "", "icon": None, "verify_key": "00" * 32}
        flags = sum(bit for intent, bit in LIMITED.items() if intent in self._world.privileged)
        named |= {"interactions_endpoint_url": self._world.interactions_url}
        return named | {
            "bot_public": self._world.public_bot,
            "bot_require_code_grant": False,
            "owner": owner,
            "flags": flags,
        }

    def gateway(self, ask: Ask) -> Json:
        """One shard unless the gateway demands more; a thousand sessions a day."""
        starts = self._gateway.starts
        limit = {"total": 1000, "remaining": self._world.sessions, "reset_after": starts.reset_after}
        limit["max_concurrency"] = starts.concurrency
        address = self._world.address.replace("http", "ws", 1) + "/gw"
        return {"url": address, "shards": max(1, self._gateway.shards), "session_start_limit": limit}

    def channel(self, ask: Ask) -> Json:
        return channel_json(self._world, self._seen(ask))

    def alter(self, ask: Ask) -> Json:
        """Rename, archive, lock, or give a topic."""
        channel = self._seen(ask)
        if channel.kind == Kind.DM:
            raise refused(50003)
        thread = channel.kind == Kind.THREAD
        forms.only(ask.body, THREAD if thread else TOPICS)
        forms.text(ask.body, "name", forms.NAME)
        if thread:
            self._may_alter(channel, ask.body)
        else:
            self._world.demand(self._world.me.id, channel, Permission.MANAGE_CHANNELS)
        changes = {part: ask.body[part] for part in ("name", "topic", "archived", "locked") if part in ask.body}
        return channel_json(self._world, alter(self._world, replace(channel, **changes)))

    def begin(self, ask: Ask) -> Json:
        """A forum's post, or a thread without a message."""
        parent = self._seen(ask)
        if parent.kind in FORUMS:
            return self._forum_post(parent, ask)
        forms.only(ask.body, BARE)
        private = ask.body.get("type", PRIVATE_THREAD) == PRIVATE_THREAD
        wanted = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
        self._may_begin(parent, ask, wanted)
        me = self._world.me.id
        thread = open_thread(self._world, parent, me, ask.body["name"], invited=(me,) if private else ())
        return channel_json(self._world, thread)

    def begin_on(self, ask: Ask) -> Json:
        """A thread on a message; it takes the message's id."""
        parent = self._seen(ask)
        forms.only(ask.body, STARTED)
        self._may_begin(parent, ask, Permission.CREATE_PUBLIC_THREADS)
        start = self._world.post(parent.id, ask.path["message"])
        if self._world.thread_of(start):
            raise refused(160004)
        if start.type not in TALKED:
            raise refused(50068)
        thread = open_thread(self._world, parent, self._world.me.id, ask.body["name"], start)
        return channel_json(self._world, thread)

    def archived(self, ask: Ask) -> Json:
        parent = self._seen(ask)
        self._world.demand(self._world.me.id, parent, Permission.READ_MESSAGE_HISTORY)
        threads = [thread for thread in self._threads() if thread.parent == parent.id and thread.archived]
        return {"threads": [channel_json(self._world, thread) for thread in threads], "members": [], "has_more": False}

    def channels(self, ask: Ask) -> list[Json]:
        guild = self._guild(ask)
        places = [channel for channel in self._world.channels.values() if channel.guild == guild.id]
        return [channel_json(self._world, channel) for channel in places if channel.kind != Kind.THREAD]

    def roles(self, ask: Ask) -> list[Json]:
        return [role_json(role, position) for position, role in enumerate(self._guild(ask).roles)]

    def member(self, ask: Ask) -> Json:
        guild, user = self._guild(ask), ask.path["user"]
        if user not in dict(guild.members):
            raise refused(10007 if user in self._world.users else 10013)
        return member_json(guild, user) | {"user": user_json(self._world.users[user])}

    def active(self, ask: Ask) -> Json:
        guild = self._guild(ask)
        threads = [thread for thread in self._threads() if thread.guild == guild.id and not thread.archived]
        return {"threads": [channel_json(self._world, thread) for thread in threads], "members": [], "has_more": False}

    def _threads(self) -> Iterator[Channel]:
        me = self._world.me.id
        for channel in self._world.channels.values():
            if channel.kind == Kind.THREAD and self._world.may(me, channel, Permission.VIEW_CHANNEL):
                yield channel

    def _guild(self, ask: Ask) -> Guild:
        if not self._world.inside(ask.path["guild"]):
            raise refused(10004)
        return self._world.guilds[ask.path["guild"]]

    def _seen(self, ask: Ask) -> Channel:
        channel = self._world.known(ask.path["channel"])
        self._world.demand(self._world.me.id, channel, Permission.VIEW_CHANNEL)
        return channel

    def _may_begin(self, parent: Channel, ask: Ask, permission: Permission) -> None:
        private = permission is Permission.CREATE_PRIVATE_THREADS
        if parent.kind == Kind.DM:
            raise refused(50003)
        if parent.kind not in {Kind.TEXT, Kind.NEWS} or (parent.kind == Kind.NEWS and private):
            raise refused(50024)
        forms.text(ask.body, "name", forms.NAME, least=1)
        self._world.demand(self._world.me.id, parent, permission)
        if any(word in ask.body["name"] for word in self._world.blocked_titles):
            raise refused(200001)
        if self._world.full_of_threads:
            raise refused(160006)

    def _may_alter(self, thread: Channel, body: Json) -> None:
        """Its owner may rename and archive it, anyone who can talk there may open it; a lock needs MANAGE_THREADS."""
        me = self._world.me.id
        if thread.archived and body.get("archived", True):
            raise refused(50083)
        if self._world.may(me, thread, Permission.MANAGE_THREADS):
            return
        opening = thread.archived and not thread.locked and set(body) == {"archived"}
        if not opening and (thread.owner != me or "locked" in body):
            raise refused(50013)

    def _forum_post(self, forum: Channel, ask: Ask) -> Json:
        forms.only(ask.body, FORUM)
        forms.text(ask.body, "name", forms.NAME, least=1)
        if "message" not in ask.body:
            raise malformed("message", "BASE_TYPE_REQUIRED", "This field is required")
        said = replace(ask, body=ask.body["message"])
        me = self._world.me.id
        self._world.demand(me, forum, Permission.SEND_MESSAGES | forms.needs(said.body, ask.sizes))
        first = draft(self._world, forum, said, forms.FORUM)
        thread = open_thread(self._world, forum, me, ask.body["name"])
        post = publish(self._world, replace(first, id=thread.id, channel=thread.id))
        return channel_json(self._world, thread) | {"message": message_json(self._world, post)}


def _number(guild: Guild) -> int:
    return int(guild.id)


class Cdn:
    """Where the files lie."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def download(self, request: web.Request) -> web.Response:
        """A file; a link that wasn't signed, or whose day is over, finds nothing."""
        file = self._world.files.get(request.match_info["file"])
        ends = request.query.get("ex", "0")
        if file is None or request.query.get("hm") != signature(file.id, ends) or int(ends, 16) < self._world.clock():
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.upload.content, content_type=file.upload.type or "application/octet-stream")
