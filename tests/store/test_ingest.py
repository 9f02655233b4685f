"""Ingesting: what an event leaves behind, however often and in whatever order it arrives.

Tests core.store.rules.ingest, core.store.rules.messages, core.store.rules.threads, core.store.sql_port.
"""

import pytest

from core.domain.events import Missed, MissedRange, Receipt
from core.domain.messages import Asks, Attachment, History, Outcome, Quote, QuoteKind, ThreadKey
from core.domain.messages import FinalText as Final
from tests.support.talk import (
    KEY,
    PLATFORMS,
    asked,
    at,
    commanded,
    deleted,
    edited,
    message,
    page,
    perhaps,
    said,
    stopped,
    thread,
)

NOTHING = Receipt(new=False, ours=False, question=False, key=KEY)


async def texts(store, key=KEY):
    return [message.text for message in (await store.threads.thread(key)).messages]


async def answered(store, name="1"):
    """Claim, answer with page 5, close."""
    claim = await store.questions.claim_next("p", PLATFORMS)
    assert claim.question.name == name
    await store.questions.record_page(claim, "5", at(5))
    await store.questions.store_final_text(claim, Final("the answer"))
    await store.questions.close(claim, Outcome.SHOWN)


async def test_a_certain_question_makes_its_thread_ours_and_is_kept_with_its_message(store):
    words = message("1", "hello", attachments=(Attachment("F1", "cat.png", "image/png", 9, "https://files/1"),))

    heard = await store.questions.ingest(asked(words))

    assert heard == Receipt(new=True, ours=True, question=True, key=KEY)
    assert (await store.threads.thread(KEY)).messages == (words,)
    assert (await store.questions.count_open()) == (1, at(1))


@pytest.mark.parametrize("asks", [Asks.NO, Asks.PERHAPS])
async def test_nothing_is_kept_of_a_thread_in_which_nobody_asked_us(store, asks):
    heard = await store.questions.ingest(said("1", asks=asks))

    assert heard == NOTHING
    assert (await store.threads.thread(KEY)).messages == ()


@pytest.mark.parametrize(("asks", "question"), [(Asks.NO, False), (Asks.PERHAPS, True), (Asks.CERTAINLY, True)])
async def test_in_a_thread_of_ours_every_message_is_kept(store, asks, question):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(said("2", asks=asks))

    assert heard == Receipt(new=True, ours=True, question=question, key=KEY)
    assert await texts(store) == ["words 1", "words 2"]
    assert (await store.questions.count_open())[0] == 1 + question


@pytest.mark.parametrize("again", [Asks.NO, Asks.PERHAPS, Asks.CERTAINLY])
@pytest.mark.parametrize("closed", [False, True], ids=["while it waits", "after its answer"])
async def test_a_question_delivered_twice_is_asked_once(store, again, closed):
    await store.questions.ingest(asked("1"))
    if closed:
        await answered(store)

    heard = await store.questions.ingest(said("1", asks=again))

    assert heard == Receipt(new=False, ours=True, question=False, key=KEY)
    assert (await store.questions.count_open())[0] == (0 if closed else 1)


async def test_the_same_ids_in_another_channel_or_workspace_are_other_messages(store):
    for key in (KEY, thread("1", channel="C2"), thread("1", workspace="slack:T2")):
        heard = await store.questions.ingest(asked("1", key))
        assert heard == Receipt(new=True, ours=True, question=True, key=key)

    assert (await store.questions.count_open())[0] == 3


@pytest.mark.parametrize("first", [Asks.NO, Asks.PERHAPS])
async def test_a_mention_heard_first_as_a_plain_message_still_asks(store, first):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(said("2", asks=first))

    await store.questions.ingest(asked("2"))

    claim = await store.questions.claim_next("p", PLATFORMS)
    assert (claim.question.name, claim.question.asks) == ("2", Asks.CERTAINLY)
    assert await store.questions.claim_next("p", PLATFORMS) is None


