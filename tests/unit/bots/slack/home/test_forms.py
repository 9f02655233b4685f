"""Forms of the home tab: what Slack takes of them, and the commands that they give."""

import json

import pytest

from bots.slack.home.forms import LONG, build_form, build_refusal, find_form, parse_submission
from core.billing.budgets import Budget, BudgetStatus, Period
from core.billing.ledger_rows import DIRECT, Scope
from core.commands.overview import PlaceOverview
from core.domain.events import Commanded
from core.domain.messages import ThreadKey
from core.domain.personas import Persona, Place, Version
from tests.fakes.slack import view_rules
from tests.support.commands import NOW
from tests.support.home_page import render_view

W = "slack:T1"
WORDS = ["persona set", "persona tune", "budget set"]


def held(channel: str, persona: Persona, *budgets: tuple[Scope, int]) -> PlaceOverview:
    where = Place(W, channel)
    found = tuple(BudgetStatus(Budget(one, Period.WEEK, micro, "UTC", "U1", NOW, 4), 0, NOW) for one, micro in budgets)
    return PlaceOverview(where, Version(where, 3, persona, "U1", NOW), found, 4)


FULL = held(
    "C1",
    Persona("p" * 3_000, "m" * 100, "low", 900, tools="t" * 900, files="never", prompts="q" * 1_200),
    (Scope(W, "C1"), 12_500_000),
)


def submit(view, changed, user="U1"):
    """A submission in which the fields hold what the view shows, or what is `changed`."""
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            name = element["action_id"]
            shown = element.get("initial_value") or element.get("initial_option", {}).get("value")
            value = changed.get(name, shown) or None
            chosen = {"selected_option": {"value": value} if value else None}
            values[name] = {name: chosen if element["type"] == "static_select" else {"value": value}}
    shown = {**view, "id": "V1", "hash": "h1", "state": {"values": values}}
    return {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": user}, "view": shown}


def give(words, place, channel="C1", **changed):
    return parse_submission(submit(build_form(find_form(words, place, channel)), changed), NOW)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("place", [FULL, PlaceOverview(Place(W, "C1")), PlaceOverview(Place(W))])
def test_every_form_is_one_that_slack_takes(words, place):
    view_rules.check(build_form(find_form(words, place, "C1")), "modal")
    view_rules.check(build_refusal(), "modal")


def test_a_form_shows_what_holds():
    tune = list(render_view(build_form(find_form("persona tune", FULL, "C1"))))

    assert "Effort: low" in tune
    assert "Longest answer: 900" in tune
    budget = list(render_view(build_form(find_form("budget set", FULL, "C1"))))
    assert budget[1:] == ["Amount in US dollars: 12.5", "For each: week"]


@pytest.mark.parametrize(
    ("words", "command"),
    [("persona set", "persona clear where=workspace"), ("budget set", "budget clear of=workspace")],
)
def test_a_form_names_the_command_that_takes_back_what_it_sets_there(words, command):
    whole, channel = [
        next(render_view(build_form(find_form(words, PlaceOverview(Place(W, one)), "C1")))) for one in ("", "C1")
    ]

    assert f"`/confab {command}`" in whole
    assert f"`/confab {command.partition(' w')[0].partition(' of')[0]}`" in channel


def test_a_persona_longer_than_a_field_is_not_cut():
    place = held("C1", Persona("p" * 3_001))
    head, *fields = render_view(build_form(find_form("persona set", place, "C1")))

    assert LONG.strip() in head
    assert fields == ["Persona: ", "Reason: "]


def test_saving_gives_the_ordinary_command_with_the_version_that_was_shown():
    (given,) = give("persona set", FULL, text="Be brief.")

    assert given == Commanded(
        id=given.id,
        key=ThreadKey(W, "C1", ""),
        person="U1",
        line="persona set",
        at=NOW,
        values={"text": "Be brief.", "seen": "3"},
        address=json.dumps({"url": "", "home": True}),
        by_form=True,
    )


def test_a_form_that_is_sent_again_is_the_same_command_and_with_other_values_another_one():
    first, again, other = (
        give("persona set", FULL, text=text)[0].id for text in ("Be brief.", "Be brief.", "Be long.")
    )

    assert first == again != other
    assert first.startswith("V1.")


def test_for_the_workspace_the_command_says_so_and_is_answered_in_the_direct_message():
    whole = held("", Persona(effort="low"), (Scope(W, DIRECT), 1), (Scope(W), 5_000_000))
    (persona,) = give("persona tune", whole, "D1", effort="high")
    (budget,) = give("budget set", whole, "D1", amount="7")

    assert persona.key == budget.key == ThreadKey(W, "D1", "")
    assert persona.values == {"effort": "high", "where": "workspace", "seen": "3"}
    assert budget.values == {"amount": "7", "per": "week", "of": "workspace", "seen": "4"}


def test_what_is_as_it_was_is_not_given_and_what_was_emptied_goes_back_to_the_default():
    assert give("persona tune", FULL) == []
    (command,) = give("persona tune", FULL, model="", effort="default")

    assert command.values == {"model": "default", "effort": "default", "seen": "3"}


@pytest.mark.parametrize("words", ["forget", "audit", "x"])
def test_no_other_command_has_a_form(words):
    with pytest.raises(LookupError):
        find_form(words, FULL, "C1")
