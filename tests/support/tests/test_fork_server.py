"""A fork that is a program: what it reads, prints, ends with, and hears."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE

import pytest

from tests.support import fork_server

PROGRAM = """
import json, os, sys, signal
print(json.dumps([__name__, sys.argv[1:], os.getcwd(), os.environ.get("ONE"), sys.stdout.encoding, sys.stdin.read()]))
print("wrong", file=sys.stderr)
if "stay" in sys.argv:
    sys.stdout.flush()
    signal.pause()
sys.exit(int(os.environ["CODE"]))
"""


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "forked_program.py").write_text(PROGRAM)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "PYTHONUNBUFFERED"))}
    return kept | {"PYTHONPATH": str(tmp_path), "CODE": "3"}


def start(environment, folder, *words):
    return fork_server.start(
        *words, program="forked_program", environment=environment, folder=folder, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )


@pytest.mark.parametrize(
    ("variables", "encoding"), [({}, "utf-8"), ({"ONE": "1", "PYTHONIOENCODING": "ascii"}, "ascii")]
)
async def test_a_fork_has_the_words_folder_variables_and_streams_that_it_was_given(
    environment, tmp_path, variables, encoding
):
    process = await start(environment | variables, tmp_path, "a", "b c")
    out, err = await process.communicate(b"said")

    told = ["__main__", ["a", "b c"], str(tmp_path), variables.get("ONE"), encoding, "said"]
    assert (json.loads(out), err, process.returncode) == (told, b"wrong\n", 3)


async def test_a_signal_ends_a_fork_and_its_code_says_so(environment, tmp_path):
    process = await start(environment, tmp_path, "stay")
    process.stdin.close()
    await process.stdout.readline()

    process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGTERM


def test_a_command_is_run_to_its_end(tmp_path):
    run = fork_server.run("nonsense", environment={"PATH": os.environ["PATH"]}, folder=tmp_path)

    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("Error: No such command 'nonsense'.\n")
