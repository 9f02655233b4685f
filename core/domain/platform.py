"""Platform: the protocols that a chat platform's adapter implements, and the view that it has of a reply."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from core.domain.controls import Control
from core.domain.events import Ingest
from core.domain.messages import Attachment, File, History, LinkTarget, Message, PastMessages, PastRange, Question, Rank

Connected = Callable[[], None]
"""Told each time that a platform may show answers again: what was asked before waits for that."""


def ignore_connected() -> None:
    """Nothing was asked before."""


class ReplyView(Protocol):
    """A reply as a surface sees it: a text that grows or is replaced until it is whole."""

    @property
    def question(self) -> Question: ...
    @property
    def pages(self) -> Sequence[str]:
        """Ids of the pages already posted, also by a predecessor that died."""

    @property
    def activity(self) -> str:
        """What is going on before there is text: `thinking`, `reading plan.pdf`. It changes."""

    @property
    def controls(self) -> Sequence[Control]:
        """The buttons that stand below its last page now: others when it is whole."""

    @property
    def subject(self) -> str:
        """What its buttons are about, for their ids: its question, or a call that waits for a person."""

    @property
    def whole(self) -> bool:
        """True once the newest text is the final one."""

    @property
    def notice(self) -> bool:
        """True if the final text is not Claude's: mark its pages."""

    @property
    def private(self) -> bool:
        """Only the asker may see it; of some refusals this is known once they are whole."""

    @property
    def mentions(self) -> str:
        """Whom its first page notifies, beside what it says; empty for nobody. No word of it notifies anybody else."""

    @property
    def threaded(self) -> bool:
        """It opens a thread of its own, on a platform where replies can also stand in the channel."""

    @property
    def resumed(self) -> bool:
        """Whether a process that is gone may have begun to show it."""

    async def title(self, seconds: float) -> str:
        """A short title for its thread, which Claude makes once; empty where there is none after so many seconds."""

    @property
    def brief(self) -> bool:
        """Of an answer of many pages the first are shown, where a file can be posted that has all of it."""

    @property
    def files(self) -> Sequence[File]:
        """Posted once, with the final text. Where one can't be, a note below the text says why."""

    @property
    def replaced(self) -> Sequence[File]:
        """Files of the answer in whose place it stands: they go, as far as they were posted."""

    def note_unattached(self) -> None:
        """Its files are not there, and a note says so."""

    def note_activities(self) -> None:
        """Have what goes on told in a note, for nothing else shows it here while there is no text."""

    async def wait_for_activity(self, known: str, seconds: float) -> str:
        """Wait until something else than what is `known` goes on, at most `seconds`; what goes on then."""

    def texts(self) -> AsyncIterator[str]:
        """The newest whole text, each time it changed since the last look; the last one is final.

        Raises `core.domain.errors.LeaseLost` when somebody else has taken the reply over: stop at once.
        """

    @property
    def newest(self) -> str:
        """The newest text, as `texts` would give it now: what a surface shows that has waited with an older one."""

    async def ensure_held(self) -> None:
        """Return while the reply is ours to show; look right before each change of the platform. Raises LeaseLost.

        A session with the hooks of `bots.delivery.fencing` looks by itself.
        """

    async def wait_until_whole(self, seconds: float) -> bool:
        """Wait until the reply is whole, at most `seconds`; the pause between two edits."""

    async def record_page(self, page: str, at: datetime | None = None) -> None:
        """Write down that a page exists, before the next one is posted; `at` is the platform's time of it."""

    async def drop_page(self, page: str) -> None:
        """Write down that we take a page away, before we do: one that others take away stops the reply."""

    def hold_request(self) -> None:
        """Let Claude not be asked yet: whether anything can be shown is tried first. Call it before any await."""

    def release_request(self) -> None:
        """Let Claude be asked."""

    def stop(self) -> None:
        """End the reply with what was said: somebody took a page of it away."""


