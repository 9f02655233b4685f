"""Composition: what Claude is told for one claim, and what becomes of what it answers."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import takewhile

from core.answering.asides.summaries import SummaryMaker, SummaryOrder
from core.answering.completions import Completions, Event, Run
from core.answering.conversation import (
    BLIND,
    NOT_TAKEN,
    THINKING,
    Conversation,
    describe_problems,
    introduce_people,
    leave_out_files,
    list_asked,
    name_persona,
    read_conversation,
    read_knowledge,
    remember_zone,
    tell_notes,
)
from core.answering.final_answer import EMPTY, Answer, cut_off
from core.answering.policy import Rules
from core.answering.recovery import SILENT, misses_beginning
from core.answering.reply import Reply
from core.billing.cache_lifetimes import TTL, choose_lifetime, record_pause
from core.claude.metering import Renew
from core.claude.sender import LeftOut
from core.domain.clock import Clock
from core.domain.content import Files, Text
from core.domain.errors import CannotAnswer, ConfabError, NoAnswer
from core.domain.messages import ZONE, Message, Outcome, Question
from core.domain.models import Model
from core.domain.personas import Persona, Version
from core.domain.platform import Platform, Surface
from core.domain.tools import CODE_TOOL, NOTE_TOOL
from core.files.made_files import MadeFiles
from core.files.reader import FileReader
from core.prompting.code_requests import place_code
from core.prompting.context_window import limit_thread
from core.prompting.continuation import ANEW, Continuation
from core.prompting.names import clean_name, find_ids, replace_ids
from core.prompting.personas.check import refuse_model
from core.prompting.request import Request, build_request
from core.prompting.titles import INSTRUCTION, READ, TOKENS, ThreadTitle, clean_title
from core.prompting.turns import Turn, append_text, measure_prompts
from core.store.persona_in_force import find_persona_begun_with
from core.store.protocols import Step, Store, Thread
from core.store.records.calls import CallState, StoredCall
from core.store.records.claims import Claim
from core.tools.approvals import describe_acts, explain_unavailable, read_acts
from core.tools.registry import ToolRegistry
from core.tools.runner import ToolRunner
from core.tools.tool import Tool, ToolScope
from core.worker.fair_semaphore import FairSlot

SUMMING_UP = "summing up older messages"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Composer:
    """What every answer of Claude's is composed with."""

    store: Store
    platforms: Mapping[str, Platform]
    completions: Completions
    rules: Rules
    clock: Clock
    files: FileReader = field(default_factory=FileReader)
    tools: ToolRegistry = field(default_factory=ToolRegistry)
    made_files: MadeFiles = field(default_factory=MadeFiles)
    summaries: SummaryMaker | None = None
    """Makes those of long threads; without it what is cut from them is told by a note alone."""

    @property
    def api_key(self) -> str:
        """The fingerprint of the key with which Anthropic keeps files; empty where nobody does."""
        return self.made_files.storage.api_key if self.made_files.storage else ""

    async def find_zone(self, question: Question, surface: Surface, thread: Thread) -> str:
        """The asker's time zone, else the workspace's, else the operator's; of a run that of its schedule."""
        if question.schedule is not None:
            return question.values[ZONE]
        return await surface.zone(question.person) or thread.zone or self.rules.zone

    def tend_asides(self, question: Question) -> AbstractAsyncContextManager[None]:
        """Let what is made beside the answer to a question end a while behind it."""
        return self.summaries.tend(question) if self.summaries else nullcontext()


