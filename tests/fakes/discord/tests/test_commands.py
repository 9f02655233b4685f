"""The rules by which the loopback Discord takes application commands."""

from typing import Any

import pytest

from tests.fakes.discord.commands import check
from tests.fakes.discord.nouns import Json
from tests.fakes.discord.refusals import Refused


def command(**parts: Any) -> Json:
    return {"name": "ask", "description": "Ask", **parts}


def option(name: str = "what", kind: int = 3, **parts: Any) -> Json:
    return {"name": name, "description": "x", "type": kind, **parts}


def choices(count: int, size: int = 1) -> list[Json]:
    return [{"name": f"{number:0>{size}}", "value": "v" * size} for number in range(count)]


@pytest.mark.parametrize(
    "taken",
    [
        command(),
        command(options=[option(choices=choices(25))]),
        command(options=[option("show", 1, options=[option()])]),
        {"name": "Look At This", "type": 3},
        command(options=[option(f"o{number}") for number in range(25)]),
    ],
    ids=["plain", "25 choices", "a subcommand", "a message command", "25 options"],
)
def test_a_command_within_the_rules_is_taken(taken):
    check(taken, "0")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (command(name="Loud"), "0.name"),
        (command(name="x" * 33), "0.name"),
        (command(description=""), "0.description"),
        (command(colour=1), "0.colour"),
        (command(options=[option(kind=12)]), "0.options.0.type"),
        (command(options=[option(f"o{number}") for number in range(26)]), "0.options"),
        (command(options=[option(choices=choices(26))]), "0.options.0.choices"),
        (command(options=[option(), option()]), "0.options.1"),
        (command(options=[option(), option("then", required=True)]), "0.options.1"),
        (command(options=[option(), option("show", 1)]), "0.options"),
        (command(options=[option(choices=choices(1), autocomplete=True)]), "0.options.0"),
        (command(options=[option(f"o{n}", choices=choices(4, 100)) for n in range(10)]), "0"),
        ({"name": "Look", "type": 3, "description": "x"}, "0.description"),
    ],
    ids=[
        "upper case",
        "a long name",
        "no description",
        "an unknown field",
        "no such type",
        "26 options",
        "26 choices",
        "an option twice",
        "required after optional",
        "a subcommand beside an option",
        "choices and autocomplete",
        "more than 8000 characters",
        "a described context menu",
    ],
)
def test_a_command_that_breaks_a_rule_is_refused_with_its_path(given, path):
    with pytest.raises(Refused) as refusal:
        check(given, "0")
    errors = refusal.value.body["errors"]
    for step in path.split("."):
        errors = errors[step]

    assert (refusal.value.body["code"], len(errors["_errors"])) == (50035, 1)