class Surface(Protocol):
    """One thread, as its adapter shows it."""

    @property
    def us(self) -> str:
        """Our own id here, by which people mention us; empty where nobody can."""

    @property
    def has_past(self) -> bool:
        """Whether what was said in the channel, outside of its threads, can be read: a terminal keeps nothing of it."""

    async def history(self, beside: AbstractSet[str] = frozenset()) -> History:
        """What the platform shows now, oldest first, and how much of the thread that is.

        And what became of messages that stand `beside` it, where each message begins a thread.
        """

    async def names(self, people: AbstractSet[str]) -> dict[str, str]:
        """Display names of those that the platform knows: people, groups, and channels, whose ids begin with `#`."""

    async def fetch(self, attachment: Attachment, message: str) -> bytes:
        """The file that hangs on a message, asked for with the platform's token and from its hosts only.

        Raises CannotAnswer, a sentence for the person, or CannotShow where it is no longer there.
        """

    async def rank(self, person: str) -> Rank:
        """What `person` may do here, on the platform's word."""

    async def is_secluded(self) -> bool:
        """Whether it is a private thread, where not all read along who read its channel; so too where nobody knows."""

    async def homes(self) -> tuple[str, ...] | None:
        """In direct messages the workspaces that the asker shares with us, whose budgets hold there; else None."""

    async def zone(self, person: str) -> str | None:
        """The time zone of `person`, as the tz database names it; None where the platform knows none, or not in time.

        It is asked for with each question, and worth no refusal: it raises nothing.
        """

    def link(self, message: Message, thread: str) -> str:
        """The permalink of a message of this channel, which is in the thread of that name; empty where there is none.

        It is made of what is known: the platform is not asked.
        """

    async def has_member(self, person: str) -> bool:
        """Whether a person is in the channel, and may read along. Raises CannotAnswer, CannotShow; NoAnswer."""

    async def may_post(self) -> bool:
        """Whether we may post in the channel, as far as the platform says so in time."""

    async def list_managers(self) -> Sequence[str]:
        """Some who may manage the channel, the nearest first, as the platform tells in few requests. Raises as above.

        What each may do now, `rank` tells.
        """

    async def find_target(self, link: str, person: str) -> LinkTarget | None:
        """What a permalink names, if that is in this channel and `person` may read it there; else None."""

    async def read_target(self, target: LinkTarget) -> Sequence[Message]:
        """The thread of what a permalink names, oldest first, as far as the platform shows it in a few requests.

        Raises CannotAnswer, CannotShow.
        """

    async def read_past(self, person: str, wanted: PastRange) -> PastMessages:
        """What was said in the channel or in a thread of it, as far as `person` may read it there.

        It is read within the platform's limits, and kept nowhere. Raises CannotAnswer, a sentence for the person.
        """

    async def list_readable(self, person: str, threads: Mapping[str, bool]) -> AbstractSet[str]:
        """Those of the channel's threads whose past `person` may read, and all others who read along here.

        With each is told whether it has the name of a message of the channel. What the platform does not say in time is
        left out.
        """

    async def delete_pages(self, pages: Sequence[str], files: Sequence[File]) -> None:
        """Take messages of ours away, and those below the first of them that hold nothing but such files.

        What is gone already is no trouble. Raises CannotAnswer, a sentence for the person, where one stays;
        CannotShow where nothing can be changed any more.
        """

    async def show(self, reply: ReplyView) -> None:
        """Make the platform's pages equal the reply's, until it is whole.

        Raises CannotShow where nothing can be shown; whatever else it raises, something simpler is tried.
        """

    async def show_plainly(self, reply: ReplyView, text: str) -> None:
        """Make the pages equal the whole `text` where `show` failed: cut by length alone, drawn as little as can be."""

    async def show_notice(self, reply: ReplyView, notice: str) -> None:
        """Say `notice`, a short line, below the pages that stand: what should stand there can't be shown."""


class Platform(Protocol):
    """One chat platform, connected."""

    @property
    def name(self) -> str:
        """`slack` in `slack:T024`."""

    @property
    def instructions(self) -> str:
        """What Claude is told of where its words are shown: what is not rendered, whom a name notifies.

        It is part of every prompt, so a change of it costs every thread its cache once.
        """

    @property
    def file_hint(self) -> str:
        """How a file is given with a `batch` here, in a sentence."""

    @property
    def offline(self) -> str:
        """Why no events come just now, in a few words for the operator; empty while we are connected."""

    @property
    def reachable(self) -> bool:
        """Whether answers can be shown now: also where events of some places do not come."""

    async def run(self, ingest: Ingest, connected: Connected = ignore_connected) -> None:
        """Connect, and tell every event, until cancelled. Raises CannotConnect.

        `connected` is called whenever it may have become `reachable`.
        """

    async def surface(self, question: Question) -> Surface:
        """The thread of `question`, from its key and address alone, so also after a restart."""

    async def tell(
        self, workspace: str, person: str, text: str, answer: str = "", *, button: tuple[Control, str] | None = None
    ) -> None:
        """Say something to one person alone, once; `<@ID>`, `<#ID>` are shown as names. Raises CannotShow.

        Below it stands an `answer`, Markdown of any length, that could not be shown where it belongs, or a `button`: a
        control, and what it is about. What a press does the text names a command for, where there are no buttons.
        """

    async def close(self) -> None:
        """Let go of the network. Answers that are still shown need it, so it outlives `run`."""
