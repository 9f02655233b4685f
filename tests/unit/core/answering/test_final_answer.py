"""Answers: what is said where Claude said it all, where it was cut, where somebody stopped it, and where it failed."""

from datetime import UTC, datetime

import pytest

from core.answering.final_answer import (
    Answer,
    apologize,
    choose_controls,
    conclude,
    cut_off,
    cut_short,
    decline,
    explain_error,
    keep_earlier,
    refuse,
    restore_answer,
)
from core.claude.client import Completion
from core.claude.errors import SENTENCES, ClaudeError
from core.commands.registry import RankTooLow, UsageError
from core.domain.controls import FEEDBACK, Control
from core.domain.errors import CannotAnswer, CannotShow, LeaseLost, StoreUnavailable
from core.domain.messages import File, FinalText, Outcome, Question, ThreadKey, Unanswered
from core.domain.personas import Persona
from core.domain.usage import Usage
from core.files.code_blocks import list_replaced_files
from core.rendering.reply_notes import append_note


def completion(stop: str, bounded: bool = False, category: str | None = None) -> Completion:
    return Completion("", stop, Usage(), "claude-haiku-5-5", "req_1", bounded=bounded, category=category)


@pytest.mark.parametrize(
    ("ended", "text", "answer"),
    [
        (completion("end_turn"), "Blue.", Answer("Blue.")),
        (completion("end_turn"), " \n", Answer("Claude had nothing to say to that.", Outcome.REFUSED)),
        (
            completion("refusal"),
            "Bl",
            Answer("Claude declines to answer this.", Outcome.REFUSED, unanswered=Unanswered.REFUSED),
        ),
        (
            completion("refusal", category="bio"),
            "",
            Answer("Claude declines to answer this (bio).", Outcome.REFUSED, unanswered=Unanswered.REFUSED),
        ),
        (
            completion("max_tokens"),
            "```py\nx = 1\n",
            Answer(
                append_note("```py\nx = 1\n", "This answer reached its longest length. Continue goes on from here."),
                cut="```py",
            ),
        ),
        (
            completion("max_tokens", bounded=True),
            "Blue",
            Answer(append_note("Blue", "A budget here is nearly used up and allowed no longer answer."), cut=""),
        ),
        (
            completion("max_tokens", bounded=True),
            "",
            Answer(
                "What is left of a budget here was too little for an answer. `budget show` tells more.",
                Outcome.REFUSED,
                unanswered=Unanswered.DECLINED,
            ),
        ),
        (
            completion("model_context_window_exceeded"),
            "Blue",
            Answer(append_note("Blue", "This thread fills all that claude-haiku-5-5 can read. Start a new one.")),
        ),
    ],
)
def test_the_final_text_says_why_claude_stopped(ended, text, answer):
    assert conclude(text, ended) == answer


def test_what_is_stopped_ends_with_what_was_said_so_far():
    assert cut_short("all", visible=True) == Answer(append_note("all", "Stopped."), Outcome.WITHDRAWN, cut="")


def test_what_is_stopped_before_its_first_word_says_nothing_unless_a_page_stands():
    assert cut_short("", visible=False) == Answer("", Outcome.WITHDRAWN)
    assert cut_short("", visible=True) == Answer(append_note("", "Stopped."), Outcome.WITHDRAWN)


@pytest.mark.parametrize(
    ("error", "whispered"),
    [
        (UsageError("Name a model."), True),
        (RankTooLow("Only owners may."), True),
        (CannotAnswer("I may not read this channel."), False),
    ],
)
def test_an_error_that_speaks_to_the_person_is_what_they_read_alone_if_they_gave_a_command(error, whispered):
    assert explain_error(error) == Answer(str(error), Outcome.REFUSED, whispered=whispered)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ClaudeError("overloaded", "m", "529"), SENTENCES["overloaded"]),
        (RecursionError("secret detail"), "Something went wrong on my side."),
    ],
)
def test_any_other_error_is_a_sentence_with_a_reference_to_the_log(error, sentence, caplog):
    answer = explain_error(error)

    reference = answer.text.removeprefix(f"{sentence} (reference ").removesuffix(")")
    assert answer == Answer(f"{sentence} (reference {reference})", Outcome.REFUSED)
    assert f"reference {reference}: {error}" in caplog.text


@pytest.mark.parametrize("error", [StoreUnavailable("full"), CannotShow("gone"), LeaseLost("theirs")])
def test_what_no_sentence_mends_is_raised(error):
    with pytest.raises(type(error)) as raised:
        explain_error(error)

    assert raised.value is error


CUT = Answer("Bl", cut="")
RETRY, CONTINUE, DELETE = Control.RETRY, Control.CONTINUE, Control.DELETE


