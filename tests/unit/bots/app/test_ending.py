"""A process ends in time, also where something in it does not let itself be cancelled. Tests bots.app.ending."""

import subprocess
import sys

import pytest

from bots.app.ending import run_to_end

STUBBORN = """
import asyncio, logging
from bots.app.ending import run_to_end

async def never_end():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def main():
    main.kept = asyncio.create_task(never_end(), name="a tool")
    await asyncio.sleep(0)
    {ends}

logging.basicConfig()
run_to_end(main(), 0.1)
"""


@pytest.mark.parametrize(("ends", "code"), [("return", 0), ("raise ValueError", 1)])
def test_what_does_not_end_is_named_and_left_behind(ends, code):
    script = STUBBORN.format(ends=ends)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, "ends although this does not: a tool" in ended.stderr) == (code, True)


async def give(value):
    return value


def test_what_comes_of_it_is_returned():
    assert run_to_end(give(7)) == 7
