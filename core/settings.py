"""Settings: environment variables and `.env`, parsed and validated once at the start; core's are here."""

import difflib
import logging
import os
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, unquote

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from core.addresses import check_domain, check_http_url, check_public_url, refuse_login, strip_api_path
from core.domain.clock import is_time_zone
from core.domain.errors import SettingsError
from core.domain.models import is_model_id
from core.domain.secret_shapes import doubt_secret, explain_secret, find_passwords

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
OURS = "CONFAB_"
ENV_FILE = ".env"
UNPARSABLE = "must be NAME=value, with quotes at both ends of the value or at none; or put # before it."
NEARLY, SAME = 0.8, 0.9  # how alike two names are of which one is a slip of the other; so much more without its prefix
SENTENCES = {
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "literal_error": "must be {expected}",
    "less_than_equal": "must be at most {le}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}, for example 0.50",
    "decimal_parsing": "must be an amount such as 1 or 0.50",
}
"""What pydantic's kinds of errors are to an operator."""
QUOTES = ('""', "''", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c")  # also as a text processor writes them
BLANKS = f"{string.whitespace}\u00a0\u200b\u200c\u200d\u2060\ufeff"  # what a copy brings along unseen
DATABASE = re.compile(r"sqlite://(?:/|$)|postgres(?:ql)?://")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")  # in large letters too
PROXY_EXAMPLE = "http://proxy.example:3128, or http://user:password@proxy.example:3128 with %23 for # and the like"
logging.getLogger("dotenv.main").setLevel(logging.ERROR)  # of lines that it can't parse we tell by ourselves
DURATION = re.compile(r"(\d{1,6})\s*([smhd]?)")
NO_TOOL = "names no tool; write none for no tool, or leave it out"
NAMELESS = {  # lists of which an empty one would mean all, and what is wrong with it
    "confab_models": "names no model; leave it out to allow any",
    "confab_web_domains": "names no domain; leave it out to allow any",
    **dict.fromkeys(("confab_tools", "confab_default_tools"), NO_TOOL),
}
SECRET_KEY = re.compile(r"[\w-]{43}=", re.ASCII)  # 32 bytes in base64, as Fernet has it


def split_list(value: object) -> object:
    """Parse a comma-separated list; anything but text is left as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def refuse_empty_list(value: object, why: str) -> object:
    """Validate that an allow-list which was written names something: nothing would mean all. Raises ValueError."""
    if isinstance(value, str) and value.strip() and not split_list(value):
        raise ValueError(why)
    return value


def check_proxies(environment: Mapping[str, str]) -> list[str]:
    """Describe the proxy variables that no client of ours can use, each in a line without a character of its value."""
    lines = []
    for name, value in environment.items():
        try:
            if value and name.lower() in PROXIES:
                check_http_url(value)
        except ValueError as error:
            lines.append(f"{name}: {error}. Write {PROXY_EXAMPLE}, or unset it for Confab.")
    return lines


CommaSeparated = BeforeValidator(split_list)
HttpUrl = Annotated[str, AfterValidator(check_http_url), AfterValidator(refuse_login)]
Names = Annotated[tuple[str, ...], NoDecode, CommaSeparated]
Domains = Annotated[tuple[Annotated[str, AfterValidator(check_domain)], ...], NoDecode, CommaSeparated]
Ids = Annotated[frozenset[str], NoDecode, CommaSeparated]


class StrippedSource(PydanticBaseSettingsSource):
    """Values of another source without the blanks and quotes that came along, by a copy or Docker's `--env-file`."""

    def __init__(self, settings_cls: type[BaseSettings], source: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._source = source

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        stripped = {name: _strip(value) for name, value in self._source().items()}
        return {name: value for name, value in stripped.items() if value != ""}


class EnvironmentSettings(BaseSettings):
    """Base class of settings: a field's variable is its name in capitals, and an empty value counts as not set."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment before `.env`; what is empty but for blanks is as if it were not set."""
        return init_settings, StrippedSource(settings_cls, env_settings), StrippedSource(settings_cls, dotenv_settings)

    @field_validator("*", mode="after")
    @classmethod
    def _check_secret(cls, value: object) -> object:
        if isinstance(value, SecretStr) and (wrong := explain_secret(value.get_secret_value())):
            raise ValueError(wrong)
        return value

    def secrets(self) -> list[str]:
        """Return the values that must never be seen."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def doubt_secrets(self) -> list[str]:
        """Describe keys and tokens that may be something else by mistake, each in a line; they are tried."""
        values = ((name.upper(), getattr(self, name)) for name in type(self).model_fields)
        given = ((name, value.get_secret_value()) for name, value in values if isinstance(value, SecretStr))
        return [f"{name}: {doubt}." for name, secret in given if (doubt := doubt_secret(secret))]


class Settings(EnvironmentSettings):
    """All that core can be told from outside; each platform has its own class beside its adapter."""

    anthropic_api_key: SecretStr | None = Field(
        default=None, description="Your key; without it only a stand-in answers, in the terminal."
    )
    anthropic_base_url: Annotated[HttpUrl, AfterValidator(strip_api_path)] = Field(
        default="https://api.anthropic.com", description="A gateway's address."
    )
    confab_model: str = Field(default="claude-haiku-5-5", description="The model, where no persona names one.")
    confab_fallback_models: Names = Field(
        default=(), description="Models that answer when that one is overloaded, gone or refuses, in order: a,b."
    )
    confab_models: Names = Field(
        default=(), description="Models that may be chosen, comma-separated, here and by personas; unset: any."
    )
    confab_tools: Names = Field(
        default=(), description="Tools that may be chosen, comma-separated, or none; unset: built-in ones that read."
    )
    confab_default_tools: Names = Field(
        default=(), description="Those of them that are on where no persona chooses; unset: built-in ones that read."
    )
    confab_persona: str = Field(default="", description="The system prompt, where no persona is set.")
    confab_personas: str = Field(
        default="", description="A folder of personas to choose from, beside those that ship; each a Markdown file."
    )
    confab_cache_ttl: Literal["auto", "5m", "1h"] = Field(
        default="auto", description="How long a prompt is cached: 5m, 1h, or auto, by how people pause."
    )
    confab_files: Literal["upload", "inline"] = Field(
        default="upload",
        description="How Claude gets pictures and PDFs: upload, once each; inline, with each request, for gateways.",
    )
    confab_web_domains: Domains = Field(
        default=(), description="Domains that web search and web fetch are bound to, comma-separated; unset: any."
    )
    confab_web_blocked: Domains = Field(
        default=(), description="Domains that they leave out, comma-separated; not beside CONFAB_WEB_DOMAINS."
    )
    confab_web_estimate: int = Field(
        default=50_000, ge=0, description="Tokens of web results that budgets set aside for one request."
    )
    confab_guests: bool = Field(default=False, description="Whether guests and people of other workspaces may ask.")
    confab_managers: Ids = Field(
        default=frozenset(), description="Ids of people who manage everything, comma-separated."
    )
    confab_catch_up: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(),
        le=timedelta(days=7),
        description="How old a question may be that was asked while Confab was away: 30m, 1h, 2d, at most 7d; 0: none.",
    )
    confab_bots: Ids = Field(
        default=frozenset(), description="Ids of other bots that may ask by mentioning Confab, comma-separated."
    )
    confab_code_estimate: float = Field(
        default=0.01, ge=0, le=1, description="What code that runs is taken to cost, in US dollars a request."
    )
    confab_max_cost: Decimal = Field(
        default=Decimal(1),
        gt=0,
        le=1_000_000,
        description="US dollars that one answer may cost; then it goes on only if somebody lets it.",
    )
    confab_approvers: Literal["asker", "managers"] = Field(
        default="asker",
        description="Who lets a tool act: asker, who asked; managers, who asked or whoever manages the channel.",
    )
    confab_prices: str = Field(
        default="", description="A CSV file of prices, for models that we have none or others of."
    )
    confab_mcp: str = Field(
        default="", description="A TOML file of MCP servers whose tools Claude may use; it needs the extra `mcp`."
    )
    confab_time_zone: str = Field(
        default="UTC", description="Where days, weeks and months begin, until a budget names its own: Europe/Berlin."
    )
    confab_slots: int = Field(default=256, ge=1, le=10_000, description="Questions that a process takes up at once.")
    confab_http_host: str = Field(default="127.0.0.1", description="The address that the HTTP server listens on.")
    confab_http_port: int | None = Field(default=None, ge=1, le=65535, description="Its port; unset: no HTTP server.")
    confab_web_open: bool = Field(default=False, description="Whether `confab web` needs no key to be opened.")
    confab_public_url: Annotated[str, AfterValidator(check_public_url)] = Field(
        default="", description="The https:// address at which others reach the HTTP server, through your proxy."
    )
    confab_log_level: Level = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    confab_log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="text or json; auto: text on a terminal, else json."
    )
    confab_secret_key: SecretStr | None = Field(
        default=None,
        description="Keys that seal the audit log and tokens, comma-separated, the newest first; unset: in confab.key.",
    )
    database_url: str = Field(
        default="sqlite:///confab.db",
        description="Where threads and usage are kept: sqlite:///confab.db, or postgresql://user:password@host/confab.",
    )

    def secrets(self) -> list[str]:
        """Return the values that must never be seen, each key, and the password of the database's address too."""
        given = find_passwords(self.database_url)
        passwords = {form for one in given for form in (one, unquote(one), quote(unquote(one))) if form}
        return [*super().secrets(), *self.secret_keys(), *sorted(passwords)]

    def secret_keys(self) -> list[str]:
        """Return the keys of CONFAB_SECRET_KEY, the one that seals first."""
        return self.confab_secret_key.get_secret_value().split(",") if self.confab_secret_key else []

    @field_validator("confab_secret_key", mode="before")
    @classmethod
    def _strip_keys(cls, value: object) -> object:
        return ",".join(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("confab_secret_key")
    @classmethod
    def _check_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not all(SECRET_KEY.fullmatch(one) for one in value.get_secret_value().split(",")):
            raise ValueError("must be keys of 32 bytes in base64, as `openssl rand -base64 32 | tr +/ -_` prints them")
        return value

    @field_validator("confab_catch_up", mode="before")
    @classmethod
    def _parse_duration(cls, value: object) -> object:
        written = DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
        if isinstance(value, str) and written is None:
            raise ValueError("must be a number with a unit, s, m, h or d")
        return timedelta(**{UNITS[written[2]]: int(written[1])}) if written else value

    @field_validator("confab_model", "confab_fallback_models", "confab_models")
    @classmethod
    def _check_model_ids(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for one in (value,) if isinstance(value, str) else value:
            if not is_model_id(one):
                raise ValueError(f"{one[:40]!r} is no model's id, which has letters, digits and .-_:/@+ alone")
        return value

    @field_validator(*NAMELESS, mode="before")
    @classmethod
    def _check_named(cls, value: object, info: ValidationInfo) -> object:
        return refuse_empty_list(value, NAMELESS[str(info.field_name)])

    @field_validator("confab_log_level", mode="before")
    @classmethod
    def _capitalize(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("confab_time_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        if not is_time_zone(value):
            raise ValueError(f"there is no time zone {value}")
        return value

    @field_validator("database_url")
    @classmethod
    def _check_scheme(cls, value: str) -> str:
        if not DATABASE.match(value):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _check_lists(self) -> Self:
        """Defaults are bound to the allow-list like everybody's choice, and the API takes one list of domains."""
        if self.confab_web_domains and self.confab_web_blocked:
            raise ValueError("CONFAB_WEB_DOMAINS, CONFAB_WEB_BLOCKED: set one of them, for the API takes no two")
        named = {"CONFAB_MODEL": (self.confab_model,), "CONFAB_FALLBACK_MODELS": self.confab_fallback_models}
        for variable, models in named.items():
            if self.confab_models and (others := [one for one in models if one not in self.confab_models]):
                allowed = ", ".join(self.confab_models)
                raise ValueError(f"{variable}: {others[0]} is not among CONFAB_MODELS, which allows {allowed}")
        return self


def check_env_file() -> list[str]:
    """Describe the lines of `.env` that are none of settings, without a character of them. Raises OSError."""
    if not Path(ENV_FILE).is_file():
        return []
    with open(ENV_FILE, encoding="utf-8") as file:
        broken = [one.original for one in parse_stream(file) if one.error]
    blank = [one.string.removesuffix(one.string.lstrip()).count("\n") for one in broken]  # lines before it
    return [f"{ENV_FILE}, line {one.line + more}: {UNPARSABLE}" for one, more in zip(broken, blank, strict=True)]


def read_settings() -> Settings:
    """Read core's settings. Raises SettingsError with a line for each wrong one."""
    (settings,) = read_all([Settings])
    assert isinstance(settings, Settings)
    return settings


def read_all(kinds: Iterable[type[EnvironmentSettings]]) -> Sequence[EnvironmentSettings]:
    """Read settings of several classes, in their order. Raises SettingsError with a line for each wrong one of all."""
    found: list[EnvironmentSettings] = []
    lines = check_proxies(os.environ)
    try:
        lines += check_env_file()
        for kind in kinds:
            try:
                found.append(kind())
            except ValidationError as error:
                lines += dict.fromkeys(_explain(kind, problem) for problem in error.errors())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{ENV_FILE}: can't be read ({error}). Let this user read it, as UTF-8, or move it away."
        ) from None
    if lines:
        raise SettingsError("\n".join(lines))
    return found


def read_variables() -> Mapping[str, str]:
    """All variables, ours and others', of the environment and below it of `.env`."""
    sources = (dotenv_values(ENV_FILE), os.environ)
    return {name: value for source in sources for name, value in source.items() if value and value.strip()}


def find_misspelt(kinds: Iterable[type[EnvironmentSettings]]) -> list[str]:
    """Describe variables that look like ours and are none, each in a line with the setting that may be meant.

    Names that begin with CONFAB_ are ours alone. Others may be another program's: of them only those count that are
    nearly one of ours which is not set.
    """
    known = sorted({name.upper() for kind in kinds for name in kind.model_fields})
    prefixes = tuple({f"{name.partition('_')[0]}_" for name in known})
    present = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
    lines = []
    for name in sorted(present - set(known)):
        bare, alike = name.removeprefix(OURS), NEARLY if name.startswith(prefixes) else SAME
        near = [bare] if bare in known else difflib.get_close_matches(name, known, 1, alike)
        if name.startswith(OURS) or (near and near[0] not in present):
            meant = f"; {near[0]} may be meant" if near else "; docs/settings.md lists them all"
            lines.append(f"{name}: there is no such setting{meant}.")
    return lines


def _strip(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    bare = value.strip(BLANKS)
    quoted = len(bare) > 1 and f"{bare[0]}{bare[-1]}" in QUOTES
    return bare[1:-1].strip(BLANKS) if quoted else bare


def _explain(kind: type[EnvironmentSettings], problem: ErrorDetails) -> str:
    """A line for the operator: the variable, what is wrong with it, and what it is for."""
    message = SENTENCES.get(problem["type"], problem["msg"]).format(**problem.get("ctx", {}))
    if not problem["loc"]:
        return message.removeprefix("Value error, ") + "."
    name = str(problem["loc"][0])
    return f"{name.upper()}: {message.removeprefix('Value error, ')}. {kind.model_fields[name].description}"
