"""Anthropic's SDK is imported when it is needed first: in a thread, once, while nothing looks for garbage.

Tests core.claude.sdk.
"""

import json
import subprocess
import sys
from pathlib import Path

import anthropic
import pytest

from core.claude import sdk
from core.claude.client import Claude

ROOT = Path(__file__).parents[5]

LOADED = """
import asyncio, gc, importlib.abc, json, sys, threading
from bots.app import run
from core.claude import sdk

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "anthropic":
            told.update(beside=threading.current_thread() is not threading.main_thread(), collects=gc.isenabled())

async def load_twice():
    await asyncio.gather(sdk.load(), sdk.load())

told = {"before": "anthropic" in sys.modules}
sys.meta_path.insert(0, Watch())
asyncio.run(load_twice())
told |= {"after": "anthropic" in sys.modules, "collects_again": gc.isenabled(), "kept": len(gc.get_objects()) < 50_000}
print(json.dumps(told))
"""


def test_a_bot_is_put_together_without_the_sdk_which_a_thread_imports_while_nothing_looks_for_garbage():
    run = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)

    assert json.loads(run.stdout) == {
        "before": False,
        "beside": True,
        "collects": False,
        "after": True,
        "collects_again": True,
        "kept": True,
    }


def test_each_name_of_the_sdk_is_its_own_and_there_is_no_other():
    named = [name for name in sdk.__all__ if name not in {"load", "OpenClient"}]

    assert named
    assert all(getattr(sdk, name) is getattr(anthropic, name) for name in named)
    with pytest.raises(AttributeError, match="APIErorr"):
        sdk.APIErorr  # noqa: B018


@pytest.mark.parametrize(
    "url",
    [
        "https://api.anthropic.com",
        "https://Gateway.example:443/claude/",
        "http://127.0.0.1:8080/a b",
        "https://ü.example",
    ],
)
async def test_a_key_is_known_by_the_address_that_the_sdk_makes_of_it(url):
    made = Claude("sk-1", url)
    client = await made.open()
    spelled = Claude("sk-1", str(client.base_url))
    other = Claude("sk-2", url)
    await made.close()

    assert made.files
    assert made.batches
    assert spelled.files
    assert other.files
    assert made.files.api_key == made.batches.api_key == spelled.files.api_key
    assert made.files.api_key != other.files.api_key
