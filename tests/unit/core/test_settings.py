"""Every setting, where it comes from and what is wrong with it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from core.domain.errors import SettingsError
from core.settings import Settings, read, secrets

ROOT = Path(__file__).parents[3]
VARIABLES = {name.upper() for name in Settings.model_fields}


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_nothing_set_is_enough(bare_environment):
    chosen = read()

    assert chosen.anthropic_api_key is None
    assert (chosen.confab_model, chosen.confab_cache_ttl) == ("claude-haiku-5-5", "1h")
    assert (chosen.database_url, chosen.confab_log_level) == ("sqlite:///confab.db", "INFO")


def test_the_environment_wins_over_the_file(bare_environment, tmp_path):
    (tmp_path / ".env").write_text("CONFAB_MODEL=from-file\nCONFAB_PERSONA=Be brief.\nUNKNOWN=x\n")
    bare_environment.setenv("CONFAB_MODEL", "from-environment")

    chosen = read()

    assert (chosen.confab_model, chosen.confab_persona) == ("from-environment", "Be brief.")


def test_a_list_is_comma_separated(bare_environment):
    bare_environment.setenv("CONFAB_FALLBACK_MODELS", "a, b,,")

    assert read().confab_fallback_models == ("a", "b")


@pytest.mark.parametrize(
    ("written", "lasting"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 1 H ", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("0", timedelta()),
    ],
)
def test_a_duration_is_a_number_with_a_unit(bare_environment, written, lasting):
    bare_environment.setenv("CONFAB_CATCH_UP", written)

    assert read().confab_catch_up == lasting


def test_an_empty_value_is_as_if_it_were_not_set(bare_environment):
    bare_environment.setenv("CONFAB_CACHE_TTL", "")

    assert read().confab_cache_ttl == "1h"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("CONFAB_CACHE_TTL", "2h", "CONFAB_CACHE_TTL: Input should be '5m' or '1h'."),
        ("CONFAB_LOG_LEVEL", "loud", "CONFAB_LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."),
        ("CONFAB_CATCH_UP", "an hour", "CONFAB_CATCH_UP: must be a number with a unit, s, m, h or d."),
        ("CONFAB_CATCH_UP", "-1h", "CONFAB_CATCH_UP: must be a number with a unit, s, m, h or d."),
        ("CONFAB_CATCH_UP", "8d", "CONFAB_CATCH_UP: Input should be less than or equal to 7 days."),
        ("ANTHROPIC_BASE_URL", "example.com", "ANTHROPIC_BASE_URL: must begin with http:// or https://."),
        ("DATABASE_URL", "postgresql://db", "DATABASE_URL: postgresql databases are not supported yet; use sqlite:///"),
    ],
)
def test_a_wrong_value_is_one_line_with_variable_and_mend(bare_environment, variable, value, line):
    bare_environment.setenv(variable, value)

    with pytest.raises(SettingsError) as raised:
        read()

    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_text_is_one_line(bare_environment, tmp_path):
    (tmp_path / ".env").write_bytes(b"CONFAB_PERSONA=\xff\xfe")

    with pytest.raises(SettingsError, match="^.env: can't be read .* as UTF-8, or move it away.$"):
        read()


def test_secrets_are_known_and_never_shown(bare_environment):
    bare_environment.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")

    assert secrets(read()) == ["sk-ant-secret"]
    assert "sk-ant-secret" not in repr(read())


def test_the_example_names_every_variable_with_its_default():
    lines = (ROOT / ".env.example").read_text().splitlines()

    named = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", "\n".join(lines), re.MULTILINE))
    defaults = {name.upper(): field.default for name, field in Settings.model_fields.items()}
    shown = {name: "" if value in (None, (), frozenset()) else str(value) for name, value in defaults.items()}
    assert named == shown | {"CONFAB_CATCH_UP": "1h"}
    assert defaults["CONFAB_CATCH_UP"] == timedelta(hours=1)


def test_the_manual_tells_of_every_variable():
    manual = (ROOT / "docs" / "settings.md").read_text()

    assert set(re.findall(r"^\| `([A-Z_]+)`", manual, re.MULTILINE)) == VARIABLES
