"""Settings of Discord: its variables, and what a token and shards must look like."""

import re
from base64 import b64decode
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from core.domain.errors import SettingsError
from core.settings import CommaSeparated, EnvironmentSettings, HttpUrl, Ids, refuse_empty_list

MEMBERS, EVERYBODY = "members", "everybody"  # words for those who may use us where we are no member
TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


class DiscordSettings(EnvironmentSettings):
    """Environment variables of the adapter of Discord."""

    discord_bot_token: SecretStr | None = Field(default=None, description="The bot's token.")
    discord_api_url: HttpUrl = Field(default="https://discord.com/api/v10", description="Discord's REST API.")
    discord_gateway_url: str = Field(default="wss://gateway.discord.gg/", description="Discord's gateway.")
    discord_guilds: Ids = Field(
        default=frozenset(), description="Ids of the servers that are answered, comma-separated; unset: all."
    )
    discord_user_install: Ids = Field(
        default=frozenset(),
        description="Who may use Confab where it is no member: members, everybody, or ids of people; unset: nobody.",
    )
    discord_left: Literal["keep", "erase"] = Field(
        default="keep", description="What becomes of a server's words when Confab is no longer in it: keep or erase."
    )
    discord_shards: int | Literal["auto"] | None = Field(
        default=None,
        union_mode="left_to_right",
        description="How many shards the processes on one database share: auto, as Discord advises, or a number.",
    )
    discord_shard_ids: Annotated[tuple[int, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="Shards that this process runs, comma-separated; unset: all."
    )
    discord_shard_count: int | None = Field(default=None, ge=1, description="Shards in all; unset: as Discord advises.")

    @field_validator("discord_shards")
    @classmethod
    def _check_shards(cls, value: int | str | None) -> int | str | None:
        if isinstance(value, int) and value < 1:
            raise ValueError("must be auto, or a number of at least 1")
        return value

    @field_validator("discord_guilds", mode="before")
    @classmethod
    def _check_named(cls, value: object) -> object:
        return refuse_empty_list(value, "names no server; leave it out to answer in all")

    @field_validator("discord_guilds")
    @classmethod
    def _check_servers(cls, value: frozenset[str]) -> frozenset[str]:
        if wrong := sorted(one for one in value if not (one.isascii() and one.isdigit())):
            raise ValueError(f"{wrong[0]!r} is no server's id, which is a number")
        return value

    @field_validator("discord_user_install")
    @classmethod
    def _check_people(cls, value: frozenset[str]) -> frozenset[str]:
        people = value - {MEMBERS, EVERYBODY}
        if wrong := sorted(one for one in people if not (one.isascii() and one.isdigit())):
            raise ValueError(f"{wrong[0]!r} is neither members nor everybody, nor a person's id, which is a number")
        return value

    @field_validator("discord_gateway_url")
    @classmethod
    def _check_websocket_url(cls, value: str) -> str:
        if not value.startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return value

    @property
    def token(self) -> str:
        """The bot's token; empty if it is not set."""
        return self.discord_bot_token.get_secret_value() if self.discord_bot_token else ""

    @property
    def configured(self) -> bool:
        """Whether a token is set."""
        return bool(self.token)

    def check_token(self) -> None:
        """Validate the token, the shards and whose members we know. Raises SettingsError, naming the variable."""
        if not TOKEN.fullmatch(self.token):
            raise SettingsError("DISCORD_BOT_TOKEN: a bot's token has three parts with dots between them.")
        ids, count = self.discord_shard_ids, self.discord_shard_count
        if self.discord_shards is not None and (ids or count is not None):
            raise SettingsError(
                "DISCORD_SHARDS: shares shards out by itself. Unset DISCORD_SHARD_IDS and DISCORD_SHARD_COUNT, or it."
            )
        if ids and (count is None or not all(0 <= one < count for one in ids)):
            raise SettingsError("DISCORD_SHARD_IDS: needs DISCORD_SHARD_COUNT, and ids from 0 to one less than it.")

        if MEMBERS in self.discord_user_install and not self.discord_guilds:
            raise SettingsError(
                "DISCORD_USER_INSTALL: members needs DISCORD_GUILDS, the servers whose members are meant."
            )

    def application_id(self) -> str:
        """The application's id, which the bot's token begins with. Raises SettingsError."""
        head = self.token.partition(".")[0]
        try:
            number = b64decode(head + "=" * (-len(head) % 4), validate=True).decode()
        except ValueError:
            number = ""
        if not number.isdigit():
            raise SettingsError(
                "DISCORD_BOT_TOKEN: not set, or no bot's token. Set it, or name the application: --application ID."
            )
        return number
