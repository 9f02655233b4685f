"""Changes of personas in words: what a version changed, in its history and where somebody else was faster."""

import pytest

from core.commands.craft.persona_changes import describe_change, list_changed_settings, write_setting
from core.domain.personas import Example, KnowledgeFile, Persona

FILES = (KnowledgeFile(1, "a.md", 10), KnowledgeFile(2, "b.md", 10))
CHANGES = {
    "cleared": (Persona("Be brief."), Persona()),
    "system prompt": (Persona("Be brief."), Persona("Be long.")),
    "system prompt, effort `low`": (Persona("Be brief."), Persona("Be long.", effort="low")),
    "effort `default`": (Persona("Be brief.", effort="low"), Persona("Be brief.")),
    "context_tokens `9000`": (Persona("Be brief."), Persona("Be brief.", context_tokens=9_000)),
    "knowledge `a.md, b.md`": (Persona("Be brief."), Persona("Be brief.", knowledge=FILES)),
    "examples `1 example`": (Persona("Be brief."), Persona("Be brief.", examples=(Example("Why?"),))),
    "nothing": (Persona("Be brief."), Persona("Be brief.")),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_change_is_told_by_what_it_has_chosen(words):
    before, after = CHANGES[words]

    assert describe_change(after, before) == words


def test_the_system_prompt_is_no_setting():
    assert list_changed_settings(Persona("a", model="m"), Persona("b")) == ["model"]


def test_a_setting_is_code_whatever_is_in_it():
    assert write_setting("a`b\nc").count("`") == 2
    assert write_setting(None) == "`default`"
