"""The registry of platforms, and that no room beside it knows a platform's name.

Tests bots.app.registry, bots.app.configuration, bots.ops.plugin, bots.slack.plugin and bots.discord.plugin.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bots.app.configuration import open_platforms, require_setup, select_platforms
from bots.app.registry import PLATFORMS
from bots.cli import main
from bots.ops.plugin import PlatformResources
from core.domain.errors import SettingsError
from core.store import open_store
from core.telemetry import discard_event
from tests.support.doctor import chosen

ROOT = Path(__file__).parents[4]
NAMES = re.compile("|".join(plugin.name for plugin in PLATFORMS), re.IGNORECASE)
SLACK = {"slack_bot_token": "xoxb-1", "slack_app_token": "xapp-1"}
DISCORD = {"discord_bot_token": "MTIz.GabcDE.xyz"}
ROOMS = [*(ROOT / "core").rglob("*.py"), *(ROOT / "bots/ops").rglob("*.py"), *(ROOT / "bots/app").rglob("*.py")]
REGISTRY = {
    "from bots.discord.plugin import DISCORD",
    "from bots.slack.plugin import SLACK",
    "PLATFORMS: tuple[PlatformPlugin[Any], ...] = (SLACK, DISCORD)",
}
ARGUED = {"where answers stand, in Discord"}  # what people read about a parameter of a command that only one has


def read_code(path: Path) -> Iterator[str]:
    """Each statement as code that has a platform's name, without comments and docstrings, whose examples name them."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in ARGUED:
            node.value = ""
    yield from (line for line in ast.unparse(tree).splitlines() if NAMES.search(line))


def test_core_operations_and_application_name_no_platform_outside_the_registry():
    named = {(path.relative_to(ROOT).as_posix(), line) for path in ROOMS for line in read_code(path)}

    assert named == {("bots/app/registry.py", line) for line in REGISTRY}


def test_a_platforms_name_would_be_found(tmp_path):
    (tmp_path / "x.py").write_text('"""Of slack."""\nif name == "slack":  # slack\n    discord_token = 1\n')

    assert list(read_code(tmp_path / "x.py")) == ["if name == 'slack':", "    discord_token = 1"]


@pytest.mark.parametrize(
    ("values", "only", "names"),
    [
        (SLACK, None, ["slack"]),
        (DISCORD, None, ["discord"]),
        (SLACK | DISCORD, None, ["slack", "discord"]),
        (SLACK | DISCORD, "discord", ["discord"]),
        ({"slack_signing_secret": "s"}, None, ["slack"]),
    ],
    ids=["slack", "discord", "both", "only one", "one of its tokens"],
)
def test_the_platforms_of_which_a_token_is_set_are_selected(values, only, names):
    assert [plugin.name for plugin in select_platforms(chosen(**values), only)] == names


@pytest.mark.parametrize(
    ("values", "only", "missing"),
    [({}, None, PLATFORMS), (SLACK, "discord", [plugin for plugin in PLATFORMS if plugin.name == "discord"])],
    ids=["none", "not that one"],
)
def test_without_a_token_the_variables_are_named_a_line_each(values, only, missing):
    with pytest.raises(SettingsError) as raised:
        select_platforms(chosen(**values), only)

    assert str(raised.value).splitlines() == [plugin.missing for plugin in missing]


KEY = {"anthropic_api_key": "sk-ant-1"}


@pytest.mark.parametrize(
    ("values", "only", "stand_in", "head"),
    [
        ({}, None, False, "`confab run` needs a key for Claude, and Slack or Discord."),
        ({}, None, True, "`confab run` needs Slack or Discord."),
        (KEY, None, False, "`confab run` needs Slack or Discord."),
        (SLACK, None, False, "`confab run` needs a key for Claude."),
        (SLACK | KEY, "discord", False, "`confab run` needs Discord."),
    ],
)
def test_where_nobody_could_be_answered_one_text_says_what_is_needed_and_what_works_without(
    values, only, stand_in, head
):
    with pytest.raises(SettingsError) as raised:
        require_setup(chosen(**values), only, stand_in=stand_in)

    first, *lines = str(raised.value).splitlines()
    assert first == f"{head} Set in .env, or in the environment:"
    assert ("ANTHROPIC_API_KEY" in str(raised.value)) == ("a key for Claude" in head)
    assert all(word in lines[-2] + lines[-1] for word in (".env.example", "`confab check`", "`confab chat`"))


@pytest.mark.parametrize("stand_in", [True, False])
def test_a_key_and_a_platform_are_enough_and_a_stand_in_is_one_key_less(stand_in):
    require_setup(chosen(**SLACK, **({} if stand_in else KEY)), stand_in=stand_in)


HTTP = {"slack_bot_token": "xoxb-1", "slack_signing_secret": "s", "confab_http_port": 8080}


@pytest.mark.parametrize(
    ("values", "opened"),
    [
        (SLACK | DISCORD, [("slack", []), ("discord", [])]),
        (HTTP, [("slack", [("POST", "/slack/events")])]),
    ],
    ids=["no routes", "HTTP mode"],
)
async def test_platforms_are_opened_with_their_routes(values, opened):
    configuration, store = chosen(**values), await open_store("sqlite://")
    try:
        resources = PlatformResources(configuration.core, store.notes, discard_event, installations=store.installations)
        found = open_platforms(select_platforms(configuration), configuration, resources)
    finally:
        await store.shut()

    assert [(one.platform.name, [(route.method, route.path) for route in one.routes]) for one in found] == opened


READ = """
import sys
from bots.app.configuration import read_configuration
read_configuration()
print(sorted({"aiohttp", "anthropic", "discord", "slack_bolt", "slack_sdk", "sqlite_utils"} & set(sys.modules)))
"""


def test_reading_every_setting_loads_no_sdk(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", READ]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"


def test_every_platform_has_its_group_of_commands():
    shown = CliRunner().invoke(main, ["--help"]).output

    assert [plugin.cli.name for plugin in PLATFORMS] == [plugin.name for plugin in PLATFORMS]
    assert all(
        re.search(rf"^  {plugin.name} +Set up the {plugin.title} (?:app|bot)\.$", shown, re.MULTILINE)
        for plugin in PLATFORMS
    )
