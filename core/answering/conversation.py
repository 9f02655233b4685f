"""Conversation: the turns that Claude is told of the part of a thread to which a question belongs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from core.domain.messages import Question
from core.domain.personas import Persona
from core.domain.platform import Surface
from core.prompting.names import find_ids, introduce_speakers, replace_ids
from core.prompting.speakers import collect_people
from core.prompting.turns import Turn, build_turns, select_trunk
from core.store.protocols import Thread, Threads

LARGE = 100_000  # characters of a thread that are read within some milliseconds

P = ParamSpec("P")
T = TypeVar("T")


async def read_conversation(threads: Threads, thread: Thread, question: Question, surface: Surface) -> list[Turn]:
    """The turns of the question's conversation; a speaker's name is asked for until it is known, then kept for ever."""
    thread = await _select_branch(threads, thread, question.name)
    messages = [message for message in thread.messages if message.answers != question.name]
    names = dict(thread.names)
    aside = sum(len(message.text) for message in messages) > LARGE
    authors = {message.voice: None for message in reversed(messages) if not message.mine}  # before who is mentioned
    speakers = {message.voice: message.speaker for message in messages if message.speaker}
    people = authors | dict.fromkeys(sorted(await _run(aside, collect_people, messages)))
    unknown = {person: None for person in people if person not in names}
    if unknown:
        shown = speakers | await surface.names({person: None for person in unknown if person not in speakers}.keys())
        introduced = introduce_speakers(names, unknown, shown)
        found = {person: name for person, name in introduced.items() if person in shown}
        names = introduced | dict(await threads.remember_names(thread.key, found))
    return await _run(aside, build_turns, messages, thread.replies, names)


async def name_persona(threads: Threads, thread: Thread, persona: Persona, surface: Surface) -> Persona:
    """The persona with names in the place of ids, in each thread for ever those that Claude was told there first."""
    ids = find_ids(persona.system or "")
    if not ids:
        return persona
    names = dict(thread.names)
    unknown = {one: None for one in sorted(ids) if one not in names}
    if unknown:
        shown = await surface.names(unknown.keys())
        introduced = introduce_speakers(names, shown, shown)
        names |= introduced | dict(await threads.remember_names(thread.key, introduced))
    return replace(persona, system=replace_ids(persona.system or "", names))


async def _run(aside: bool, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What `work` returns; done beside the event loop where it takes so long that others would wait."""
    return await asyncio.to_thread(work, *args, **named) if aside else work(*args, **named)


async def _select_branch(threads: Threads, thread: Thread, name: str) -> Thread:
    """The part of the thread that the question belongs to, where messages name what they reply to."""
    asked = next((message for message in thread.messages if message.id == name), None)
    if asked is None:
        return thread
    if asked.parent is not None:
        return await threads.thread(thread.key, branch=name)
    return replace(thread, messages=tuple(select_trunk(thread.messages)))
