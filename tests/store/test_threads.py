"""Threads: read whole or by reply chain, with the names of people, each apart from the others.

Tests core.store.rules.read_thread.
"""

import json

import pytest

from core.billing.budgets import Budget, Period
from core.billing.ledger_rows import Scope
from core.domain.events import Missed
from core.domain.messages import Attachment, History, Outcome, Quote, QuoteKind
from core.domain.messages import FinalText as Final
from core.domain.personas import Persona, Place
from core.store.protocols import Thread
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, message, page, said, thread


async def ingest(store, *events):
    for event in events:
        await store.questions.ingest(event)


async def answer(store, name, *pages, text="answer"):
    """Answer what is waiting, beginning with `name`, on these pages."""
    claim = await store.questions.claim_next("p", PLATFORMS)
    assert claim.question.name == name
    for one in pages:
        await store.questions.record_page(claim, one, at(float(one)))
    await store.questions.store_final_text(claim, Final(text))
    await store.questions.close(claim, Outcome.SHOWN)


async def ids(store, key, branch=None):
    return [one.id for one in (await store.threads.thread(key, branch)).messages]


async def test_a_thread_that_is_not_ours_is_empty_and_stale(store):
    assert await store.threads.thread(KEY) == Thread(KEY, (), stale=True)


async def test_messages_stand_in_the_order_in_which_they_were_said(store):
    await ingest(store, asked("1"), said("30"), said("4"), said(message("b", seconds=4)), said(message("a", seconds=4)))

    assert await ids(store, KEY) == ["1", "4", "a", "b", "30"]


async def test_a_message_is_read_back_as_it_was_heard(store):
    words = message(
        "1",
        "naïve <@U2> 🦊",
        bot=True,
        parent="0",
        edited=at(3.000001),
        attachments=(Attachment("F1", "a.png", "image/png", 3, "https://x"), Attachment("F2", "b", "", 0, quoted=True)),
        quotes=(Quote("down", author="<@U3>"), Quote("A page", QuoteKind.PREVIEW)),
        speaker="Grafana",
    )

    await ingest(store, asked(words))

    assert (await store.threads.thread(KEY)).messages == (words,)


async def test_a_moment_in_another_zone_is_the_same_moment(store):
    from datetime import timedelta, timezone

    tokyo = timezone(timedelta(hours=9))
    await ingest(store, asked("1"), said(message("2")), said(message("3", seconds=1.5)))
    late = message("4")
    await ingest(store, said(type(late)(**{**_fields(late), "at": at(1.7).astimezone(tokyo)})))

    held = (await store.threads.thread(KEY)).messages
    assert [(one.id, one.at) for one in held] == [("1", at(1)), ("3", at(1.5)), ("4", at(1.7)), ("2", at(2))]


def _fields(noun):
    return {name: getattr(noun, name) for name in noun.__slots__}


async def test_threads_channels_and_workspaces_do_not_mix(store):
    places = [KEY, thread("2"), thread("1", channel="C2"), thread("1", workspace="slack:T2")]
    for number, key in enumerate(places):
        await ingest(store, asked(message(f"1{number}", f"only here {number}"), key))
        await store.threads.remember_names(key, {"U1": f"name {number}"})

    for number, key in enumerate(places):
        held = await store.threads.thread(key)
        assert ([one.text for one in held.messages], held.names) == (
            [f"only here {number}"],
            {"U1": f"name {number}"},
        )


async def test_a_new_thread_is_stale_until_it_was_read_and_again_after_a_gap(store):
    await ingest(store, asked("1"))
    new = await store.threads.thread(KEY)
    await store.threads.refresh(new, History(new.messages))
    read = await store.threads.thread(KEY)
    await ingest(store, Missed("g", "slack", frozenset({"slack:T1"})))
    after = await store.threads.thread(KEY)

    assert (new.stale, read.stale, after.stale) == (True, False, True)


async def test_a_gap_while_a_thread_is_read_leaves_it_stale(store):
    await ingest(store, asked("1"))
    new = await store.threads.thread(KEY)
    await ingest(store, Missed("g", "slack"))

    await store.threads.refresh(new, History(new.messages))

    assert (await store.threads.thread(KEY)).stale


