"""Of Anthropic's SDK a process has what it uses, all of it from the beginning, and all else once it asks for it.

Tests core.claude.sdk, core.claude.sdk.lazy_packages.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import anthropic

from tests.fakes.claude.script import Answer, Fault, refusal

ROOT = Path(__file__).parents[3]
MOST = 1_300  # modules of the SDK, which has 3,150; each takes 10 kB and 0.2 ms
UNUSED = ("lib.bedrock", "lib.vertex", "lib.tools", "resources.beta", "resources.organization", "types.beta.vaults")

USED = """
import asyncio, io, json, sys
from datetime import UTC, datetime
from contextlib import suppress

from core.claude import sdk
from core.claude.batches.message_batches import BatchError
from core.claude.client import Claude
from core.claude.errors import ClaudeError
from core.domain.content import Text
from core.domain.models import Model
from core.domain.personas import Persona
from core.prompting.request import build_request
from core.prompting.turns import Turn

def loaded():
    return sorted(name for name in sys.modules if name.partition(".")[0] == "anthropic")

async def use(claude):
    asked = build_request(Persona(), [Turn("user", (Text("hello"),))], Model("claude-haiku-5-5"), "1h")
    answers = [[event async for event in claude.stream(asked)][-1].text]
    for _ in range(2):  # one is broken, one is refused
        with suppress(ClaudeError):
            _ = [event async for event in claude.stream(asked)]
    await claude.count(asked)
    await claude.model("claude-haiku-5-5")
    await claude.models()
    stored = await claude.files.upload("a.txt", b"words", "text/plain")
    await claude.files.describe(stored)
    await claude.files.find(["a.txt"])
    await claude.files.delete(stored)
    body = json.dumps({"requests": [{"custom_id": "1", "params": {
        "model": "claude-haiku-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}}]}).encode()
    made = await claude.batches.create(io.BytesIO(body), len(body))
    while not (await claude.batches.describe(made)).ended:
        await asyncio.sleep(0.01)
    await claude.batches.list_since(datetime(2020, 1, 1, tzinfo=UTC))
    answers += [result.kind.value async for result in claude.batches.read_results(made)]
    await claude.batches.cancel(made)
    await claude.batches.delete(made)
    sdk.transform_schema({"type": "object", "properties": {}})
    return answers

async def main():
    await sdk.load()
    before, claude = loaded(), Claude(*sys.argv[1:])
    answers = await use(claude)
    await claude.close()
    print(json.dumps({"before": before, "more": sorted(set(loaded()) - set(before)), "answers": answers}))

asyncio.run(main())
"""

WHOLE = """
import asyncio, json
from core.claude import sdk
asyncio.run(sdk.load())
import anthropic
from anthropic import *
from anthropic.lib.bedrock import AnthropicBedrock
from anthropic.types.beta import BetaMessage
print(json.dumps({name: name in globals() and hasattr(anthropic, name) for name in anthropic.__all__}))
"""


async def run(code: str, *arguments: str):
    """What a process prints as JSON."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
    out, err = await started.communicate()
    assert started.returncode == 0, err.decode()
    return json.loads(out)


async def test_only_what_is_used_of_the_sdk_is_loaded_and_nothing_more_by_any_request(claude):
    claude.script(Answer(text="Hello, Ada!"), Fault(529), refusal("no"))
    told = await run(USED, claude.key, claude.url)

    assert told["answers"] == ["Hello, Ada!", "succeeded"]
    assert told["more"] == []
    assert 0 < len(told["before"]) < MOST
    assert not {f"anthropic.{name}" for name in UNUSED} & set(told["before"])


async def test_all_else_of_the_sdk_is_there_for_who_asks_for_it():
    told = await run(WHOLE)

    assert told.keys() == set(anthropic.__all__)
    assert all(told.values())
