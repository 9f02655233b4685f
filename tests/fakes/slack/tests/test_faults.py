"""The fake Slack fails when and how it is told to."""

import asyncio
import contextlib

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack.faults import Cut, Fault
from tests.fakes.slack.nouns import Clock, Grant, Team
from tests.fakes.slack.server import SCOPES, SlackFake

POST = "chat.postMessage"


async def test_a_limit_answers_429_until_its_time_is_over() -> None:
    clock = Clock()
    async with SlackFake(clock) as slack:
        client = AsyncWebClient(slack.token, base_url=slack.base_url, retry_handlers=[])
        slack.limit("auth.test", calls=2, seconds=60)
        await client.auth_test()
        await client.auth_test()
        with pytest.raises(SlackApiError) as caught:
            await client.auth_test()
        clock.advance(60)
        await client.auth_test()

    refused = caught.value.response
    assert (refused.status_code, refused.headers["Retry-After"], refused["error"]) == (429, "60", "ratelimited")


async def test_the_documented_tiers_are_enforced_and_posts_are_counted_in_each_channel() -> None:
    clock = Clock()
    async with SlackFake(clock) as slack:
        client = AsyncWebClient(slack.token, base_url=slack.base_url, retry_handlers=[])
        slack.enforce_tiers()
        posts = [await client.chat_postMessage(channel="C0DEV", text="x") for _ in range(60)]
        await client.chat_postMessage(channel="C0GEN", text="x")
        with pytest.raises(SlackApiError):
            await client.chat_postMessage(channel="C0DEV", text="x")
        for _ in range(50):
            await client.chat_update(channel="C0DEV", ts=posts[0]["ts"], text="y")
        with pytest.raises(SlackApiError):
            await client.chat_update(channel="C0DEV", ts=posts[0]["ts"], text="y")
        clock.advance(60)
        await client.chat_update(channel="C0DEV", ts=posts[0]["ts"], text="z")

    assert slack.limited == [POST, "chat.update"]


async def test_each_workspace_has_the_documented_tiers_for_itself() -> None:
    clock = Clock()
    async with SlackFake(clock) as slack:
        slack.add_workspace(Team("T0TWO", "Difference Engines"))
        slack.grants["xoxb-second"] = Grant("T0TWO", SCOPES)
        here, there = (
            AsyncWebClient(token, base_url=slack.base_url, retry_handlers=[]) for token in (slack.token, "xoxb-second")
        )
        slack.enforce_tiers()
        for _ in range(60):
            await here.chat_postMessage(channel="C0DEV", text="x")
        await there.chat_postMessage(channel="C0DEV", text="x")
        for _ in range(50):
            await here.conversations_info(channel="C0DEV")
        await there.conversations_info(channel="C0DEV")
        with pytest.raises(SlackApiError):
            await here.conversations_info(channel="C0DEV")

    assert slack.limited == ["conversations.info"]


FAULTS = {
    "lost": (Fault(lost=True), aiohttp.ServerDisconnectedError, ["x"]),
    "dropped": (Fault(dropped=True), aiohttp.ServerDisconnectedError, []),
    "hangs": (Fault(hangs=True), asyncio.CancelledError, []),
    "503": (Fault(503), SlackApiError, []),
    "429": (Fault(429, retry_after=1), SlackApiError, []),
    "an error": (Fault(error="internal_error"), SlackApiError, []),
}


@pytest.mark.parametrize(("fault", "error", "texts"), FAULTS.values(), ids=FAULTS)
async def test_a_scripted_fault_meets_one_call(
    slack: SlackFake, sdk: AsyncWebClient, fault: Fault, error: type[BaseException], texts: list[str]
) -> None:
    slack.fail_next(POST, fault)
    calling = asyncio.create_task(sdk.chat_postMessage(channel="C0DEV", text="x"))
    if fault.hangs:
        await slack.until(lambda: slack.called(POST))
        calling.cancel()
    with pytest.raises(error):
        await calling
    assert [shown.text for shown in slack.visible("dev")] == texts
    await sdk.chat_postMessage(channel="C0DEV", text="y")

    assert [shown.text for shown in slack.visible("dev")] == [*texts, "y"]


@pytest.mark.parametrize(("cut", "texts"), [("before", []), ("after", ["x"]), ("answered", ["x"])])
async def test_a_hook_sees_every_phase_and_may_cut(slack: SlackFake, cut: str, texts: list[str]) -> None:
    seen: list[tuple[int, str, str]] = []

    async def hook(index: int, method: str, phase: str) -> None:
        seen.append((index, method, phase))
        if phase == cut and phase != "answered":
            raise Cut

    slack.on_request(hook)
    client = AsyncWebClient(slack.token, base_url=slack.base_url, retry_handlers=[])
    with contextlib.suppress(aiohttp.ServerDisconnectedError):
        await client.chat_postMessage(channel="C0DEV", text="x")
    await slack.until(lambda: seen[-1][2] == cut)

    assert [shown.text for shown in slack.visible("dev")] == texts
    assert seen == [(0, POST, phase) for phase in ("before", "after", "answered")[: len(seen)]]


async def test_who_hangs_up_before_the_answer_leaves_no_trace(
    slack: SlackFake, caplog: pytest.LogCaptureFixture
) -> None:
    called, going, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold(_index: int, _method: str, phase: str) -> None:
        if phase == "after":
            called.set()
            await going.wait()
            asyncio.get_running_loop().call_soon(ended.set)

    slack.on_request(hold)
    url = f"{slack.base_url}{POST}"
    async with aiohttp.ClientSession() as session:
        calling = asyncio.create_task(session.post(url, data={"token": slack.token, "channel": "C0DEV", "text": "x"}))
        await called.wait()
        calling.cancel()
        await asyncio.wait({calling})
    going.set()
    await ended.wait()
    await asyncio.sleep(0)

    assert caplog.text == ""
