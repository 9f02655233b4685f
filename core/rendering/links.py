"""Links: addresses that others wrote, made safe; labels that name another address than the one they lead to."""

import html
import re
import unicodedata
from urllib.parse import quote, urlsplit

from core.rendering.strip_marks import strip_marks

SCHEME = "://"
LONGEST = 1_000  # characters of an address that others wrote
KEPT = "%/:=&?#+$,;~"  # signs of an address that mean nothing in Markdown, beside those that every address may have

_WORD = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]++)++")  # parts between dots, read once: a label may be of any length
_TOP = re.compile(r"[^\W\d_]{2,}")  # the last part of a name of the DNS
_NUMBERS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_DOTS = {ord(dot): "." for dot in "\u3002\uff0e\uff61\u2024"}


def hides_address(label: str, address: str) -> bool:
    """Whether a label looks like an address of another host than that of the link."""
    words = _read_label(label)
    hosts = [host for word in _WORD.findall(words) for host in _find_hosts_in(word)]
    if not hosts:
        return SCHEME in words
    host = _find_host(address)
    return not all(host == one or host.endswith(f".{one}") or one == f"www.{host}" for one in hosts)


def clean_address(address: str) -> str:
    """An address of a page of the web as it can stand in a text: in it nothing is markup, a mention, or a login.

    Empty for one that is none, or too long to be shown.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or not (host and host.isascii()):
        return ""
    written = quote(parts.geturl(), safe=KEPT, errors="replace")
    return written if len(written) <= LONGEST else ""


def show_address(label: str, address: str) -> str:
    """A link in words: its label and its address, or the address alone where that is its label."""
    return address if label.strip() == address else f"{label} ({address})"


def _find_hosts_in(word: str) -> list[str]:
    """The hosts that a word with dots names: all of it up to the last part that may end one, else numbers."""
    parts = word.split(".")
    last = next((at for at in range(len(parts) - 1, 0, -1) if _TOP.fullmatch(parts[at])), None)
    return _NUMBERS.findall(word) if last is None else [".".join(parts[: last + 1])]


def _read_label(label: str) -> str:
    """What a reader takes a label for: without marks, entities, and characters of no width; in small letters."""
    plain = unicodedata.normalize("NFKC", html.unescape(strip_marks(label)).translate(_DOTS))
    return "".join(one for one in plain if unicodedata.category(one) != "Cf").casefold()


def _find_host(address: str) -> str:
    """The host that a browser opens, where a backslash is a slash."""
    try:
        parts = urlsplit(html.unescape(address).replace("\\", "/").strip())
        host = parts.hostname or (parts.path.rpartition("@")[2] if parts.scheme == "mailto" else "")
    except ValueError:
        return ""
    return unicodedata.normalize("NFKC", host).casefold()
