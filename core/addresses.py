"""Addresses in settings: validated, and never quoted where they may hold a secret."""

import re
from urllib.parse import urlsplit

DOMAIN = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}(?:/[\w.~%*/-]*)?", re.ASCII | re.IGNORECASE)


def check_http_url(value: str) -> str:
    """Validate an address of HTTP. Raises ValueError, without a character of it."""
    if not value.lower().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        address = urlsplit(value)
    except ValueError:
        address = None
    if not (address and address.hostname) or re.search(r"\s", value):
        raise ValueError("must name a host, and have no blanks in it")
    try:
        _ = address.port
    except ValueError:
        raise ValueError("must have a number of at most 65535 as its port, where it has one") from None
    return value


def check_public_url(value: str) -> str:
    """Validate an address at which browsers reach our pages, if there is one. Raises ValueError, without its words."""
    if not value:
        return value
    if not value.lower().startswith("https://"):
        raise ValueError("must begin with https://")
    address = urlsplit(check_http_url(value))
    if "@" in address.netloc:
        raise ValueError("must have no user and password before its host, for it is shown to everybody")
    if address.path.strip("/") or "?" in value or "#" in value:
        raise ValueError("must end with its host or port, for its pages have paths of their own")
    return f"https://{address.netloc.lower()}"


def refuse_login(value: str) -> str:
    """Validate that an address has no login: beside a key or token the SDKs can send none. Raises ValueError."""
    if "@" in urlsplit(value).netloc:
        raise ValueError("must have no user and password before its host, which can't be sent beside a key or token")
    return value


def strip_api_path(value: str) -> str:
    """The address without the path that the SDK adds by itself: people copy it with `/v1` or `/v1/messages`."""
    return re.sub(r"(?:/v1(?:/messages)?)?/*$", "", value)


def check_domain(value: str) -> str:
    """Validate a domain, with a path or without. Raises ValueError."""
    if not DOMAIN.fullmatch(value):
        raise ValueError(f"{value[:40]!r} is no domain such as docs.example.com, without https://")
    return value
