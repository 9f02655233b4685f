"""Files of an answer that a terminal keeps instead of printing them: bots.console.lines.saved_files."""

import pytest

from bots.console.lines.saved_files import is_for_disk, save_file
from core.domain.messages import File

DOCUMENT = File("comparison.md", "text/markdown", b"# Both answers")
RESULTS = File("batch-1.csv", "text/csv", b"a,b", kept=True)


def test_a_file_is_saved_beside_what_is_there(tmp_path):
    told = [save_file(DOCUMENT, tmp_path) for _ in range(3)]

    names = ["comparison.md", "comparison-2.md", "comparison-3.md"]
    assert told == [f"Saved here as `{name}`." for name in names]
    assert {(tmp_path / name).read_bytes() for name in names} == {b"# Both answers"}


def test_documents_go_to_disk_where_they_would_fill_a_screen_and_what_is_for_keeping_everywhere():
    assert [is_for_disk(DOCUMENT, screen=screen) for screen in (True, False)] == [True, False]
    assert [is_for_disk(RESULTS, screen=screen) for screen in (True, False)] == [True, True]


@pytest.mark.parametrize(
    "file",
    [
        File("usage.csv", "text/csv", b"a,b"),
        File("answer.md", "text/markdown", b"x", told=True),
        File("chart.png", "image/png", b"x", drawn="bars"),
    ],
    ids=["data", "what the reply says", "a picture"],
)
def test_nothing_else_goes_to_disk(file):
    assert not is_for_disk(file, screen=True)


def test_a_file_stays_in_its_folder_and_one_that_can_not_be_saved_is_told(tmp_path):
    (tmp_path / "in").mkdir()

    assert save_file(File("../out.md", "text/markdown", b"x"), tmp_path / "in") == "Saved here as `out.md`."
    assert [*tmp_path.iterdir()] == [tmp_path / "in"]
    assert save_file(DOCUMENT, tmp_path / "gone") == "`comparison.md` can't be saved here: No such file or directory."
