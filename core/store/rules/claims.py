"""Claims: who answers what now, and what is left of those that stopped."""

import json
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlite_utils import Database

from core.domain.errors import LeaseLost
from core.domain.messages import Asks, FinalText, Outcome, Question
from core.store.protocols import Claim, Heartbeat
from core.store.rules.ledger import died
from core.store.rules.moments import moment, stamp
from core.store.rules.question_rows import finish, place, question_of, said_of
from core.store.rules.reply_chains import Branches
from core.store.sqlite.connection import Row, many, one
from core.store.sqlite.rows import insert, update

TOGETHER = 256  # questions that one answer answers; more wait for the next one
COMMANDS = 2  # commands of one person that are carried out at the same time
STALE = timedelta(seconds=10)  # a process that has not beaten for so long has stopped

# Who is being answered least comes first, by workspace, then by channel, then by person: a flood starves no other.
# Commands come before questions, but of one person only so many at a time.
# What is claimed holds the floor of its thread until it is closed, also while nobody lives who answers it.
NEXT = """
WITH people AS (
    SELECT questions.workspace, questions.channel, questions.person, count(*) AS places
    FROM claims CROSS JOIN questions ON questions.claim = claims.id  -- in this order: only open ones have a claim
    WHERE claims.process IS NOT NULL AND questions.reply = questions.name AND questions.command IS NULL
    GROUP BY questions.workspace, questions.channel, questions.person
), commanding AS (
    SELECT questions.workspace, questions.person
    FROM claims CROSS JOIN questions ON questions.claim = claims.id
    WHERE claims.process IS NOT NULL AND questions.command IS NOT NULL
    GROUP BY questions.workspace, questions.person HAVING count(*) >= :commands
), channels AS (SELECT workspace, channel, sum(places) AS places FROM people GROUP BY workspace, channel),
workspaces AS (SELECT workspace, sum(places) AS places FROM people GROUP BY workspace)
SELECT questions.* FROM questions LEFT JOIN claims ON claims.id = questions.claim
LEFT JOIN workspaces ON workspaces.workspace = questions.workspace
LEFT JOIN channels ON channels.workspace = questions.workspace AND channels.channel = questions.channel
LEFT JOIN people ON people.workspace = questions.workspace AND people.channel = questions.channel
    AND people.person = questions.person
WHERE questions.outcome IS NULL
AND substr(questions.workspace, 1, instr(questions.workspace, ':') - 1) IN (SELECT value FROM json_each(:platforms))
AND (questions.claim IS NULL OR (questions.reply = questions.name AND claims.process IS NULL))
AND (questions.command IS NULL
    OR (questions.workspace, questions.person) NOT IN (SELECT workspace, person FROM commanding))
AND (questions.command IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM questions AS other
    WHERE other.workspace = questions.workspace AND other.channel = questions.channel
    AND other.thread = questions.thread AND other.outcome IS NULL AND other.command IS NULL
    AND other.claim IS NOT NULL AND other.claim IS NOT questions.claim
))
ORDER BY questions.command IS NULL, coalesce(workspaces.places, 0), coalesce(channels.places, 0),
    coalesce(people.places, 0), questions.at, questions.id LIMIT 1
"""

WAITING = """
SELECT * FROM questions
WHERE workspace = :workspace AND channel = :channel AND thread = :thread AND outcome IS NULL
AND claim IS NULL AND command IS NULL AND NOT alone AND NOT private AND id <> :id
ORDER BY at, id LIMIT :most
"""

# Who is late itself hears so with its next beat, and drops what it was answering before it claims that again.
STOPPED = """
UPDATE claims SET process = NULL WHERE process <> :process
AND substr(workspace, 1, instr(workspace, ':') - 1) IN (SELECT value FROM json_each(:platforms))
AND coalesce((SELECT beat_at FROM processes WHERE processes.process = claims.process), claimed_at) < :since
"""

OWNED = """
SELECT questions.* FROM questions JOIN claims ON claims.id = questions.claim
WHERE claims.id = :claim AND claims.process = :process AND questions.workspace = :workspace
AND questions.channel = :channel AND questions.name = :name
"""

# Until the platform says when it was posted, a page is no older than what it answers, whatever our clock says.
POST = """
INSERT INTO messages (workspace, channel, thread, message, author, text, at, mine, answers, notice)
SELECT workspace, channel, thread, :page, '', '',
    max(:at, (SELECT max(at) FROM questions WHERE claim = :claim)), 1, :name, :notice
FROM threads
WHERE workspace = :workspace AND channel = :channel AND thread = :thread
ON CONFLICT (workspace, channel, message) DO UPDATE
SET answers = coalesce(answers, excluded.answers), notice = max(notice, excluded.notice)
"""

NOTICE = """
UPDATE messages SET notice = :notice WHERE workspace = :workspace AND channel = :channel AND answers = :name
"""

BEATEN = """
SELECT coalesce((SELECT beat_at FROM processes WHERE process = :process),
    (SELECT min(claimed_at) FROM claims WHERE process = :process))
"""

WITHDRAWN = """
SELECT claims.id FROM claims JOIN questions ON questions.claim = claims.id AND questions.reply = questions.name
WHERE claims.process = :process AND questions.withdrawn_at IS NOT NULL
"""

PAGES = "SELECT page FROM pages WHERE question = :id ORDER BY id"

HELD = "SELECT id FROM claims WHERE process = :process"

GIVE_BACK = "DELETE FROM claims WHERE id = :claim"

