"""Searching a channel's past: what is found, and what never is.

Tests core.store.rules.read_thread, core.store.records.searches.
"""

from dataclasses import replace

import pytest

from core.billing.ledger_rows import Scope
from core.domain.messages import Attachment, LinkTarget, Message, Outcome, Quote, Unanswered
from core.domain.messages import FinalText as Final
from core.store.records.searches import FoundThread, Hit, Position, Search
from core.store.rules.read_thread import PAGE
from tests.support.talk import KEY, PLATFORMS, asked, at, deleted, edited, message, page, said, thread

OTHER = thread("50")


async def ingest(store, *events):
    for event in events:
        await store.questions.ingest(event)


async def answer(store, name, *pages, final=Final("answer"), outcome=Outcome.SHOWN):  # noqa: B008
    claim = await store.questions.claim_next("p", PLATFORMS)
    assert claim.question.name == name
    for one in pages:
        await store.questions.record_page(claim, one, at(float(one)))
    await store.questions.store_final_text(claim, final)
    await store.questions.close(claim, outcome)


async def find(store, *words, key=KEY, **more):
    """Ids of what is found, over all pages."""
    return [hit.message.id for hit in await find_hits(store, *words, key=key, **more)]


async def find_hits(store, *words, key=KEY, **more):
    found, position = [], None
    while True:
        part = await store.past.search(key, Search(words, **more), position)
        found += part.hits
        if (position := part.rest) is None:
            return found


async def test_all_words_have_to_occur_in_whatever_case_and_the_newest_comes_first(store):
    await ingest(
        store,
        asked(message("1", "Where does the Staging database live?")),
        said(message("2", "the DATABASE is on Große Straße 7, STAGING too")),
        said(message("3", "staging is down")),
        asked(message("50", "Database of staging, once more"), OTHER),
    )

    assert await find(store, "staging", "database") == ["50", "2", "1"]
    assert await find(store, "strasse") == ["2"]
    assert await find(store, "straß".casefold()) == ["2"]
    assert await find(store, "100%") == []
    assert await find(store, "nothing") == []


async def test_forwards_previews_and_names_of_files_are_searched_too(store):
    carried = message("2", "look", quotes=(Quote("the Quarterly plan", author="<@U3>"),))
    filed = message("3", "", attachments=(Attachment("F1", "Budget.xlsx", "", 3, "https://files/secret"),))
    await ingest(store, asked("1"), said(carried), said(filed))

    assert await find(store, "quarterly") == ["2"]
    assert await find(store, "budget") == ["3"]
    assert await find(store, "secret") == []


async def test_answers_of_ours_are_found_by_their_pages_and_before_the_platform_told_these_by_the_final_text(store):
    await ingest(store, asked("1"))
    await answer(store, "1", "2", "3", final=Final("the answer is Forty-Two"))

    assert await find(store, "forty-two") == ["3", "2"]
    await ingest(store, said(page("2", "1", "the answer is")), said(page("3", "1", "Forty-Two")))
    assert await find(store, "forty-two") == ["3"]


async def test_a_page_has_its_words_and_its_thread(store):
    await ingest(store, asked("1"))
    await answer(store, "1", "2", final=Final("forty-two"))

    (hit,) = await find_hits(store, "forty-two")

    assert hit == Hit(KEY, replace(page("2", "1", "forty-two"), author=""), rooted=True)


async def test_a_hit_says_whether_a_message_begins_its_thread(store):
    await ingest(store, asked(message("2", "apple"), thread("9")))
    await ingest(store, asked(message("3", "apple"), thread("3")))

    assert [(hit.message.id, hit.rooted) for hit in await find_hits(store, "apple")] == [("3", True), ("2", False)]


async def test_of_a_question_that_is_no_message_the_page_that_answers_it_is_told(store):
    alone = asked(message("7", "apple"), thread("7"), alone=True)
    await ingest(store, alone)
    await answer(store, "7", "8", "9")

    (hit,) = await find_hits(store, "apple")

    assert (hit.message.id, hit.page) == ("7", "8")


async def test_only_authors_that_are_named_are_found(store):
    await ingest(store, asked(message("1", "apple")), said(message("2", "apple", author="U2")))
    await answer(store, "1", "3", final=Final("apple"))

    assert await find(store, "apple", people=frozenset({"U2"})) == ["2"]
    assert await find(store, "apple", people=frozenset()) == []
    assert await find(store, "apple", people=frozenset(), ours=True) == ["3"]


async def test_a_time_is_searched_from_its_beginning_up_to_its_end(store):
    await ingest(store, asked("1"), said("2"), said("3"), said("4"))

    assert await find(store, "words", since=at(2), before=at(4)) == ["3", "2"]


async def test_no_other_channel_and_no_other_workspace_is_searched(store):
    await ingest(
        store,
        asked(message("1", "apple"), thread("1", channel="C2")),
        asked(message("2", "apple"), thread("2", workspace="slack:T2")),
        asked(message("3", "apple"), thread("3", workspace="discord:T1")),
        asked(message("4", "apple"), thread("4", channel="C")),
    )

    assert await find(store, "apple") == []


async def test_nothing_of_a_private_question_is_found(store):
    await ingest(store, asked(message("1", "apple"), alone=True, private=True))

    assert await find(store, "apple") == []
    assert await store.past.find_thread_of(KEY, LinkTarget("1", "1")) is None
    await answer(store, "1", "2", final=Final("apple"))
    assert await find(store, "apple") == []


async def test_what_was_deleted_or_edited_is_not_found(store):
    await ingest(store, asked(message("1", "apple")), said(message("2", "apple")), said(message("3", "apple")))
    await ingest(store, deleted("2"), edited("3", "pear", 60))

    assert await find(store, "apple") == ["1"]
    assert await store.past.find_thread_of(KEY, LinkTarget("2", "C1")) is None


