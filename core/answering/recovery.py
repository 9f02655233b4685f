"""Recovery: a stale thread is refreshed from the platform, and pages that a dead process posted are adopted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.domain.messages import History, Message, Question, Reach
from core.domain.platform import Platform, Surface
from core.store.protocols import Thread, Threads


async def refresh_thread(threads: Threads, thread: Thread, surface: Surface) -> tuple[Thread, History]:
    """The thread made equal to what the platform shows now. Raises what `surface.history` raises."""
    history = await surface.history()
    await threads.refresh(thread, history)
    return await threads.thread(thread.key), history


async def refresh_conversation(
    threads: Threads,
    thread: Thread,
    surface: Surface,
    together: Sequence[Question],
    platforms: Mapping[str, Platform],
) -> tuple[Thread, History]:
    """The thread refreshed with all that is answered together.

    Where a reply chain is all that can be read, a question of `together` stands at the end of a longer chain.
    """
    thread, history = await refresh_thread(threads, thread, surface)
    for question in together if history.reach is Reach.CHAIN else ():
        thread, _ = await refresh_thread(threads, thread, await platforms[question.key.platform].surface(question))
    return thread, history


def find_orphaned_pages(history: History, thread: Thread, question: Question) -> list[Message]:
    """Pages on the platform that a predecessor posted for this question: marked as such, or unmarked and later.

    `thread` knows what a page of ours answers also where its mark is gone: Discord's goes with a deleted question.
    """
    known = {message.id: message.answers for message in thread.messages}
    mine = [replace(one, answers=one.answers or known.get(one.id)) for one in history.messages if one.mine]
    return [one for one in mine if one.answers == question.name or _is_unmarked_after(one, question)]


def _is_unmarked_after(message: Message, question: Question) -> bool:
    return message.answers is None and not message.notice and message.at > question.at
