"""Claims: which worker answers what, by leases, and what is left of workers that stopped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.domain.errors import LeaseLost
from core.domain.messages import Asks, FinalText, Outcome, Question
from core.store.places.advisory_locks import lock_channel, lock_claims
from core.store.records.claims import Claim
from core.store.rules.companions import build_waiting_query, choose_additions, gather_companions
from core.store.rules.drafts import write_draft
from core.store.rules.jobs.portions import keep_unposted
from core.store.rules.jobs.schedules import begin_thread
from core.store.rules.ledger import write_off_requests
from core.store.rules.made_files import keep_made_files
from core.store.rules.questions import (
    close_question,
    read_earlier_text,
    read_final_text,
    read_question,
    thread_values,
)
from core.store.sql_port import Row, Sql, Values, stamp

COMMANDS = 2  # commands of one person that are carried out at the same time
STALE = timedelta(seconds=10)  # a process without a heartbeat for so long has stopped

# Who is being answered least comes first, by workspace, then by channel, then by person: a flood starves no other.
# Commands come before questions, but of one person only so many at a time, beside one that stops another; runs of
# schedules come last.
# What is claimed keeps its thread until it is closed, also while no living process answers it, but not while it is
# parked.
NEXT = """
WITH people AS (
    SELECT claims.workspace, questions.channel, questions.person, count(*) AS places
    FROM claims JOIN questions ON questions.claim = claims.id
    WHERE claims.process IS NOT NULL AND questions.reply = questions.name
    AND (questions.command IS NULL OR questions.schedule IS NOT NULL)
    GROUP BY claims.workspace, questions.channel, questions.person  -- of claims, or SQLite would read all questions
), commanding AS (
    SELECT claims.workspace, questions.person
    FROM claims JOIN questions ON questions.claim = claims.id
    WHERE claims.process IS NOT NULL AND questions.command IS NOT NULL AND questions.schedule IS NULL
    GROUP BY claims.workspace, questions.person HAVING count(*) >= :commands
), channels AS (SELECT workspace, channel, sum(places) AS places FROM people GROUP BY workspace, channel),
workspaces AS (SELECT workspace, sum(places) AS places FROM people GROUP BY workspace)
SELECT questions.* FROM questions LEFT JOIN claims ON claims.id = questions.claim
LEFT JOIN workspaces ON workspaces.workspace = questions.workspace
LEFT JOIN channels ON channels.workspace = questions.workspace AND channels.channel = questions.channel
LEFT JOIN people ON people.workspace = questions.workspace AND people.channel = questions.channel
    AND people.person = questions.person
WHERE questions.outcome IS NULL AND {wanted} AND questions.parked IS DISTINCT FROM 'waiting'
AND (questions.claim IS NULL OR (questions.reply = questions.name AND claims.process IS NULL))
AND (questions.command IS NULL OR lower(questions.command) = 'stop' OR questions.schedule IS NOT NULL
    OR (questions.workspace, questions.person) NOT IN (SELECT workspace, person FROM commanding))
AND (questions.command IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM questions AS other
    WHERE other.workspace = questions.workspace AND other.channel = questions.channel
    AND other.thread = questions.thread AND other.outcome IS NULL AND other.command IS NULL
    AND other.claim IS NOT NULL AND other.claim IS DISTINCT FROM questions.claim AND other.parked IS NULL
))
ORDER BY questions.schedule IS NOT NULL, questions.command IS NULL, coalesce(workspaces.places, 0),
    coalesce(channels.places, 0), coalesce(people.places, 0), questions.at, questions.id LIMIT 1
"""

# Looked at without a lock, for most looks find nothing.
WAITS = """
SELECT 1 AS waits FROM questions LEFT JOIN claims ON claims.id = questions.claim
WHERE questions.outcome IS NULL AND {wanted} AND questions.parked IS DISTINCT FROM 'waiting'
AND (questions.claim IS NULL OR claims.process IS DISTINCT FROM :process) LIMIT 1
"""

# A process that is late learns so with its next heartbeat, and drops what it answers before it claims that again.
FREE_STOPPED = """
UPDATE claims SET process = NULL WHERE process <> :process AND {platforms}
AND coalesce((SELECT beat_at FROM processes WHERE processes.process = claims.process), claimed_at) < :since
"""

NEWEST_EDIT = """
SELECT max(messages.edited_at) AS at FROM messages JOIN questions ON questions.workspace = messages.workspace
    AND questions.channel = messages.channel AND questions.name = messages.message