FORGOTTEN = {
    "the channel": Scope("slack:T1", "C1"),
    "the thread": Scope("slack:T1", "C1", "1"),
    "the person": Scope("slack:T1", person="U1"),
}


@pytest.mark.parametrize("scope", FORGOTTEN.values(), ids=FORGOTTEN)
async def test_what_was_forgotten_is_not_found(store, scope):
    await ingest(store, asked(message("1", "apple")))
    await answer(store, "1", "2", final=Final("apple"))
    assert await find(store, "apple") == ["2", "1"]

    await store.threads.forget(scope)

    assert await find(store, "apple") == []


async def test_what_must_not_be_told_again_is_left_out_of_what_the_platform_shows(store):
    await ingest(store, asked("1"))
    await store.threads.forget(Scope("slack:T1", "C1", person="U1"))
    old, others = message("4", seconds=-4), message("5", author="U2", seconds=-5)

    assert await store.past.leave_out_forgotten(thread("4"), [old, others]) == (others,)
    assert await store.past.leave_out_forgotten(thread("4", channel="C2"), [old]) == (old,)


async def test_a_question_that_claude_refused_is_not_found(store):
    await ingest(store, asked(message("1", "apple")))
    await answer(store, "1", "2", final=Final("no", notice=True, unanswered=Unanswered.REFUSED))

    assert await find(store, "apple") == []


async def test_a_notice_is_not_found(store):
    await ingest(store, asked("1"))
    await answer(store, "1", "2", final=Final("apple", notice=True), outcome=Outcome.REFUSED)
    await ingest(store, said(page("2", "1", "apple", notice=True)))

    assert await find(store, "apple") == []


async def test_a_search_goes_on_where_its_last_page_ended_and_each_page_is_bounded(store):
    await ingest(
        store, asked("1"), *(said(Message(f"{n:04}", "U1", "apple", at(5 + (n + 1) // 3))) for n in range(PAGE + 3))
    )

    first = await store.past.search(KEY, Search(("apple",)))
    second = await store.past.search(KEY, Search(("apple",)), first.rest)

    assert (first.read, len(first.hits)) == (PAGE, PAGE)
    assert first.rest == Position(first.hits[-1].message.at.isoformat(timespec="microseconds"), "0003")
    assert ([hit.message.id for hit in second.hits], second.read, second.rest) == (["0002", "0001", "0000"], 4, None)


async def test_words_that_are_slow_to_look_for_keep_no_others_waiting(store):
    slow = "a" * 25_000
    await ingest(store, asked("1"), *(said(Message(f"{n:04}", "U1", slow, at(5 + n))) for n in range(PAGE - 1)))

    first = await store.past.search(KEY, Search((f"{'a' * 45}b{'a' * 45}",)))

    assert (0 < first.read < PAGE, first.hits, first.rest is None) == (True, (), False)
    read, rest = first.read, first.rest
    while rest is not None:
        page = await store.past.search(KEY, Search(("aa",)), rest)
        read, rest = read + page.read, page.rest
    assert read == PAGE


async def test_people_are_found_by_the_names_that_claude_was_told(store):
    await ingest(store, asked("1"), asked("50", OTHER), asked("9", thread("9", channel="C2")))
    await store.threads.remember_names(KEY, {"U1": "Ada", "#C1": "dev"})
    await store.threads.remember_names(OTHER, {"U2": "ada"})
    await store.threads.remember_names(thread("9", channel="C2"), {"U3": "Ada"})

    assert await store.past.find_people(KEY, "ADA") == {"U1", "U2"}
    assert await store.past.find_people(KEY, "Ad_") == frozenset()


async def test_people_are_found_in_whatever_case_also_of_other_letters_than_english_has(store):
    await ingest(store, asked("1"))
    await store.threads.remember_names(KEY, {"U1": "Ödön", "U2": "ZOË", "U3": "Zoe"})

    found = [await store.past.find_people(KEY, name) for name in ("ödön", "ÖDÖN", "zoë")]

    assert found == [{"U1"}, {"U1"}, {"U2"}]


LINKS = {
    "a message": (LinkTarget("2", "C1"), FoundThread(KEY, rooted=True)),
    "a message in its thread": (LinkTarget("2", "1"), FoundThread(KEY, rooted=True)),
    "a message that is not kept, in a thread that is": (LinkTarget("3", "1"), FoundThread(KEY, rooted=True)),
    "a thread": (LinkTarget("", "1"), FoundThread(KEY, rooted=True)),
    "a thread that no message begins": (LinkTarget("", "50"), FoundThread(OTHER, rooted=False)),
    "a message of another thread than is said": (LinkTarget("60", "1"), FoundThread(OTHER, rooted=False)),
    "what is not kept": (LinkTarget("3", "3"), None),
}


@pytest.mark.parametrize(("target", "found"), LINKS.values(), ids=LINKS)
async def test_the_thread_is_found_that_a_permalink_leads_to(store, target, found):
    await ingest(store, asked("1"), said("2"), asked(message("60"), OTHER))

    assert await store.past.find_thread_of(thread("7"), target) == found
    assert await store.past.find_thread_of(thread("1", channel="C2"), target) is None
    assert await store.past.find_thread_of(thread("1", workspace="slack:T2"), target) is None


async def test_a_webhooks_messages_are_found_by_the_name_above_them(store):
    await ingest(store, asked("1"), said(message("2", "apple", author="W1", speaker="Grafana")))

    assert await find(store, "apple", people=frozenset({"W1/Grafana"})) == ["2"]
    assert await find(store, "apple", people=frozenset({"W1"})) == []
