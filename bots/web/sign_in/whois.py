"""Who somebody is: their rank and names, on the word of the platform that they came from."""

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from bots.web.site.site import PageRefused
from core.domain.clock import Clock
from core.domain.controls import Control
from core.domain.errors import ConfabError, StoreUnavailable
from core.domain.messages import Rank
from core.domain.platform import Platform, Surface
from core.store.audit_log import OPERATOR
from core.store.records.sign_ins.sessions import Identity

PATIENCE = 5.0  # seconds that a page waits for a platform
NAMED = 200  # people and channels whose names one page asks for; the others stand as ids
UNKNOWN = "{platform} does not say who you are"
LATER = "It could not be asked, or not in time. Try again in a minute."


@dataclass(frozen=True, slots=True)
class Whois:
    """Asks the platforms, by name. The operator is known by a link made at the machine."""

    platforms: Mapping[str, Platform]
    clock: Clock

    async def fetch_rank(self, identity: Identity) -> Rank:
        """What somebody may do now. Raises PageRefused where their platform does not say."""
        if identity.person == OPERATOR:
            return Rank.OWNER
        try:
            async with asyncio.timeout(PATIENCE):
                return await (await self._find_surface(identity)).rank(identity.person)
        except StoreUnavailable:
            raise
        except (ConfabError, TimeoutError, KeyError):
            raise PageRefused(503, UNKNOWN.format(platform=identity.platform.capitalize()), LATER) from None

    async def fetch_names(self, identity: Identity, wanted: AbstractSet[str]) -> dict[str, str]:
        """Names of people, and of channels (`#ID`), as the platform shows them; of others their ids stand."""
        asked = {one for one in sorted(wanted)[:NAMED] if one != OPERATOR}
        found = {OPERATOR: "the operator"}
        if not asked or identity.platform not in self.platforms:
            return found
        try:
            async with asyncio.timeout(PATIENCE):
                return found | await (await self._find_surface(identity)).names(asked)
        except (ConfabError, TimeoutError):
            return found

    async def reads(self, identity: Identity, channel: str) -> bool:
        """Whether somebody is in a channel, and may read its words; not, where the platform does not say so."""
        if identity.person == OPERATOR:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                return await (await self._find_surface(replace(identity, channel=channel))).has_member(identity.person)
        except (ConfabError, TimeoutError, KeyError):
            return False

    async def tell(self, identity: Identity, text: str, button: tuple[Control, str]) -> None:
        """Say something to them alone, with a button below it. Raises CannotShow, TimeoutError."""
        if identity.person != OPERATOR:
            async with asyncio.timeout(PATIENCE):
                platform = self.platforms[identity.platform]
                await platform.tell(identity.workspace, identity.person, text, button=button)

    async def _find_surface(self, identity: Identity) -> Surface:
        return await self.platforms[identity.platform].surface(identity.make_question(self.clock()))
