"""MCP settings: the servers that the file `CONFAB_MCP` lists, parsed and validated once, at the start."""

import difflib
import importlib.util
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from core.addresses import check_http_url, refuse_login
from core.domain.errors import SettingsError
from core.domain.messages import ThreadKey

NAME = re.compile(r"[a-z0-9](?:_?[a-z0-9-]){0,30}")  # two underscores divide it from a tool's name
TAKEN = {"web", "code", "history", "files", "time", "none", "default"}  # words that personas choose tools by
VARIABLE = re.compile(r"\$\{([^}]*)\}")
PLACE = re.compile(r"[a-z]+:[^/\s]+(?:/[^/\s]+)?")
HIDDEN = "[secret]"
SECRET = 6  # characters: what is shorter is no secret, and hiding it would make a log unreadable
WORD = 8  # characters of a header's word that may be a secret, also where it stands in the file itself
INSTALL = (
    "CONFAB_MCP: needs the package `mcp`, which is not installed. "
    "Run `.venv/bin/pip install '.[mcp]'` in Confab's checkout, or unset CONFAB_MCP."
)
KINDS = {
    "extra_forbidden": "there is no such field",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "list_type": "must be a list of texts",
    "tuple_type": "must be a list of texts",
    "frozen_set_type": "must be a list of texts",
    "dict_type": 'must be a table of texts, as in {NAME = "value"}',
    "model_type": "must be a table with fields, as in [servers.tickets]",
}
"""What pydantic's kinds of errors are to an operator."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server as the file lists it: its address or its command, who may use it, and which of its tools act.

    `tools`, `denied` and `acts` are names as the server has them; `channels` are `workspace/channel` or workspaces.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: frozenset[str] | None = None
    """Those that are allowed; None for all."""
    denied: frozenset[str] = frozenset()
    acts: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    """Where it may be used; none for everywhere."""
    shared: bool = False
    """All workspaces use one session."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never be seen of it."""

    def allows(self, tool: str) -> bool:
        return tool not in self.denied and (self.tools is None or tool in self.tools)

    def hide_secrets(self, text: str) -> str:
        """A text without them, before it is cut: a part of one is still a secret."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text

    @property
    def longest_secret(self) -> int:
        """Characters of the longest of them."""
        return max(map(len, self.secrets), default=0)

    def serves(self, key: ThreadKey) -> bool:
        """Whether a conversation may use it."""
        return not self.channels or not self.channels.isdisjoint({key.workspace, f"{key.workspace}/{key.channel}"})


def _check_url(value: str) -> str:
    return refuse_login(check_http_url(value)) if value else value


def _check_places(value: frozenset[str]) -> frozenset[str]:
    for one in value:
        if not PLACE.fullmatch(one):
            raise ValueError(f"{one[:40]!r} must be PLATFORM:WORKSPACE, or PLATFORM:WORKSPACE/CHANNEL for one channel")
    return value


def _check_headers(value: dict[str, str]) -> dict[str, str]:
    for name, words in value.items():
        if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not words.isascii() or not words.isprintable():
            raise ValueError(f"{name[:40]!r} must be one word, and its value printable ASCII on one line")
    return value


class Entry(BaseModel):
    """One server's table in the file, after its variables were filled in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Annotated[str, AfterValidator(_check_url)] = ""
    command: Annotated[tuple[str, ...], Field(strict=False)] = ()
    env: dict[str, str] = {}
    headers: Annotated[dict[str, str], AfterValidator(_check_headers)] = {}
    tools: Annotated[frozenset[str], Field(strict=False)] | None = None
    denied: Annotated[frozenset[str], Field(strict=False)] = frozenset()
    acts: Annotated[frozenset[str], Field(strict=False)] = frozenset()
    channels: Annotated[frozenset[str], Field(strict=False), AfterValidator(_check_places)] = frozenset()
    shared: bool = False

    @model_validator(mode="after")
    def _check_reachable(self) -> "Entry":
        """One way to reach it, and only what belongs to that way."""
        if bool(self.url) == bool(self.command):
            raise ValueError("url: must have a url or a command, and not both")
        if self.command and self.headers:
            raise ValueError("headers: are for a url; a command gets env")
        if self.url and self.env:
            raise ValueError("env: is for a command; a url gets headers")
        if self.tools is not None and not self.tools:
            raise ValueError("tools: names none; leave it out to allow all")
        return self


