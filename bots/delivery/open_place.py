"""An open place: a terminal's or a browser's on one machine, where everybody who is there may do everything."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from core.domain.clock import find_local_zone
from core.domain.messages import History, LinkTarget, Message, Rank, Reach


class OpenPlace:
    """What a surface tells of people, where nobody is kept out and nobody has an account. Our own name is empty."""

    @property
    def us(self) -> str:
        return ""

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        """What is said there is ingested for certain, so that nothing is missed."""
        return History((), Reach.CHAIN)

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        return {person: person.removeprefix("#") for person in people}

    async def rank(self, person: str) -> Rank:
        return Rank.OWNER

    async def is_secluded(self) -> bool:
        return False

    async def homes(self) -> tuple[str, ...] | None:
        return None

    async def zone(self, person: str) -> str | None:
        return find_local_zone()

    def link(self, message: Message, thread: str) -> str:
        return ""

    async def has_member(self, person: str) -> bool:
        return True

    async def may_post(self) -> bool:
        return True

    async def list_managers(self) -> Sequence[str]:
        return ()

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        """There are no permalinks."""
        return None

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        return ()

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        return threads.keys()
