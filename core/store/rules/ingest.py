"""Ingesting: events become rows, each once (deduplicated by what they name)."""

from datetime import datetime, timedelta

from core.domain.controls import APPROVAL, BATCH, Control
from core.domain.events import (
    Backfilled,
    Commanded,
    Deleted,
    Edited,
    Event,
    Missed,
    MissedRange,
    Posted,
    Pressed,
    Receipt,
    WorkspaceEnded,
)
from core.domain.messages import Asks, Message, Question, ThreadKey
from core.store.audit_log import PLATFORM, AuditAction, AuditEntry
from core.store.places.advisory_locks import lock_channel, lock_claims, lock_gaps
from core.store.places.audit import build_ended_query, is_end_recorded, is_ended, record_audit
from core.store.places.bot_answers import begin_anew
from core.store.places.schedules import stop_schedules
from core.store.places.sign_ins.sessions import end_pressed_session, end_workspace_sessions
from core.store.rules.drafts import erase_known_files
from core.store.rules.erasures import Forgotten, build_forgotten_query, erase_read_results, find_forgotten
from core.store.rules.jobs.erasures import erase_jobs, erase_row_of, follow_edit
from core.store.rules.jobs.presses import ingest_job_press
from core.store.rules.messages import (
    add_missing_parts,
    build_later_query,
    build_message_query,
    find_message,
    has_later,
    insert_messages,
    tombstone,
    tombstone_unknown,
    update_message,
)
from core.store.rules.parking import ingest_decision
from core.store.rules.presses import ingest_press
from core.store.rules.private_answers import drop_answers_with
from core.store.rules.processes.announcements import announce_change, announce_unclaimed
from core.store.rules.questions import (
    build_question_query,
    find_question,
    keep_question,
    replace_question,
    take_back_command,
    take_question_back,
    thread_key,
    thread_values,
    withdraw_questions,
)
from core.store.rules.split_questions import find_conversation, note_piece
from core.store.rules.threads import (
    begin_backfill,
    build_thread_query,
    build_watermark_query,
    end_backfill,
    is_tracked,
    mark_begun,
    mark_stale,
    mark_workspaces_stale,
    move_watermark,
    note_passed,
    track_thread,
)
from core.store.sql_port import Row, Sql, stamp

LATE = timedelta(seconds=5)  # that no event takes which is delivered the first time

NOWHERE = ThreadKey("", "", "")

EARLIER_QUESTION = """
SELECT 1 AS earlier FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND (at, name) < (:at, :name) LIMIT 1
"""

OPEN_IN_WORKSPACE = """
SELECT * FROM questions WHERE workspace = :workspace AND outcome IS NULL AND at <= :at ORDER BY channel, id
"""


def ingest_event(sql: Sql, event: Event, *, full: bool = False, attended: bool = False) -> Receipt:
    """Keep an event. Where who keeps it is `full`, others hear of the question in it.

    Where `attended`, a message in a tracked thread lets bots be answered anew in its channel.
    """
    receipt = _ingest(sql, event)
    if attended and receipt.new and receipt.ours:
        begin_anew(sql, receipt.key)
    if receipt.question or (receipt.new and isinstance(event, Edited | Deleted)):
        announce_change(sql, receipt.key)
    if full and (receipt.question or (receipt.new and isinstance(event, Pressed | Deleted))):
        announce_unclaimed(sql)
    return receipt


def _ingest(sql: Sql, event: Event) -> Receipt:
    if isinstance(event, Missed | Backfilled | WorkspaceEnded):
        return _ingest_of_workspace(sql, event)
    lock_channel(sql, event.key.workspace, event.key.channel)
    match event:
        case Posted():
            return _ingest_message(sql, event)
        case Edited():
            return _ingest_edit(sql, event)
        case Deleted():
            return _ingest_deletion(sql, event)
        case Commanded():
            return _ingest_command(sql, event)
        case Pressed():
            return _ingest_press(sql, event)


def _ingest_press(sql: Sql, event: Pressed) -> Receipt:
    if event.control is Control.END_SESSION:
        return Receipt(new=False, ours=False, question=False, key=event.key, note=end_pressed_session(sql, event))
    if event.control in BATCH:
        return ingest_job_press(sql, event)
    return ingest_decision(sql, event) if event.control in APPROVAL else ingest_press(sql, event)


def _ingest_of_workspace(sql: Sql, event: Missed | Backfilled | WorkspaceEnded) -> Receipt:
    """What concerns no thread in particular."""
    if isinstance(event, WorkspaceEnded):
        return _ingest_end(sql, event)
    return Receipt(new=True, ours=False, question=False, key=NOWHERE, missed=_list_missed(sql, event))


def _ingest_end(sql: Sql, event: WorkspaceEnded) -> Receipt:
    count = withdraw_workspace(sql, event.workspace, event.at)
    record_end(sql, event.workspace, event.at, count)
    return Receipt(new=count > 0, ours=False, question=False, key=NOWHERE)


