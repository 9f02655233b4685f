"""Repositories: the protocols of the store over any engine. Each method runs one unit of work."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from core.billing.budgets import Budget, Budgets
from core.billing.ledger_rows import BudgetRefusal, PlannedRequest, Reservation, Scope, Scopes, Settlement, UsageRow
from core.domain.controls import Control, Votes
from core.domain.errors import StoreUnavailable
from core.domain.events import Edited, Event, Posted, Receipt
from core.domain.messages import FinalText, History, LinkTarget, Message, Outcome, Question, ThreadKey, clean_text
from core.domain.personas import Version
from core.domain.tools import ToolCall
from core.store.audit_log import OPERATOR, AuditFault, AuditHead, AuditRow
from core.store.channel_note_repository import ChannelNoteRepository
from core.store.installation_repository import InstallationRepository
from core.store.pause_repository import PauseRepository
from core.store.persona_repository import PersonaRepository
from core.store.places import audit, budgets
from core.store.places.bot_answers import BotAnswerRepository
from core.store.places.key_values import NoteRepository
from core.store.places.shards.leases import ShardRepository
from core.store.post_repository import PostRepository
from core.store.protocols import NEWEST, Settled, Step, StepEnd, Store, Thread
from core.store.records.calls import CallState, StoredCall, WaitingCall
from core.store.records.claims import Claim, FirstStep
from core.store.records.files import FileDeletion, FilePlace, FileScope, StoredFile
from core.store.records.grants import Grant
from core.store.records.heartbeat import Heartbeat
from core.store.records.replies import Asked, DeletedReply, Ending, GivenCommand, ListFiles
from core.store.records.searches import FoundThread, Position, Search, SearchPage
from core.store.rules import claims, file_deletions, files, ledger, parking, presses, steps, tool_calls
from core.store.rules import read_thread as past
from core.store.rules.feedback import count_votes
from core.store.rules.forget import forget
from core.store.rules.ingest import ingest_event
from core.store.rules.jobs.repositories import BatchRepository, JobRepository
from core.store.rules.messages import find_message
from core.store.rules.processes.heartbeats import heartbeat as beat
from core.store.rules.processes.signal_repository import SignalRepository
from core.store.rules.questions import find_question
from core.store.rules.refresh import plan_refresh, refresh_portion
from core.store.rules.reports.activity import ReportRepository
from core.store.rules.reports.day_sum_progress import DaySumRepository
from core.store.rules.summaries import SummaryRepository
from core.store.rules.trials import TrialRepository
from core.store.schedule_repository import ScheduleRepository
from core.store.sign_in_repository import SignInRepository
from core.store.sql_port import Engine, Sql


class QuestionRepository:
    """Keeps the protocol `Questions`."""

    def __init__(self, engine: Engine, stale: timedelta) -> None:
        self._engine = engine
        self._stale = stale
        self._unheard: dict[str, int] = {}  # by process, the number of a claim that may be its own

    @property
    def in_order(self) -> bool:
        return self._engine.in_order

    async def ingest(self, event: Event, *, full: bool = False, attended: bool = False) -> Receipt:
        """Nobody waits for what the platform tells of our own messages."""
        ours = isinstance(event, Posted | Edited) and event.message.mine
        return await self._engine.unit(lambda sql: ingest_event(sql, event, full=full, attended=attended), patient=ours)

    async def claim_next(self, process: str, platforms: Collection[str], full: Collection[str] = ()) -> Claim | None:
        """A claim that the database may have given while it could not say so is asked for again."""
        again = self._unheard.pop(process, None)
        # A number that is given again would let late news of the old claim meet the new one.
        number = secrets.randbits(62) if again is None else again
        try:
            return await self._engine.unit(
                lambda sql: claims.claim_next(
                    sql, claims.Claimant(process, platforms, full), self._stale, number, repeated=again is not None
                )
            )
        except StoreUnavailable:
            self._unheard[process] = number
            raise

    async def is_kept(self, key: ThreadKey, name: str) -> bool:
        return await self._engine.unit(lambda sql: find_question(sql, key, name) is not None)

    async def find_ending(self, key: ThreadKey, name: str) -> Ending | None:
        return await self._engine.unit(lambda sql: presses.find_ending(sql, key, name))

    async def is_deleted(self, key: ThreadKey, message: str) -> bool:
        row = await self._engine.unit(lambda sql: find_message(sql, key, message))
        return row is not None and row["deleted_at"] is not None

    async def join_waiting(self, claim: Claim) -> Claim:
        return await self._engine.unit(lambda sql: claims.join_waiting(sql, claim))

    async def pass_over(self, claim: Claim) -> bool:
        return await self._engine.unit(lambda sql: parking.pass_over(sql, claim))

    async def record_page(self, claim: Claim, page: str, at: datetime) -> None:
        await self._engine.unit(lambda sql: claims.record_page(sql, claim, page, at))

    async def drop_page(self, claim: Claim, page: str) -> None:
        await self._engine.unit(lambda sql: claims.drop_page(sql, claim, page))

    async def store_final_text(self, claim: Claim, final: FinalText) -> None:
        await self._engine.unit(lambda sql: claims.store_final_text(sql, claim, _clean(final)))

    async def park(self, claim: Claim, told: str, number: int, so_far: str = "") -> None:
        await self._engine.unit(lambda sql: parking.park_claim(sql, claim, told, number, clean_text(so_far)))

    async def close(self, claim: Claim, outcome: Outcome, *, patient: bool = False) -> bool:
        return await self._engine.unit(lambda sql: claims.close_claim(sql, claim, outcome), patient=patient)

    async def heartbeat(self, process: str, leaving: bool = False) -> Heartbeat:
        """What was erased since the last heartbeat begins to leave the files with this one."""
        learnt = await self._engine.unit(lambda sql: beat(sql, process, leaving, self._stale))
        self._engine.sweep_soon()
        return learnt

    async def find_reply(self, key: ThreadKey, control: Control, name: str | None = None) -> Asked | None:
        return await self._engine.unit(lambda sql: presses.find_asked(sql, key, control, name))

    async def list_commands(self, key: ThreadKey) -> Sequence[GivenCommand]:
        return await self._engine.unit(lambda sql: presses.list_commands(sql, key))

    async def stop_reply(self, key: ThreadKey, name: str) -> str:
        return await self._engine.unit(lambda sql: presses.stop_reply(sql, key, name))

    async def retry_reply(self, command: Question, name: str) -> str | None:
        return await self._engine.unit(lambda sql: presses.retry_reply(sql, command, name))

    async def delete_reply(self, command: Question, name: str, list_files: ListFiles) -> DeletedReply | None:
        return await self._engine.unit(lambda sql: presses.delete_reply(sql, command, name, list_files))

    async def count_open(self) -> tuple[int, datetime | None]:
        return await self._engine.unit(parking.count_open)

    async def count_parked(self) -> int:
        return await self._engine.unit(parking.count_parked)


class ThreadRepository:
    """Keeps the protocol `Threads`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def thread(self, key: ThreadKey, branch: str | None = None) -> Thread:
        return await self._engine.unit(lambda sql: past.read_thread(sql, key, branch))

    async def open(self, key: ThreadKey) -> tuple[Thread, Sequence[Version | None]]:
        return await self._engine.unit(lambda sql: past.open_thread(sql, key))

    async def list_chain(self, key: ThreadKey, message: str) -> frozenset[ThreadKey]:
        return await self._engine.unit(lambda sql: past.list_chain(sql, key, message))

    async def refresh(self, thread: Thread, history: History) -> Thread:
        refresh = plan_refresh(thread, history)
        *before, last = refresh.portions
        for names in before:
            if not await self._engine.unit(partial(refresh_portion, refresh=refresh, names=names)):
                break

        def end(sql: Sql) -> Thread:
            refresh_portion(sql, refresh, last)
            return past.read_thread(sql, thread.key, None)

        return await self._engine.unit(end)

    async def remember_names(self, key: ThreadKey, names: Mapping[str, str]) -> Mapping[str, str]:
        return await self._engine.unit(lambda sql: past.remember_names(sql, key, names))

    async def remember_zone(self, key: ThreadKey, question: str, zone: str) -> Mapping[str, str]:
        return await self._engine.unit(lambda sql: past.remember_zone(sql, key, question, zone))

    async def remember_tools(self, key: ThreadKey, choice: str, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return await self._engine.unit(lambda sql: past.remember_tools(sql, key, choice, names))

    async def forget(self, scope: Scope, by: str = OPERATOR) -> int:
        count = await self._engine.unit(lambda sql: forget(sql, scope, by))
        self._engine.sweep_soon()
        return count


class PastRepository:
    """Keeps the protocol `ChannelPast`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def search(self, key: ThreadKey, search: Search, position: Position | None = None) -> SearchPage:
        return await self._engine.unit(lambda sql: past.search_page(sql, key, search, position))

    async def find_people(self, key: ThreadKey, name: str) -> frozenset[str]:
        return await self._engine.unit(lambda sql: past.find_people(sql, key, name))

    async def find_thread_of(self, key: ThreadKey, target: LinkTarget) -> FoundThread | None:
        return await self._engine.unit(lambda sql: past.find_thread_of(sql, key, target))

    async def leave_out_forgotten(self, key: ThreadKey, messages: Sequence[Message]) -> Sequence[Message]:
        return await self._engine.unit(lambda sql: past.leave_out_forgotten(sql, key, messages))


class LedgerRepository:
    """Keeps the protocol `Ledger`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def reserve(self, spending: PlannedRequest, scopes: Sequence[Scope]) -> Reservation | BudgetRefusal:
        return await self._engine.unit(lambda sql: ledger.reserve_request(sql, spending, scopes))

    async def settle(self, reservation: Reservation, settled: Settlement, end: StepEnd | None = None) -> Settled:
        cleaned = end and replace(end, final_text=end.final_text and _clean(end.final_text))
        return await self._engine.unit(lambda sql: steps.settle_step(sql, reservation, settled, cleaned))

    async def find_first_step(self, key: ThreadKey, question: str) -> FirstStep | None:
        return await self._engine.unit(lambda sql: steps.find_first_step(sql, key, question))

    async def list_steps(self, key: ThreadKey, question: str) -> Mapping[str, Step]:
        return await self._engine.unit(lambda sql: steps.list_steps(sql, key, question))

    async def sum_steps(self, key: ThreadKey, question: str) -> tuple[int, int]:
        return await self._engine.unit(lambda sql: steps.sum_steps(sql, key, question))

    async def sum_usage(self, scope: Scope, since: datetime, by: str) -> list[UsageRow]:
        """Lines by group, in the order of their names."""
        if by not in ledger.GROUPS:
            raise ValueError(f"{by!r} is none of {', '.join(ledger.GROUPS)}")
        return await self._engine.unit(lambda sql: ledger.sum_usage(sql, scope, since, by))

    async def count_votes(self, scope: Scope, since: datetime) -> Votes:
        return await self._engine.unit(lambda sql: count_votes(sql, scope, since))

    async def workspaces(self) -> list[str]:
        return await self._engine.unit(ledger.list_workspaces)

    async def budgets(self, workspace: str, now: datetime, person: str = "", only: Scopes | None = None) -> Budgets:
        return await self._engine.unit(lambda sql: budgets.read_budgets(sql, workspace, now, person, only))

    async def list_limiting(self, workspace: str, person: str) -> list[str]:
        return await self._engine.unit(lambda sql: budgets.list_limiting_workspaces(sql, workspace, person))

    async def allow(self, budget: Budget, expected: int, zone: str = "UTC") -> Budget:
        return await self._engine.unit(lambda sql: budgets.change_budget(sql, budget, expected, zone))


class CallRepository:
    """Keeps the protocol `ToolCalls`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def begin(
        self, claim: Claim, calls: Sequence[ToolCall], acting: Collection[str], before: Collection[str]
    ) -> Sequence[StoredCall]:
        return await self._engine.unit(lambda sql: tool_calls.begin_calls(sql, claim, calls, acting, before))

    async def act(self, claim: Claim, call: str) -> CallState:
        return await self._engine.unit(lambda sql: tool_calls.act(sql, claim, call))

    async def end(self, claim: Claim, results: Mapping[str, str]) -> None:
        await self._engine.unit(lambda sql: tool_calls.end_calls(sql, claim, results))

    async def list_acts(self, claim: Claim) -> Sequence[StoredCall]:
        return await self._engine.unit(lambda sql: tool_calls.list_acts(sql, claim))

    async def decide(self, command: Question, subject: str, control: Control) -> str:
        return await self._engine.unit(lambda sql: parking.carry_out_decision(sql, command, subject, control))

    async def find_waiting(self, key: ThreadKey, subject: str | None = None) -> Asked | None:
        return await self._engine.unit(lambda sql: parking.find_waiting(sql, key, subject))

    async def list_waiting(self, workspace: str) -> Sequence[WaitingCall]:
        return await self._engine.unit(lambda sql: parking.list_waiting(sql, workspace))


class ToolUseRepository:
    """Keeps the protocol `ToolUse`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def list_grants(self, scope: Scope) -> Sequence[Grant]:
        return await self._engine.unit(lambda sql: tool_calls.list_grants(sql, scope, None))

    async def revoke_grants(self, scope: Scope, tool: str | None, by: str) -> Sequence[Grant]:
        return await self._engine.unit(lambda sql: tool_calls.revoke_grants(sql, scope, tool, by))

    async def count_calls(self, scope: Scope, since: datetime) -> Mapping[str, int]:
        return await self._engine.unit(lambda sql: tool_calls.count_calls(sql, scope, since))


def _clean(final: FinalText) -> FinalText:
    return replace(final, text=clean_text(final.text))


class FileRepository:
    """Keeps the protocol `StoredFiles`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def find(
        self, scope: FileScope, places: Collection[FilePlace], *, code: bool = False
    ) -> Mapping[str, StoredFile]:
        return await self._engine.unit(lambda sql: files.find_files(sql, scope, places, code=code))

    async def begin_upload(
        self, scope: FileScope, file: StoredFile, places: Collection[FilePlace], upload: str | None
    ) -> StoredFile | None:
        return await self._engine.unit(lambda sql: files.begin_upload(sql, scope, file, places, upload))

    async def end_upload(self, scope: FileScope, upload: str, file_id: str) -> bool:
        return await self._engine.unit(lambda sql: files.end_upload(sql, scope, upload, file_id))

    async def fail_upload(self, scope: FileScope, upload: str, problem: str, *, uncertain: bool) -> None:
        await self._engine.unit(lambda sql: files.fail_upload(sql, scope, upload, problem, uncertain=uncertain))

    async def refuse(self, scope: FileScope, attachments: Collection[str], problem: str) -> None:
        await self._engine.unit(lambda sql: files.refuse_files(sql, scope, attachments, problem))

    async def discard(self, scope: FileScope, file_ids: Collection[str]) -> None:
        await self._engine.unit(lambda sql: files.discard_files(sql, scope, file_ids))

    async def claim_deletions(self, limit: int, lease: timedelta) -> Sequence[FileDeletion]:
        return await self._engine.unit(lambda sql: file_deletions.claim_deletions(sql, limit, lease))

    async def end_deletion(self, deletion: FileDeletion) -> None:
        await self._engine.unit(lambda sql: file_deletions.end_deletion(sql, deletion))

    async def postpone_deletion(self, deletion: FileDeletion, pause: timedelta, problem: str) -> None:
        await self._engine.unit(lambda sql: file_deletions.postpone_deletion(sql, deletion, pause, problem))


class AuditRepository:
    """Keeps the protocol `Audit`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def heads(self) -> list[AuditHead]:
        return await self._engine.unit(audit.list_heads)

    async def newest(self, workspace: str, channel: str | None, before: int = NEWEST) -> list[AuditRow]:
        return await self._engine.unit(lambda sql: audit.list_newest(sql, workspace, channel, before))

    async def page(self, workspace: str, after: int) -> list[AuditRow]:
        return await self._engine.unit(lambda sql: audit.read_page(sql, workspace, after))

    async def verify(self, head: AuditHead) -> AuditHead | AuditFault:
        return await self._engine.unit(lambda sql: audit.verify_page(sql, head))


def build_store(engine: Engine, stale: timedelta) -> Store:
    """All repositories over one engine. A process without a heartbeat for `stale` has stopped."""
    return Store(
        questions=QuestionRepository(engine, stale),
        threads=ThreadRepository(engine),
        ledger=LedgerRepository(engine),
        personas=PersonaRepository(engine),
        notes=NoteRepository(engine),
        files=FileRepository(engine),
        past=PastRepository(engine),
        audit=AuditRepository(engine),
        calls=CallRepository(engine),
        tool_use=ToolUseRepository(engine),
        installations=InstallationRepository(engine),
        summaries=SummaryRepository(engine),
        channel_notes=ChannelNoteRepository(engine),
        trials=TrialRepository(engine),
        schedules=ScheduleRepository(engine),
        jobs=JobRepository(engine),
        batches=BatchRepository(engine),
        pauses=PauseRepository(engine),
        bot_answers=BotAnswerRepository(engine),
        sign_ins=SignInRepository(engine),
        shards=ShardRepository(engine),
        reports=ReportRepository(engine),
        day_sums=DaySumRepository(engine),
        posts=PostRepository(engine),
        signals=SignalRepository(engine),
        shut=engine.shut,
    )