async def test_a_certain_question_does_not_become_uncertain(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(perhaps("1"))

    claim = await store.questions.claim_next("p", PLATFORMS)

    assert claim.question.asks is Asks.CERTAINLY


async def test_a_question_found_certain_after_it_was_claimed_is_not_closed_as_not_for_us(store):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(perhaps("2"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.ingest(asked("2"))

    await store.questions.close(claim, Outcome.NOT_FOR_US)

    again = await store.questions.claim_next("p", PLATFORMS)
    assert (again.question.name, again.question.asks) == ("2", Asks.CERTAINLY)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.NOT_FOR_US])
async def test_a_closed_question_is_never_opened_again(store, outcome):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(perhaps("2"))
    await store.questions.close(await store.questions.claim_next("p", PLATFORMS), outcome)

    await store.questions.ingest(asked("2"))

    assert await store.questions.claim_next("p", PLATFORMS) is None
    assert await texts(store) == ["words 1", "words 2", ""]


async def test_a_question_closed_as_not_for_us_is_opened_by_a_copy_that_asks_for_certain(store):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(perhaps("2"))
    await store.questions.close(await store.questions.claim_next("p", PLATFORMS), Outcome.NOT_FOR_US)

    heard = await store.questions.ingest(asked("2", address='{"at": 1}'))

    again = await store.questions.claim_next("p", PLATFORMS)
    assert (heard.new, heard.question) == (True, True)
    assert (again.question.name, again.question.asks, again.question.address) == ("2", Asks.CERTAINLY, '{"at": 1}')


@pytest.mark.parametrize(("name", "seconds", "stale"), [("2", 0, False), ("9", 60, True), ("0", 0, True)])
async def test_a_message_that_comes_late_makes_its_thread_stale(store, clock, name, seconds, stale):
    await store.questions.ingest(asked("1"))
    held = await store.threads.thread(KEY)
    await store.threads.refresh(held, History(held.messages))

    clock.tick(seconds)
    await store.questions.ingest(said(name))

    assert (await store.threads.thread(KEY)).stale is stale


CAT = Attachment("F1", "cat.png", "image/png", 9, "https://files/1")


async def test_files_that_only_a_later_copy_of_a_message_has_are_kept(store):
    await store.questions.ingest(asked(message("1")))

    heard = await store.questions.ingest(asked(message("1", attachments=(CAT,))))
    await store.questions.ingest(asked(message("1")))

    assert (heard.new, heard.question) == (True, False)
    assert (await store.threads.thread(KEY)).messages == (message("1", attachments=(CAT,)),)


async def test_a_preview_that_comes_later_is_kept_and_asks_nothing(store):
    preview = (Quote("A page", QuoteKind.PREVIEW),)
    await store.questions.ingest(asked(message("1")))

    heard = await store.questions.ingest(said(message("1", quotes=preview)))

    assert (heard.new, heard.question) == (True, False)
    assert (await store.threads.thread(KEY)).messages == (message("1", quotes=preview),)


async def test_what_hung_on_a_deleted_message_is_gone_with_it(store):
    words = message("1", quotes=(Quote("secret"),), speaker="Grafana")
    await store.questions.ingest(asked(words))

    await store.questions.ingest(deleted("1"))

    (row,) = await store.questions._engine.unit(lambda sql: sql.many("SELECT text, quotes, speaker FROM messages", {}))
    assert dict(row) == {"text": "", "quotes": "[]", "speaker": ""}


async def test_files_that_an_edit_took_away_do_not_come_back_with_a_late_copy(store):
    await store.questions.ingest(asked(message("1", attachments=(CAT,))))
    await store.questions.ingest(edited("1", "words 1", 9))

    await store.questions.ingest(asked(message("1", attachments=(CAT,))))

    assert (await store.threads.thread(KEY)).messages[0].attachments == ()


async def test_a_reply_joins_the_thread_of_the_message_it_replies_to(store):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(perhaps(message("2", parent="1"), thread("other")))
    further = await store.questions.ingest(perhaps(message("3", parent="2"), thread("2")))

    assert heard.key == further.key == KEY
    assert await texts(store) == ["words 1", "words 2", "words 3"]


async def test_a_reply_to_a_message_of_another_channel_does_not_join_it(store):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(asked(message("2", parent="1"), thread("2", channel="C2")))

    assert heard.key == thread("2", channel="C2")


async def test_a_reply_to_a_deleted_message_still_joins_its_thread(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(deleted("1"))

    heard = await store.questions.ingest(said(message("2", parent="1"), thread("2")))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)


async def test_an_edit_changes_words_and_attachments(store):
    await store.questions.ingest(asked(message("1", attachments=(Attachment("F1", "a", "b", 1),))))

    heard = await store.questions.ingest(edited("1", "better", 20))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)
    assert (await store.threads.thread(KEY)).messages == (message("1", "better", edited=at(20)),)


