"""An answer to a question: the final text, how it came about, and the sentences that we put in Claude's place."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.claude.client import Completion
from core.claude.errors import ClaudeError
from core.commands.registry import UsageError, name_person
from core.domain.controls import APPROVAL, APPROVAL_ONCE, FEEDBACK, Control
from core.domain.errors import CannotAnswer, CannotShow, LeaseLost, NothingToTell, StoreUnavailable
from core.domain.messages import File, FinalText, MadeFile, Outcome, Question, Unanswered
from core.domain.personas import Draft, Persona
from core.domain.platform import Surface
from core.files.code_blocks import MOST, bound_files, list_code_files
from core.files.made_files import MadeFiles
from core.rendering.reply_notes import (
    CUT,
    MARK,
    append_note,
    close_text,
    drop_note,
    find_open_fence,
    remove_notes,
    reopen_text,
    split_notes,
)
from core.store.records.calls import StoredCall
from core.tools.approvals import write_acts

STOPPED = "Stopped."
SHARED = "*{} asked about this message, and shares the answer:*"
SHARED_TASK = "*{} asked for this, and shares it:*"
FAILED_AGAIN = "This could not be answered anew."
DECLINED = FinalText("", notice=True, unanswered=Unanswered.DECLINED)
"""What is stored of a question that nobody but its asker heard a word about: later prompts have to know it."""
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
    cut: str | None = None
    """Claude was cut off and can go on: the line that opens the code block it was in, empty outside of any."""
    stored: bool = False
    """Its final text is on disk."""
    made: tuple[MadeFile, ...] = ()
    """Files that tools made for it."""
    draft: Draft | None = None
    """The persona that was tried for it."""
    awaits: int | None = None
    """It is no final text: a call with this number waits for a person, and it goes on afterwards."""
    so_far: str = ""
    """What Claude has said of an answer that waits."""
    offers: tuple[Control, ...] = ()
    """What people may do with the batch that it is about."""
    waits: int | None = None
    """It is no final text: it goes on once more than so many changes happened to its batch."""
    asks_each_time: bool = False
    """What waits can't be allowed for the whole thread."""

    @property
    def controls(self) -> tuple[Control, ...]:
        """The buttons below it. What a command says, what the asker alone is told, and what is forbidden has none."""
        fixed = self.whispered or self.outcome is Outcome.CARRIED_OUT or self.unanswered is Unanswered.DECLINED
        if self.awaits is not None:
            return APPROVAL_ONCE if self.asks_each_time else APPROVAL
        if fixed or not self.text:
            return ()
        if self.cut is not None:
            return (Control.CONTINUE, Control.RETRY, Control.DELETE)
        whole = self.outcome is Outcome.SHOWN and remove_notes(self.text).strip()
        return (Control.RETRY, *FEEDBACK, Control.DELETE) if whole else (Control.RETRY, Control.DELETE)

    @property
    def unfinished(self) -> bool:
        """Whether it is no final text, and goes on without a process."""
        return self.awaits is not None or self.waits is not None

    @property
    def ends_early(self) -> bool:
        """Whether Claude may not have told yet what its tools did for it."""
        return self.cut is not None or self.outcome in (Outcome.REFUSED, Outcome.WITHDRAWN)

    @property
    def notice(self) -> bool:
        return self.outcome in (Outcome.CARRIED_OUT, Outcome.REFUSED)

    @property
    def keeps_made(self) -> bool:
        """Whether all files that were made for it are there still."""
        return all(one.text or one.base64 or one.file_id for one in self.made)

    def list_files(self, persona: Persona, *, reopened: bool = False) -> tuple[File, ...]:
        """Those of a command; of what Claude said, the code blocks that are files too, if the persona lets them.

        Where it is `reopened`, it goes on with an answer that was cut in a code block.
        """
        if self.notice or self.unanswered or persona.files == "never":
            return self.files
        return self.files or list_code_files(self.text, reopened=reopened)

    @property
    def final_text(self) -> FinalText:
        """What is stored of it before it is shown."""
        final = FinalText(self.text, self.notice, self.after, self.unanswered, self.cut, None, self.made, self.draft)
        return replace(final, offers=self.offers)


def restore_answer(stored: FinalText, command: bool = False) -> Answer:
    """The answer, to a command or not, whose text was stored before this process took it up."""
    noticed = Outcome.CARRIED_OUT if command else Outcome.REFUSED
    outcome = noticed if stored.notice else Outcome.SHOWN
    told = Answer(stored.text, outcome, stored.after, unanswered=stored.unanswered, cut=stored.cut)
    return replace(told, made=stored.made, draft=stored.draft, offers=stored.offers)