WHERE questions.claim = :claim
"""

OWNED = """
SELECT questions.* FROM questions JOIN claims ON claims.id = questions.claim
WHERE claims.id = :claim AND claims.process = :process AND questions.workspace = :workspace
AND questions.channel = :channel AND questions.name = :name
"""

# Until the platform says when it was posted, a page is no older than what it answers, whatever our clock says.
# What it answers we know better than the platform, which may tell only what it replies to. One that was heard of before
# without that is what the answer is, as soon as that is `whole`.
PAGE_MESSAGE = """
INSERT INTO messages (workspace, channel, thread, message, author, text, at, mine, answers, notice)
SELECT workspace, channel, thread, :page, '', '',
    CASE WHEN latest.at > :at THEN latest.at ELSE :at END, TRUE, :name, :notice
FROM threads CROSS JOIN (SELECT max(at) AS at FROM questions WHERE claim = :claim) AS latest
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
ON CONFLICT (workspace, channel, message) DO UPDATE
SET answers = excluded.answers,
    notice = CASE WHEN messages.answers IS DISTINCT FROM excluded.answers AND :whole THEN excluded.notice
        ELSE (messages.notice OR excluded.notice) END
"""

MARK_NOTICE = """
UPDATE messages SET notice = :notice WHERE workspace = :workspace AND channel = :channel AND answers = :name
"""

MARK_UNANSWERED = "UPDATE questions SET unanswered = :why WHERE claim = :claim"

LIVING = "SELECT count(*) AS processes FROM processes WHERE beat_at >= :since"

PAGES = """
SELECT page FROM pages JOIN questions ON questions.id = pages.question
WHERE questions.claim = :claim AND questions.reply = questions.name ORDER BY pages.id
"""

DROP_PAGE = "DELETE FROM pages WHERE question = :id AND page = :page"

HELD = """
SELECT questions.* FROM questions JOIN claims ON claims.id = questions.claim
WHERE claims.id = :claim AND claims.process = :process
ORDER BY questions.reply <> questions.name, questions.at, questions.id
"""

RELEASE = "DELETE FROM claims WHERE id = :claim"

# What Claude made of it together with others says nothing of it alone.
FREED = {"claim": None, "reply": None, "unanswered": None}

CLAIMED = "SELECT * FROM questions WHERE claim = :claim ORDER BY reply <> name, at, id"


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who looks for a question: a process, its platforms, and the workspaces of which it takes none for now."""

    process: str
    platforms: Collection[str]
    full: Collection[str] = ()

    def ask(self, sql: Sql, statement: str, **values: object) -> tuple[str, Values]:
        """A statement for the questions that are `{wanted}`."""
        wanted = f"{sql.among('questions.platform', 'platforms')} AND NOT {sql.among('questions.workspace', 'full')}"
        lists = {"platforms": sorted(self.platforms), "full": sorted(self.full)}
        return statement.format(wanted=wanted), lists | values


def claim_next(sql: Sql, claimant: Claimant, stale: timedelta, number: int, *, repeated: bool = False) -> Claim | None:
    """The next question that waits, or one that a stopped process leaves, with its companions, under a new lease.

    `number` names the claim. When it is `repeated`, it may be the process's already, and nobody heard so.
    """
    process = claimant.process
    if not (repeated or sql.one(*claimant.ask(sql, WAITS, process=process))):
        return None
    lock_claims(sql)
    if repeated and (rows := sql.many(HELD, {"claim": number, "process": process})):
        return _read_claim(sql, number, rows, process, resumed=True)
    _free_stopped(sql, process, claimant.platforms, stale)
    rows = _find_next(sql, claimant)
    if not rows:
        return None
    lead = rows[0]
    if lead["claim"] is None:
        _lease(sql, number, rows, process)
        return _read_claim(sql, number, rows, process, claimant.ask(sql, WAITS, process=process))
    rows = sql.many(CLAIMED, lead)
    _lease(sql, number, rows, process)
    sql.execute(RELEASE, lead)
    write_off_requests(sql, lead, sql.now())
    return _read_claim(sql, number, rows, process, resumed=lead["parked"] is None)


