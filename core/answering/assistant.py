"""The assistant: inbox, worker and responder over one store, put together."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from core.answering.asides.follow_ups import FollowUpJudge
from core.answering.asides.summaries import SummaryMaker
from core.answering.bot_loop_guard import BotLoopGuard
from core.answering.completions import Completions
from core.answering.composition import Composer
from core.answering.conversation import name_persona, read_conversation, read_knowledge, tell_notes
from core.answering.display_fallback import Fallback
from core.answering.inbox import Inbox
from core.answering.policy import Policy, Rules
from core.answering.recovery import refresh_thread
from core.answering.responder import Responder
from core.answering.tasks.scheduled_runs import RunCheck
from core.billing.cache_lifetimes import AUTO
from core.claude.errors import ClaudeError
from core.commands import TABLE, registry
from core.commands.rehearsal import Rehearsals
from core.domain.clock import Clock, Sleep
from core.domain.errors import CannotAnswer, StoreUnavailable
from core.domain.events import Commanded, Event, Receipt
from core.domain.messages import Question
from core.domain.models import Model
from core.domain.platform import Platform, Surface
from core.domain.tools import CODE_TOOL
from core.files.made_files import MadeFiles
from core.files.reader import FileReader
from core.library.library import PersonaLibrary
from core.prompting.context_window import limit_thread
from core.prompting.request import Request, build_request
from core.store.persona_in_force import find_persona_in_force
from core.store.protocols import Store
from core.telemetry import Emit, discard_event
from core.tools.registry import ToolRegistry
from core.worker.fair_semaphore import FairSemaphore
from core.worker.worker import SLOTS, Worker

log = logging.getLogger(__name__)


class Assistant:
    """Ingests what the platforms tell; `worker` answers the questions in it, as long as it runs."""

    def __init__(
        self,
        store: Store,
        *,
        completions: Completions,
        platforms: Mapping[str, Platform],
        rules: Rules,
        clock: Clock,
        process: str = "",
        semaphore: FairSemaphore | None = None,
        sleep: Sleep = asyncio.sleep,
        emit: Emit = discard_event,
        files: FileReader | None = None,
        made_files: MadeFiles | None = None,
        tools: ToolRegistry | None = None,
        library: PersonaLibrary | None = None,
        slots: int = SLOTS,
    ) -> None:
        self._store, self._completions, self._rules, self._platforms = store, completions, rules, platforms
        tools, reader, library = tools or ToolRegistry(), files or FileReader(), library or PersonaLibrary()
        loop_guard = BotLoopGuard(rules.bots, store.bot_answers)
        fallback, turns = Fallback(store.questions, platforms), semaphore or FairSemaphore()
        self.commands = commands = self._build_command_context(clock, tools, reader, library)
        """What commands work with, also those that are not given in a conversation."""
        self._rehearsals = Rehearsals(commands, platforms)
        self._composer = self._make_composer(clock, reader, tools, made_files or MadeFiles())
        policy, runs = self._make_policy(loop_guard), RunCheck(store, platforms, completions.sender.sleep)
        responder = Responder(self._composer, policy, fallback, turns, commands, emit, self._learn_withdrawals, runs)
        self.worker = Worker(
            store.questions,
            responder.answer,
            process or secrets.token_hex(8),
            self.list_connected,
            give_up=fallback.give_up,
            slots=slots,
            sleep=sleep,
            emit=emit,
            signals=store.signals,
        )
        self._inbox = Inbox(store.questions, self.worker, loop_guard, clock, rules.catch_up)

    def _make_policy(self, loop_guard: BotLoopGuard) -> Policy:
        judge = FollowUpJudge(self._store, self._completions.structured_output, self._rules.models)
        return Policy(self._rules, loop_guard, self._store.notes, judge)

    def _make_composer(self, clock: Clock, files: FileReader, tools: ToolRegistry, made: MadeFiles) -> Composer:
        rules, asking, catalog = self._rules, self._completions.structured_output, self._completions.catalog
        summaries = SummaryMaker(self._store.summaries, asking, catalog, clock, allowed=rules.models)
        return Composer(self._store, self._platforms, self._completions, rules, clock, files, tools, made, summaries)

    def _build_command_context(
        self, clock: Clock, tools: ToolRegistry, files: FileReader, library: PersonaLibrary
    ) -> registry.CommandContext:
        rules, completions = self._rules, self._completions
        return registry.CommandContext(
            self._store,
            rules.defaults,
            clock,
            completions.model,
            self.next_request,
            TABLE,
            rules.zone,
            completions.catalog,
            guests=rules.guests,
            models=rules.models,
            tools=tools,
            heartbeat=self._heartbeat,
            managers_approve=rules.managers_approve,
            library=library,
            files=files,
            ttl=rules.ttl,
            batches=completions.takes_batches,
            file_hints={name: platform.file_hint for name, platform in self._platforms.items()},
            public_url=rules.public_url,
        )

    async def _learn_withdrawals(self) -> None:
        await self.worker.heartbeat()

    async def _heartbeat(self) -> None:
        """Learn what was withdrawn, and look for what goes on, without waiting for the next poll."""
        await self.worker.heartbeat()
        self.worker.wake()

    async def ingest(self, event: Event) -> Receipt:
        """Store an event, once; see `Inbox.ingest`. A command by a form is rehearsed first."""
        if isinstance(event, Commanded) and event.by_form and (faults := await self._rehearsals.find_faults(event)):
            return Receipt(new=False, ours=False, question=False, key=event.key, faults=faults)
        return await self._inbox.ingest(event)

    def list_connected(self) -> list[str]:
        """Names of the platforms that can be shown an answer now."""
        return [name for name, platform in self._platforms.items() if platform.reachable]

    async def list_models(self) -> None:
        """List the models once, for those who will choose one."""
        try:
            await self._completions.catalog.list_models()
        except (ClaudeError, StoreUnavailable) as error:
            log.info("the models can't be listed: %s", error)

    async def next_request(self, question: Question, surface: Surface) -> Request:
        """The request that the thread of `question` would make now; without turns, where nothing of it is kept."""
        thread = await self._store.threads.thread(question.key)
        if thread.messages and thread.stale:
            with suppress(CannotAnswer):  # an answer would not wait for it either
                thread, _ = await refresh_thread(self._store.threads, thread, surface, self._rules.patience)
        about = replace(question, name=question.values.get("message", question.name))
        persona, _ = await find_persona_in_force(self._store.personas, question.key, self._rules.defaults)
        persona, thread = await name_persona(self._store.threads, thread, persona, surface)
        notes, thread = await tell_notes(self._store.threads, thread, surface)
        tools = await self._composer.tools.list_tools(thread, persona.tools)
        code = any(tool.name == CODE_TOOL for tool in tools)
        files = self._composer.files
        limit = limit_thread(
            persona,
            await self._completions.model(persona.model or ""),
            sum(tool.definition.tokens_bound for tool in tools),
            notes,
        )
        conversation = await read_conversation(
            self._store.threads, thread, about, surface, files, code=code, limit=limit
        )
        build = partial(
            build_request,
            persona,
            conversation.turns,
            ttl="5m" if self._rules.ttl == AUTO else self._rules.ttl,  # which nobody is shown
            instructions=self._platforms[question.key.platform].instructions,
            knowledge=await read_knowledge(self._store.personas, question.key, persona),
            tools=[tool.definition for tool in tools],
            notes=notes,
        )
        models = [persona.model or "", *self._rules.fallbacks]
        first, *_ = self._completions.refused_prompts.order_models(models, build(Model(models[0])))
        return build(await self._completions.model(first))
