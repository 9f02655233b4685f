"""Sign-ins: links that open the dashboard once, and the sessions that they begin. Of tokens only hashes are kept."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core.domain.messages import Question, Rank, ThreadKey

LINK_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=12)
RANK_LIFE = timedelta(minutes=5)  # after which the platform is asked again what somebody may do
PATH = "/sign-in/"  # a link's address, before its token
SESSION_ENDED = "That session has ended: its browser is signed out."
SESSION_OF_OTHERS = "Only who signed in there can end that session."


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a link signs in: a person of a workspace, as they are in the channel where they asked for it.

    The operator's have no channel: no platform is asked about them.
    """

    workspace: str
    person: str
    channel: str = ""

    @property
    def platform(self) -> str:
        return self.workspace.partition(":")[0]

    def make_question(self, at: datetime) -> Question:
        """A question as if asked now in that channel: what a platform needs to say who this is there."""
        return Question(ThreadKey(self.workspace, self.channel, ""), "", self.person, at, command="dashboard")


@dataclass(frozen=True, slots=True)
class Session:
    """A session: `number` is what people and the audit log call it."""

    number: int
    identity: Identity
    at: datetime
    expires_at: datetime
    rank: Rank
    rank_age: timedelta
    """For how long the platform has said so, on the database's clock: no machine's own may let a rank live longer."""


class SignIns(Protocol):
    """Links and sessions. Each method is one unit of work; times are the database's."""

    async def make_link(self, identity: Identity) -> str:
        """Keep a link for some minutes: its token, which nobody can read from here again."""

    async def find_link(self, token: str) -> Identity | None:
        """Whom a link signs in, unless it was used or is too old. Nothing changes."""

    async def use_link(self, token: str, rank: Rank) -> tuple[str, Session] | None:
        """Begin a session by a link, which is used up: the session's token. None where somebody was faster."""

    async def find(self, token: str) -> Session | None:
        """A session, unless it ended."""

    async def list_open(self, workspace: str, person: str) -> Sequence[Session]:
        """A person's sessions, the newest first."""

    async def note_rank(self, token: str, rank: Rank) -> None:
        """Keep what the platform says just now."""

    async def end(self, token: str, *, left: bool = False) -> None:
        """End one session: its person does, or the platform, which says that they `left`."""

    async def end_all(self, workspace: str, person: str) -> int:
        """End a person's sessions and links. How many sessions there were."""


def make_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token. It has as many random bits as the hash, so that nothing slower is needed."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
