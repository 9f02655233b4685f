"""The home tab in Slack, end to end: what it tells whom, and the commands that its forms give.

Tests bots.slack.home, bots.slack.home.field_errors, core.commands.rehearsal.
"""

from dataclasses import replace

import pytest

from core.domain.clock import system_clock
from core.domain.personas import Persona, Place
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import BOT, Channel
from tests.support.home_page import open_home, press_home, read_home, render_view, save_form, send_form
from tests.support.slack_house import at_home

TEAM = "slack:T024"


@pytest.fixture
async def alone():
    """A house by Socket Mode alone, for what both ways do the same."""
    async with at_home() as house:
        yield house


async def command(home, user: str, channel: str, line: str) -> None:
    await home.slack.acked(await home.slack.command(user, channel, "/confab", line))
    await home.rest()


async def ask(home, user: str, channel: str) -> None:
    asked = len(home.asked)
    await home.slack.say(user, channel, "<@U0BOT> hello")
    await home.answered(asked + 1)


async def test_a_member_sees_their_own_usage_and_nobody_elses(home):
    await command(home, "ada", "dev", "budget set 3 person=<@U0BOB>")
    await ask(home, "bob", "dev")
    bob, cy = await open_home(home, "bob"), await open_home(home, "cy")

    assert any(": 1 request to Claude, $0.0" in line for line in bob)
    assert any(line.startswith("Your budget of $3.00 a month: $0.0") for line in bob)
    assert any(": 0 requests to Claude, $0.00." in line for line in cy)
    assert not any("$3.00" in line or "[" in line for line in cy)


async def test_a_manager_edits_a_persona_by_a_form_and_the_audit_log_has_it(home):
    await command(home, "ada", "dev", "persona set Be a pirate.")
    await open_home(home, "ada")
    form = await press_home(home, "ada", "persona set", "C0DEV")
    await save_form(home, "ada", form, text="Be a poet.")
    await ask(home, "bob", "dev")

    newest, *_ = await home.store.audit.newest(TEAM, "C0DEV")
    assert "Persona: Be a pirate." in render_view(form.payload)
    assert "Be a poet." in home.system()
    assert (newest.actor, newest.action, newest.subject) == ("U0ADA", "persona.set", "2")
    assert [one.text for one in home.slack.visible("dev", "cy") if "Be a poet." in one.text] == [
        "This channel has this persona from its next answer on. Set by Ada.\n\n> Be a poet."
    ]


async def test_a_manager_sets_a_budget_by_a_form_and_the_next_home_has_it(home):
    await open_home(home, "ada")
    await save_form(home, "ada", await press_home(home, "ada", "budget set", "C0DEV"), amount="12.50", per="week")
    shown = await open_home(home, "ada")

    newest, *_ = await home.store.audit.newest(TEAM, "C0DEV")
    assert newest.action == "budget.set"
    assert shown[shown.index("*<#C0DEV>*") + 2] == "Budget: $0.00 of $12.50 a week (0 %)"


async def test_what_a_form_leaves_as_it_was_is_not_given_and_what_it_empties_is_taken_back(alone):
    await command(alone, "ada", "dev", "persona tune effort=low max_tokens=900 files=never")
    await open_home(alone, "ada")
    form = await press_home(alone, "ada", "persona tune", "C0DEV")
    await save_form(alone, "ada", form)
    unchanged = await alone.store.personas.persona(Place(TEAM, "C0DEV"))
    form = await press_home(alone, "ada", "persona tune", "C0DEV")
    await save_form(alone, "ada", form, max_tokens="", effort="high")
    changed = await alone.store.personas.persona(Place(TEAM, "C0DEV"))

    assert unchanged.number == 1
    assert (changed.number, changed.persona) == (2, Persona(effort="high", files="never"))


WRONG = [
    ("persona tune", "model", "claude-haiku-5-6", "There is no model claude-haiku-5-6. Did you mean "),
    ("persona tune", "max_tokens", "many", "Must be a whole number; many is not."),
    ("persona tune", "max_tokens", "2000000", "Must be a number of tokens from 1 to 1,000,000."),
    ("persona tune", "tools", "teapot", "There is no tool teapot"),
    ("budget set", "amount", "much", "Must be an amount of US dollars such as 25 or 12.50; much is not."),
    ("budget set", "amount", " ", "Fill this in: US dollars."),
    ("persona set", "text", " ", "Fill this in: the system prompt, in your own words."),
]


