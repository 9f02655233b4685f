"""The command line as operators use it: bots.cli, through real processes.

Tests bots.cli, bots.__main__.
"""

import json
import re
import subprocess
import sys

import pytest
import yaml

from bots.slack.manifest import build_manifest
from tests.support.command_line import ROOT, run_alone, run_confab
from tests.support.short_form import shorten


def test_the_manifest_is_ready_to_paste(tmp_path):
    run = run_alone("slack", "manifest", folder=tmp_path)

    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout) == build_manifest()


def test_the_manifest_comes_as_yaml_and_for_http_too(tmp_path):
    run = run_confab("slack", "manifest", "--yaml", "--url", "https://confab.example", folder=tmp_path)

    assert yaml.safe_load(run.stdout) == build_manifest("https://confab.example")


def test_an_address_that_slack_would_not_take_is_refused(tmp_path):
    run = run_confab("slack", "manifest", "--url", "http://confab.example", folder=tmp_path)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("Invalid value for --url: Slack calls nothing but https:// addresses.\n")


def test_the_invitation_names_the_application_of_the_token(tmp_path):
    run = run_confab("discord", "invite", folder=tmp_path, DISCORD_BOT_TOKEN="NDI0Mg.GabcDE." + "x" * 38)

    assert run.returncode == 0
    assert run.stdout.startswith(
        "https://discord.com/oauth2/authorize?client_id=4242&scope=bot+applications.commands&permissions="
    )
    assert run.stderr.startswith("In the developer portal, under Bot, switch on: Message Content Intent.\n")
    assert "Public Bot" in run.stderr


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_without_a_usable_token_the_invitation_says_what_to_give(tmp_path, token):
    run = run_confab("discord", "invite", folder=tmp_path, DISCORD_BOT_TOKEN=token)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("DISCORD_BOT_TOKEN: ")
    assert run.stderr.count("\n") == 1


def test_nothing_to_run_names_the_variables(tmp_path):
    run = run_alone("run", folder=tmp_path)

    assert (run.returncode, run.stdout) == (2, "")
    assert "SLACK_BOT_TOKEN" in run.stderr
    assert "DISCORD_BOT_TOKEN" in run.stderr


def test_help_loads_no_sdk(tmp_path):
    code = "import sys\ntry:\n    from bots.cli import main; main(['--help'])\nfinally:\n    print(sorted({'discord', 'slack_bolt', 'slack_sdk', 'anthropic', 'aiohttp', 'pydantic'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert run.stdout.splitlines()[-1] == "[]"


def test_a_setting_that_is_wrong_stops_the_program_with_its_line_and_code_2(tmp_path):
    run = run_alone("chat", folder=tmp_path, DATABASE_URL="mysql://x")

    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"DATABASE_URL: must begin with sqlite:/// or postgresql://.*\n", run.stderr)


@pytest.mark.parametrize(
    "arguments", shorten(3, ["--help", "chat --help", "usage --as json", "usage", "check", "slack manifest"])
)
def test_what_a_full_disk_does_not_take_is_one_line(tmp_path, arguments):
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "bots", *arguments.split()], cwd=tmp_path, text=True, check=False,
            stdout=full, stderr=subprocess.PIPE, env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        )  # fmt: skip

    assert (run.returncode, run.stderr) == (1, "What is printed cannot be written: No space left on device.\n")