def record_end(sql: Sql, workspace: str, at: datetime, withdrawn: int) -> None:
    """Audit that a workspace ended, once: platforms tell of it more than once."""
    if not is_end_recorded(sql, workspace, at):
        end_workspace_sessions(sql, workspace)
        details = {"withdrawn": withdrawn}
        record_audit(sql, AuditEntry(workspace, at, PLATFORM, AuditAction.INSTALLATION_ENDED, details=details))


def _keep_question(sql: Sql, question: Question) -> bool:
    """Keep a question, unless we were removed since it was asked: nobody can be answered there. Whether it is new."""
    return not is_ended(sql, question.key.workspace, question.at) and keep_question(sql, question)


def _ingest_message(sql: Sql, event: Posted) -> Receipt:
    workspace, at = event.key.workspace, event.message.at
    if event.asks is Asks.CERTAINLY:
        _foresee_question(sql, event.key, event.message)
    heard, found = sql.many_each(build_watermark_query(workspace, at), build_message_query(event.key, event.message.id))
    if not heard:
        move_watermark(sql, workspace, at)
    row = next(iter(found), None)
    key = _choose_thread(sql, event, row)
    tracked = is_tracked(sql, key)
    if not (tracked or event.asks is Asks.CERTAINLY) or _is_gone(sql, event, key, row):
        if not tracked and event.begun_at:
            note_passed(sql, key, key.thread, event.begun_at)
        return Receipt(new=False, ours=tracked, question=False, key=key)
    if event.hint and tracked and row is None:  # a thread that is tracked from now on is read before it is answered in
        return Receipt(new=False, ours=True, question=False, key=key, awaited=True)
    if not tracked:
        track_thread(sql, key, event.private)
    new = _keep_message(sql, key, event.message, row, private=event.private)
    if event.begins and key == event.key:
        mark_begun(sql, key, event.message.id, at)
    if event.may_add and key != event.key:
        note_piece(sql, key, event.message.id)
    question = _wants_answer(sql, key, event) and _keep_question(sql, _build_question(key, event))
    return Receipt(new=new or question, ours=True, question=question, key=key)


def _foresee_question(sql: Sql, key: ThreadKey, message: Message) -> None:
    """What will be asked about a message that asks us: whether it is known, was answered, or must not be kept."""
    question = build_question_query(key, message.id)
    later, ended = build_later_query(key, message), build_ended_query(key.workspace, message.at)
    sql.foresee(build_thread_query(key), question, build_forgotten_query(key), later, ended, question)


def _choose_thread(sql: Sql, event: Posted | Edited, row: Row | None) -> ThreadKey:
    """Where the message is already, or its parent, or else where the platform says. What is private is alone."""
    if row:
        return thread_key(row)
    if isinstance(event, Posted) and event.private:
        return ThreadKey(event.key.workspace, event.key.channel, event.message.id)
    if isinstance(event, Posted) and (added := find_conversation(sql, event)):
        return added
    question = find_question(sql, event.key, event.message.answers) if event.message.answers else None
    if question and question["alone"]:  # its answer may stand where another conversation goes on
        return thread_key(question)
    parent = find_message(sql, event.key, event.message.parent) if event.message.parent else None
    return thread_key(parent) if parent and not parent["private"] else event.key


def _is_gone(sql: Sql, event: Posted | Edited, key: ThreadKey, row: Row | None) -> bool:
    """Whether the message must not rise: it was deleted, it was forgotten, or it was private and is answered."""
    if row:
        return row["deleted_at"] is not None
    answered, forgotten = sql.many_each(build_question_query(key, event.message.id), build_forgotten_query(key))
    return bool(answered) or Forgotten(forgotten).covers(event.message.author, event.message.at)


def _keep_message(sql: Sql, key: ThreadKey, message: Message, row: Row | None, *, private: bool = False) -> bool:
    """A new message is kept. One of ours that is kept says now what the platform shows; others know their words.

    A late one may have been deleted when its thread was not tracked yet: only the platform knows.
    """
    if row is None:
        if sql.now() - message.at > LATE or has_later(sql, key, message):
            mark_stale(sql, key)
        insert_messages(sql, key, [message], private)
        return True
    return update_message(sql, row, message) if message.mine else add_missing_parts(sql, row, message)


def _wants_answer(sql: Sql, key: ThreadKey, event: Posted) -> bool:
    """What was said before anybody asked us follows up nothing, however late it comes."""
    if event.asks is Asks.PERHAPS:
        values = {**thread_values(key), "at": stamp(event.message.at), "name": event.message.id}
        return sql.one(EARLIER_QUESTION, values) is not None
    return event.asks is Asks.CERTAINLY


def _build_question(key: ThreadKey, event: Posted) -> Question:
    return Question(
        key=key,
        name=event.message.id,
        person=event.message.author,
        at=event.message.at,
        asks=event.asks,
        address=event.address,
        alone=event.alone,
        private=event.private,
        values=event.values,
    )


def _build_late_question(key: ThreadKey, event: Edited) -> Question:
    """The question that an edit made of a message: it waits behind those that were asked before the edit."""
    message = event.message
    return Question(key, message.id, message.author, message.edited or message.at, address=event.address)


