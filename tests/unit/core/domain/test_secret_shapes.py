"""Words that may be secrets are shown by their beginning."""

import pytest

from core.domain.secret_shapes import shorten_secrets


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("8f742231b10e8888abcd99aa11bb85a5", "8f74… (32 characters)"),
        ("gw_live_9f8aKq27Zr1bXc4d", "gw_l… (24 characters)"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e… (36 characters)"),
        ("kJhGfDsAqWeRtYuIoPlKjHgFdSa=", "kJhG… (28 characters)"),
        ("p%ss!w0rd9x8yZ#q7&rU2+vT", "p%ss… (24 characters)"),
    ],
)
def test_a_long_word_of_mixed_letters_and_digits_is_shown_by_its_beginning(secret, shown):
    assert shorten_secrets(f"there is no {secret}. Set {secret!r}, or ({secret})") == (
        f"there is no {shown}. Set '{shown}', or ({shown})"
    )


@pytest.mark.parametrize(
    "text",
    [
        "there is no time zone Europe/Berln. Where days begin: Europe/Berlin.",
        "there is no time zone America/Argentina/Buenos_Airs.",
        "claude-sonnet-4-5-20250929 is not among CONFAB_MODELS, which allows us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "'Llama-3.1-Nemotron-70B-Instruct-HF' is no model's id",
        "'https://discord.com/channels/813812345678901234' is no server's id",
        "Make a key at https://platform.claude.com/settings/keys, or postgresql://user:password@host/confab.",
        "'813812345678901x' is no server's id",
    ],
)
def test_slips_and_addresses_are_shown_whole(text):
    assert shorten_secrets(text) == text
