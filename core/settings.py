"""Settings: read once, from the environment and `.env`."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.domain import time_zones
from core.domain.errors import SettingsError

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"(\d{1,6})\s*([smhd]?)")


class Settings(BaseSettings):
    """The configuration. A field's environment variable is its name in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    anthropic_api_key: SecretStr | None = Field(
        default=None, description="Your key; without it only the stand-in answers."
    )
    anthropic_base_url: str = Field(default="https://api.anthropic.com", description="A gateway's address.")
    confab_model: str = Field(default="claude-haiku-5-5", description="The model, where no persona names one.")
    confab_fallback_models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Models that answer when that one is overloaded or gone, comma-separated, in order."
    )
    confab_persona: str = Field(default="", description="The system prompt, where no persona is set.")
    confab_cache_ttl: Literal["5m", "1h"] = Field(default="1h", description="How long a prompt is cached: 5m or 1h.")
    confab_guests: bool = Field(default=False, description="Whether guests and people of other workspaces may ask.")
    confab_managers: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="Ids of people who manage everything, comma-separated."
    )
    confab_catch_up: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(),
        le=timedelta(days=7),
        description="How old a question may be that was asked while Confab was away: 30m, 1h, 2d, at most 7d; 0: none.",
    )
    confab_bots: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="Ids of other bots that may ask by mentioning Confab, comma-separated."
    )
    confab_prices: str = Field(
        default="", description="A CSV file of prices, for models that we have none or others of."
    )
    confab_time_zone: str = Field(
        default="UTC", description="Where days, weeks and months begin, until a budget names its own: Europe/Berlin."
    )
    confab_http_host: str = Field(default="127.0.0.1", description="The address that the HTTP server listens on.")
    confab_http_port: int | None = Field(default=None, ge=1, le=65535, description="Its port; unset: no HTTP server.")
    confab_log_level: Level = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    confab_log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="text or json; auto: text on a terminal, else json."
    )
    slack_bot_token: SecretStr | None = Field(default=None, description="xoxb-..., from the app's page.")
    slack_app_token: SecretStr | None = Field(default=None, description="xapp-..., for Socket Mode.")
    slack_signing_secret: SecretStr | None = Field(default=None, description="For HTTP mode, in place of xapp-...")
    slack_api_url: str = Field(default="https://slack.com/api/", description="Slack's Web API.")
    slack_streaming: Literal["auto", "edit", "final"] = Field(
        default="auto", description="auto or edit: answers grow while Claude writes; final: they come whole."
    )
    discord_bot_token: SecretStr | None = Field(default=None, description="The bot's token.")
    discord_api_url: str = Field(default="https://discord.com/api/v10", description="Discord's REST API.")
    discord_gateway_url: str = Field(default="wss://gateway.discord.gg/", description="Discord's gateway.")
    discord_shard_ids: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), description="Shards that this process runs, comma-separated; unset: all."
    )
    discord_shard_count: int | None = Field(default=None, ge=1, description="Shards in all; unset: as Discord advises.")
    database_url: str = Field(default="sqlite:///confab.db", description="Where threads and usage are kept.")

    @field_validator("confab_fallback_models", "confab_managers", "confab_bots", "discord_shard_ids", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("confab_catch_up", mode="before")
    @classmethod
    def _parse_duration(cls, value: object) -> object:
        written = DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
        if isinstance(value, str) and written is None:
            raise ValueError("must be a number with a unit, s, m, h or d")
        return timedelta(**{UNITS[written[2]]: int(written[1])}) if written else value

    @field_validator("confab_log_level", mode="before")
    @classmethod
    def _uppercase(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("confab_time_zone")
    @classmethod
    def _check_time_zone(cls, value: str) -> str:
        if not time_zones.is_time_zone(value):
            raise ValueError(f"there is no time zone {value}")
        return value

    @field_validator("anthropic_base_url", "slack_api_url", "discord_api_url")
    @classmethod
    def _check_http_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("discord_gateway_url")
    @classmethod
    def _check_websocket_url(cls, value: str) -> str:
        if not value.startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        scheme = value.partition(":")[0]
        if scheme != "sqlite":
            raise ValueError(f"{scheme} databases are not supported yet; use sqlite:///confab.db")
        return value


def read_settings() -> Settings:
    """Read the settings from the environment and `.env`. Raises SettingsError with a line for each wrong one."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_describe_problem(problem) for problem in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f".env: can't be read ({error}). Let this user read it, as UTF-8, or move it away."
        ) from None


def list_secrets(settings: Settings) -> list[str]:
    """The secret values, tokens and keys, which must never be seen in a log."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]


def _describe_problem(problem: object) -> str:
    assert isinstance(problem, dict)
    variable = str(problem["loc"][0]).upper()
    description = Settings.model_fields[str(problem["loc"][0])].description
    cause = str(problem["msg"]).removeprefix("Value error, ")
    return f"{variable}: {cause}. {description}"
