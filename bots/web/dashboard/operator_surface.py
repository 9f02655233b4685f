"""The operator's surface: a place of a platform as they see it who know no platform, but manage all its places."""

from collections.abc import Set as AbstractSet

from core.domain.messages import Rank
from core.domain.platform import Surface
from core.store.audit_log import OPERATOR

NAME = "the operator"


class OperatorSurface:
    """A surface, which is asked for all but the operator's rank and name: no platform knows them."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def __getattr__(self, name: str) -> object:
        return getattr(self._surface, name)

    async def rank(self, person: str) -> Rank:
        return Rank.OWNER if person == OPERATOR else await self._surface.rank(person)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        own = {OPERATOR: NAME} if OPERATOR in people else {}
        others = people - {OPERATOR}
        return own | (await self._surface.names(others) if others else {})