CLAIMED = "SELECT * FROM questions WHERE claim = :claim ORDER BY reply <> name, at, id"


def take(db: Database, process: str, platforms: Collection[str], now: datetime, stale: timedelta) -> Claim | None:
    names = json.dumps(list(platforms))
    db.execute(STOPPED, {"process": process, "since": stamp(now - stale), "platforms": names})
    lead = one(db, NEXT, {"platforms": names, "commands": COMMANDS})
    if lead is None:
        return None
    resumed = lead["claim"] is not None
    rows = many(db, CLAIMED, lead) if resumed else _together(db, lead)
    number = _lease(db, lead, rows, process, now)
    if resumed:
        db.execute(GIVE_BACK, {"claim": lead["claim"]})
        died(db, lead, now)
    return _claim(db, number, rows, process, resumed)


def _together(db: Database, lead: Row) -> list[Row]:
    """The question and those that wait in its thread, or in its branch of it."""
    if lead["alone"] or lead["private"] or lead["command"] is not None:
        return [lead]
    rows = [lead, *many(db, WAITING, {**lead, "most": TOGETHER - 1})]
    branches = Branches(db)
    if not any(branches.parent(row) for row in rows):
        return rows
    chosen: list[tuple[str, set[str]]] = []
    return [row for row in rows if _in_line(row, branches.line(row), chosen)]


def _in_line(row: Row, line: set[str], chosen: list[tuple[str, set[str]]]) -> bool:
    """Whether `row` leads to each of the chosen, or they to it; then it is chosen too."""
    if any(name not in line and row["name"] not in other for name, other in chosen):
        return False
    chosen.append((row["name"], line))
    return True


def _lease(db: Database, lead: Row, rows: Sequence[Row], process: str, now: datetime) -> int:
    record = {"workspace": lead["workspace"], "process": process, "claimed_at": stamp(now)}
    # SQLite gives the number of the last row that is gone again, and late news of the old claim would meet the new one.
    number = insert(db, "claims", {"id": secrets.randbits(62), **record})
    for row in rows:
        update(db, "questions", row["id"], {"claim": number, "reply": lead["name"]})
    return number


def _claim(db: Database, number: int, rows: Sequence[Row], process: str, resumed: bool) -> Claim:
    lead, *others = rows
    pages = many(db, PAGES, lead)
    return Claim(
        id=number,
        question=question_of(lead),
        process=process,
        together=tuple(question_of(row) for row in others),
        pages=tuple(row["page"] for row in pages),
        said=said_of(lead),
        resumed=resumed,
    )


def post(db: Database, claim: Claim, page: str, at: datetime) -> None:
    row = _owned(db, claim)
    record = {"workspace": row["workspace"], "channel": row["channel"], "question": row["id"], "page": page}
    insert(db, "pages", {**record, "at": stamp(at)}, ignore=True)
    if not row["private"]:
        db.execute(POST, {**row, "page": page, "at": stamp(at)})


def say(db: Database, claim: Claim, said: FinalText) -> None:
    row = _owned(db, claim)
    update(db, "questions", row["id"], {"said": said.text, "notice": said.notice, "after": said.after})
    db.execute(NOTICE, {**row, "notice": said.notice})


def close(db: Database, claim: Claim, outcome: Outcome, now: datetime) -> None:
    _owned(db, claim)
    asked = {question.name: question for question in (claim.question, *claim.together)}
    for row in many(db, CLAIMED, {"claim": claim.id}):
        if _stays_open(row, asked[row["name"]], outcome):
            update(db, "questions", row["id"], {"claim": None, "reply": None})
        else:
            finish(db, row, outcome, now)
    db.execute(GIVE_BACK, {"claim": claim.id})


def _stays_open(row: Row, asked: Question, outcome: Outcome) -> bool:
    """Whether it wants an answer of its own: another one was withdrawn, or it was asked for certain meanwhile."""
    if outcome is Outcome.WITHDRAWN:
        return bool(row["name"] != row["reply"])
    return outcome is Outcome.NOT_FOR_US and asked.asks is Asks.PERHAPS and row["asks"] == Asks.CERTAINLY.value


def _owned(db: Database, claim: Claim) -> Row:
    """The question of the claim, if the claim is still this process's."""
    named = {**place(claim.question.key), "name": claim.question.name}
    row = one(db, OWNED, {**named, "claim": claim.id, "process": claim.process})
    if row is None:
        raise LeaseLost(f"the claim of question {claim.question.name} is no longer of {claim.process}")
    return row


def heartbeat(db: Database, process: str, leaving: bool, now: datetime, stale: timedelta) -> Heartbeat:
    (last,) = db.execute(BEATEN, {"process": process}).fetchone()
    late = last is not None and moment(last) < now - stale
    freed = _free(db, process, now) if late or leaving else frozenset()
    if leaving:
        db.table("processes").delete_where("process = ?", [process])
    else:
        db.table("processes").upsert({"process": process, "beat_at": stamp(now)})
    withdrawn = frozenset(row["id"] for row in many(db, WITHDRAWN, {"process": process}))
    return Heartbeat(lease=stale / 2, late=late, freed=freed, withdrawn=withdrawn)


def _free(db: Database, process: str, now: datetime) -> frozenset[int]:
    """What it was answering waits for whoever claims next; what it had sent has died."""
    held = many(db, HELD, {"process": process})
    for row in held:
        for question in many(db, CLAIMED, {"claim": row["id"]}):
            died(db, question, now)
        update(db, "claims", row["id"], {"process": None})
    return frozenset(row["id"] for row in held)