async def test_a_slower_reading_does_not_undo_a_newer_one(store):
    await ingest(store, asked("1"))
    before = await store.threads.thread(KEY)
    await ingest(store, Missed("g", "slack"))
    after = await store.threads.thread(KEY)

    await store.threads.refresh(after, History(after.messages))
    await store.threads.refresh(before, History(before.messages))

    assert not (await store.threads.thread(KEY)).stale


async def test_the_first_words_claude_was_told_stand_for_ever(store):
    await ingest(store, asked("1"))
    await store.threads.remember_names(KEY, {"U1": "Ann"})

    told = await store.threads.remember_names(KEY, {"U1": "Annie", "U2": "B\0ob"})

    assert told == {"U1": "Ann", "U2": "Bob"}
    assert (await store.threads.thread(KEY)).names == told


async def test_the_tools_that_claude_was_first_given_under_a_choice_stand_for_ever(store):
    await ingest(store, asked("1"))
    await store.threads.remember_tools(KEY, "web", ["web_fetch", "web_search"])

    await store.threads.remember_tools(KEY, "web", ["web_search"])
    told = await store.threads.remember_tools(KEY, "none", [])

    assert told == {"web": ("web_fetch", "web_search"), "none": ()}
    assert (await store.threads.thread(KEY)).tools == told
    await store.threads.forget(Scope(KEY.workspace, KEY.channel, KEY.thread))
    assert (await store.threads.thread(KEY)).tools == {}


async def test_nothing_is_told_of_a_thread_that_is_not_ours(store):
    assert await store.threads.remember_names(KEY, {"U1": "Ann"}) == {}
    assert await store.threads.remember_tools(KEY, "web", ["web_fetch"]) == {}


async def test_the_answer_of_a_command_stands_in_its_thread(store):
    await ingest(store, asked("1"))
    await answer(store, "1", "5")
    await ingest(store, commanded("i1", "summarize"))
    await answer(store, "i1", "6", text="in short")

    held = await store.threads.thread(KEY)

    assert [(one.id, one.answers) for one in held.messages if one.mine] == [("5", "1"), ("6", "i1")]
    assert held.replies == {"1": Final("answer"), "i1": Final("in short")}


async def test_a_private_command_leaves_nothing_in_the_thread(store):
    await ingest(store, asked("1"))
    await answer(store, "1", "5")
    await ingest(store, commanded("i1", "usage", private=True))
    await answer(store, "i1", "6")

    held = await store.threads.thread(KEY)
    assert ([one.id for one in held.messages], set(held.replies)) == (["1", "5"], {"1"})


async def talk_with_branches(store):
    """1 is answered on 5 and 6; 10 and 11 reply to it in two lines; 12 replies to 5 and is answered on 13."""
    key = thread("1", workspace="discord:G")
    await ingest(store, asked(message("1"), key))
    await answer(store, "1", "5", "6", text="first")
    await ingest(store, said(message("10", parent="1"), key), said(message("11", parent="1"), key))
    await ingest(store, asked(message("12", parent="5"), key))
    await answer(store, "12", "13", text="second")
    await ingest(store, asked(message("14", parent="13"), key), said(message("15", parent="10"), key))
    return key


@pytest.mark.parametrize(
    ("branch", "messages", "replies"),
    [
        ("1", ["1"], []),
        ("5", ["1", "5", "6"], ["1"]),
        ("10", ["1", "10"], []),
        ("15", ["1", "10", "15"], []),
        ("12", ["1", "5", "6", "12"], ["1"]),
        ("14", ["1", "5", "6", "12", "13", "14"], ["1", "12"]),
        ("unknown", [], []),
    ],
)
async def test_a_branch_is_a_message_its_ancestors_and_the_replies_on_the_way(store, branch, messages, replies):
    key = await talk_with_branches(store)

    held = await store.threads.thread(key, branch)

    assert ([one.id for one in held.messages], sorted(held.replies)) == (messages, replies)


async def test_a_branch_holds_all_that_is_answered_together(store):
    await ingest(store, asked("1"), asked(message("2", parent="1")), asked(message("3", parent="2")))
    await answer(store, "1", "5")
    await ingest(store, asked(message("6", parent="5")))

    assert await ids(store, KEY, "1") == ["1", "2", "3"]
    assert await ids(store, KEY, "6") == ["1", "2", "3", "5", "6"]


