"""Errors: one tree, by who has to hear of them.

    ConfabError
    ├── SettingsError      the operator, before the start
    ├── UnreadableFile     the operator: a file that was named on the command line
    ├── StoreUnusable      the operator: the database can't be opened
    │   └── StoreNotReady  the operator: its server can't be used just now; it may be opened later
    ├── CannotConnect      the operator: a platform refuses us for good
    ├── CannotAnswer       the person: something that an answer needs is forbidden
    │   ├── NoAnswer       the person: the platform does not say just now; it may later
    │   │   └── HistoryScarce  nor will it soon, for it shows little history
    │   └── BudgetForbids  the person: a budget has too little left for it
    ├── NothingToTell      nobody: what was asked on a schedule has no news
    ├── CannotShow         nobody: the place of the reply is gone
    │   ├── QuestionDeleted nobody: the message that the reply answers is gone
    │   ├── PlaceClosed    the person, elsewhere: the place is there, and closed to us
    │   └── TokenRefused   the operator: the platform does not take our token; it may be shown later
    ├── Rejected           the operator: the platform refuses this request, and would take others
    │   ├── PageGone       the converge loop: a page was deleted
    │   └── PageFrozen     the converge loop: a page stands, and can't be changed any more
    ├── RateLimited        the caller: too many requests, nothing happened, try again
    ├── Uncertain          the caller: the platform's answer was lost, it may have happened
    ├── StoreUnavailable   the caller: nothing happened, try again
    ├── LeaseLost          the worker: another process has taken over
    ├── VersionConflict    the caller: somebody else was faster
    │
    ├── UsageError            the person: a command can't be used as it was given (core.commands.registry)
    ├── PersonaUnsuited       the person: a persona asks for what its model has not (core.prompting.personas.check)
    ├── ClaudeError           the person and the operator: a request to Claude failed (core.claude.errors)
    ├── FileStorageError      the caller: a file could not be stored or deleted at Claude's API (core.claude.errors)
    ├── ServerTrouble         Claude and the operator: an MCP server did not do its part (core.tools.mcp.session)
    └── StatementUnreadable   the operator: a file is no statement of usage (core.billing.reconciliation)

The last six stand beside what raises them.
"""

from core.domain.secret_shapes import shorten_secrets


class ConfabError(Exception):
    """What is expected to go wrong; everything else that is raised is a bug."""


class SettingsError(ConfabError):
    """A setting has a wrong value; each line names a variable and the mend. What may be a secret is shortened."""

    def __init__(self, lines: str) -> None:
        super().__init__(shorten_secrets(lines))


class UnreadableFile(ConfabError):
    """A file that the operator named can't be read, or is not what it should be; one sentence says where and why."""


class StoreUnusable(ConfabError):
    """The store can't be opened or copied; one sentence names it, the cause and what mends it."""


class StoreNotReady(StoreUnusable):
    """The store can't be opened just now: its server is away, starts, is full, or somebody holds its tables."""


class CannotConnect(ConfabError):
    """The platform refuses to connect and will go on refusing; the message is a line for the operator."""


class CannotAnswer(ConfabError):
    """Something that an answer needs is forbidden, mostly by the platform; the message is a sentence for the person."""


class NoAnswer(CannotAnswer):
    """The platform was asked and did not answer in time; it may later."""

    may_come = True
    """Whether a resumed answer waits for it."""


class HistoryScarce(NoAnswer):
    """The platform shows so little history that no answer waits for it: what we keep has to do.

    Where an answer is resumed, its surface itself looks for pages that another process may have posted.
    """

    may_come = False


class BudgetForbids(CannotAnswer):
    """A budget has too little left for a request; if it is `personal`, nobody else is concerned."""

    def __init__(self, reason: str, *, personal: bool) -> None:
        super().__init__(reason)
        self.personal = personal


class NothingToTell(ConfabError):
    """What a schedule asks for has no news, so that nothing is said."""


class CannotShow(ConfabError):
    """Where the reply belongs it can't be shown any more: a channel is gone, a token has run out."""


class QuestionDeleted(CannotShow):
    """The message that is answered is gone, and nobody told us: what was asked with it waits for its own answer."""


class PlaceClosed(CannotShow):
    """The place is there, and closed to us: who asked can be told elsewhere, and `why`, in half a sentence."""

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(reason)
        self.why = why


class TokenRefused(CannotShow):
    """The platform does not take our token: everything waits until it takes one."""


class Rejected(ConfabError):
    """The platform refuses this request, and would take others. `reason` is its code; no words of anybody's.

    `what` was asked for, for the operator.
    """

    def __init__(self, reason: str, what: str = "") -> None:
        super().__init__(f"{what}: {reason}" if what else reason)
        self.reason = reason


class PageGone(Rejected):
    """A page of ours was deleted by somebody."""


class PageFrozen(Rejected):
    """A page of ours stands, and the platform lets nobody edit it, or delete it, any more."""


class RateLimited(ConfabError):
    """Too many requests; nothing happened. It may be tried again in `seconds`, None where nobody says when."""

    def __init__(self, seconds: float | None, what: str = "rate limit") -> None:
        super().__init__(what if seconds is None else f"{what} may be called again in {seconds:g} s")
        self.seconds = seconds


class Uncertain(ConfabError):
    """The platform's answer was lost, or says that it is in trouble: the request may have been carried out or not."""


class StoreUnavailable(ConfabError):
    """The store could not be read or written just now; nothing of the unit of work happened."""


class LeaseLost(ConfabError):
    """The claim is, or may be, another process's: drop what was being shown and touch the platform no more."""


class VersionConflict(ConfabError):
    """Somebody else changed it in the meantime; `version` is the number of their change, None if there is none."""

    def __init__(self, version: int | None) -> None:
        super().__init__("changed by somebody else in the meantime")
        self.version = version
