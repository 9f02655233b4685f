"""The stand-in for Claude refuses, breaks and bills as the Messages API does, told by the real SDK."""

from collections.abc import AsyncIterator

import anthropic
import pytest

from tests.fakes.claude import ClaudeFake, Received
from tests.fakes.claude_script import Answer

HAIKU = "claude-haiku-5-5"
ASK = {"model": HAIKU, "max_tokens": 1000, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
async def fake() -> AsyncIterator[ClaudeFake]:
    async with ClaudeFake(clock=lambda: 1_800_000_000.0) as fake:
        yield fake


@pytest.fixture
async def client(fake) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key=fake.key, base_url=fake.url, max_retries=0) as client:
        yield client


async def streamed(client, **asked) -> list[anthropic.types.RawMessageStreamEvent]:
    async with await client.messages.create(**{**ASK, **asked}, stream=True) as stream:
        return [event async for event in stream]


async def test_an_answer_streams_its_text_in_chunks(fake, client):
    fake.script(Answer(text="Hello there", chunk=4))

    async with client.messages.stream(**ASK) as stream:
        texts = [text async for text in stream.text_stream]

    assert texts == ["Hell", "o th", "ere"]


async def test_every_request_is_recorded_with_its_body_and_time(fake, client):
    await client.messages.create(**ASK)

    headers = {
        "authorization": f"Bearer {fake.key}",
        "anthropic-version": "2026-10-21",
        "user-agent": f"AsyncAnthropic/Python {anthropic.__version__}",
        "x-stainless-retry-count": "0",
    }
    assert fake.requests == [Received("POST", "/v1/messages", headers, ASK, 1_800_000_000.0)]
