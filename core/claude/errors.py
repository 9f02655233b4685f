"""Errors of Claude's API: every way in which a request can fail, and the sentence that people read of it."""

import math
from dataclasses import dataclass

from core.domain.errors import ConfabError

SENTENCES = {
    "unreachable": "I can't reach Claude just now. Please ask again in a few minutes.",
    "proxy": "The proxy on the way to Claude does not let me through. Whoever runs this bot has to look at it.",
    "overloaded": "Claude is overloaded just now. Please ask again in a few minutes.",
    "limited": "We ask more of Claude than our limits allow just now. Please ask again in a minute.",
    "failing": "Claude has a problem on its side just now. Please ask again in a few minutes.",
    "broken off": "The answer broke off on its way from Claude. Please ask again.",
    "spent": "The spend limit for Claude is reached. Whoever runs this bot can raise it.",
    "no credit": "The credit for Claude is used up. Whoever runs this bot can buy more.",
    "disabled": "This bot's organization at Anthropic is disabled. Whoever runs this bot has to look at it.",
    "unpaid": "Claude declines because of billing. Whoever runs this bot finds the reason in its log.",
    "key": "Claude does not accept this bot's key. Whoever runs this bot has to set one that works.",
    "forbidden": "This bot's key may not do that. Whoever runs this bot finds the reason in its log.",
    "no model": "There is no model `{model}` (any more). Choose another with `persona tune model=...`.",
    "too long": "This thread is too long for `{model}`. Start a new one, or choose a model that reads more.",
    "too large": "What this thread holds is too large to send to Claude. Start a new one.",
    "no file": "A file of this thread is gone at Claude. Please ask again, or attach it again.",
    "refused": "Claude declines to answer this.",
    "cut": "Claude's answer took more words than it may have.",
    "unformed": "Claude did not answer in the form that it was asked for.",
    "rejected": "Claude could not take this request. Whoever runs this bot finds the reason in its log.",
    "not Claude": "What answers at Claude's address is not Claude. Whoever runs this bot has to look at it.",
}
TRANSIENT = frozenset({"unreachable", "proxy", "overloaded", "limited", "failing", "broken off"})
PASSING = TRANSIENT - {"broken off"}
OTHER_MODEL = frozenset({"overloaded", "limited", "failing", "no model", "forbidden", "too long", "refused"})
"""What one model may have and another not: limits, incidents, permissions and scruples are a model's own."""
OF_THREADS = frozenset({"no model", "too long", "too large", "no file"})
"""What is said of a thread, or of a model, and can't be said of a batch."""
SOON = 90.0  # seconds: who waits longer than that is told how long
MINUTE, HOUR = 60, 3600


@dataclass(eq=False)
class ClaudeError(ConfabError):
    """A request failed: `kind` names how, `sentence` tells the person, `detail` the operator."""

    kind: str
    model: str
    detail: str
    request: str | None = None
    retry_after: float | None = None
    """Seconds, where the API says so."""
    transient: bool = False
    """The same request may succeed a little later."""
    billed: bool = True
    """Tokens may have been used."""
    silent: bool = False
    """It was given up after a long silence, in which Claude may have written on."""

    @property
    def sentence(self) -> str:
        said = SENTENCES[self.kind].format(model=self.model)
        if self.retry_after is None or self.retry_after <= SOON or "Please ask again" not in said:
            return said
        return f"{said.partition(' Please ask again')[0]} Please ask again in {_name_duration(self.retry_after)}."

    @property
    def other_model(self) -> bool:
        """Another model may answer where this one can't."""
        return self.kind in OTHER_MODEL

    @property
    def passing(self) -> bool:
        """It is Claude's, or its network's, and not this request's: every other request meets it too."""
        return self.transient and self.kind in PASSING

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail} (model {self.model}, request {self.request})"


@dataclass(eq=False)
class FileStorageError(ConfabError):
    """A request to Claude's Files API failed; `detail` is for the operator, and holds nothing of anybody's."""

    detail: str
    certain: bool = False
    """It was certainly not carried out."""
    unsupported: bool = False
    """An upload got the answer of what has no Files API."""
    missing: bool = False
    """There is no such file."""

    def __str__(self) -> str:
        return self.detail


@dataclass(eq=False)
class BatchError(ConfabError):
    """A request about a batch failed; `detail` is for the operator, and holds nothing of anybody's."""

    detail: str
    kind: str = "unreachable"
    """As a ClaudeError has it."""
    certain: bool = False
    """It was certainly not carried out."""
    passing: bool = True
    """The same may succeed a little later."""
    unsupported: bool = False
    """What answers has no batches."""
    missing: bool = False
    """There is no such batch."""
    retry_after: float | None = None
    """Seconds, where the API says so."""

    @property
    def sentence(self) -> str:
        """What people read of it."""
        if self.unsupported:
            return "What answers at Claude's address has no Message Batches. Whoever runs this bot can set another."
        return SENTENCES["rejected" if self.kind in OF_THREADS else self.kind].format(model="")

    def __str__(self) -> str:
        return self.detail


def _name_duration(seconds: float) -> str:
    """About how long: `5 minutes`, `an hour`, `3 hours`, `2 days`; rounded up, for nobody likes to ask in vain."""
    minutes, hours = math.ceil(seconds / MINUTE), math.ceil(seconds / HOUR)
    if seconds > 48 * HOUR:
        return f"{math.ceil(seconds / (24 * HOUR))} days"
    if seconds > HOUR:
        return f"{hours} hours"
    return "an hour" if minutes == HOUR // MINUTE else f"{minutes} minutes"
