"""Links that open the dashboard once, and their sessions.

Tests core.store.sign_in_repository, core.store.places.sign_ins.sessions.
"""

import asyncio
from datetime import timedelta

import pytest

from core.domain.controls import Control
from core.domain.events import Pressed, WorkspaceEnded
from core.domain.messages import Rank, ThreadKey
from core.store import open_store
from core.store.records.sign_ins.sessions import (
    LINK_LIFE,
    RANK_LIFE,
    SESSION_ENDED,
    SESSION_LIFE,
    SESSION_OF_OTHERS,
    Identity,
    hash_token,
)

ADA = Identity("slack:T024", "U0ADA", "C1")
BOB = Identity("slack:T024", "U0BOB", "C1")
AWAY = Identity("slack:T999", "U0ADA", "C1")


async def sign_in(store, identity=ADA, rank=Rank.MEMBER):
    token, session = await store.sign_ins.use_link(await store.sign_ins.make_link(identity), rank)
    return token, session


async def test_a_link_begins_one_session_and_looking_at_it_none(store, clock):
    link = await store.sign_ins.make_link(ADA)

    looked = [await store.sign_ins.find_link(link) for _ in range(3)]
    token, session = await store.sign_ins.use_link(link, Rank.OWNER)
    again = (await store.sign_ins.find_link(link), await store.sign_ins.use_link(link, Rank.OWNER))

    assert looked == [ADA, ADA, ADA]
    assert again == (None, None)
    assert await store.sign_ins.find(token) == session
    assert (session.identity, session.rank, session.at) == (ADA, Rank.OWNER, clock())
    (row,) = await store.audit.newest(ADA.workspace, None)
    assert (row.action, row.actor, row.subject) == ("sign_in", "U0ADA", str(session.number))


async def test_a_link_is_good_for_ten_minutes_and_a_session_for_twelve_hours(store, clock):
    link = await store.sign_ins.make_link(ADA)
    token, _ = await sign_in(store)

    clock.tick(LINK_LIFE.total_seconds())
    late = (await store.sign_ins.find_link(link), await store.sign_ins.use_link(link, Rank.OWNER))
    held = await store.sign_ins.find(token)
    clock.tick((SESSION_LIFE - LINK_LIFE).total_seconds())

    assert late == (None, None)
    assert held is not None
    assert await store.sign_ins.find(token) is None
    assert await store.sign_ins.list_open(ADA.workspace, ADA.person) == []


async def test_nothing_that_is_not_a_token_opens_anything(store):
    link = await store.sign_ins.make_link(ADA)
    token, _ = await sign_in(store)

    for wrong in ("", "x", hash_token(link), hash_token(token), token, "\ud800", "' OR 1=1 --"):
        assert await store.sign_ins.use_link(wrong, Rank.OWNER) is None
    for wrong in ("", hash_token(token), link, "\ud800"):
        assert await store.sign_ins.find(wrong) is None


async def test_a_rank_is_kept_with_its_time(store, clock):
    token, session = await sign_in(store, rank=Rank.OWNER)
    clock.tick(RANK_LIFE.total_seconds())
    before = await store.sign_ins.find(token)
    await store.sign_ins.note_rank(token, Rank.GUEST)
    clock.tick(60)

    found = await store.sign_ins.find(token)

    assert (session.rank_age, before.rank_age) == (timedelta(), RANK_LIFE)
    assert (found.rank, found.rank_age) == (Rank.GUEST, timedelta(minutes=1))


async def test_a_person_ends_one_session_or_all_and_nobody_elses(store):
    first, second = (await sign_in(store))[0], (await sign_in(store))[0]
    others = [(await sign_in(store, one))[0] for one in (BOB, AWAY)]
    link = await store.sign_ins.make_link(ADA)

    await store.sign_ins.end(first)
    open_then = await store.sign_ins.list_open(ADA.workspace, ADA.person)
    ended = await store.sign_ins.end_all(ADA.workspace, ADA.person)

    assert (len(open_then), ended) == (1, 1)
    assert await store.sign_ins.find(second) is None
    assert await store.sign_ins.use_link(link, Rank.OWNER) is None
    assert None not in [await store.sign_ins.find(one) for one in others]


async def test_sessions_end_with_their_workspace(store, clock):
    here, there = (await sign_in(store))[0], (await sign_in(store, AWAY))[0]

    await store.questions.ingest(WorkspaceEnded("e1", ADA.workspace, clock()))

    assert await store.sign_ins.find(here) is None
    assert await store.sign_ins.find(there) is not None


@pytest.mark.slow
async def test_of_many_that_use_one_link_at_once_one_is_signed_in(shared_url):
    stores = [await open_store(shared_url) for _ in range(4)]
    link = await stores[0].sign_ins.make_link(ADA)
    begun = await asyncio.gather(*(one.sign_ins.use_link(link, Rank.MEMBER) for one in stores for _ in range(5)))
    sessions = await stores[0].sign_ins.list_open(ADA.workspace, ADA.person)
    for one in stores:
        await one.shut()

    assert len([one for one in begun if one]) == 1
    assert len(sessions) == 1


@pytest.mark.parametrize(
    ("workspace", "person", "note"),
    [
        ("slack:T024", "U0ADA", SESSION_ENDED),
        ("slack:direct", "U0ADA", SESSION_ENDED),
        ("slack:T024", "U0BOB", SESSION_OF_OTHERS),
        ("discord:1", "U0ADA", SESSION_OF_OTHERS),
    ],
    ids=["its person", "from direct messages", "somebody else", "of another platform"],
)
async def test_a_press_ends_the_session_that_it_names_for_who_signed_in_and_nobody_else(store, workspace, person, note):
    (token, session), (other, _) = await sign_in(store), await sign_in(store)
    key = ThreadKey(workspace, "D1", "1")

    presses = [Pressed(f"p{n}", key, person, Control.END_SESSION, hash_token(token)) for n in range(2)]
    receipts = [await store.questions.ingest(one) for one in (*presses, presses[0])]
    found = await store.sign_ins.find(token)
    outs = [row for row in await store.audit.newest(ADA.workspace, None) if row.action == "sign_out"]

    assert [(one.note, one.question) for one in receipts] == [(note, False)] * 3
    assert (found is None) == (note == SESSION_ENDED)
    ended = [("U0ADA", str(session.number))] if note == SESSION_ENDED else []
    assert [(row.actor, row.subject) for row in outs] == ended
    assert await store.sign_ins.find(other) is not None


async def test_each_end_of_a_session_is_in_the_audit_log_once(store):
    tokens = [(await sign_in(store))[0] for _ in range(4)]

    await store.sign_ins.end(tokens[0])
    await store.sign_ins.end(tokens[0])
    await store.sign_ins.end(tokens[1], left=True)
    await store.sign_ins.end_all(ADA.workspace, ADA.person)
    rows = [row for row in await store.audit.newest(ADA.workspace, None) if row.action == "sign_out"]

    assert sorted(row.actor for row in rows) == ["U0ADA", "U0ADA", "U0ADA", "platform"]
