"""Forgetting: no word is left, none comes back, and all that is said later is kept.

Tests core.store.rules.forget, core.store.rules.erasures.
"""

import pytest

from core.billing.ledger_rows import Scope
from core.domain.events import Receipt
from core.domain.messages import Attachment, History, Outcome
from core.domain.messages import FinalText as Final
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, edited, message, page, said, thread

OTHER = thread("11")
CHANNEL = thread("21", channel="C2")
FAR = thread("31", workspace="slack:T2")
PLACES = {"thread": KEY, "other": OTHER, "channel": CHANNEL, "far": FAR}


async def ask_and_answer(store, key, number, author):
    """One question with a file, its answer on one page, and a word by somebody else."""
    file = Attachment(f"F{number}", "a", "b", 1)
    await store.questions.ingest(asked(message(f"{number}", author=author, attachments=(file,)), key))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, f"{number + 1}", at(number + 1))
    await store.questions.store_final_text(claim, Final(f"answer {number}"))
    await store.questions.close(claim, Outcome.SHOWN)
    await store.questions.ingest(said(message(f"{number + 2}", author="U9"), key))
    await store.threads.remember_names(key, {author: f"Name {author}", "U9": "Nine"})


@pytest.fixture
async def full(store, clock):
    for number, (key, author) in enumerate([(KEY, "U1"), (OTHER, "U2"), (CHANNEL, "U1"), (FAR, "U1")]):
        await ask_and_answer(store, key, 10 * number + 1, author)
    clock.tick(100)
    return store


async def left(store):
    """What is still held of each place: message ids, names of people, replies."""
    found = {}
    for name, key in PLACES.items():
        held = await store.threads.thread(key)
        found[name] = ([one.id for one in held.messages], sorted(held.names), sorted(held.replies))
    return found


WHOLE = {
    "thread": (["1", "2", "3"], ["U1", "U9"], ["1"]),
    "other": (["11", "12", "13"], ["U2", "U9"], ["11"]),
    "channel": (["21", "22", "23"], ["U1", "U9"], ["21"]),
    "far": (["31", "32", "33"], ["U1", "U9"], ["31"]),
}
EMPTY = ([], [], [])


@pytest.mark.parametrize(
    ("scope", "count", "changed"),
    [
        (Scope("slack:T1", "C1", "1"), 3, {"thread": EMPTY}),
        (Scope("slack:T1", "C1"), 6, {"thread": EMPTY, "other": EMPTY}),
        (Scope("slack:T1"), 9, {"thread": EMPTY, "other": EMPTY, "channel": EMPTY}),
        (
            Scope("slack:T1", person="U1"),
            4,
            {"thread": (["3"], ["U9"], []), "channel": (["23"], ["U9"], [])},
        ),
        (Scope("slack:T1", "C1", person="U9"), 2, {
            "thread": (["1", "2"], ["U1"], ["1"]),
            "other": (["11", "12"], ["U2"], ["11"]),
        }),
        (Scope("slack:T9"), 0, {}),
    ],
    ids=["a thread", "a channel", "a workspace", "a person", "a person in a channel", "nothing"],
)  # fmt: skip
async def test_forgetting_erases_its_scope_and_nothing_else(full, scope, count, changed):
    assert await left(full) == WHOLE

    assert await full.threads.forget(scope) == count

    assert await left(full) == {**WHOLE, **changed}
    assert await full.threads.forget(scope) == 0


async def test_a_late_redelivery_of_what_was_forgotten_neither_rises_nor_asks(full):
    await full.threads.forget(Scope("slack:T1", "C1", "1"))

    for event in (asked("1"), said("3"), edited("3", "x", 200), asked("5"), edited("6", "x", 200)):
        assert await full.questions.ingest(event) == Receipt(new=False, ours=True, question=False, key=KEY)
    assert (await left(full))["thread"] == EMPTY


async def test_a_forgotten_thread_is_not_read_back_from_the_platform(full):
    await full.threads.forget(Scope("slack:T1", person="U1"))
    held = await full.threads.thread(KEY)

    shown = (message("0", author="U1"), message("1", author="U1"), message("3", author="U9"), message("4", author="U9"))
    await full.threads.refresh(held, History(shown))

    assert [one.id for one in (await full.threads.thread(KEY)).messages] == ["3", "4"]


async def test_what_is_said_after_forgetting_is_kept(full):
    await full.threads.forget(Scope("slack:T1", "C1", "1"))

    heard = await full.questions.ingest(asked(message("101", seconds=101)))

    assert heard == Receipt(new=True, ours=True, question=True, key=KEY)
    assert [one.id for one in (await full.threads.thread(KEY)).messages] == ["101"]


async def test_questions_that_wait_in_a_forgotten_place_are_withdrawn(full):
    await full.questions.ingest(asked("50"))
    await full.questions.ingest(asked("60", OTHER))

    await full.threads.forget(Scope("slack:T1", "C1", "1"))

    assert await full.questions.count_open() == (1, at(60))


async def test_who_answers_a_forgotten_question_hears_of_it_and_leaves_no_word(full):
    await full.questions.ingest(asked("50"))
    claim = await full.questions.claim_next("p", PLATFORMS)

    await full.threads.forget(Scope("slack:T1", "C1", "1"))

    assert (await full.questions.heartbeat("p")).withdrawn == {claim.id}
    await full.questions.store_final_text(claim, Final("so far"))
    await full.questions.close(claim, Outcome.WITHDRAWN)
    assert (await left(full))["thread"] == EMPTY


async def test_the_command_that_forgets_can_still_be_answered(full):
    await full.questions.ingest(commanded("i1", "forget", when=at(99)))
    claim = await full.questions.claim_next("p", PLATFORMS)

    await full.threads.forget(Scope("slack:T1", "C1", "1"))

    assert (await full.questions.heartbeat("p")).withdrawn == frozenset()
    await full.questions.record_page(claim, "102", at(102))
    await full.questions.store_final_text(claim, Final("Forgotten.", notice=True))
    await full.questions.close(claim, Outcome.SHOWN)
    assert [one.id for one in (await full.threads.thread(KEY)).messages] == ["102"]


async def test_an_answer_to_several_questions_goes_when_who_asked_is_forgotten(store, clock):
    await store.questions.ingest(asked(message("1", author="U2")))
    await store.questions.ingest(asked(message("2", author="U2")))
    await store.questions.ingest(said(message("3", author="U1")))
    await store.threads.remember_zone(KEY, "1", "Europe/Berlin")
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))
    await store.questions.store_final_text(claim, Final("to both"))
    await store.questions.close(claim, Outcome.SHOWN)
    await store.questions.ingest(said(page("5", "1", "to both")))
    clock.tick(100)

    await store.threads.forget(Scope("slack:T1", person="U2"))

    held = await store.threads.thread(KEY)
    assert ([one.id for one in held.messages], held.replies, held.zones) == (["3"], {}, {})


async def test_the_names_that_a_webhook_speaks_under_are_forgotten_with_it(full):
    await full.threads.remember_names(KEY, {"U1/Grafana": "Grafana", "U12/Sentry": "Sentry"})

    await full.threads.forget(Scope("slack:T1", person="U1"))

    names = (await full.threads.thread(KEY)).names
    assert ("U1/Grafana" in names, "U12/Sentry" in names) == (False, True)