def read_servers(path: str, variables: Mapping[str, str]) -> tuple[McpServer, ...]:
    """The servers of the file `path`, by name; none without a path. `${NAME}` stands for one of `variables`.

    Raises SettingsError, with a line for each thing that is wrong, which names file, server, field and mend.
    """
    if not path:
        return ()
    if importlib.util.find_spec("mcp") is None:
        raise SettingsError(INSTALL)
    servers: list[McpServer] = []
    lines: list[str] = []
    for name, table in sorted(_load_tables(path).items()):
        where = f"{path}: server {name[:40]}"
        if not NAME.fullmatch(name) or name in TAKEN:
            lines.append(
                f"{where}: its name must be of a-z, 0-9, - and single _, and none of {', '.join(sorted(TAKEN))}."
            )
            continue
        try:
            servers.append(_parse_server(name, table, variables))
        except ValidationError as error:
            lines += dict.fromkeys(f"{where}: {_explain(problem)}" for problem in error.errors())
        except _MissingVariable as missing:
            lines.append(f"{where}: {missing}")
    if lines:
        raise SettingsError("\n".join(lines))
    return tuple(servers)


class _MissingVariable(Exception):
    """A `${NAME}` that nothing stands for; the message is the field and the mend."""


def _load_tables(path: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"CONFAB_MCP: {path} can't be read ({why}). Name a file that can, or unset it.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}. Mend that line; texts stand in quotes.") from None
    tables = document.pop("servers", {})
    if document or not isinstance(tables, dict) or not tables:
        found = f"has `{sorted(document)[0][:40]}`, and" if document else ""
        raise SettingsError(f"{path}: {found} must have a table [servers.NAME] for each server, and no other.")
    return tables


def _parse_server(name: str, table: object, variables: Mapping[str, str]) -> McpServer:
    """Raises ValidationError and _MissingVariable."""
    used: list[str] = []
    filled = table
    if isinstance(table, dict):
        filled = {one: _fill_in(value, one, variables, used) for one, value in table.items()}
    entry = Entry.model_validate(filled)
    words = [word for value in entry.headers.values() for word in value.split() if len(word) >= WORD]
    secrets = sorted({one for one in (*used, *words) if len(one) >= SECRET}, key=len, reverse=True)
    return McpServer(name, **{one: getattr(entry, one) for one in Entry.model_fields}, secrets=tuple(secrets))


def _fill_in(value: Any, where: str, variables: Mapping[str, str], used: list[str]) -> Any:
    """`value` with variables in the place of their names; what they hold is added to `used`."""
    if isinstance(value, dict):
        return {name: _fill_in(one, f"{where}.{name}", variables, used) for name, one in value.items()}
    if isinstance(value, list):
        return [_fill_in(one, where, variables, used) for one in value]
    if not isinstance(value, str):
        return value

    def find(match: re.Match[str]) -> str:
        content = variables.get(match[1], "").strip()
        if not content:
            mend = "Set it in .env or in the environment, or take it out of the file."
            raise _MissingVariable(f"{where}: the variable {match[1][:40]} is not set. {mend}")
        used.append(content)
        return content

    return VARIABLE.sub(find, value)


def _explain(problem: ErrorDetails) -> str:
    """The field, what is wrong with it, and what may be meant; no value of it."""
    message = KINDS.get(problem["type"], problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return f"{message}."
    name = str(problem["loc"][0])
    near = difflib.get_close_matches(name, Entry.model_fields, 1) if problem["type"] == "extra_forbidden" else []
    meant = f"; {near[0]} may be meant" if near else f"; there are {', '.join(Entry.model_fields)}"
    return f"{name[:40]}: {message}{meant if problem['type'] == 'extra_forbidden' else ''}."


def list_secrets(servers: Iterable[McpServer]) -> Sequence[str]:
    """What must never be seen of any of them."""
    return [secret for server in servers for secret in server.secrets]
