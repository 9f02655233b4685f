"""Registry of platforms: one import and one entry for each. A plugin loads no SDK before it is opened."""

from typing import Any

from bots.discord.plugin import DISCORD
from bots.ops.plugin import PlatformPlugin
from bots.slack.plugin import SLACK

PLATFORMS: tuple[PlatformPlugin[Any], ...] = (SLACK, DISCORD)
