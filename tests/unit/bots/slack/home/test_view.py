"""View of the home tab: what Slack takes of it, and that nobody's words become markup."""

from bots.slack.home.view import CHANNELS, build_home
from core.commands.overview import Overview, PlaceOverview, WorkspaceOverview
from core.domain.personas import Persona, Place, Version
from tests.fakes.slack import view_rules
from tests.support.commands import NOW
from tests.support.home_page import render_view

LOUD = "<!channel> <@U0ADA> & " * 40


def place(channel: str, persona: Persona | None = None) -> PlaceOverview:
    where = Place("slack:T1", channel)
    return PlaceOverview(where, Version(where, 1, persona, "U1", NOW) if persona else None)


def test_the_largest_home_is_one_that_slack_takes():
    loud = Persona(LOUD, model="m" * 200, tools="t" * 900)
    many = tuple(place(f"C{number}", loud) for number in range(CHANNELS))
    whole = WorkspaceOverview(place("", loud), "Total.", 3)
    view = build_home(Overview("Usage.", ("Limit.",) * 20, many, 460, whole), "D1")

    view_rules.check(view, "home")
    assert len(view["blocks"]) <= 100
    assert list(render_view(view))[-1] == (
        "And 460 more channels: `/confab persona show` and `/confab budget show` tell of each."
    )


def test_words_of_a_persona_are_no_markup():
    lines = list(render_view(build_home(Overview("Usage.", (), (place("C1", Persona(LOUD)),)), "D1")))

    assert not any("<!" in line or "<@" in line for line in lines)
    assert "*<#C1>*" in lines


def test_who_manages_nothing_has_no_button():
    view = build_home(Overview("Usage."), "D1")

    assert [block["type"] for block in view["blocks"]] == ["section", "header", "section"]
    assert view["private_metadata"] == "D1"


def test_a_guests_home_says_that_members_ask():
    assert list(render_view(build_home(None)))[-1].startswith("Only members of this workspace can ask me.")