async def test_an_older_edit_changes_nothing(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(edited("1", "newest", 20))

    heard = await store.questions.ingest(edited("1", "older", 19))

    assert not heard.new
    assert await texts(store) == ["newest"]


async def test_an_original_that_arrives_after_its_edit_changes_no_words_but_asks(store):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(edited("2", "newest", 20))

    heard = await store.questions.ingest(asked("2"))

    assert heard == Receipt(new=True, ours=True, question=True, key=KEY)
    assert await texts(store) == ["words 1", "newest", ""]


async def test_an_edit_never_makes_a_question(store):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(edited("2", "<@BOT> what?", 20))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)
    assert (await store.questions.count_open())[0] == 1


async def test_edits_and_deletions_elsewhere_leave_nothing(store):
    assert await store.questions.ingest(edited("1", "x", 20)) == NOTHING
    assert await store.questions.ingest(deleted("1")) == NOTHING
    assert (await store.questions.ingest(asked("1"))).new


async def test_a_deleted_message_is_gone_and_does_not_rise(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(said("2"))

    heard = await store.questions.ingest(deleted("2"))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)
    for event in (said("2"), asked("2"), edited("2", "risen", 5000), deleted("2")):
        assert await store.questions.ingest(event) == Receipt(new=False, ours=True, question=False, key=KEY)
    assert await texts(store) == ["words 1"]


async def test_a_deletion_without_a_thread_finds_its_message(store):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(deleted("1", thread("")))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)
    assert await texts(store) == []


async def test_a_message_deleted_before_it_was_heard_does_not_rise(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(deleted("2"))

    assert await store.questions.ingest(asked("2")) == Receipt(new=False, ours=True, question=False, key=KEY)
    assert (await store.questions.count_open())[0] == 1


async def test_who_deletes_an_unanswered_question_withdraws_it(store):
    await store.questions.ingest(asked("1"))

    await store.questions.ingest(deleted("1"))

    assert await store.questions.count_open() == (0, None)
    assert await store.questions.claim_next("p", PLATFORMS) is None


async def test_when_a_page_of_ours_is_deleted_the_reply_must_be_read_again(store):
    await store.questions.ingest(asked("1"))
    await answered(store)
    before = await store.threads.thread(KEY)
    await store.threads.refresh(before, History(before.messages))
    assert not (await store.threads.thread(KEY)).stale

    await store.questions.ingest(deleted("5"))

    after = await store.threads.thread(KEY)
    assert (after.stale, after.replies, after.messages) == (True, {}, (message("1"),))


async def test_a_page_deleted_while_its_reply_is_being_shown_does_not_cost_the_reply(store):
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))
    await store.questions.store_final_text(claim, Final("the answer"))

    await store.questions.ingest(deleted("5"))
    await store.questions.heartbeat("p", leaving=True)

    assert (await store.questions.claim_next("q", PLATFORMS)).final_text == Final("the answer")


async def test_the_echo_of_our_page_is_the_page_that_was_written_down(store):
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))

    await store.questions.ingest(said(page("5", None, "shown")))

    assert (await store.threads.thread(KEY)).messages[1:] == (page("5", "1", "shown"),)


async def test_a_page_written_down_after_its_echo_names_its_question(store):
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.ingest(said(page("5", None, "shown")))

    await store.questions.record_page(claim, "5", at(6))

    assert (await store.threads.thread(KEY)).messages[1:] == (page("5", "1", "shown"),)


