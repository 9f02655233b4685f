"""An answer to a question: the final text, how it came about, and the sentences that we put in Claude's place."""

import logging
import secrets
from dataclasses import dataclass, replace

from core.claude.client import Completion
from core.claude.errors import ClaudeError
from core.commands.registry import RankTooLow, UsageError
from core.domain.errors import CannotAnswer, CannotShow, LeaseLost, StoreUnavailable
from core.domain.messages import File, FinalText, Outcome, Unanswered
from core.domain.personas import Persona
from core.files.code_blocks import list_code_files
from core.rendering.reply_notes import append_note

EMPTY = "Yes? Ask me something, and I answer here."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The final text of a reply. A notice is not Claude's."""

    text: str
    outcome: Outcome = Outcome.SHOWN
    after: str | None = None
    """The last message that Claude had read."""
    files: tuple[File, ...] = ()
    whispered: bool = False
    """Who asked is told it alone, where the platform can."""
    unanswered: Unanswered | None = None
    """Why the question got no answer, where later prompts have to know it."""
    stored: bool = False
    """Its final text is on disk."""

    @property
    def notice(self) -> bool:
        return self.outcome in (Outcome.CARRIED_OUT, Outcome.REFUSED)

    def list_files(self, persona: Persona) -> tuple[File, ...]:
        """Those of a command; of what Claude said, the code blocks that are files too, if the persona lets them."""
        if self.notice or self.unanswered or persona.files == "never":
            return self.files
        return self.files or list_code_files(self.text)

    @property
    def final_text(self) -> FinalText:
        """What is stored of it before it is shown."""
        return FinalText(self.text, self.notice, self.after, self.unanswered)


def restore_answer(stored: FinalText, command: bool = False) -> Answer:
    """The answer, to a command or not, whose text was stored before this process took it up."""
    noticed = Outcome.CARRIED_OUT if command else Outcome.REFUSED
    outcome = noticed if stored.notice else Outcome.SHOWN
    return Answer(stored.text, outcome, stored.after, unanswered=stored.unanswered)


def refuse(sentence: str, *, whispered: bool = False) -> Answer:
    """A visible refusal with its reason."""
    return Answer(sentence, Outcome.REFUSED, whispered=whispered)


def decline(sentence: str, *, whispered: bool = False) -> Answer:
    """A visible refusal, for who asks may not: no later answer to somebody else may answer it."""
    return replace(refuse(sentence, whispered=whispered), unanswered=Unanswered.DECLINED)


def explain_error(error: Exception) -> Answer:
    """What people read of a failure. Raises what is none of theirs: the store, the place or the lease is gone."""
    match error:
        case StoreUnavailable() | CannotShow() | LeaseLost():
            raise error
        case RankTooLow():
            return refuse(str(error), whispered=True)
        case UsageError() | CannotAnswer():
            return refuse(str(error))
        case ClaudeError(kind="key"):  # the log says it once, for all questions
            return refuse(error.sentence)
        case ClaudeError():
            refused = Unanswered.REFUSED if error.kind == "refused" else None
            return replace(apologize(error.sentence, error), unanswered=refused)
        case _:
            log.exception("a bug kept a question from its answer")
            return apologize("Something went wrong on my side.", error)


def apologize(sentence: str, error: Exception) -> Answer:
    """A sentence with a reference, under which the log has the error."""
    reference = secrets.token_hex(3).upper()
    log.error("reference %s: %s", reference, error)
    return refuse(f"{sentence} (reference {reference})")


def conclude(text: str, completion: Completion) -> Answer:
    """The final text, by why Claude stopped. An answer that was cut says so, and how to go on."""
    if completion.stop == "refusal":
        why = f" ({completion.category})" if completion.category else ""
        return replace(refuse(f"Claude declines to answer this{why}."), unanswered=Unanswered.REFUSED)
    if completion.stop == "max_tokens":
        return _conclude_longest(text, completion.bounded)
    if completion.stop == "model_context_window_exceeded":
        return cut_off(text, f"This thread fills all that {completion.model} can read. Start a new one.")
    if not text.strip():
        return refuse("Claude had nothing to say to that.")
    return Answer(text)


def cut_off(text: str, why: str) -> Answer:
    """What was said, and below it why there is no more."""
    return Answer(append_note(text, why))


def cut_short(text: str, visible: bool) -> Answer:
    """The answer that somebody stopped: what was said so far, if anything is `visible`; else nothing is said."""
    return Answer(append_note(text, "Stopped.") if visible else "", Outcome.WITHDRAWN)


def _conclude_longest(text: str, bounded: bool) -> Answer:
    """An answer that reached the most tokens it may have: the persona's, or what was left of a budget."""
    if text.strip():
        if bounded:
            return cut_off(text, "A budget here is nearly used up and allowed no longer answer.")
        return cut_off(text, "This answer reached its longest length. Say “go on” and it continues.")
    if bounded:
        return decline("What is left of a budget here was too little for an answer. `budget show` tells more.")
    return refuse("Claude used up its tokens before it wrote anything. Raise them with `persona tune max_tokens=...`.")
