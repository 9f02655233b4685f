"""Presses: each button does what it says once, however often and wherever it is told.

Tests core.store.rules.presses, core.store.rules.feedback, core.store.rules.questions, core.store.records.replies.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.billing.ledger_rows import PlannedRequest, Scope
from core.domain.controls import Control, Votes
from core.domain.events import Pressed
from core.domain.messages import FinalText, Outcome, Question
from core.store.records.replies import Asked, DeletedReply
from core.store.rules.presses import (
    AGAIN,
    ENDED,
    ENDS,
    GONE,
    GROWS,
    NO_ANSWER,
    NOT_CUT,
    NOT_NEWEST,
    NOTED,
    ONLY_ASKER,
    POSTED,
    STOPPED,
    UNASKED,
    VISIBLE,
)
from tests.support.talk import KEY, PLATFORMS, asked, at, commanded, deleted, edited, message, page, said, thread

pytestmark = pytest.mark.slow

PAST = 11  # seconds after which a process has stopped
CUT = FinalText("words", cut="")


def press(control: Control, question: str | None = "1", person: str = "U1", name: str = "p1", **more) -> Pressed:
    return Pressed(name, more.pop("key", KEY), person, control, question, at(more.pop("seconds", 50)), '{"press": 1}')


async def claim(store, process="p"):
    return await store.questions.claim_next(process, PLATFORMS)


def names(claimed):
    return [claimed.question.name, *(one.name for one in claimed.together)]


async def answer(store, final=FinalText("Blue."), pages=("2",), outcome=Outcome.SHOWN):  # noqa: B008  frozen
    """Answer the next question with one page for each name."""
    claimed = await claim(store)
    for name in pages:
        await store.questions.record_page(claimed, name, at(float(name)))
    await store.questions.store_final_text(claimed, final)
    await store.questions.close(claimed, outcome)


@pytest.fixture
async def answered(store):
    """Somebody asked 1, and 2 answers it."""
    await store.questions.ingest(asked("1"))
    await answer(store)
    return store


@pytest.fixture
async def cut(store):
    """Somebody asked 1, and 2 answers it up to where it was cut."""
    await store.questions.ingest(asked("1"))
    await answer(store, CUT)
    return store


def outcome(receipt):
    """What a receipt says of a press: whether it did something, whether it left a question, and the note."""
    return receipt.new, receipt.question, receipt.note


# Stop


async def test_stop_by_who_asked_withdraws_all_that_is_answered_together(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2"))
    claimed = await claim(store)

    assert outcome(await store.questions.ingest(press(Control.STOP))) == (True, False, "")
    assert (await store.questions.heartbeat("p")).withdrawn == {claimed.id}


async def test_stop_by_somebody_else_is_left_for_the_platform_to_say_who_may(store):
    await store.questions.ingest(asked("1"))
    claimed = await claim(store)

    receipt = await store.questions.ingest(press(Control.STOP, person="U2"))
    command = await claim(store)

    assert outcome(receipt) == (True, True, "")
    assert command.question == Question(
        KEY, "p1", "U2", at(50), address='{"press": 1}', private=True, command="stop", values={"reply": "1"}
    )
    assert (await store.questions.heartbeat("p")).withdrawn == frozenset()
    assert await store.questions.find_reply(KEY, Control.STOP, "1") == Asked("1", frozenset({"U1"}))
    assert await store.questions.stop_reply(KEY, "1") == STOPPED
    assert (await store.questions.heartbeat("p")).withdrawn == {claimed.id}


async def test_stop_of_an_answer_that_has_ended_says_so(answered):
    assert outcome(await answered.questions.ingest(press(Control.STOP))) == (False, False, ENDED)
    assert await answered.questions.stop_reply(KEY, "1") == ENDED


async def test_stop_that_comes_again_does_not_stop_the_next_try(store):
    await store.questions.ingest(asked("1"))
    stopped = await claim(store)
    await store.questions.ingest(press(Control.STOP))
    await store.questions.store_final_text(stopped, FinalText("Bl", cut=""))
    await store.questions.close(stopped, Outcome.WITHDRAWN)
    await store.questions.ingest(press(Control.RETRY, name="p2"))
    await claim(store)

    assert outcome(await store.questions.ingest(press(Control.STOP))) == (False, False, "")
    assert (await store.questions.heartbeat("p")).withdrawn == frozenset()


# Try again


async def test_retry_asks_again_with_the_pages_that_stand_and_without_the_old_words(answered):
    receipt = await answered.questions.ingest(press(Control.RETRY))
    claimed = await claim(answered)

    assert outcome(receipt) == (True, True, "")
    assert claimed.question == replace(Question(KEY, "1", "U1", at(1)), address='{"press": 1}')
    assert (claimed.pages, claimed.final_text, claimed.resumed) == (("2",), None, False)
    assert claimed.earlier == FinalText("Blue.")
    assert (await answered.threads.thread(KEY)).replies == {}


@pytest.mark.parametrize("again", ["while it is answered", "when it is answered"])
async def test_a_retry_that_comes_again_does_nothing(answered, again):
    await answered.questions.ingest(press(Control.RETRY))
    if again == "when it is answered":
        await answer(answered, FinalText("Green."))

    assert outcome(await answered.questions.ingest(press(Control.RETRY))) == (False, False, "")
    assert (await answered.questions.count_open())[0] == (again == "while it is answered")


async def test_what_was_answered_together_is_answered_together_again_and_with_nothing_else(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2"))
    await answer(store, pages=("3",))
    await store.questions.ingest(press(Control.RETRY))
    await store.questions.ingest(asked("4"))

    claimed = await claim(store)
    joined = await store.questions.join_waiting(claimed)
    await store.questions.close(claimed, Outcome.SHOWN)
    following = await claim(store)

    assert (names(claimed), names(joined), names(following)) == (["1", "2"], ["1", "2"], ["4"])


async def test_what_was_taken_back_is_not_answered_again(store):
    await store.questions.ingest(asked("1"))
    await store.questions.ingest(asked("2"))
    await answer(store, pages=("3",))
    await store.questions.ingest(deleted("2"))
    await store.questions.ingest(press(Control.RETRY))

    assert names(await claim(store)) == ["1"]


async def test_retry_is_told_the_words_as_they_were_edited(answered):
    await answered.questions.ingest(edited("1", "and now?", 20))
    await answered.questions.ingest(press(Control.RETRY))

    assert [one.text for one in (await answered.threads.thread(KEY)).messages if not one.mine] == ["and now?"]


async def test_only_the_newest_answer_is_tried_again(answered):
    await answered.questions.ingest(asked("3"))
    while_asked = await answered.questions.ingest(press(Control.RETRY))
    await answer(answered, pages=("4",))
    when_answered = await answered.questions.ingest(press(Control.RETRY, name="p2"))

    assert outcome(while_asked) == outcome(when_answered) == (False, False, NOT_NEWEST[Control.RETRY])
    assert outcome(await answered.questions.ingest(press(Control.RETRY, "3", name="p3"))) == (True, True, "")


async def test_of_reply_chains_each_has_a_newest_answer(store):
    """1 is answered by 2; 3 and 5 each reply to 2, and are answered by 4 and 6."""
    for number, parent in (("1", None), ("3", "2"), ("5", "2")):
        await store.questions.ingest(asked(message(number, parent=parent)))
        reply = str(int(number) + 1)
        await answer(store, pages=(reply,))
        await store.questions.ingest(said(page(reply, number, "Blue.", parent=number)))

    tried = [outcome(await store.questions.ingest(press(Control.RETRY, one, name=f"p{one}"))) for one in "135"]

    assert tried == [(False, False, NOT_NEWEST[Control.RETRY]), (True, True, ""), (True, True, "")]


async def test_what_nobody_says_any_more_is_not_tried_again(answered):
    await answered.questions.ingest(deleted("1"))

    assert outcome(await answered.questions.ingest(press(Control.RETRY))) == (False, False, UNASKED)


@pytest.mark.parametrize("control", [Control.RETRY, Control.CONTINUE, Control.UP])
async def test_what_is_forgotten_has_no_buttons_any_more(cut, control):
    await cut.threads.forget(Scope(KEY.workspace, KEY.channel, KEY.thread))

    assert outcome(await cut.questions.ingest(press(control))) == (False, False, GONE)


async def test_retry_by_somebody_else_is_left_for_the_platform_to_say_who_may(answered):
    receipt = await answered.questions.ingest(press(Control.RETRY, person="U2"))
    command = await claim(answered)

    assert outcome(receipt) == (True, True, "")
    assert (command.question.command, command.question.values) == ("retry", {"reply": "1"})
    assert await answered.questions.retry_reply(command.question, "1") == AGAIN
    assert (await claim(answered)).question.name == "1"


async def test_a_command_that_let_it_be_tried_again_and_died_does_so_once(answered, clock):
    await answered.questions.ingest(press(Control.RETRY, person="U2"))
    command = await claim(answered)
    await answered.questions.retry_reply(command.question, "1")
    clock.tick(PAST)

    assert (await claim(answered, "q")).final_text == FinalText(AGAIN, notice=True)


async def test_the_newest_reply_of_a_thread_is_what_nothing_else_is_named(answered):
    await answered.questions.ingest(asked("3"))
    await answer(answered, pages=("4",))
    await answered.questions.ingest(asked("5"))

    assert await answered.questions.find_reply(KEY, Control.RETRY) == Asked("3", frozenset({"U1"}))
    assert await answered.questions.find_reply(KEY, Control.STOP) == Asked("5", frozenset({"U1"}))
    assert await answered.questions.find_reply(thread("9"), Control.RETRY) is None


async def test_what_was_tried_again_and_stopped_before_anybody_began_says_what_it_said(answered):
    await answered.questions.ingest(press(Control.RETRY))
    await answered.questions.ingest(press(Control.STOP, name="p2"))

    assert (await answered.threads.thread(KEY)).replies == {"1": FinalText("Blue.")}
    assert await claim(answered) is None


async def test_who_dies_while_trying_again_leaves_the_pages_and_the_old_words_to_the_next(answered, clock):
    await answered.questions.ingest(press(Control.RETRY))
    await claim(answered)
    clock.tick(PAST)

    following = await claim(answered, "q")

    assert (following.pages, following.earlier, following.resumed) == (("2",), FinalText("Blue."), True)


# While an answer is being shown to its end: its final text is stored and stands there with its buttons


async def show(store, final):
    """Question 1, whose answer stands on page 2 in its final text, and is not closed yet; its claim."""
    await store.questions.ingest(asked("1"))
    claimed = await claim(store)
    await store.questions.record_page(claimed, "2", at(2))
    await store.questions.store_final_text(claimed, final)
    return claimed


@pytest.mark.parametrize("person", ["U1", "U2"])
async def test_retry_of_what_is_just_ending_waits_for_its_end(store, person):
    ending = await show(store, FinalText("Blue."))

    receipt = await store.questions.ingest(press(Control.RETRY, person=person))
    command = await claim(store)
    early = await store.questions.retry_reply(command.question, "1")
    await store.questions.close(ending, Outcome.SHOWN)
    late = await store.questions.retry_reply(command.question, "1")

    assert (outcome(receipt), command.question.command) == ((True, True, ""), "retry")
    assert (early, late) == (None, AGAIN)
    assert (await claim(store)).earlier == FinalText("Blue.")


async def test_what_is_just_ending_goes_on_when_it_has_ended_and_is_rated_at_once(store):
    ending = await show(store, CUT)

    went_on = await store.questions.ingest(press(Control.CONTINUE, name="p1"))
    rated = await store.questions.ingest(press(Control.UP, name="p2"))
    waiting = await claim(store)
    await store.questions.close(ending, Outcome.SHOWN)

    assert (outcome(went_on), waiting) == ((True, True, ""), None)
    assert outcome(rated) == (True, False, NOTED.format("👍"))
    assert (await claim(store)).question.continues == "1"


@pytest.mark.parametrize(
    ("control", "question", "private", "note"),
    [
        (Control.STOP, "1", False, ENDED),
        (Control.STOP, None, False, ""),
        (Control.POST, "5", True, ENDS),
    ],
    ids=["stop", "stop of a thread", "post"],
)
async def test_what_can_not_be_done_with_an_answer_that_is_just_ending_is_said(store, control, question, private, note):
    if private:
        await store.questions.ingest(about())
        await store.questions.store_final_text(await claim(store), FinalText("Blue."))
    else:
        await show(store, FinalText("Blue."))

    assert (await store.questions.ingest(press(control, question))).note == note


async def test_a_second_press_while_the_first_is_carried_out_says_what_is_going_on(store):
    await store.questions.ingest(asked("1"))
    stopped = await claim(store)
    await store.questions.ingest(press(Control.STOP))
    again = await store.questions.ingest(press(Control.STOP, name="p2"))
    thread_again = await store.questions.ingest(press(Control.STOP, None, name="p3"))
    await store.questions.store_final_text(stopped, CUT)
    await store.questions.close(stopped, Outcome.WITHDRAWN)
    await store.questions.ingest(press(Control.RETRY, name="p4"))
    tried_twice = await store.questions.ingest(press(Control.RETRY, name="p5"))

    assert [outcome(one) for one in (again, thread_again)] == [(False, False, STOPPED), (False, False, ENDED)]
    assert outcome(tried_twice) == (False, False, GROWS)


# Continue


async def test_continue_is_a_question_of_who_pressed(cut):
    receipt = await cut.questions.ingest(press(Control.CONTINUE, person="U2"))

    assert outcome(receipt) == (True, True, "")
    assert (await claim(cut)).question == Question(KEY, "p1", "U2", at(50), address='{"press": 1}', continues="1")


@pytest.mark.parametrize("name", ["p1", "p2"], ids=["redelivered", "pressed twice"])
@pytest.mark.parametrize("done", [False, True], ids=["while it goes on", "when it went on"])
async def test_an_answer_goes_on_once(cut, name, done):
    await cut.questions.ingest(press(Control.CONTINUE))
    if done:
        await answer(cut, pages=("60",))

    receipt = await cut.questions.ingest(press(Control.CONTINUE, name=name, person="U2"))

    assert outcome(receipt) == (False, False, "" if name == "p1" else NOT_NEWEST[Control.CONTINUE])
    assert (await cut.questions.count_open())[0] == (not done)


async def test_an_answer_goes_on_after_somebody_else_was_refused_to_let_it(cut):
    await cut.questions.ingest(press(Control.CONTINUE))
    await answer(cut, FinalText("No money.", notice=True), pages=("60",), outcome=Outcome.REFUSED)

    assert outcome(await cut.questions.ingest(press(Control.CONTINUE, name="p2", person="U2"))) == (True, True, "")


async def test_a_whole_answer_does_not_go_on(answered):
    assert outcome(await answered.questions.ingest(press(Control.CONTINUE))) == (False, False, NOT_CUT)


async def test_an_older_answer_does_not_go_on(cut):
    await cut.questions.ingest(asked("3"))

    assert outcome(await cut.questions.ingest(press(Control.CONTINUE))) == (False, False, NOT_NEWEST[Control.CONTINUE])


async def test_what_is_asked_meanwhile_gets_an_answer_of_its_own(cut):
    await cut.questions.ingest(press(Control.CONTINUE))
    await cut.questions.ingest(asked("60"))
    first = await claim(cut)
    joined = await cut.questions.join_waiting(first)
    await cut.questions.close(first, Outcome.SHOWN)

    assert (names(first), names(joined), names(await claim(cut))) == (["p1"], ["p1"], ["60"])


async def test_where_an_answer_goes_on_is_told_with_it(cut):
    await cut.questions.ingest(press(Control.CONTINUE))
    await answer(cut, FinalText("and more"), pages=("60",))

    assert (await cut.threads.thread(KEY)).replies == {"1": CUT, "p1": FinalText("and more", continues="1")}


async def test_the_reply_chain_of_an_answer_that_goes_on_is_that_of_its_beginning(store):
    """1 is answered by 2, which 3 replies to: that is cut, 4, and goes on, 60. 7 replies to 2 as well."""
    for number, parent in (("1", None), ("7", "2"), ("3", "2")):
        await store.questions.ingest(asked(message(number, parent=parent)))
        reply = str(int(number) + 1)
        await answer(store, CUT, pages=(reply,))
        await store.questions.ingest(said(page(reply, number, "words", parent=number)))
    await store.questions.ingest(press(Control.CONTINUE, "3"))
    before = await store.threads.thread(KEY, branch="p1")
    await answer(store, pages=("60",))
    await store.questions.ingest(said(page("60", "p1", "Blue.", parent="4")))

    after = await store.threads.thread(KEY, branch="60")

    assert [one.id for one in before.messages] == ["1", "2", "3", "4"]
    assert [one.id for one in after.messages] == ["1", "2", "3", "4", "60"]
    assert set(after.replies) == {"1", "3", "p1"}


@pytest.mark.parametrize("early", [False, True], ids=["told later", "told before we wrote it down"])
async def test_a_page_answers_what_we_say_it_does_whatever_the_platform_takes_it_for(cut, early):
    """On Discord the page that goes on replies to the page that was cut."""
    await cut.questions.ingest(press(Control.CONTINUE))
    told = said(page("60", "2", "and more", parent="2"))
    if early:
        await cut.questions.ingest(told)
    await answer(cut, FinalText("and more"), pages=("60",))
    if not early:
        await cut.questions.ingest(told)

    assert [one.answers for one in (await cut.threads.thread(KEY)).messages] == [None, "1", "p1"]


async def test_the_rest_of_what_is_forgotten_is_forgotten_whoever_let_it_go_on(cut):
    await cut.questions.ingest(press(Control.CONTINUE, person="U2"))
    await answer(cut, replace(CUT, text="secret"), pages=("60",))
    await cut.questions.ingest(press(Control.CONTINUE, "p1", person="U3", name="p2", seconds=70))
    await answer(cut, FinalText("secret"), pages=("80",))

    await cut.threads.forget(Scope(KEY.workspace, KEY.channel, KEY.thread, "U1"))

    thread = await cut.threads.thread(KEY)
    assert (thread.messages, thread.replies) == ((), {})


# Feedback

EVER = at(-9999)


async def count(store, person: str | None = None, **scope) -> Votes:
    return await store.ledger.count_votes(Scope(KEY.workspace, person=person, **scope), EVER)


async def test_the_latest_vote_of_a_person_counts(answered):
    told = [
        outcome(await answered.questions.ingest(press(control, person=person, name=f"p{number}", seconds=number)))
        for number, (control, person) in enumerate(
            [(Control.UP, "U1"), (Control.UP, "U2"), (Control.DOWN, "U3"), (Control.DOWN, "U2")], 50
        )
    ]

    assert told == [(True, False, NOTED.format(one)) for one in "👍👍👎👎"]
    assert await count(answered) == Votes(1, 2)


async def test_a_vote_that_comes_late_or_again_changes_nothing(answered):
    await answered.questions.ingest(press(Control.UP, name="p1", seconds=50))
    await answered.questions.ingest(press(Control.DOWN, name="p2", seconds=60))
    again = await answered.questions.ingest(press(Control.UP, name="p1", seconds=50))

    assert (again.new, await count(answered)) == (False, Votes(0, 1))


async def test_votes_are_counted_where_and_since_when_they_are_asked_for(answered):
    await answered.questions.ingest(press(Control.UP, person="U2"))

    assert await count(answered, person="U1") == Votes(1, 0)
    assert await count(answered, person="U2") == Votes()  # whose vote it is, and not whose answer
    assert await count(answered, channel="C2") == Votes()
    assert await answered.ledger.count_votes(Scope(KEY.workspace), at(50) + timedelta(seconds=1)) == Votes()


async def test_nobody_votes_on_a_refusal(store):
    await store.questions.ingest(asked("1"))
    await answer(store, FinalText("Oh.", notice=True), outcome=Outcome.REFUSED)

    assert outcome(await store.questions.ingest(press(Control.UP))) == (False, False, GONE)


@pytest.mark.parametrize("person", ["U1", "U2", None], ids=["who asked", "who voted", "everybody"])
async def test_votes_go_with_what_is_forgotten(answered, person):
    await answered.questions.ingest(press(Control.UP, person="U2"))

    await answered.threads.forget(Scope(KEY.workspace, KEY.channel, KEY.thread, person))

    assert await count(answered) == Votes()


async def test_a_vote_is_kept_with_the_persona_and_the_model_of_its_answer(connection, kept):
    await kept.questions.ingest(asked("1"))
    planned = PlannedRequest(KEY, "1", "U1", "claude-a", 3, 10, 10, at(1))
    await kept.ledger.reserve(planned, [])
    await kept.ledger.reserve(replace(planned, model="claude-title", persona_wide=None), [])
    await answer(kept)
    await kept.questions.ingest(press(Control.DOWN, person="U2"))

    (vote,) = await connection.unit(lambda sql: sql.many("SELECT * FROM votes", {}))
    assert (vote["persona"], vote["model"], vote["positive"]) == (3, "claude-a", False)


async def test_a_command_has_no_answer_to_try_again(store):
    await store.questions.ingest(asked("1"))
    await answer(store)
    await store.questions.ingest(commanded("k1"))
    command = await claim(store)
    await store.questions.store_final_text(command, FinalText("Costs.", notice=True))
    await store.questions.close(command, Outcome.CARRIED_OUT)

    assert outcome(await store.questions.ingest(press(Control.RETRY, "k1"))) == (False, False, GONE)
    assert await store.questions.find_reply(KEY, Control.RETRY) == Asked("1", frozenset({"U1"}))


@pytest.mark.parametrize("control", [Control.CONTINUE, Control.UP])
async def test_what_is_being_written_can_neither_go_on_nor_be_rated(store, control):
    await store.questions.ingest(asked("1"))

    assert outcome(await store.questions.ingest(press(control))) == (False, False, GROWS)


async def test_a_press_of_what_nobody_knows_says_so(store):
    assert outcome(await store.questions.ingest(press(Control.RETRY))) == (False, False, GONE)


@pytest.mark.parametrize("control", [Control.UP, Control.DOWN, Control.CONTINUE, Control.RETRY])
async def test_a_press_where_nothing_was_answered_yet_says_so(store, control):
    assert outcome(await store.questions.ingest(press(control, None))) == (False, False, NO_ANSWER)


# Stop without a question, as Slack's own


async def test_stop_of_a_thread_in_which_somebody_else_is_answered_is_left_for_the_platform_to_say_who_may(store):
    await store.questions.ingest(asked("1"))
    claimed = await claim(store)

    receipt = await store.questions.ingest(press(Control.STOP, None, person="U2"))
    command = await claim(store)

    assert outcome(receipt) == (True, True, "")
    assert (command.question.command, command.question.values) == ("stop", {"reply": "1"})
    assert claimed.id not in (await store.questions.heartbeat("p")).withdrawn


# Delete


def name_files(final):
    return [f"{len(final.text)}.txt"]


async def delete(store, name="1", command="p1"):
    return await store.questions.delete_reply(Question(KEY, command, "U1", at(50), command="delete"), name, name_files)


@pytest.mark.parametrize("person", ["U1", "U2"])
async def test_delete_leaves_a_command_of_whoever_pressed_once(answered, person):
    receipts = [await answered.questions.ingest(press(Control.DELETE, person=person)) for _ in range(2)]
    command = await claim(answered)

    assert [outcome(one) for one in receipts] == [(True, True, ""), (False, False, "")]
    assert (command.question.command, command.question.values) == ("delete", {"reply": "1"})
    assert command.question.private


async def test_a_deleted_answer_is_gone_from_the_thread_and_stays_so_with_a_row_in_the_audit_log(answered):
    await answered.questions.ingest(press(Control.DELETE))
    await claim(answered)
    deleted = await delete(answered)
    kept = await answered.threads.thread(KEY)

    assert deleted == DeletedReply(("2",), ("5.txt",))
    assert ([one.id for one in kept.messages], kept.replies, kept.stale) == (["1"], {}, True)
    (row,) = await answered.audit.newest(KEY.workspace, KEY.channel)
    assert (row.action, row.subject, row.actor) == ("answer.deleted", "1", "U1")
    assert row.read_details() == {"asker": "U1", "pages": 1}
    assert outcome(await answered.questions.ingest(press(Control.DELETE, name="p2"))) == (False, False, GONE)


async def test_what_is_left_to_take_away_is_told_again_to_the_same_command_also_to_another_process(answered):
    await answered.questions.ingest(press(Control.DELETE))
    await claim(answered)
    first = await delete(answered)
    await answered.questions.heartbeat("p", leaving=True)
    again = await claim(answered, "q")

    assert DeletedReply.parse(again.question.values) == first
    assert await delete(answered) == first
    assert len(await answered.audit.newest(KEY.workspace, KEY.channel)) == 1


async def test_an_answer_that_grows_is_stopped_before_it_is_deleted(store):
    await store.questions.ingest(asked("1"))
    growing = await claim(store)
    await store.questions.record_page(growing, "2", at(2))
    await store.questions.ingest(press(Control.DELETE))
    await claim(store)

    before = await delete(store)
    withdrawn = (await store.questions.heartbeat("p")).withdrawn
    await store.questions.store_final_text(growing, FinalText("Bl", cut=""))
    await store.questions.close(growing, Outcome.WITHDRAWN)

    assert (before, withdrawn) == (None, {growing.id})
    assert await delete(store) == DeletedReply(("2",), ("2.txt",))


# Post in the channel


def about(name="5", **more):
    """A private question about message 3, whose thread is 1."""
    values = {"message": "3", "thread": "1"}
    return asked(name, thread(name), alone=True, private=True, values=values, **more)


@pytest.fixture
async def private(store):
    await store.questions.ingest(about())
    await answer(store, pages=())
    return store


async def test_a_private_answer_about_a_message_is_posted_in_that_messages_thread_once(private):
    receipts = [await private.questions.ingest(press(Control.POST, "5", name=name)) for name in ("p1", "p1", "p2")]
    posted = await claim(private)

    assert [outcome(one) for one in receipts] == [(True, True, POSTED), (False, False, ""), (False, False, VISIBLE)]
    assert posted.final_text == FinalText("Blue.")
    assert posted.question == Question(
        KEY, "5", "U1", at(50), address='{"press": 1}', alone=True, values={"message": "3", "thread": "1"}
    )
    assert await claim(private) is None


async def test_what_was_posted_is_told_in_its_thread_like_any_answer(private):
    await private.questions.ingest(press(Control.POST, "5"))
    posted = await claim(private)
    await private.questions.record_page(posted, "6", at(60))
    await private.questions.close(posted, Outcome.SHOWN)
    kept = await private.threads.thread(KEY)

    assert [(one.id, one.answers) for one in kept.messages] == [("6", "5")]
    assert kept.replies["5"].text == "Blue."


async def test_nobody_else_posts_a_private_answer_nor_before_it_is_there(store):
    await store.questions.ingest(about())
    early = await store.questions.ingest(press(Control.POST, "5"))
    await answer(store, pages=())
    others = await store.questions.ingest(press(Control.POST, "5", person="U2"))

    assert (outcome(early), outcome(others)) == ((False, False, GROWS), (False, False, ONLY_ASKER))


async def test_an_answer_about_a_message_that_was_deleted_meanwhile_is_not_kept(store):
    await store.questions.ingest(about())
    await store.questions.ingest(deleted("3"))
    await answer(store, pages=())

    assert outcome(await store.questions.ingest(press(Control.POST, "5"))) == (False, False, GONE)


SCOPES = {
    "its thread is forgotten": Scope(KEY.workspace, KEY.channel, KEY.thread, None),
    "its author forgets": Scope(KEY.workspace, None, None, "U2"),
    "its channel is forgotten": Scope(KEY.workspace, KEY.channel, None, None),
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
@pytest.mark.parametrize("begun", [True, False], ids=["while it is written", "before it is written"])
async def test_an_answer_about_what_is_forgotten_meanwhile_is_not_kept(store, scope, begun):
    await store.questions.ingest(about())
    held = await claim(store) if begun else None
    await store.threads.forget(scope)
    held = held or await claim(store)
    if held:
        await store.questions.store_final_text(held, FinalText("Blue."))
        await store.questions.close(held, Outcome.SHOWN)

    assert outcome(await store.questions.ingest(press(Control.POST, "5"))) == (False, False, GONE)


ENDS = ["the message is deleted", "the asker forgets", "its thread is forgotten", "its author forgets", "a day passes"]


@pytest.mark.parametrize("end", ENDS)
async def test_a_private_answer_is_kept_no_longer_than_it_may_be_posted(private, clock, end):
    if end == "the message is deleted":
        await private.questions.ingest(deleted("3"))
    elif end == "the asker forgets":
        await private.threads.forget(Scope(KEY.workspace, KEY.channel, None, "U1"))
    elif end == "its thread is forgotten":
        await private.threads.forget(Scope(KEY.workspace, KEY.channel, KEY.thread, None))
    elif end == "its author forgets":
        await private.threads.forget(Scope(KEY.workspace, None, None, "U2"))
    else:
        clock.tick(86_401)
        await private.questions.heartbeat("p")

    assert outcome(await private.questions.ingest(press(Control.POST, "5"))) == (False, False, GONE)


@pytest.mark.parametrize("final", [FinalText("A budget is used up.", notice=True), FinalText("")])
async def test_a_refusal_is_not_kept_to_be_posted(store, final):
    await store.questions.ingest(about())
    await answer(store, final, pages=(), outcome=Outcome.REFUSED)

    assert outcome(await store.questions.ingest(press(Control.POST, "5"))) == (False, False, GONE)


async def test_a_private_question_about_no_message_leaves_nothing_to_post(store):
    await store.questions.ingest(asked("5", thread("5"), alone=True, private=True))
    await answer(store, pages=())

    assert outcome(await store.questions.ingest(press(Control.POST, "5"))) == (False, False, GONE)
