"""The limit on Discord: the shortest honest bot on the same SDKs. No store, no safety; it reads the thread each time."""

import os
import time

import discord
import yarl
from anthropic import AsyncAnthropic, DefaultAioHttpClient
from discord.gateway import DiscordWebSocket
from discord.http import Route

PAGE = 2000  # characters
PACE = 1.2  # seconds between two edits of one answer

Route.BASE = os.environ["DISCORD_API_URL"]
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
claude = AsyncAnthropic(
    api_key=os.environ["ANTHROPIC_API_KEY"],
    base_url=os.environ["ANTHROPIC_BASE_URL"],
    http_client=DefaultAioHttpClient(),
)
intents = discord.Intents(guilds=True, messages=True, message_content=True)
bot = discord.Client(intents=intents, allowed_mentions=discord.AllowedMentions.none())


@bot.event
async def on_message(message):
    if message.author.bot or bot.user not in message.mentions:
        return
    read = [one async for one in message.channel.history(limit=None, oldest_first=True) if one.content]
    turns = [{"role": "assistant" if one.author == bot.user else "user", "content": one.content} for one in read]
    posted, text, shown = [], "", 0.0
    async for piece in await claude.messages.create(
        model="claude-haiku-5-5", max_tokens=8192, messages=turns, stream=True
    ):
        if piece.type == "content_block_delta":
            text += piece.delta.text
            if time.monotonic() - shown >= PACE:
                await show(message, posted, text)
                shown = time.monotonic()
    await show(message, posted, text)


async def show(message, posted, text):
    for number, page in enumerate(text[at : at + PAGE] for at in range(0, len(text), PAGE)):
        if number == len(posted):
            posted.append(await message.reply(page, mention_author=False))
        elif posted[number].content != page:
            posted[number] = await posted[number].edit(content=page)


if __name__ == "__main__":
    bot.run(os.environ["DISCORD_BOT_TOKEN"], log_handler=None)
