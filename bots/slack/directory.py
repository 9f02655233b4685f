"""Directory of a workspace's people: cached display names and ranks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence, Set

from cachetools import TTLCache

from bots.delivery.bounded_lookups import RANK_WAIT, WAIT, look_up, wait_for_rank
from bots.ops.rate_limited_log import FirstWarning
from bots.slack.client import Web
from bots.slack.home.memberships import Memberships
from bots.slack.parse import BotIdentity, Raw
from core.domain.clock import is_time_zone
from core.domain.errors import CannotAnswer, CannotShow, ConfabError, NoAnswer, Rejected
from core.domain.messages import Rank

REMEMBERED = 10_000  # names, and as many people with their rights, and as many channels
SECONDS = 600.0  # that we believe what Slack said of a name or a channel
RANKED = 60.0  # seconds that a rank is believed: who is no admin any more is none for longer than that
MEMBER = 3_600.0  # seconds that somebody is taken for a member still who asks while Slack does not say
log = logging.getLogger(__name__)

GROUPS, PERSON, CHANNEL, BOT = "usergroups.list", "users.info", "conversations.info", "bots.info"
MEMBERS, PEOPLE = "conversations.members", "users.list"
LISTED = 200  # people that Slack tells at once without being slow
TEAMS = 20  # of an organisation, whose groups and owners are asked for one by one
CROWDED = 100  # channels whose members are remembered
UNKNOWN = {"user_not_found", "user_not_visible", "users_not_found", "bot_not_found"}


class Directory:
    """Asks Slack who somebody is, once in a while. `managers` are owners everywhere.

    Names, rights and channels have a cache each, so that many of one kind put out none of another.
    """

    def __init__(
        self,
        web: Web,
        managers: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.monotonic,
        wait: float = WAIT,
        rank_wait: float = RANK_WAIT,
    ) -> None:
        self.memberships = Memberships(web, self._list_teams, clock)
        self._web = web
        self._wait = wait
        self._rank_wait = rank_wait
        self._managers = managers
        self._warned = FirstWarning()
        self._names: TTLCache[str, str] = TTLCache(REMEMBERED, SECONDS, clock)
        """Of people and bots, whose ids differ; empty where Slack knows nobody."""
        self._people: TTLCache[str, Raw] = TTLCache(REMEMBERED, RANKED, clock)
        """Whoever's rank was asked for, with their rights; without a word in it where Slack knows nobody."""
        self._earlier: TTLCache[str, Rank] = TTLCache(REMEMBERED, MEMBER, clock)
        """The ranks of before, as far as they are of plain members in the workspace."""
        self._channels: TTLCache[str, Raw] = TTLCache(REMEMBERED, SECONDS, clock)
        self._members: TTLCache[str, frozenset[str]] = TTLCache(CROWDED, RANKED, clock)
        """Who is in a channel, of channels with schedules."""
        self._groups: TTLCache[str, Mapping[str, str]] = TTLCache(1, SECONDS, clock)
        """The handles of all user groups, as one list; empty where we may not read it."""

    async def fetch_names(self, people: Set[str]) -> dict[str, str]:
        """How Slack shows people, groups and channels (`#ID`), as far as it says so in time; the first ones first.

        No more than some are asked about, and what is missing may be asked for later: names are worth no refusal.
        """
        missing = [one for one in people if not (self._is_known(one) or self._is_held(_choose_method(one)))]
        if not await look_up(missing, self._look_up_name, self._wait):
            log.warning("Slack does not say in time how some of %d people are called", len(missing))
        return {person: name for person in people if (name := self._get_known_name(person))}

    async def fetch_zone(self, person: str) -> str | None:
        """The time zone that a person has chosen in Slack; None where Slack does not say so in time."""
        if _is_bot(person) or (person not in self._people and self._is_held(PERSON)):
            return None
        try:
            async with asyncio.timeout(self._wait):
                zone = str((await self._fetch_person(person)).get("tz") or "")
        except (ConfabError, TimeoutError) as error:
            log.warning("the time zone of %s is not known: %s", person, error)
            return None
        return zone if is_time_zone(zone) else None

    async def has_member(self, person: str, channel: str) -> bool:
        """Whether somebody is in a channel; a direct message is its person's. Raises CannotAnswer, CannotShow."""
        if channel.startswith("D"):
            return True
        if (known := self._members.get(channel)) is None:
            known = self._members[channel] = await self._fetch_members(channel)
        return person in known

    async def list_managers(self, channel: str) -> list[str]:
        """Who made a channel, whom the operator named, and owners and admins, as many as Slack tells at once."""
        creator = [] if channel.startswith("D") else [await self._fetch_creator(channel)]
        people: list[Raw] = []
        for team in (await self._web.list_teams())[:TEAMS]:
            people += (await self._web.read(PEOPLE, limit=LISTED, team_id=team))["members"]
        owners = [one["id"] for one in people if read_rank(one, self._web.us) is Rank.OWNER and not one.get("is_bot")]
        return [*dict.fromkeys(filter(None, [*creator, *sorted(self._managers), *owners]))]

    async def _list_teams(self, person: str) -> Sequence[str | None]:
        """The teams of an organisation that somebody is in, as far as Slack says so, and we too.

        Raises CannotShow, CannotAnswer, Rejected.
        """
        ours = await self._web.list_teams()
        user = {} if None in ours or person == self._web.us.user else await self._fetch_person(person)
        theirs = (user.get("enterprise_user") or {}).get("teams")
        return [team for team in ours if team in theirs] if isinstance(theirs, list) else ours

    async def _fetch_members(self, channel: str) -> frozenset[str]:
        found: set[str] = set()
        cursor: str | None = None
        while cursor != "":
            try:
                answer = await self._web.read(MEMBERS, channel=channel, cursor=cursor, limit=LISTED)
            except Rejected as rejected:
                raise CannotAnswer(f"Slack does not tell me who is in this channel ({rejected.reason}).") from rejected
            found |= set(answer.get("members") or ())
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
        return frozenset(found)

    async def fetch_rank(self, person: str, channel: str, *, asks: bool = False) -> Rank:
        """What `person` may do in `channel`. Who can't be asked about is a plain member nowhere: a guest.

        Who only `asks`, and was a member within the hour, is a plain member where Slack does not say in time.
        Raises NoAnswer otherwise, at once where Slack has said that it takes no such question for long.
        """
        if person in self._managers:
            return Rank.OWNER
        known = self._earlier.get(person) if asks else None
        wait = self._rank_wait if known is None else self._wait
        wait = 0.0 if self._web.pace.seconds_held(PERSON) > wait else wait
        try:
            return await wait_for_rank(self._fetch_rank(person, channel), "Slack", wait)
        except NoAnswer:
            if known is None:
                raise
            log.warning("Slack does not say what %s may do, who was a member before", person)
            return known

    async def may_read(self, person: str, channel: str) -> bool:
        """Whether a person may read a channel now: of a private one who is in it; not, where Slack does not say."""
        if channel.startswith("D"):
            return True
        try:
            async with asyncio.timeout(self._rank_wait):
                if not (await self._fetch_channel(channel)).get("is_private", True):
                    return True
                return await self.memberships.find_shared(person, channel) is not None
        except (ConfabError, TimeoutError) as error:
            log.warning("whether %s may read %s is not known: %s", person, channel, error)
            return False

    async def _fetch_rank(self, person: str, channel: str) -> Rank:
        user = await self._fetch_person(person)
        if channel.startswith("D") or read_rank(user, self._web.us) is not Rank.MEMBER:
            return read_rank(user, self._web.us, direct=channel.startswith("D"))
        return Rank.MANAGER if await self._fetch_creator(channel) == person else Rank.MEMBER

    async def _fetch_creator(self, channel: str) -> str:
        """Who made a channel, if Slack lets us know."""
        if (known := self._channels.get(channel)) is None:
            try:
                known = await self._fetch_channel(channel)
            except (CannotShow, CannotAnswer) as error:
                log.log(self._warned.choose_level("maker", channel), "who made %s is not known: %s", channel, error)
                return ""
        return str(known.get("creator") or "")

    async def _look_up_name(self, person: str) -> None:
        try:
            if person.startswith("#"):
                await self._fetch_channel(person[1:])
            elif _is_group(person):
                await self._fetch_groups()
            else:
                self._names[person] = await self._fetch_name(person)
        except ConfabError as error:
            log.log(self._warned.choose_level("name", person), "how %s is called is not known: %s", person, error)

    def _is_held(self, method: str) -> bool:
        """Whether Slack has said that it takes no such question for longer than an answer waits for names."""
        return self._web.pace.seconds_held(method) > self._wait

    def _is_known(self, person: str) -> bool:
        if person.startswith("#"):
            return person[1:] in self._channels
        return bool(self._groups) if _is_group(person) else person in self._names

    def _get_known_name(self, person: str) -> str:
        """The name; of a private channel none, for who reads it may not know of that."""
        if person.startswith("#"):
            channel = self._channels.get(person[1:]) or {}
            return "" if channel.get("is_private") else str(channel.get("name") or "")
        return self._groups.get(GROUPS, {}).get(person, "") if _is_group(person) else self._names.get(person, "")

    async def _fetch_channel(self, channel: str) -> Raw:
        if (known := self._channels.get(channel)) is None:
            known = self._channels[channel] = await self._fetch(CHANNEL, "channel", channel)
        return known

    async def _fetch_groups(self) -> None:
        """Read the list of groups, unless that was just done or refused."""
        if GROUPS in self._groups:
            return
        self._groups[GROUPS] = {}
        found: dict[str, str] = {}
        for team in (await self._web.list_teams())[:TEAMS]:
            listed = (await self._web.read(GROUPS, team_id=team))["usergroups"]
            found |= {one["id"]: str(one.get("handle") or one.get("name") or "") for one in listed if one.get("id")}
        self._groups[GROUPS] = found

    async def _fetch_name(self, person: str) -> str:
        if _is_bot(person):
            return str((await self._fetch(BOT, "bot", person)).get("name") or "")
        return read_name(self._people.get(person) or await self._fetch(PERSON, "user", person))

    async def _fetch_person(self, person: str) -> Raw:
        if (known := self._people.get(person)) is None:
            known = self._people[person] = await self._fetch(PERSON, "user", person)
            self._names[person] = read_name(known)
            self._earlier.pop(person, None)
            if read_rank(known, self._web.us) > Rank.GUEST:
                self._earlier[person] = Rank.MEMBER
        return known

    async def _fetch(self, method: str, noun: str, name: str) -> Raw:
        """What Slack says of a person, a bot or a channel; nothing where it knows nothing."""
        try:
            answer = await self._web.read(method, **{noun: name})
        except Rejected as rejected:
            if rejected.reason not in UNKNOWN:
                raise CannotAnswer("Slack does not tell me who you are, so I can't do this.") from rejected
            return {}
        found: Raw = answer.get(noun) or {}
        return found


