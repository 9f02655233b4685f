"""Rules: what the settings decide for all places."""

from datetime import timedelta

from bots.app.run import make_rules
from core.answering.policy import Rules
from core.domain.personas import Persona
from core.settings import Settings


def test_settings_become_rules():
    chosen = Settings(
        _env_file=None,
        confab_model="claude-opus-5-5",
        confab_fallback_models="claude-sonnet-5-5,claude-haiku-5-5",
        confab_persona="Be brief.",
        confab_cache_ttl="5m",
        confab_time_zone="Asia/Tokyo",
        confab_guests=True,
        confab_bots="U1,B2",
        confab_catch_up="30m",
    )

    assert make_rules(chosen) == Rules(
        Persona(system="Be brief.", model="claude-opus-5-5"),
        ("claude-sonnet-5-5", "claude-haiku-5-5"),
        "5m",
        "Asia/Tokyo",
        guests=True,
        bots=frozenset({"U1", "B2"}),
        catch_up=timedelta(minutes=30),
    )