async def fetch_files(
    answer: Answer, listed: Sequence[File], question: Question, made_files: MadeFiles
) -> tuple[Answer, Sequence[File]]:
    """The answer, with a note on files that can't be had and names for those made for it, and all that is posted."""
    if not answer.made:
        text, files = (answer.text, listed[:MOST]) if question.private else bound_files(answer.text, listed)
        return replace(answer, text=text), files
    fetched = await made_files.fetch(answer.made)
    text, files = bound_files(fetched.note_problem(answer.text), (*fetched.files, *listed))
    return replace(answer, text=text, made=fetched.named), files


def choose_controls(question: Question, answer: Answer) -> tuple[Control, ...]:
    """The buttons below an answer to this question: a private one about a message, or to a command, can be posted.

    A persona that was tried for it can be kept. Once it is posted, nobody can have it answered anew: what was asked is
    kept by nobody.
    """
    if answer.offers:
        return answer.offers
    if question.about is None and question.command is None:
        return answer.controls
    said = answer.outcome is Outcome.SHOWN and answer.unanswered is None and remove_notes(answer.text).strip()
    keep = (Control.KEEP,) if answer.draft else ()
    if question.private:
        return (*keep, Control.POST) if said else ()
    return (*keep, *FEEDBACK, Control.DELETE) if said or question.command is None else ()


async def tell_who_asked(answer: Answer, question: Question, surface: Surface) -> Answer:
    """The answer, which says above it who asked, where who asked about a message, or gave a command, has it posted.

    What offers a batch is public from the beginning, and so is the answer to a command whose words are there still.
    """
    public = answer.notice or answer.offers or question.schedule is not None or question.command
    if (question.about is None and question.command is None) or question.private or public:
        return answer
    words = SHARED if question.command is None else SHARED_TASK
    return replace(answer, text=f"{words.format(await name_person(surface, question.person))}\n\n{answer.text}")


def keep_earlier(earlier: FinalText, answer: Answer) -> Answer:
    """The answer to a question that was tried again: what stood there before where no words of Claude's came of it."""
    if earlier.notice or (answer.outcome is not Outcome.REFUSED and remove_notes(answer.text).strip()):
        return answer
    kept = restore_answer(earlier)
    if answer.outcome is not Outcome.REFUSED:
        return kept
    before = drop_note(kept.text, FAILED_AGAIN)
    return replace(kept, text=append_note(before, f"{FAILED_AGAIN} {answer.text}"))


def tell_acts(answer: Answer, so_far: str, earlier: FinalText | None, acts: Sequence[StoredCall]) -> Answer:
    """An answer that ends early, which says what tools did for it, in words that later prompts keep.

    Where it refuses, it says so below what was said so far, or what an `earlier` one said.
    """
    told = write_acts(acts)
    if not told:
        return answer
    if answer.outcome is Outcome.REFUSED:
        said, notes = "", append_note("", " ".join(answer.text.split()))
    else:
        said, notes = split_notes(answer.text)
    before = remove_notes(earlier.text) if earlier and not earlier.notice else ""
    above = close_text(said if said.strip() else so_far if so_far.strip() else before)
    text = "\n\n".join(filter(str.strip, (above, told, notes.replace(CUT, MARK))))
    refused = answer.unanswered is Unanswered.REFUSED
    outcome = Outcome.WITHDRAWN if answer.outcome is Outcome.WITHDRAWN else Outcome.SHOWN
    return Answer(
        text,
        outcome,
        answer.after,
        unanswered=answer.unanswered if refused else None,
        cut=None if refused else "",
        made=answer.made,
    )


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
        case UsageError():  # a slip of who gave the command, or more than they may: nobody else need know
            return refuse(str(error), whispered=True)
        case NothingToTell():
            return Answer("", Outcome.NOT_FOR_US)
        case CannotAnswer():
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


def interrupt(text: str, why: str) -> Answer:
    """What was said, and below it why there is no more for now: Claude can go on with it."""
    return replace(cut_off(text, why), cut=find_open_fence(reopen_text(text)))


def cut_short(text: str, visible: bool) -> Answer:
    """The answer that somebody stopped: what was said so far, if anything is `visible`; else nothing is said."""
    if not visible:
        return Answer("", Outcome.WITHDRAWN)
    stopped = interrupt(text, STOPPED) if text.strip() else cut_off(text, STOPPED)
    return replace(stopped, outcome=Outcome.WITHDRAWN)


def _conclude_longest(text: str, bounded: bool) -> Answer:
    """An answer that reached the most tokens it may have: the persona's, or what was left of a budget."""
    if text.strip():
        if bounded:
            return interrupt(text, "A budget here is nearly used up and allowed no longer answer.")
        return interrupt(text, "This answer reached its longest length. Continue goes on from here.")
    if bounded:
        return decline("What is left of a budget here was too little for an answer. `budget show` tells more.")
    return refuse("Claude used up its tokens before it wrote anything. Raise them with `persona tune max_tokens=...`.")
