"""Controls in the terminal: words that people type in the place of buttons, and what those are about."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bots.console.escapes import neutralise_line
from core.domain.controls import APPROVAL, APPROVAL_ONCE, BATCH, Control, parse_call
from core.domain.messages import Question, ThreadKey
from core.rendering.names import write_name
from core.store.records.calls import WaitingCall

WORDS: dict[Control, str] = {
    one: f"/{one.value}".replace("-", " ") for one in Control if one is not Control.END_SESSION
}
CONTROLS = {word: one for one, word in WORDS.items()}
VERBS = {
    Control.STOP: "stops it",
    Control.CONTINUE: "goes on",
    Control.RETRY: "answers anew",
    Control.DELETE: "deletes it",
    Control.ALLOW: "lets it act",
    Control.ALLOW_THREAD: "lets this tool act for you in this thread from now on",
    Control.DENY: "does not",
    Control.KEEP: "gives the channel this persona",
    Control.START: "asks all rows",
    Control.RETRY_FAILED: "asks rows without an answer again",
}
BEGINS = {Control.CONTINUE, Control.KEEP}  # what begins an answer of its own
COMMANDS = {Control.START: "/batch start", Control.RETRY_FAILED: "/batch retry", Control.STOP: "/stop"}
"""Commands that find what is meant also after a restart: the newest batch of the channel with which it can be done."""
WAITS = "`{}` waits in #{} for {}, until {:%H:%M}. {} {}`/allow` or `/deny`."
HERE, LATER = (
    "Type",
    "Start `confab chat` again by then, and type",
)  # how what waits goes on: now, or after a next start

ListWaiting = Callable[[str], Awaitable[Sequence[WaitingCall]]]
"""The calls of a workspace about which somebody is asked."""


async def wait_for_nothing(_workspace: str) -> Sequence[WaitingCall]:
    """A terminal without a store has nothing that waits."""
    return ()


def find_control(line: str) -> Control | None:
    """The control that a line names, if it names one."""
    return CONTROLS.get(" ".join(line.lower().split()))


def describe_controls(controls: Sequence[Control]) -> str:
    """What can be typed below an answer: `/continue goes on, /retry answers anew`."""
    return ", ".join(f"{WORDS[one]} {VERBS[one]}" for one in controls if one in VERBS)


def describe_waiting(waiting: WaitingCall, moves: Sequence[str], how: str = HERE) -> str:
    """What waits, where, for whom and until when, and which lines go to it: `moves`, before it is decided."""
    until = waiting.until.astimezone()
    named = (write_name(waiting.tool).strip("`"), neutralise_line(waiting.key.channel), neutralise_line(waiting.person))
    return WAITS.format(*named, until, how, "".join(f"`{one}`, then " for one in moves))


@dataclass(frozen=True, slots=True)
class NewestReplies:
    """The newest replies of each conversation with which something can be done."""

    answers: dict[ThreadKey, str] = field(default_factory=dict)
    """The questions of those that have ended."""
    waiting: dict[ThreadKey, str] = field(default_factory=dict)
    """The calls that wait to be allowed, as controls name them."""

    def note(self, question: Question, controls: Sequence[Control], subject: str) -> None:
        """A reply to a question is shown, with controls that are about this."""
        asked = parse_call(self.waiting.get(question.key, ""))
        if controls in (APPROVAL, APPROVAL_ONCE):
            self.waiting[question.key] = subject
            return
        if asked and asked[0] == question.name:
            del self.waiting[question.key]
        if controls and not {*controls} & {*BATCH, Control.STOP}:
            self.answers[question.key] = question.name

    def find_subject(self, control: Control, key: ThreadKey) -> str | None:
        """What a control is about in a conversation, as far as it is known here."""
        return self.waiting.get(key) if control in APPROVAL else self.answers.get(key)