async def test_a_branch_goes_on_above_a_deleted_message(store):
    from tests.support.talk import deleted

    await ingest(store, asked("1"), said(message("2", parent="1")), said(message("3", parent="2")), deleted("2"))

    assert await ids(store, KEY, "3") == ["1", "3"]


async def test_a_branch_follows_its_parents_into_an_older_thread(store):
    await ingest(store, asked(message("2", parent="1"), thread("1")), asked(message("5", parent="4"), thread("4")))
    new = await store.threads.thread(thread("4"), "5")
    chain = History((message("4", parent="2"), message("5", parent="4")))

    await store.threads.refresh(new, chain)

    assert await ids(store, thread("4"), "5") == ["2", "4", "5"]


async def talk_in_a_thread_on_an_answer(store):
    """1 is answered on 5 and 6 in a channel; a thread is opened on 5, in which 12 asks."""
    channel, opened = thread("1", workspace="discord:G"), thread("5", workspace="discord:G")
    await ingest(store, asked(message("1"), channel))
    await answer(store, "1", "5", "6", text="first")
    await ingest(store, said(message("10", parent="1"), channel), asked("12", opened))
    return opened


async def test_a_thread_on_an_answer_begins_with_what_led_to_it(store):
    opened = await talk_in_a_thread_on_an_answer(store)

    held = await store.threads.thread(opened)

    assert [(one.id, one.parent) for one in held.messages] == [("1", None), ("5", None), ("6", None), ("12", None)]
    assert (held.borrowed, set(held.replies)) == ({"1", "5", "6"}, {"1"})


async def test_a_thread_on_an_answer_buries_nothing_of_the_channel(store):
    opened = await talk_in_a_thread_on_an_answer(store)

    await store.threads.refresh(await store.threads.thread(opened), History((message("12"),)))

    assert await ids(store, opened) == ["1", "5", "6", "12"]
    assert await ids(store, thread("1", workspace="discord:G")) == ["1", "5", "6", "10"]


async def test_an_answer_that_stands_alone_is_not_left_in_a_thread_without_its_question(store):
    place, own = thread("1", workspace="discord:G"), thread("7", workspace="discord:G")
    await ingest(store, asked("1", place), asked(message("7"), own, alone=True))
    await ingest(store, said(page("8", "7", "the answer"), place))

    assert (await ids(store, place), await ids(store, own)) == (["1"], ["7", "8"])


async def test_parents_that_go_in_circles_end(store):
    await ingest(store, asked(message("1", parent="2")), said(message("2", parent="1"), thread("1")))

    assert await ids(store, KEY, "1") == ["1", "2"]


async def test_a_thread_of_5000_messages_is_read_by_thread_and_by_branch(store, capsys):
    import time

    key = thread("1", workspace="discord:G")
    chain = [message(str(name), "word " * 40, parent=str(name - 1) if name > 1 else None) for name in range(1, 5001)]
    await ingest(store, asked(chain[0], key))
    new = await store.threads.thread(key)
    began = time.perf_counter()
    await store.threads.refresh(new, History(tuple(chain)))
    refreshed = time.perf_counter()
    whole = await store.threads.thread(key)
    read = time.perf_counter()
    branch = await store.threads.thread(key, "5000")
    walked = time.perf_counter()

    assert whole.messages == branch.messages == tuple(chain)
    with capsys.disabled():
        times = {"refresh": refreshed - began, "thread": read - refreshed, "branch": walked - read}
        print(json.dumps({name: f"{seconds * 1000:.0f} ms" for name, seconds in times.items()}))


async def test_a_thread_is_opened_with_its_personas_and_its_zone_as_they_are_read_apart(store):
    place = Place(KEY.workspace, KEY.channel)
    await store.questions.ingest(asked("1"))
    assert await store.threads.open(KEY) == (await store.threads.thread(KEY), [None, None])

    await store.personas.change(place, Persona("Be brief."), 0, "U1", at(1))
    await store.ledger.allow(Budget(Scope(place.workspace), Period.DAY, 1, "Europe/Berlin", "U1", at(2)), 0)
    thread, versions = await store.threads.open(KEY)

    assert thread == await store.threads.thread(KEY)
    assert [one and one.persona.system for one in versions] == ["Be brief.", None]
    assert (thread.zone, len(thread.messages)) == ("Europe/Berlin", 1)