@pytest.mark.parametrize(("words", "name", "value", "says"), WRONG, ids=[f"{one[1]} {one[2]}" for one in WRONG])
async def test_a_value_that_can_not_be_used_is_told_below_its_field_and_the_form_stays(alone, words, name, value, says):
    await open_home(alone, "ada")
    errors = await save_form(alone, "ada", await press_home(alone, "ada", words, "C0DEV"), **{name: value})

    assert list(errors) == [name]
    assert errors[name].startswith(says)
    assert alone.slack.visible("dev", "ada") == []
    assert [await alone.store.personas.persona(Place(TEAM, "C0DEV")), await count_budgets(alone)] == [None, 0]


async def count_budgets(home) -> int:
    return len((await home.store.ledger.budgets(TEAM, system_clock())).statuses)


async def test_a_form_that_stays_open_can_be_saved_with_another_value(home):
    await open_home(home, "ada")
    form = await press_home(home, "ada", "budget set", "C0DEV")
    first = await save_form(home, "ada", form, amount="much")
    second = await save_form(home, "ada", form, amount="5")

    assert (list(first), second) == (["amount"], {})
    assert await count_budgets(home) == 1


async def test_a_home_is_shown_anew_after_a_form_was_saved(home):
    before = await open_home(home, "ada")
    await save_form(home, "ada", await press_home(home, "ada", "budget set", "C0DEV"), amount="5")
    await home.slack.until(lambda: read_home(home, "ada") != before)

    shown = read_home(home, "ada")
    assert shown[shown.index("*<#C0DEV>*") + 2] == "Budget: $0.00 of $5.00 a month (0 %)"


async def test_a_form_about_a_persona_that_was_changed_meanwhile_changes_nothing_and_says_so(home):
    await open_home(home, "ada")
    form = await press_home(home, "ada", "persona set", "C0DEV")
    await command(home, "ada", "dev", "persona set Newer.")
    errors = await save_form(home, "ada", form, text="Older.")

    assert errors["text"].startswith("Somebody else changed this persona after you had opened the form")
    assert (await home.store.personas.persona(Place(TEAM, "C0DEV"))).persona.system == "Newer."


def list_answers(home, key: str) -> list:
    """What Slack was answered, each time that it sent this."""
    return [one.payload for one in home.slack.outbox.acks if one.id == key]


async def test_a_form_that_slack_sends_twice_is_taken_once_and_no_fault_is_found_in_what_it_did_itself(alone):
    await open_home(alone, "ada")
    form = await press_home(alone, "ada", "persona set", "C0DEV")
    key = await send_form(alone, "ada", form, text="Be a poet.")
    await alone.slack.acked(key)
    await alone.rest()
    alone.slack.outbox.again(key)
    await alone.slack.until(lambda: len(list_answers(alone, key)) == 2)
    await alone.rest()

    assert list_answers(alone, key) == [{}, {}]
    held = await alone.store.personas.persona(Place(TEAM, "C0DEV"))
    assert (held.number, held.persona.system) == (1, "Be a poet.")


async def test_a_form_that_was_said_to_have_failed_and_is_sent_again_with_other_words_is_not_taken_for_the_first(alone):
    await open_home(alone, "ada")
    form = await press_home(alone, "ada", "persona set", "C0DEV")
    keys = [await send_form(alone, "ada", form, text=text) for text in ("Be a poet.", "Be a pirate.")]
    for key in keys:
        await alone.slack.acked(key)
    await alone.rest()
    held = await alone.store.personas.persona(Place(TEAM, "C0DEV"))
    told = [str(list_answers(alone, key)) for key in keys] + [one.text for one in alone.slack.visible("dev", "ada")]

    assert (held.number, held.persona.system) == (1, "Be a poet.")
    assert any("changed" in one and "persona" in one for one in told)


async def test_a_form_about_a_budget_that_was_changed_meanwhile_changes_nothing_and_says_so(alone):
    await open_home(alone, "ada")
    form = await press_home(alone, "ada", "budget set", "-")
    await command(alone, "ada", "dev", "budget set 9 of=workspace per=day")
    errors = await save_form(alone, "ada", form, amount="100")
    shown = await open_home(alone, "ada")

    assert errors["amount"].startswith("Somebody else changed this budget after you had opened the form")
    assert "Budget: $0.00 of $9.00 a day (0 %)" in shown


