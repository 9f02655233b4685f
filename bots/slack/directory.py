"""The people of a workspace and what they may do in a channel, remembered for a while."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Set

from bots.slack.client import Web
from bots.slack.parse import Raw, Us
from core.domain.errors import CannotAnswer, CannotShow, Rejected
from core.domain.messages import Rank

REMEMBERED = 10_000  # people, bots and channels
SECONDS = 600.0  # that we believe what Slack said of them
log = logging.getLogger(__name__)

UNKNOWN = {"user_not_found", "user_not_visible", "users_not_found", "bot_not_found"}


class Directory:
    """Asks Slack who somebody is, once in a while."""

    def __init__(
        self, web: Web, managers: frozenset[str] = frozenset(), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._web = web
        self._managers = managers
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Raw]] = OrderedDict()

    async def names(self, people: Set[str]) -> dict[str, str]:
        """How Slack shows those whom it knows."""
        found = await asyncio.gather(*(self._named(person) for person in people))
        return {person: name for person, name in zip(people, found, strict=True) if name}

    async def rank(self, person: str, channel: str) -> Rank:
        """What `person` may do in `channel`. Who can't be asked about is a plain member nowhere: a guest."""
        if person in self._managers:
            return Rank.OWNER
        user = await self._person(person)
        if channel.startswith("D") or rank(user, self._web.us) is not Rank.MEMBER:
            return rank(user, self._web.us, direct=channel.startswith("D"))
        return Rank.MANAGER if await self._creator(channel) == person else Rank.MEMBER

    async def _creator(self, channel: str) -> str:
        """Who made a channel, if Slack lets us know."""
        try:
            return str((await self._asked("conversations.info", "channel", channel)).get("creator") or "")
        except (CannotShow, CannotAnswer) as error:
            log.warning("who made %s is not known: %s", channel, error)
            return ""

    async def _named(self, person: str) -> str:
        if person.startswith("B"):
            return str((await self._asked("bots.info", "bot", person)).get("name") or "")
        return name(await self._person(person))

    async def _person(self, person: str) -> Raw:
        return await self._asked("users.info", "user", person)

    async def _asked(self, method: str, noun: str, name: str) -> Raw:
        """What Slack says of a person, a bot or a channel; nothing where it knows nothing."""
        until, known = self._known.get(name, (0.0, {}))
        if until <= self._clock():
            known = await self._told(method, noun, name)
            self._known[name] = self._clock() + SECONDS, known
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known

    async def _told(self, method: str, noun: str, name: str) -> Raw:
        try:
            answer = await self._web.read(method, **{noun: name})
        except Rejected as rejected:
            if rejected.reason not in UNKNOWN:
                raise CannotAnswer("Slack does not tell me who you are, so I can't do this.") from rejected
            return {}
        found: Raw = answer.get(noun) or {}
        return found


def name(user: Raw) -> str:
    """The name that people see."""
    profile = user.get("profile") or {}
    return str(
        profile.get("display_name") or profile.get("real_name") or user.get("real_name") or user.get("name") or ""
    )


def rank(user: Raw, us: Us, direct: bool = False) -> Rank:
    """What the workspace lets a person do, as users.info tells; in a direct message they manage their own place."""
    if not user or _foreign(user, us) or user.get("is_restricted") or user.get("is_ultra_restricted"):
        return Rank.GUEST
    if user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner"):
        return Rank.OWNER
    return Rank.MANAGER if direct else Rank.MEMBER


def _foreign(user: Raw, us: Us) -> bool:
    """Whether they come from another workspace; the workspaces of one enterprise are one."""
    if user.get("is_stranger"):
        return True
    enterprise = (user.get("enterprise_user") or {}).get("enterprise_id")
    return user.get("team_id") != us.team and not (us.enterprise and enterprise == us.enterprise)