def _ingest_edit(sql: Sql, event: Edited) -> Receipt:
    row = find_message(sql, event.key, event.message.id)
    key = _choose_thread(sql, event, row)
    if not _is_older(event.message, row):
        follow_edit(sql, event.key.workspace, event.key.channel, event.message.id, event.message.text)
    asks = event.asks is Asks.CERTAINLY and not _is_gone(sql, event, key, row) and not _is_older(event.message, row)
    if asks and not is_tracked(sql, key):
        track_thread(sql, key, private=False)
    tracked = is_tracked(sql, key)
    if row:
        changed = update_message(sql, row, event.message)
    elif tracked and not find_forgotten(sql, key).covers(event.message.author, event.message.at):
        changed = _keep_message(sql, key, event.message, None)
    else:
        changed = False
        note_passed(sql, key, event.message.id, event.message.at)
        if event.message.edited:  # a link that was read may lead where nothing is kept
            erase_read_results(sql, key.workspace, key.channel)
    if tracked and event.asks in {Asks.NO, Asks.PERHAPS} and not (row and _is_older(event.message, row)):
        take_question_back(sql, key, event.message.id, event.asks)
    question = asks and _keep_question(sql, _build_late_question(key, event))
    return Receipt(new=changed or question, ours=tracked, question=question, key=key)


def _is_older(message: Message, row: Row | None) -> bool:
    """Whether we know already what became of the message after this edit."""
    return bool(row and row["edited_at"] and message.edited and stamp(message.edited) < row["edited_at"])


def _ingest_deletion(sql: Sql, event: Deleted) -> Receipt:
    row = find_message(sql, event.key, event.message)
    key = thread_key(row) if row else event.key
    tracked = is_tracked(sql, key)
    new = tracked and not (row and row["deleted_at"])
    if not (row and new):
        drop_answers_with(sql, event.key, event.message)
    erase_known_files(sql, event.key.workspace, channel=event.key.channel, source=event.message)
    erase_jobs(sql, event.key.workspace, channel=event.key.channel, source=event.message)
    erase_row_of(sql, event.key.workspace, event.key.channel, event.message)
    if row is None and take_back_command(sql, event.key, event.message, event.at):
        return Receipt(new=True, ours=tracked, question=False, key=key)
    if row and new:
        tombstone(sql, row, event.at)
    elif new:
        tombstone_unknown(sql, key, event.message, event.at)
    elif row is None:
        note_passed(sql, key, event.message)
    if row is None:
        erase_read_results(sql, key.workspace, key.channel)
    return Receipt(new=new, ours=tracked, question=False, key=key)


def _ingest_command(sql: Sql, event: Commanded) -> Receipt:
    about = find_message(sql, event.key, event.values["message"]) if "message" in event.values else None
    key = thread_key(about) if about and not about["private"] else event.key
    question = Question(
        key=key,
        name=event.id,
        person=event.person,
        at=event.at,
        address=event.address,
        private=event.private,
        command=event.line,
        values=event.values,
        attachments=event.attachments,
    )
    if find_question(sql, key, event.id) is None:
        said = find_message(sql, key, event.id)
        gone = said is not None and said["deleted_at"] is not None  # its deletion was told before it
        if gone or event.hint:
            return Receipt(new=False, ours=is_tracked(sql, key), question=False, key=key, awaited=not gone)
    new = _turn_into_command(sql, question) or _keep_question(sql, question)
    return Receipt(new=new, ours=is_tracked(sql, key), question=new, key=key)


def _turn_into_command(sql: Sql, command: Question) -> bool:
    """Whether an edit made this command of a message that asked and was not answered. Claude is told of it no more."""
    said, asked = find_message(sql, command.key, command.name), find_question(sql, command.key, command.name)
    waits = asked is not None and asked["command"] is None and asked["outcome"] is None
    if said and not said["deleted_at"]:
        tombstone(sql, said, sql.now())
    return bool(asked and waits and replace_question(sql, asked, command))


def _list_missed(sql: Sql, event: Missed | Backfilled) -> tuple[MissedRange, ...]:
    """What there is to look for; nothing when it was looked for."""
    lock_gaps(sql)
    if isinstance(event, Backfilled):
        end_backfill(sql, event.workspace)
        return ()
    mark_workspaces_stale(sql, event.platform, event.workspaces)
    return begin_backfill(sql, event.platform, event.workspaces)


def withdraw_workspace(sql: Sql, workspace: str, at: datetime) -> int:
    """Withdraw every open question that was asked in a workspace until then: nobody can be answered there. How many.

    Its batches go too.
    """
    lock_claims(sql)
    values = {"workspace": workspace, "at": stamp(at)}
    for channel in sorted({row["channel"] for row in sql.many(OPEN_IN_WORKSPACE, values)}):
        lock_channel(sql, workspace, channel)
    stop_schedules(sql, workspace, at)
    count = withdraw_questions(sql, sql.many(OPEN_IN_WORKSPACE, values))
    erase_jobs(sql, workspace, at)
    return count