def join_waiting(sql: Sql, claim: Claim) -> Claim:
    """The claim as it is now, with what its person asked behind it since, unless Claude has ended. Raises LeaseLost."""
    _lock_claim(sql, claim)
    values = {"claim": claim.id, "process": claim.process}
    waits = build_waiting_query(claim.question.key)
    held, waiting, *read = sql.many_each((HELD, values), waits, (NEWEST_EDIT, values), (PAGES, values))
    rows = _ensure_held(held, claim)
    lead = rows[0]
    additions = choose_additions(sql, rows, waiting) if lead["said"] is None and lead["withdrawn_at"] is None else []
    if additions:
        for row in additions:
            sql.update("questions", row["id"], {"claim": claim.id, "reply": lead["name"]})
        rows, *read = sql.many_each((CLAIMED, values), (NEWEST_EDIT, values), (PAGES, values))
    return _build_claim(claim.id, rows, claim.process, *read, resumed=claim.resumed)


def _free_stopped(sql: Sql, process: str, platforms: Collection[str], stale: timedelta) -> None:
    values = {"process": process, "since": stamp(sql.lease_time() - stale), "platforms": sorted(platforms)}
    sql.execute(FREE_STOPPED.format(platforms=sql.among("platform", "platforms")), values)


def _find_next(sql: Sql, claimant: Claimant) -> list[Row]:
    """The next question with its companions, its channel locked. One that was withdrawn before the lock is passed over.

    Where somebody asked before in the same thread, and waits, that question is the next one.
    """
    while lead := sql.one(*claimant.ask(sql, NEXT, commands=COMMANDS)):
        lock_channel(sql, lead["workspace"], lead["channel"])
        if rows := gather_companions(sql, lead):
            return rows
    return []


def _lease(sql: Sql, number: int, rows: Sequence[Row], process: str) -> None:
    lead = rows[0]
    record = {"workspace": lead["workspace"], "process": process, "claimed_at": stamp(sql.lease_time())}
    sql.insert("claims", {"id": number, **record})
    for row in rows:
        sql.update("questions", row["id"], {"claim": number, "reply": lead["name"], "parked": None})


def _read_claim(
    sql: Sql, number: int, rows: Sequence[Row], process: str, *waits: tuple[str, Values], resumed: bool = False
) -> Claim:
    """The claim, and whether more `waits`, if that is asked."""
    edits, pages, *more = sql.many_each((NEWEST_EDIT, {"claim": number}), (PAGES, {"claim": number}), *waits)
    claim = _build_claim(number, rows, process, edits, pages, resumed=resumed)
    return replace(claim, more=bool(more[0])) if more else claim


def _build_claim(
    number: int, rows: Sequence[Row], process: str, edits: Sequence[Row], pages: Sequence[Row], *, resumed: bool
) -> Claim:
    lead, *others = rows
    return Claim(
        id=number,
        question=read_question(lead),
        process=process,
        together=tuple(map(read_question, others)),
        pages=tuple(row["page"] for row in pages),
        final_text=read_final_text(lead),
        resumed=resumed,
        edited=edits[0]["at"],
        earlier=read_earlier_text(lead),
        told=lead["told"],
        so_far=lead["so_far"] or "",
    )


def record_page(sql: Sql, claim: Claim, page: str, at: datetime) -> None:
    """A page of the reply exists. Raises LeaseLost."""
    row = fence_claim(sql, claim)
    record = {"workspace": row["workspace"], "channel": row["channel"], "question": row["id"], "page": page}
    sql.insert_new("pages", {**record, "at": stamp(at)})
    if row["schedule"] is not None and not row["thread"]:
        row = begin_thread(sql, row, page)
    if not row["private"]:
        whole = row["said"] is not None
        sql.execute(PAGE_MESSAGE, {**row, "page": page, "at": stamp(at), "whole": whole})


