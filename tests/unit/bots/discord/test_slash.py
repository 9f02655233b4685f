"""The table of commands as Discord gets it."""

import discord
import pytest
from discord import app_commands

from bots.discord import slash as commands
from core.commands import TABLE
from core.commands.registry import Command, Invocation, Parameter, ParameterKind
from core.domain.messages import CommandResult, Rank


async def nothing(*_: object) -> None: ...


async def answer(call: Invocation) -> CommandResult:
    return CommandResult("")


def uploaded(table, *, installable: bool = False) -> dict[str, dict]:
    """What the library sends for a table, by the commands' names."""
    tree = app_commands.CommandTree(discord.Client(intents=discord.Intents.none()))
    given = nothing, nothing, commands.suggest_choices, nothing
    for command in commands.build_commands(table, *given, installable=installable):
        tree.add_command(command)
    return {command.name: command.to_dict(tree) for command in tree.get_commands()}


def test_ask_takes_a_prompt_and_may_be_private():
    assert uploaded(())["ask"] == {
        "name": "ask",
        "description": "Ask Claude",
        "type": 1,
        "options": [
            {"type": 3, "name": "prompt", "description": "What you want to know", "required": True},
            {
                "type": 5,
                "name": "private",
                "description": "Only you see the answer, and nothing of it is kept",
                "required": False,
            },
        ],
        "nsfw": False,
        "dm_permission": True,
        "default_member_permissions": None,
        "contexts": [0, 1],
        "integration_types": [0],
    }


@pytest.mark.parametrize(
    ("parameter", "option"),
    [
        pytest.param(
            Parameter("text", ParameterKind.LONG, "words", required=True),
            {"type": 3, "required": False},
            id="long: or a form",
        ),
        pytest.param(
            Parameter("text", ParameterKind.TEXT, "words", required=True), {"type": 3, "required": True}, id="text"
        ),
        pytest.param(Parameter("count", ParameterKind.NUMBER, "words"), {"type": 4, "required": False}, id="number"),
        pytest.param(Parameter("amount", ParameterKind.MONEY, "words"), {"type": 3, "required": False}, id="money"),
        pytest.param(Parameter("who", ParameterKind.PERSON, "words"), {"type": 6, "required": False}, id="person"),
        pytest.param(
            Parameter("size", ParameterKind.CHOICE, "words", choices=("s", "l")),
            {"type": 3, "required": False, "choices": [{"name": "s", "value": "s"}, {"name": "l", "value": "l"}]},
            id="choice",
        ),
        pytest.param(
            Parameter("as", ParameterKind.NUMBER, "words"), {"type": 4, "required": False}, id="a word of Python's"
        ),
        pytest.param(
            Parameter("model", ParameterKind.TEXT, "words"),
            {"type": 3, "required": False, "autocomplete": True},
            id="a model",
        ),
        pytest.param(
            Parameter("word", ParameterKind.TEXT, "words", choices=("a",)),
            {"type": 3, "required": False, "autocomplete": True},
            id="text with suggestions",
        ),
    ],
)
def test_each_kind_of_parameter_is_an_option_of_its_type(parameter, option):
    (found,) = uploaded([Command("do", "Do it", answer, (parameter,))])["do"]["options"]

    assert found == option | {"name": parameter.name, "description": "words"}


def test_two_words_make_a_group():
    persona = uploaded(TABLE)["persona"]

    verbs = sorted(row.words.removeprefix("persona ") for row in TABLE if row.words.startswith("persona "))
    assert len(verbs) > 7
    assert [(option["type"], option["name"]) for option in persona["options"]] == [(1, verb) for verb in verbs]


@pytest.mark.parametrize(
    ("rows", "permissions"),
    [
        pytest.param([("bill", Rank.MANAGER)], 1 << 4, id="a manager's command needs Manage Channels"),
        pytest.param([("bill", Rank.OWNER)], 1 << 4, id="an owner's at least that"),
        pytest.param([("bill", Rank.MEMBER)], None, id="a member's nothing"),
        pytest.param([("bill pay", Rank.MANAGER), ("bill show", Rank.MEMBER)], None, id="a group its least"),
        pytest.param([("bill pay", Rank.MANAGER), ("bill cut", Rank.OWNER)], 1 << 4, id="a group of managers"),
    ],
)
def test_default_permissions_follow_the_rank(rows, permissions):
    table = [Command(words, "About", answer, rank=rank) for words, rank in rows]

    assert uploaded(table)["bill"]["default_member_permissions"] == permissions


def test_every_command_states_where_it_can_be_given():
    places = {name: (command["contexts"], command["integration_types"]) for name, command in uploaded(TABLE).items()}

    assert set(map(str, places.values())) == {"([0, 1], [0])"}


def test_what_means_something_where_we_are_no_member_is_offered_there_too():
    sent = uploaded(TABLE, installable=True)
    anywhere = {name for name, command in sent.items() if command["integration_types"] == [0, 1]}
    menus = {row.action for row in TABLE if row.action and not row.takes_files}

    assert anywhere == {"ask", "persona", "budget", "usage", "help", *menus}
    assert all(sent[name]["contexts"] == [0, 1, 2] for name in anywhere)
    assert {str((one["contexts"], one["integration_types"])) for name, one in sent.items() if name not in anywhere} == {
        "([0, 1], [0])"
    }


async def test_a_form_asks_for_one_long_text():
    parameter = Parameter("text", ParameterKind.LONG, "the system prompt, in your own words", required=True)

    form = commands.TextForm("/persona set", [parameter], nothing).to_dict()

    (label,) = form["components"]
    assert (form["title"], label["label"]) == ("/persona set", "text")
    assert label["description"] == "The system prompt, in your own words"
    assert label["component"] | {"id": None} == {
        "type": 4,
        "style": 2,
        "label": None,
        "custom_id": "text",
        "required": True,
        "max_length": 4000,
        "id": None,
    }


async def test_suggestions_hold_what_is_typed():
    parameter = Parameter("word", ParameterKind.TEXT, "words", choices=("claude-haiku-5-5", "claude-opus-5-2"))

    assert await commands.suggest_choices(Command("do", "Do it", answer), parameter, "OPUS") == ["claude-opus-5-2"]
