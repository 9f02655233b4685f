"""No secret reaches a log."""

import logging

import pytest

from bots.logs import Discreet


def line(message: str, secrets=(), error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("core.x", logging.INFO, "", 0, message, (), info)
    return Discreet(secrets).format(record)


@pytest.mark.parametrize(
    "token",
    [
        "sk-ant-api03-abcdefgh_ijkl-mnop",
        "xoxb-1234567890-abcdefghij",
        "xapp-1-A0APP-123-abcdef",
        "xoxe.xoxp-1-abcdefgh",
        ".".join(["MTIzNDU2Nzg5MDEyMzQ1Njc4", "GabcDE", "abcdefghijklmnopqrstuvwxyz12345"]),
    ],
)
def test_what_looks_like_a_token_is_hidden(token):
    assert token not in line(f"connecting with {token}, hm")
    assert "[secret]" in line(f"connecting with {token}, hm")


def test_a_known_secret_is_hidden_whatever_it_looks_like():
    assert line("key=plain-gateway-key!", ["plain-gateway-key", ""]).endswith("core.x: key=[secret]!")


def test_a_traceback_is_searched_too():
    try:
        raise ValueError("bad key hunter2hunter2")
    except ValueError as error:
        shown = line("failed", ["hunter2hunter2"], error)

    assert "ValueError: bad key [secret]" in shown


def test_ordinary_words_stay():
    assert line("question 1763712000.000100 in slack:T024").endswith("core.x: question 1763712000.000100 in slack:T024")
