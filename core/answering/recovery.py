"""Recovery: a stale thread is refreshed from the platform, and pages that a dead process posted are adopted."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.domain.errors import NoAnswer
from core.domain.messages import History, Message, Question, Reach
from core.domain.platform import Platform, Surface
from core.store.protocols import Thread, Threads
from core.store.records.claims import Claim
from core.store.sql_port import stamp

SILENT = "The earlier messages here could not be read just now, so I answered from what I had heard."


async def refresh_thread(
    threads: Threads, thread: Thread, surface: Surface, patience: float | None
) -> tuple[Thread, History]:
    """The thread made equal to what the platform shows now, if it says so in time.

    Raises what `surface.history` raises, NoAnswer after so many seconds; then the thread stays as stale as it was.
    """
    try:
        async with asyncio.timeout(patience):
            history = await surface.history(thread.pieces)
    except TimeoutError:
        raise NoAnswer(SILENT) from None
    return await threads.refresh(thread, history), history


async def refresh_conversation(
    threads: Threads,
    thread: Thread,
    surface: Surface,
    together: Sequence[Question],
    platforms: Mapping[str, Platform],
    *,
    patience: float | None,
) -> tuple[Thread, History]:
    """The thread refreshed with all that is answered together.

    Where a reply chain is all that can be read, a question of `together` stands at the end of a longer chain.
    """
    thread, history = await refresh_thread(threads, thread, surface, patience)
    for question in together if history.reach is Reach.CHAIN else ():
        other = await platforms[question.key.platform].surface(question)
        thread, _ = await refresh_thread(threads, thread, other, patience)
    return thread, history


def shows_otherwise(history: History, thread: Thread, claim: Claim) -> bool:
    """Whether the claim's questions are others on the platform than it knows: gone, taken back or edited meanwhile.

    `thread` was refreshed with the history.
    """
    asked = {question.name for question in (claim.question, *claim.together)}
    shown = [message for message in thread.messages if message.id in asked]
    edited = max((stamp(message.edited) for message in shown if message.edited), default=None)
    return len(shown) < len(asked) or not asked.isdisjoint(history.unasked) or edited != claim.edited


def misses_beginning(thread: Thread, question: Question) -> bool:
    """Whether words before the question may be missing: it does not begin its thread, and none of them is kept."""
    return not (question.alone or question.key.thread == question.name) and not any(
        message.at < question.at for message in thread.messages if message.id != question.name
    )


def may_reopen_code(question: Question, thread: Thread) -> bool:
    """Whether the answer goes on with one that was cut in a code block, or may have been, for it is gone."""
    begun = question.continues
    return begun is not None and (begun not in thread.replies or bool(thread.replies[begun].cut))


def find_orphaned_pages(history: History, thread: Thread, question: Question) -> list[Message]:
    """Pages on the platform that a predecessor posted for this question: marked as such, or unmarked and later.

    `thread` knows what a page of ours answers also where its mark is gone, as Discord's with a deleted question, or was
    never there, as on a stream of Slack's that died.
    """
    known = {message.id: message.answers for message in thread.messages}
    mine = [replace(one, answers=known.get(one.id) or one.answers) for one in history.messages if one.mine]
    return [one for one in mine if one.answers == question.name or _is_unmarked_after(one, question)]


def _is_unmarked_after(message: Message, question: Question) -> bool:
    return message.answers is None and not message.notice and message.at > question.at
