"""Thread summaries: what sums up messages that are told no more, kept as long as each of them is as it was."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from core.domain.messages import Message, ThreadKey


class Summaries(Protocol):
    """Each method is one unit of work."""

    async def keep(self, key: ThreadKey, digest: str, words: str, told: Sequence[Message]) -> Mapping[str, str]:
        """Keep what sums up the messages of a step, unless one is another by now; the first one wins.

        All that are kept of the thread, by digest. Each goes with any message of its own that is edited, deleted or
        forgotten.
        """
