"""A secret in any output fails the test that put it out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.claude import server as claude
from tests.fakes.discord import server as discord
from tests.fakes.discord.people import interaction_token
from tests.fakes.slack import app as slack_app
from tests.fakes.slack import server as slack
from tests.support.leaks import leaks

ROOT = Path(__file__).parents[3]

TESTS = """
import logging, os, subprocess, sys
import pytest
from tests.fakes.discord.server import TOKEN
from tests.fakes.discord.people import interaction_token

@pytest.fixture
def early():
    print(TOKEN)

@pytest.fixture
def late():
    yield
    print(TOKEN)

def test_leaks_printed(): print("it is", TOKEN)
def test_leaks_to_stderr(): print(TOKEN, file=sys.stderr)
def test_leaks_past_python(): os.write(2, TOKEN.encode())
def test_leaks_from_a_process(): subprocess.run([sys.executable, "-c", f"print('{TOKEN}')"], check=True)
def test_leaks_logged(): logging.getLogger("bots.slack").debug("it is %s", TOKEN)
def test_leaks_in_a_traceback():
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logging.getLogger("discord").exception("failed")
def test_leaks_in_a_file(tmp_path): (tmp_path / "confab.log").write_text(TOKEN)
def test_leaks_before(early): pass
def test_leaks_after(late): pass
def test_fine_hidden(): logging.getLogger("bots").info("it is %s", interaction_token("1"))
def test_fine_unseen(tmp_path): (tmp_path / "answer").write_text(TOKEN)
def test_fine_next(): print("nothing")
"""


def test_a_test_that_puts_out_a_secret_fails_and_no_other(tmp_path):
    (tmp_path / "test_tiny.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rA", "test_tiny.py"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    ended = dict(re.findall(r"^(?:FAILED|ERROR|PASSED) test_tiny.py::(\w+)()", run.stdout, re.MULTILINE))
    bad = set(re.findall(r"^(?:FAILED|ERROR) test_tiny.py::(\w+)", run.stdout, re.MULTILINE))
    assert set(ended) == set(re.findall(r"^def (test_\w+)", TESTS, re.MULTILINE))
    assert bad == {name for name in ended if name.startswith("test_leaks")}


@pytest.mark.parametrize(
    "secret",
    [
        slack.BOT_TOKEN,
        slack.APP_TOKEN,
        slack_app.SECRET,
        discord.TOKEN,
        claude.KEY,
        interaction_token("123"),
        "wss://127.0.0.1/link/?ticket=ticket00000001&app_id=A0",
        "http://127.0.0.1/commands/T024/response00000002",
    ],
)
def test_every_secret_of_the_fakes_is_known(secret):
    assert leaks([f"one\n({secret})\nthree"]) == [f"({secret})"]
