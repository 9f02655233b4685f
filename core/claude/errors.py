"""Errors of Claude's API: every way in which a request can fail, and the sentence that people read of it."""

from dataclasses import dataclass

from core.domain.errors import ConfabError

SENTENCES = {
    "unreachable": "I can't reach Claude just now. Please ask again in a few minutes.",
    "overloaded": "Claude is overloaded just now. Please ask again in a few minutes.",
    "limited": "We ask more of Claude than our limits allow just now. Please ask again in a minute.",
    "failing": "Claude has a problem on its side just now. Please ask again in a few minutes.",
    "broken off": "The answer broke off on its way from Claude. Please ask again.",
    "spent": "The spend limit for Claude is reached. Whoever runs this bot can raise it.",
    "unpaid": "Claude declines because of billing. Whoever runs this bot finds the reason in its log.",
    "key": "Claude does not accept this bot's key. Whoever runs this bot has to look at it.",
    "forbidden": "This bot's key may not do that. Whoever runs this bot finds the reason in its log.",
    "no model": "There is no model `{model}` (any more). Choose another with `persona tune model=...`.",
    "too long": "This thread is too long for `{model}`. Start a new one, or choose a model that reads more.",
    "too large": "What this thread holds is too large to send to Claude. Start a new one.",
    "refused": "Claude declines to answer this.",
    "rejected": "Claude could not take this request. Whoever runs this bot finds the reason in its log.",
    "not Claude": "What answers at Claude's address is not Claude. Whoever runs this bot has to look at it.",
}
TRANSIENT = frozenset({"unreachable", "overloaded", "limited", "failing", "broken off"})
PASSING = TRANSIENT - {"broken off"}
OTHER_MODEL = frozenset({"overloaded", "no model", "refused"})


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

    @property
    def sentence(self) -> str:
        return SENTENCES[self.kind].format(model=self.model)

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