@pytest.mark.parametrize(
    ("answer", "controls"),
    [
        (Answer("Blue."), (RETRY, *FEEDBACK, DELETE)),
        (CUT, (CONTINUE, RETRY, DELETE)),
        (cut_off("Blue.", "This thread is full."), (RETRY, *FEEDBACK, DELETE)),
        (cut_short("Bl", visible=True), (CONTINUE, RETRY, DELETE)),
        (cut_short("", visible=True), (RETRY, DELETE)),
        (cut_short("", visible=False), ()),
        (refuse("Claude is overloaded."), (RETRY, DELETE)),
        (refuse("Your own budget is used up.", whispered=True), ()),
        (decline("A budget is used up."), ()),
        (Answer("It costs nothing.", Outcome.CARRIED_OUT), ()),
    ],
    ids=lambda one: getattr(one, "text", ""),
)
def test_the_buttons_below_an_answer_follow_from_how_it_came_about(answer, controls):
    assert answer.controls == controls


@pytest.mark.parametrize("stopped", [cut_short("Bl", visible=True), cut_short("", visible=True), CUT, Answer("Blue.")])
def test_an_answer_that_is_restored_has_the_same_buttons(stopped):
    assert restore_answer(stopped.final_text).controls == stopped.controls


@pytest.mark.parametrize(
    ("earlier", "answer", "text"),
    [
        (FinalText("Blue."), Answer("Green."), "Green."),
        (FinalText("Blue."), cut_short("Gr", visible=True), append_note("Gr", "Stopped.")),
        (FinalText("Blue."), cut_short("", visible=True), "Blue."),
        (FinalText("Blue."), refuse("Oh."), append_note("Blue.", "This could not be answered anew. Oh.")),
        (FinalText("Oh.", notice=True), refuse("Oh again."), "Oh again."),
    ],
    ids=["answered", "stopped amid words", "stopped before any", "refused", "refused twice"],
)
def test_what_is_tried_again_in_vain_says_what_it_said(earlier, answer, text):
    assert keep_earlier(earlier, answer).text == text


@pytest.mark.parametrize("notice", [True, False])
def test_an_answer_is_restored_as_it_was_stored(notice):
    stored = FinalText("Blue.", notice, "7")

    assert restore_answer(stored).final_text == stored


CODE = "```python circle_area.py\nx = 1\n```"
FILE = File("circle_area.py", "text/plain", b"x = 1\n", told=True)


@pytest.mark.parametrize(
    ("answer", "persona", "files"),
    [
        (Answer(CODE), Persona(), (FILE,)),
        (Answer(CODE), Persona(files="auto"), (FILE,)),
        (Answer(CODE), Persona(files="never"), ()),
        (cut_short(CODE, visible=True), Persona(), (FILE,)),
        (refuse(CODE), Persona(), ()),
        (Answer("No.", unanswered=Unanswered.REFUSED), Persona(), ()),
        (Answer(CODE, Outcome.CARRIED_OUT, files=(File("a.csv", "text/csv", b"1"),)), Persona(files="never"), ...),
    ],
    ids=["default", "auto", "never", "stopped", "refused", "declined", "a command"],
)
def test_code_that_claude_names_is_a_file_of_its_answers_alone(answer, persona, files):
    assert answer.list_files(persona) == (answer.files if files is ... else files)


def test_an_answer_that_is_restored_has_the_same_files():
    assert restore_answer(Answer(CODE).final_text).list_files(Persona()) == (FILE,)


def test_what_goes_on_with_a_block_that_was_cut_is_no_file_also_where_it_is_restored():
    answer = Answer(CODE)

    assert answer.list_files(Persona(), reopened=True) == ()
    assert restore_answer(answer.final_text).list_files(Persona(), reopened=True) == ()
    assert list_replaced_files(answer.final_text, reopened=True) == ()
    assert list_replaced_files(answer.final_text) == (FILE,)


def test_two_apologies_have_two_references():
    assert apologize("Oh.", ValueError("a")) != apologize("Oh.", ValueError("a"))


def test_the_files_of_an_answer_that_is_given_anew_go_whatever_the_persona_says_today():
    earlier = FinalText("```py a.py\n1\n```")

    assert [file.name for file in list_replaced_files(earlier)] == ["a.py"]
    assert [file.name for file in list_replaced_files(FinalText("word " * 3_000))] == ["answer.md"]
    assert list_replaced_files(FinalText("no", notice=True)) == list_replaced_files(None) == ()


ABOUT = {"message": "7", "thread": "7"}


@pytest.mark.parametrize(
    ("answer", "more", "controls"),
    [
        (Answer("Blue."), {"private": True}, (Control.POST,)),
        (refuse("Claude is overloaded."), {"private": True}, ()),
        (Answer("Blue."), {}, (*FEEDBACK, DELETE)),
        (Answer("Blue."), {"values": {}}, (RETRY, *FEEDBACK, DELETE)),
    ],
    ids=["a private one can be posted", "a refusal can not", "a posted one can not be tried again", "another one"],
)
def test_the_buttons_below_an_answer_about_a_message_follow_from_who_sees_it(answer, more, controls):
    question = Question(ThreadKey("slack:T1", "C1", "1"), "1", "U1", datetime.now(UTC), **{"values": ABOUT, **more})

    assert choose_controls(question, answer) == controls
