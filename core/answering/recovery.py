"""Belonging: whether a question is for us, and which pages on the platform are its answer."""

from dataclasses import replace

from core.domain.messages import Asks, History, Message, Question
from core.prompting.speakers import MENTION
from core.store.protocols import Claim, Thread


def for_us(claim: Claim, thread: Thread) -> bool:
    """Whether it wants an answer of ours. Follow-ups do, unless all of them mention somebody else."""
    asked = (claim.question, *claim.together)
    if any(one.asks is Asks.CERTAINLY for one in asked):
        return True
    words = {message.id: message.text for message in thread.messages}
    return any(one.name in words and not MENTION.search(words[one.name]) for one in asked)


def adopted(history: History, thread: Thread, question: Question) -> list[Message]:
    """Pages on the platform that a predecessor posted for this question: marked as such, or unmarked and later.

    `thread` knows what a page of ours answers also where its mark is gone: Discord's goes with a deleted question.
    """
    known = {message.id: message.answers for message in thread.messages}
    mine = [replace(one, answers=one.answers or known.get(one.id)) for one in history.messages if one.mine]
    return [one for one in mine if one.answers == question.name or _unmarked_after(one, question)]


def _unmarked_after(message: Message, question: Question) -> bool:
    return message.answers is None and not message.notice and message.at > question.at