def drop_page(sql: Sql, claim: Claim, page: str) -> None:
    """We take a page of the reply away. Raises LeaseLost."""
    sql.execute(DROP_PAGE, {"id": fence_claim(sql, claim)["id"], "page": page})


def store_final_text(sql: Sql, claim: Claim, final: FinalText) -> None:
    """Claude has ended. Raises LeaseLost."""
    keep_final_text(sql, fence_claim(sql, claim), claim, final)


def keep_final_text(sql: Sql, row: Row, claim: Claim, final: FinalText) -> None:
    """The final text of a claim's question, whose row this is."""
    said = {"said": final.text, "notice": final.notice, "after": final.after, "cut": final.cut}
    offers = " ".join(one.value for one in final.offers) or None
    sql.update("questions", row["id"], {**said, "draft": write_draft(final.draft), "offers": offers})
    keep_made_files(sql, row, final.made)
    if final.unanswered or claim.earlier:
        why = final.unanswered.value if final.unanswered else None
        sql.execute(MARK_UNANSWERED, {"claim": claim.id, "why": why})
    sql.execute(MARK_NOTICE, {**row, "notice": final.notice})


def close_claim(sql: Sql, claim: Claim, outcome: Outcome) -> bool:
    """Close what was answered; what needs an answer of its own waits again. Whether all is closed. Raises LeaseLost."""
    _lock_claim(sql, claim)
    rows = _ensure_held(sql.many(HELD, {"claim": claim.id, "process": claim.process}), claim)
    asked = {question.name: question for question in (claim.question, *claim.together)}
    edited = outcome is Outcome.NOT_FOR_US and _find_newest_edit(sql, claim) != claim.edited
    closed = True
    for row in rows:
        if _stays_open(row, asked.get(row["name"]), outcome, edited=edited):
            closed = False
            sql.update("questions", row["id"], FREED)
        elif keep_unposted(sql, row, outcome):  # a job's results, which a command posts again
            sql.update("claims", claim.id, {"process": None})
            return False
        else:
            close_question(sql, row, outcome)
    sql.execute(RELEASE, {"claim": claim.id})
    return closed


def _find_newest_edit(sql: Sql, claim: Claim) -> str | None:
    row = sql.one(NEWEST_EDIT, {"claim": claim.id})
    return row["at"] if row else None


def _stays_open(row: Row, asked: Question | None, outcome: Outcome, *, edited: bool) -> bool:
    """Whether it wants an answer of its own.

    It joined the claim unknown to who closes it, another one was withdrawn, it was asked for certain meanwhile, or
    nobody is to answer it by words that were `edited` meanwhile.
    """
    if asked is None:
        return True
    if outcome is Outcome.WITHDRAWN:
        return bool(row["name"] != row["reply"])
    doubtful = outcome is Outcome.NOT_FOR_US and asked.asks is Asks.PERHAPS
    return doubtful and (row["asks"] == Asks.CERTAINLY.value or (edited and row["withdrawn_at"] is None))


def fence_claim(sql: Sql, claim: Claim) -> Row:
    """The question of the claim, if the claim is still this process's. Raises LeaseLost."""
    _lock_claim(sql, claim)
    named = {**thread_values(claim.question.key), "name": claim.question.name}
    row = sql.one(OWNED, {**named, "claim": claim.id, "process": claim.process})
    return _ensure_held([row] if row else [], claim)[0]


def _lock_claim(sql: Sql, claim: Claim) -> None:
    lock_claims(sql)
    lock_channel(sql, claim.question.key.workspace, claim.question.key.channel)


def _ensure_held(rows: list[Row], claim: Claim) -> list[Row]:
    if not rows or rows[0]["name"] != claim.question.name:
        raise LeaseLost(f"the claim of question {claim.question.name} is no longer of {claim.process}")
    return rows