def _choose_method(person: str) -> str:
    """The method that tells what somebody, or something, is called."""
    if person.startswith("#"):
        return CHANNEL
    return GROUPS if _is_group(person) else BOT if _is_bot(person) else PERSON


def _is_group(person: str) -> bool:
    return person.startswith("S")


def _is_bot(person: str) -> bool:
    return person.startswith("B")


def read_name(user: Raw) -> str:
    """The display name that people see."""
    profile = user.get("profile") or {}
    return str(
        profile.get("display_name") or profile.get("real_name") or user.get("real_name") or user.get("name") or ""
    )


def read_rank(user: Raw, us: BotIdentity, direct: bool = False) -> Rank:
    """What the workspace lets a person do, as users.info tells; in a direct message they manage their own place."""
    if (
        not user
        or user.get("deleted")
        or _is_foreign(user, us)
        or user.get("is_restricted")
        or user.get("is_ultra_restricted")
    ):
        return Rank.GUEST
    if user.get("is_admin") or user.get("is_owner") or user.get("is_primary_owner"):
        return Rank.OWNER
    return Rank.MANAGER if direct else Rank.MEMBER


def _is_foreign(user: Raw, us: BotIdentity) -> bool:
    """Whether they come from another workspace; the workspaces of one enterprise are one."""
    if user.get("is_stranger"):
        return True
    enterprise = (user.get("enterprise_user") or {}).get("enterprise_id")
    return user.get("team_id") != us.team and not (us.enterprise and enterprise == us.enterprise)