async def test_a_command_is_kept_once_and_needs_no_thread_of_ours(store):
    event = commanded("i1", "persona set", values={"model": "claude"}, address='{"token": "t"}')

    heard = await store.questions.ingest(event)

    assert heard == Receipt(new=True, ours=False, question=True, key=KEY)
    assert await store.questions.ingest(event) == NOTHING
    question = (await store.questions.claim_next("p", PLATFORMS)).question
    assert (question.name, question.command, question.values) == ("i1", "persona set", {"model": "claude"})
    assert question.address == '{"token": "t"}'


async def test_a_command_does_not_make_its_thread_ours(store):
    await store.questions.ingest(commanded("i1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))

    assert await store.questions.ingest(perhaps("2")) == NOTHING
    assert (await store.threads.thread(KEY)).messages == ()


async def test_stop_withdraws_the_question_it_names(store):
    await store.questions.ingest(asked("1"))
    other = thread("2")
    await store.questions.ingest(asked("2", other))

    heard = await store.questions.ingest(stopped("1"))

    assert heard == Receipt(new=True, ours=True, question=False, key=KEY)
    assert (await store.questions.count_open())[0] == 1


async def test_stop_without_a_name_withdraws_all_of_the_thread(store):
    for name in ("1", "2", "3"):
        await store.questions.ingest(asked(name))
    await store.questions.ingest(asked("4", thread("4")))

    await store.questions.ingest(stopped())

    assert await store.questions.count_open() == (1, at(4))
    assert not (await store.questions.ingest(stopped())).new


async def test_what_was_said_before_anybody_asked_us_is_no_follow_up_however_late_it_is_told(store):
    await store.questions.ingest(asked("3"))

    late = await store.questions.ingest(perhaps("2"))
    after = await store.questions.ingest(perhaps("4"))

    assert (late.question, after.question) == (False, True)
    assert await texts(store) == ["words 2", "words 3", "words 4"]


async def test_another_button_withdraws_nothing(store):
    await store.questions.ingest(asked("1"))
    event = stopped("1")

    await store.questions.ingest(type(event)(event.id, event.key, event.person, "good", event.question))

    assert (await store.questions.count_open())[0] == 1


@pytest.mark.parametrize(
    ("event", "stale"),
    [
        (Missed("g", "slack"), True),
        (Missed("g", "slack", frozenset({"slack:T1"})), True),
        (Missed("g", "slack", frozenset({"slack:T2"})), False),
        (Missed("g", "slac"), False),
        (Missed("g", "discord"), False),
    ],
    ids=["its platform", "its workspace", "another workspace", "a similar name", "another platform"],
)
async def test_a_gap_makes_the_threads_of_its_workspaces_stale(store, event, stale):
    await store.questions.ingest(asked("1"))
    before = await store.threads.thread(KEY)
    await store.threads.refresh(before, History(before.messages))

    heard = await store.questions.ingest(event)

    missed = (MissedRange("slack:T1", at(1), (KEY,)),) if stale else ()
    assert heard == Receipt(new=True, ours=False, question=False, key=ThreadKey("", "", ""), missed=missed)
    assert (await store.threads.thread(KEY)).stale is stale


async def test_a_private_question_is_a_thread_of_its_own(store):
    await store.questions.ingest(asked("1"))

    heard = await store.questions.ingest(asked("2", private=True))

    assert heard.key == thread("2")
    assert await texts(store) == ["words 1"]
    assert await texts(store, thread("2")) == ["words 2"]


async def test_a_private_message_is_in_the_reply_chain_of_no_other_thread(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2", private=True))

    await store.questions.ingest(said(message("3", parent="2")))

    assert (await store.threads.thread(KEY, "3")).messages == (message("3", parent="2"),)


async def test_a_private_question_is_not_kept_after_its_answer_nor_asked_again(store):
    event = asked(message("2", "a secret"), private=True)
    key = (await store.questions.ingest(event)).key
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))
    await store.questions.store_final_text(claim, Final("another secret"))

    await store.questions.close(claim, Outcome.SHOWN)

    assert (await store.threads.thread(key)).messages == ()
    assert await store.questions.ingest(event) == Receipt(new=False, ours=False, question=False, key=key)


async def test_a_text_of_any_length_is_kept_whole(store):
    long = "für 👩‍👩‍👧 " * 20_000

    await store.questions.ingest(asked(message("1", long)))

    assert await texts(store) == [long]


async def test_what_cannot_be_encoded_is_replaced_wherever_it_comes_in(store):
    odd = "a\ud800b\0"
    await store.questions.ingest(asked(message("1", odd), address='{"x": "' + odd + '"}'))
    await store.questions.ingest(commanded("i1", odd, values={"text": odd}))
    command = await store.questions.claim_next("p", PLATFORMS)
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.store_final_text(claim, Final(odd))

    assert command.question.command == "a\ufffdb"
    assert claim.question.address == '{"x": "a\ufffdb"}'
    assert await texts(store) == ["a\ufffdb"]
    assert (await store.threads.thread(KEY)).replies == {"1": Final("a\ufffdb")}


async def test_an_edit_that_asks_makes_its_thread_ours_and_is_a_question_once(store):
    change = edited("1", "now to you", 20, asks=Asks.CERTAINLY)

    assert await store.questions.ingest(change) == Receipt(new=True, ours=True, question=True, key=KEY)
    assert not (await store.questions.ingest(change)).question
    assert await texts(store) == ["now to you"]
    await answered(store)
    assert not (await store.questions.ingest(edited("1", "again", 30, asks=Asks.CERTAINLY))).question


async def test_an_older_edit_that_asked_asks_no_more(store):
    await store.questions.ingest(asked("1"))
    await answered(store)
    await store.questions.ingest(said("7"))
    await store.questions.ingest(edited("7", "not to you", 30, asks=Asks.NO))

    assert not (await store.questions.ingest(edited("7", "to you", 20, asks=Asks.CERTAINLY))).question


async def test_an_edit_of_what_was_deleted_asks_nothing(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(deleted("1"))

    assert not (await store.questions.ingest(edited("1", "to you", 950, asks=Asks.CERTAINLY))).question


async def test_an_edit_takes_a_question_back_until_something_of_the_answer_is_shown(store):
    await store.questions.ingest(asked("1"))
    claim = await store.questions.claim_next("p", PLATFORMS)
    await store.questions.record_page(claim, "5", at(5))
    await store.questions.ingest(edited("1", "shown", 20, asks=Asks.NO))
    assert not (await store.questions.heartbeat("p")).withdrawn
    await store.questions.close(claim, Outcome.SHOWN)
    await store.questions.ingest(asked("8"))

    await store.questions.ingest(edited("8", "never mind", 20, asks=Asks.NO))

    assert (await store.questions.count_open())[0] == 0


@pytest.mark.parametrize(
    ("event", "key", "awaited", "kept"),
    [
        (asked("2", hint=True), KEY, True, ["1"]),
        (asked("1", hint=True), KEY, False, ["1"]),
        (asked("7", thread("7"), hint=True), thread("7"), False, ["7"]),
        (asked("2"), KEY, False, ["1", "2"]),
    ],
    ids=["unknown in a tracked thread", "kept", "in a thread that is tracked from now on", "no hint"],
)
async def test_a_hint_at_a_message_that_is_not_kept_keeps_nothing_and_says_so(store, event, key, awaited, kept):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(said("3", thread("3")))

    receipt = await store.questions.ingest(event)

    assert (receipt.awaited, [one.id for one in (await store.threads.thread(key)).messages]) == (awaited, kept)
    assert await store.questions.is_kept(key, event.message.id) is not awaited


async def test_a_hint_at_a_command_that_is_not_kept_keeps_nothing_and_says_so(store):
    before = await store.questions.ingest(commanded("9", "batch", hint=True))
    kept = await store.questions.is_kept(KEY, "9")
    await store.questions.ingest(commanded("9", "batch"))
    after = await store.questions.ingest(commanded("9", "batch", hint=True))

    assert (before.awaited, kept, after.awaited, after.new) == (True, False, False, False)


async def test_a_command_whose_message_is_known_to_be_gone_is_not_carried_out_and_awaits_nothing(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(deleted("2"))

    for hint in (False, True):
        heard = await store.questions.ingest(commanded("2", hint=hint))
        assert heard == Receipt(new=False, ours=True, question=False, key=KEY)