async def test_a_bystanders_forged_submission_is_refused(home):
    await open_home(home, "ada")
    channel, whole = [await press_home(home, "ada", "persona set", place) for place in ("C0DEV", "-")]
    errors = [await save_form(home, "bob", form, text="Obey Bob.") for form in (channel, whole)]

    assert errors == [
        {"text": "Only those who manage this channel can use persona set."},
        {"text": "Only those who manage the whole workspace can set its persona."},
    ]
    assert await home.store.personas.newest([Place(TEAM, "C0DEV"), Place(TEAM)]) == [None, None]


@pytest.mark.parametrize("place", ["C0DEV", "G0SEC", "G0NOT", "-"])
async def test_a_bystanders_forged_press_opens_no_form_and_tells_nothing(alone, place):
    await command(alone, "ada", "secrets", "persona set The secret is 42.")
    await open_home(alone, "cy")
    form = await press_home(alone, "cy", "persona set", place)

    (said,) = render_view(form.payload)
    assert said.startswith("Slack says that you don't manage this place")


async def test_a_private_channel_is_not_named_to_an_owner_who_is_not_in_it(alone):
    people = alone.slack.world.people
    people["U0CY"] = replace(people["U0CY"], admin=True)
    await command(alone, "ada", "secrets", "persona set The secret is 42.")
    ada, cy = await open_home(alone, "ada"), await open_home(alone, "cy")

    assert "*<#G0SEC>*" in ada
    assert "*<#C0DEV>*" in cy
    assert not any("G0SEC" in line or "42" in line or "C0OUT" in line or "G0NOT" in line for line in cy)


async def test_who_made_a_channel_manages_that_one_alone(alone):
    channels = alone.slack.world.channels
    channels["C0DEV"] = replace(channels["C0DEV"], creator="U0BOB")
    shown = await open_home(alone, "bob")

    assert [line for line in shown if "<#" in line] == ["*<#C0DEV>*"]
    assert "# This workspace" not in shown


async def test_a_guest_is_told_that_members_ask(alone):
    assert (await open_home(alone, "eve"))[-1].startswith("Only members of this workspace can ask me.")


async def test_three_hundred_channels_cost_two_questions_and_a_hundred_blocks_at_most(alone):
    for number in range(300):
        name = f"C1{number:03}"
        alone.slack.world.channels[name] = Channel(name, f"room-{number:03}", members=("U0ADA", BOT))
    await command(alone, "ada", "C1299", "persona set Be a pirate.")
    before = len(alone.slack.calls)
    shown = await open_home(alone, "ada")

    called = [call.method for call in alone.slack.calls[before:]]
    assert called.count("users.conversations") == 2
    assert len(called) <= 4
    assert len(alone.slack.world.homes["U0ADA"].payload["blocks"]) <= 100
    assert next(line for line in shown if "<#" in line) == "*<#C1299>*"
    assert shown[-1].startswith("And 264 more channels:")


async def test_the_same_home_is_not_published_twice_within_seconds_and_a_changed_one_is(alone):
    await open_home(alone, "ada")
    for _ in range(3):
        await alone.slack.open_home("ada")
    await command(alone, "ada", "dev", "budget set 7")
    await alone.slack.open_home("ada")  # one of those before may show it already
    await alone.slack.until(lambda: any("$7.00" in line for line in read_home(alone, "ada")))

    assert len(alone.slack.called("views.publish")) == 2


async def test_a_home_that_slack_does_not_take_leaves_answers_alone(alone):
    alone.slack.fail_next("views.publish", Fault(error="internal_error"), times=5)
    alone.slack.fail_next("users.conversations", Fault(error="ratelimited"), times=1)
    await alone.slack.open_home("ada")
    await ask(alone, "bob", "dev")
    await alone.slack.until(lambda: len(alone.slack.called("views.publish")) >= 3)

    assert "U0ADA" not in alone.slack.world.homes
    assert (await open_home(alone, "bob"))[0].startswith("*Ask me*")
    assert read_home(alone, "bob")
