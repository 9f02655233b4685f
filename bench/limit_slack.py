"""The limit on Slack: the shortest honest bot on the same SDKs. No store, no safety; it reads the thread each time."""

import asyncio
import os
import time

from anthropic import AsyncAnthropic, DefaultAioHttpClient
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

PAGE = 3900  # characters; chat.update refuses 4,000
PACE = 1.5  # seconds between two edits of one answer

claude = AsyncAnthropic(
    api_key=os.environ["ANTHROPIC_API_KEY"],
    base_url=os.environ["ANTHROPIC_BASE_URL"],
    http_client=DefaultAioHttpClient(),
)
slack = AsyncWebClient(os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["SLACK_API_URL"])
app = AsyncApp(client=slack)


@app.event("app_mention")
async def answer(event):
    place = {"channel": event["channel"], "thread_ts": event.get("thread_ts", event["ts"])}
    read = await slack.conversations_replies(channel=place["channel"], ts=place["thread_ts"], limit=999)
    turns = [{"role": "assistant" if one.get("bot_id") else "user", "content": one["text"]} for one in read["messages"]]
    posted, text, shown = [], "", 0.0
    async for piece in await claude.messages.create(
        model="claude-haiku-5-5", max_tokens=8192, messages=turns, stream=True
    ):
        if piece.type == "content_block_delta":
            text += piece.delta.text
            if time.monotonic() - shown >= PACE:
                await show(place, posted, text)
                shown = time.monotonic()
    await show(place, posted, text)


async def show(place, posted, text):
    for number, page in enumerate(text[at : at + PAGE] for at in range(0, len(text), PAGE)):
        if number == len(posted):
            posted.append([(await slack.chat_postMessage(**place, text=page))["ts"], page])
        elif posted[number][1] != page:
            await slack.chat_update(channel=place["channel"], ts=posted[number][0], text=page)
            posted[number][1] = page


@app.event("message")
async def ignore():
    pass


async def main():
    await AsyncSocketModeHandler(app, os.environ["SLACK_APP_TOKEN"]).start_async()


if __name__ == "__main__":
    asyncio.run(main())
