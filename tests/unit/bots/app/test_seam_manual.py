"""The manual names every member that a new platform's adapter and plugin must have."""

import dataclasses
import re
from pathlib import Path

import pytest

from bots.ops.plugin import PlatformPlugin
from core.domain.platform import Platform, Surface

PAGE = (Path(__file__).parents[4] / "docs/architecture.md").read_text()
MANUAL = PAGE.partition("**A platform** is")[2].partition("**A command** is")[0]


def members(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")}


@pytest.mark.parametrize(
    "wanted",
    [members(Platform), members(Surface), {field.name for field in dataclasses.fields(PlatformPlugin)}],
    ids=["adapter", "surface", "plugin"],
)
def test_the_manual_names_every_member(wanted):
    named = set(re.findall(r"`(\w+)`", MANUAL))

    assert len(wanted) > 5
    assert wanted - named == set()
