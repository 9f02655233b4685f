"""A workspace's personas as files of a folder.

Tests bots.app.persona_folders, core.store.persona_repository.
"""

from datetime import UTC, datetime

import pytest

from bots.app.configuration import read_configuration
from bots.app.persona_folders import check_library, export_folder, import_folder
from core.domain.errors import SettingsError, UnreadableFile
from core.domain.personas import Example, Persona, Place
from core.store import open_store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = Place("slack:T024", "C0DEV")
PIRATE = Persona("Say arr.", effort="low", follow_ups="never", examples=(Example("q", ("a",)),))


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///confab.db")
    return read_configuration()


async def change(persona, number):
    store = await open_store("sqlite:///confab.db")
    await store.personas.change(HERE, persona, number, "U1", NOON)
    await store.shut()


async def held():
    store = await open_store("sqlite:///confab.db")
    version = await store.personas.persona(HERE)
    await store.shut()
    return version


async def test_what_is_exported_is_imported_as_it_was_with_settings_that_files_do_not_have(configuration):
    await change(PIRATE, 0)
    written = await export_folder(configuration, "out", "slack:T024", "")
    await change(Persona("Be polite.", follow_ups="never"), 1)
    taken = await import_folder(configuration, "out", "slack:T024", "")
    again = await import_folder(configuration, "out", "slack:T024", "")

    version = await held()
    assert written == ["slack:T024 C0DEV: written to out/C0DEV.md"]
    assert taken == ["slack:T024 C0DEV: it has c0dev now, as version 3."]
    assert again == ["slack:T024 C0DEV: it has c0dev already."]
    assert (version.persona, version.author) == (PIRATE, "operator")


async def test_one_wrong_file_keeps_all_from_being_taken(configuration, tmp_path):
    await change(PIRATE, 0)
    await export_folder(configuration, "out", "slack:T024", "")
    (tmp_path / "out" / "C1.md").write_text("Arr.")

    with pytest.raises(UnreadableFile, match="C1.md, line 1: It does not begin with front matter"):
        await import_folder(configuration, "out", "slack:T024", "")
    assert (await held()).number == 1


async def test_a_persona_is_taken_by_its_name_and_one_that_is_not_there_is_refused(configuration, tmp_path):
    (tmp_path / "a.md").write_text("---\nname: pirate\nabout: b\n---\nArr.\n")

    told = await import_folder(configuration, ".", "slack:T024", "C0DEV", name="pirate")

    assert told == ["slack:T024 C0DEV: it has pirate now, as version 1."]
    with pytest.raises(SettingsError, match="no persona parrot"):
        await import_folder(configuration, ".", "slack:T024", "C0DEV", name="parrot")


async def test_what_is_no_workspace_is_refused_with_the_form_and_those_that_there_are(configuration):
    await change(PIRATE, 0)
    await export_folder(configuration, "out", "slack:T024", "")

    for wanted in ("console", "slack:", "T024", ""):
        with pytest.raises(SettingsError, match="Write its platform, a colon and its id, such as slack:T024"):
            await import_folder(configuration, "out", wanted, "")
        with pytest.raises(SettingsError, match="is no workspace"):
            await export_folder(configuration, "out", wanted, "")


async def test_a_folder_that_is_not_there_is_said_not_to_be(configuration, tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(UnreadableFile, match=r"away: There is no such folder\. Make it, or mend its name\."):
        await import_folder(configuration, "away", "slack:T024", "")
    with pytest.raises(UnreadableFile, match=r"file: It is no folder\."):
        await import_folder(configuration, "file", "slack:T024", "")


async def test_the_health_check_names_a_persona_whose_tool_nobody_can_choose(configuration, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sailor.md").write_text("---\nname: sailor\nabout: x\ntools: [compass]\n---\nSail.\n")
    monkeypatch.setenv("CONFAB_PERSONAS", str(tmp_path / "own"))

    (found,) = [one async for one in check_library(read_configuration())]

    assert (found.name, found.state) == ("sailor", "warning")
    assert found.says.startswith("There is no tool `compass`.")
