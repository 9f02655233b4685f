"""Past questions: what Claude was told when one of them was asked, so that it can be asked the same again."""

from collections.abc import Sequence
from dataclasses import replace

from core.answering.composition import Composer
from core.answering.conversation import read_conversation
from core.domain.errors import CannotAnswer
from core.domain.personas import Persona
from core.domain.platform import Surface
from core.prompting.context_window import limit_thread
from core.prompting.turns import Turn
from core.store.records.trials import PastQuestion

GONE = "What was asked there is gone, so it can't be asked again."


async def read_past_turns(composer: Composer, surface: Surface, past: PastQuestion, persona: Persona) -> Sequence[Turn]:
    """The turns of its thread up to a question, as much as `persona` is told of what stands there still.

    Raises CannotAnswer.
    """
    threads, question = composer.store.threads, past.question
    thread = await threads.thread(question.key)
    there = {message.id for message in thread.messages}
    read = past.final.after if past.final else None
    if question.name not in there:
        raise CannotAnswer(GONE)
    others = {name: reply for name, reply in thread.replies.items() if name != question.name}
    unanswered = {name: why for name, why in thread.unanswered.items() if name != question.name}
    before = replace(thread, replies=others, unanswered=unanswered, open={})
    told = read if read in there else question.name
    notes = "\n".join(one.text for one in thread.notes)
    limit = limit_thread(persona, await composer.completions.model(persona.model or ""), notes=notes)
    conversation = await read_conversation(threads, before, question, surface, composer.files, told=told, limit=limit)
    if not conversation.turns:
        raise CannotAnswer(GONE)
    return conversation.turns