@dataclass(slots=True)
class Composition:
    """One answer of Claude's: asked for with all of a thread, and finished with what could not be read of it."""

    composer: Composer
    claim: Claim
    thread: Thread
    surface: Surface
    persona: Persona
    version: Version | None
    unread: CannotAnswer | None
    """Why the thread's history could not be read, if it could not."""
    reply: Reply
    """Is told what takes a while, and when Claude is asked."""
    acted: list[StoredCall] = field(init=False, default_factory=list)
    """The calls of tools that acted for it so far."""
    files: Files = field(init=False, default_factory=dict)
    """What was read of the conversation's files."""
    shown: Files = field(init=False, default_factory=dict)
    """The same without what Claude was not shown of it."""
    renew: Renew | None = field(init=False, default=None)
    """Uploads files again that Claude's API has no more."""
    joined: Continuation = field(init=False, default=ANEW)
    """How the answer joins the one that it goes on with."""
    unavailable: str = field(init=False, default="")
    """What people are told of calls that were allowed, and whose tools are gone."""
    unread_note: str = field(init=False, default="")
    """What people are told of messages that could not be read."""
    asked: Sequence[datetime] = field(init=False, default=())
    """When Claude was asked in the thread, this time last."""

    async def ask(self, slot: FairSlot) -> AsyncGenerator[Event, None]:
        """The events of Claude's answer, which is asked for when the first one is. Raises CannotAnswer.

        While tools run, others may have its slot.
        """
        composer, claim = self.composer, self.claim
        steps: Mapping[str, Step] = {}
        if claim.resumed or claim.told is not None:
            listed = await composer.store.ledger.list_steps(claim.question.key, claim.question.name)
            steps = {digest: step for digest, step in listed.items() if not step.aside}
        if steps:  # which may have used, or wait for, a tool of a server that has to start first
            await composer.tools.wait_for_lists(claim.question.key, self.persona.tools)
        tools = await self._open_lists()
        if steps and await self._restore_persona():
            begun = {tool.name for tool in await self._list_tools()}
            tools = tuple(tool for tool in tools if tool.name in begun)  # none that was taken away meanwhile
        models, build = await self._prepare(steps, tools)
        question = replace(claim.question, homes=await self.surface.homes())
        runner = self._make_runner(tools) if tools else None
        asker = await self._name_asker() if any(tool.definition.acts for tool in tools) else ""
        told = self._find_place(), composer.api_key, asker, slot
        run = Run(claim, steps, self.finish, self.joined, self.renew, runner, *told, record_pause(self.asked))
        self.reply.begin(self.make_title)
        return composer.completions.stream(question, self.version, models, build, run)

    async def _open_lists(self) -> tuple[Tool, ...]:
        """The tools. Whoever asks here first is introduced meanwhile: where a thread begins, nobody else has to be.

        Whom the persona or a note names comes before them, and keeps their name where the two have the same.
        """
        question, known = self.claim.question, self.thread.names
        asked = [one for one in self.thread.messages if one.id == question.name and one.voice not in known]
        if not asked or question.continues or self.thread.notes or find_ids(self.persona.system or ""):
            return await self._list_tools()
        tools, _ = await asyncio.gather(self._list_tools(), self._introduce_asker(asked[0]))
        return tools

    async def _introduce_asker(self, asked: Message) -> None:
        """Keep their name and their time zone."""
        threads = self.composer.store.threads
        zones, thread = await asyncio.gather(
            remember_zone(threads, self.thread, self.claim.question, self._find_zone),
            introduce_people(threads, self.thread, [asked.voice], self.surface, [asked]),
        )
        self.thread = replace(thread, zones=zones)

    async def _name_asker(self) -> str:
        """Who asked, by the name that Claude was told in this thread, else that which the platform shows."""
        person = self.claim.question.person
        return self.thread.names.get(person) or (await self.surface.names({person})).get(person, "")

    async def make_title(self) -> str:
        """A short title for what is asked, by the cheapest model that may be asked; empty where Claude gives none.

        It is a request of its own in the ledger, within the question's budgets. Claude is shown the question alone,
        without what it quotes.
        """
        question, completions, allowed = self.claim.question, self.composer.completions, self.composer.rules.models
        words = next((one.text for one in self.thread.messages if one.id == question.name), "")[:READ]
        if not words.strip():
            return ""
        try:
            names = {one: clean_name(name) for one, name in (await self.surface.names(find_ids(words))).items()}
            content, persona = replace_ids(words, names), self.version
            model = await completions.catalog.find_cheapest(self.persona.model or "", allowed)
            request = completions.structured_output.request
            made = await request(ThreadTitle, question, model, INSTRUCTION, content, max_tokens=TOKENS, persona=persona)
        except ConfabError as error:
            log.info("no title was made: %s", error)
            return ""
        return clean_title(made.title)

    async def conclude(self, answer: Answer) -> Answer:
        """The answer, once it is known. What is told once in a channel is noted as told."""
        if answer.outcome is Outcome.SHOWN and self.unread_note:
            await self.composer.store.notes.put(self._unread_note_name, self.claim.question.name)
        return answer

    async def _restore_persona(self) -> bool:
        """Go on with the persona with which the answer was begun; whether that is another than the one set now."""
        composer, question = self.composer, self.claim.question
        first = await composer.store.ledger.find_first_step(question.key, question.name)
        if first is None:
            return False
        before, of = self.persona, (composer.store.personas, question.key, composer.rules.defaults)
        self.persona, self.version = await find_persona_begun_with(*of, first)
        return self.persona != before

    async def _prepare(
        self, steps: Mapping[str, Step], tools: Sequence[Tool]
    ) -> tuple[list[str], Callable[[Model], Request]]:
        """The models that may answer, and how the request for one is made."""
        composer, key, models = self.composer, self.claim.question.key, self._list_models()
        missing = self.unread is not None and misses_beginning(self.thread, self.claim.question)
        persona, thread = await name_persona(composer.store.threads, self.thread, self.persona, self.surface)
        notes, thread = await tell_notes(composer.store.threads, thread, self.surface)
        definitions = [tool.definition for tool in tools]
        model = await composer.completions.model(persona.model or "")
        conversation = await read_conversation(
            composer.store.threads,
            thread,
            self.claim.question,
            self.surface,
            composer.files,
            find_zone=self._find_zone,
            unread=missing,
            act=self.reply.act,
            told=self.claim.told,
            code=any(tool.name == CODE_TOOL for tool in tools),
            limit=limit_thread(persona, model, sum(one.tokens_bound for one in definitions), notes),
        )
        if not conversation.cut.entries:
            raise CannotAnswer(EMPTY)
        self.files = self.shown = conversation.files
        self.renew, self.joined = conversation.renew, conversation.continuation
        self.unread_note = await self.explain_unread()
        acted = await self._tell_acts(steps, tools)
        known = await read_knowledge(composer.store.personas, key, persona)
        told = [acted(turns) for turns in await self._summarize(conversation, steps)]
        words = composer.platforms[key.platform].instructions
        around = {"instructions": words, "knowledge": known, "notes": notes}
        before = [*around.values(), persona.system or "", *(tool.told for tool in definitions)]
        ttl = await self._choose_lifetime(told[0], before)

        def make(turns: Sequence[Turn], model: Model) -> Request:
            made = build_request(persona, turns, model, ttl, **around, tools=definitions)
            return place_code(made, self.thread.container, composer.clock())

        return models, partial(_build_as_before, make, told, self.acted, steps)

    def _list_models(self) -> list[str]:
        """The models that may answer, the persona's first. Raises CannotAnswer where it may not be asked."""
        rules, named = self.composer.rules, self.persona.model or ""
        if rules.models and named not in rules.models:
            raise CannotAnswer(refuse_model(named, rules.models))
        return list(dict.fromkeys([named, *rules.fallbacks]))

    async def _choose_lifetime(self, turns: Sequence[Turn], before: Sequence[str]) -> TTL:
        """For how long the prompts of this answer are cached, which tell these turns, and other words before them."""
        composer = self.composer
        self.asked = list_asked(self.thread, composer.clock())
        pauses = await composer.store.pauses.read(self.claim.question.key.workspace)
        sizes = measure_prompts(turns, Text("".join(before)).tokens)
        return choose_lifetime(composer.rules.ttl, self.asked, sizes, pauses)

    async def _summarize(self, conversation: Conversation, steps: Mapping[str, Step]) -> list[list[Turn]]:
        """The turns with the summary of what is cut; where `steps` were asked before, also as they were without it."""
        question, cut, maker = self.claim.question, conversation.cut, self.composer.summaries
        if not cut.steps:
            return [conversation.turns]
        found = conversation.summaries
        if maker and not question.private and not steps:
            self.reply.act(SUMMING_UP)
            order = SummaryOrder(question, self.version, self.persona.model or "", found)
            found = await maker.find(order, question.key, cut.steps)
            self.reply.act(THINKING)
        told = conversation.tell(found)
        return [told, conversation.tell({})] if steps else [told]

    async def _tell_acts(
        self, steps: Mapping[str, Step], tools: Sequence[Tool]
    ) -> Callable[[Sequence[Turn]], Sequence[Turn]]:
        """Tells turns what acted for an answer that is given anew. Notes what acted for this one, and can't now."""
        if steps or any(tool.definition.acts for tool in tools):  # also where it begins again in the same process
            known = await self.composer.store.calls.list_acts(self.claim)
            self.acted += [one for one in known if one.state is not CallState.ALLOWED]
            given = {tool.name for tool in tools}
            gone = [one for one in known if one.state is CallState.ALLOWED and one.call.tool not in given]
            self.unavailable = explain_unavailable(gone)
        earlier = read_acts(self.claim.earlier.text) if self.claim.earlier else ""
        return partial(append_text, text=earlier) if earlier else lambda turns: turns

    async def _list_tools(self) -> tuple[Tool, ...]:
        """Those that the conversation may use; in private nobody could be asked whether one may act."""
        registry, keep = self.composer.tools, self.composer.store.threads
        private = self.claim.question.private
        tools = await registry.list_tools(self.thread, self.persona.tools, keep, private=private)
        if not any(tool.name == NOTE_TOOL for tool in tools) or not await self.surface.is_secluded():
            return tools
        return tuple(tool for tool in tools if tool.name != NOTE_TOOL)  # the whole channel would be told

    def _make_runner(self, tools: Sequence[Tool]) -> ToolRunner:
        composer = self.composer
        scope = ToolScope(self.claim.question, self.surface, composer.store, composer.clock, self._find_zone)
        named, act = {tool.name: tool for tool in tools}, partial(self.reply.act, note=True)
        return ToolRunner(composer.store.calls, self.claim, named, scope, act, acted=self.acted)

    def _find_place(self) -> str | None:
        """Behind what the answer of a question that was parked stands: what was said meanwhile and does not wait."""
        if self.claim.told is None:
            return None
        name, place = self.claim.question.name, None
        waiting = {one for one, reply in self.thread.open.items() if reply != name} - {name}
        for message in takewhile(lambda one: one.id not in waiting, self.thread.messages):
            place = place if message.mine else message.id
        return place

    async def _find_zone(self) -> str:
        return await self.composer.find_zone(self.claim.question, self.surface, self.thread)

    async def leave_out(self, left_out: LeftOut) -> None:
        """Note which files Claude was not shown; what its API refused is not sent again."""
        if not left_out.refused:
            self.shown = leave_out_files(self.files, BLIND, kinds=left_out.kinds)
            return
        refused = leave_out_files(self.shown, NOT_TAKEN, contents=left_out.refused)
        names = [place[1] for place, read in refused.items() if read is not self.shown[place]]
        await self.composer.files.refuse(self.claim.question.key, names, NOT_TAKEN)
        self.shown = refused

    def finish(self, answer: Answer) -> Answer:
        """Say below the answer what could not be read: files of the question, and messages before it."""
        if answer.outcome is not Outcome.SHOWN:
            return answer
        asked = {one.name for one in (self.claim.question, *self.claim.together)}
        files = describe_problems([one for one in self.thread.messages if one.id in asked], self.shown)
        sentences = [*files, *filter(None, (self.unread_note, self.unavailable))]
        return replace(answer, text=cut_off(answer.text, " ".join(sentences)).text) if sentences else answer

    async def explain_unread(self) -> str:
        """What is forbidden is told once in a channel; what did not come, if it matters."""
        question = self.claim.question
        if self.unread is None or question.alone:
            return ""
        if isinstance(self.unread, NoAnswer):
            return SILENT if misses_beginning(self.thread, question) else ""
        told = await self.composer.store.notes.get(self._unread_note_name)
        return "" if told not in {None, question.name} else f"{self.unread} I answered from what I had heard."

    @property
    def _unread_note_name(self) -> str:
        key = self.claim.question.key
        return f"unread:{key.workspace}:{key.channel}"


def _build_as_before(
    make: Callable[[Sequence[Turn], Model], Request],
    told: Sequence[Sequence[Turn]],
    acts: Sequence[StoredCall],
    steps: Mapping[str, Step],
    model: Model,
) -> Request:
    """The request by the first of these turns, or by those with which this answer began before."""
    made = [_build_unless_acted(make, turns, acts, steps, model) for turns in told]
    return next((request for request in made if request.digest in steps), made[0]) if len(made) > 1 else made[0]


def _build_unless_acted(
    make: Callable[[Sequence[Turn], Model], Request],
    turns: Sequence[Turn],
    acts: Sequence[StoredCall],
    steps: Mapping[str, Step],
    model: Model,
) -> Request:
    """The request; where the answer begins otherwise than before, it is told which tools acted for it before.

    One that goes on was told so of those that had by the time it began.
    """
    request = make(turns, model)
    for count in range(1, len(acts) + 1):
        if (done := steps.get(request.digest)) and done.content is not None:
            break
        request = make(append_text(turns, describe_acts(acts[:count])), model)
    return request
