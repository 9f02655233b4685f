"""Documents of an answer in the terminal: bots.console.lines.saved_files."""

import pytest

from bots.console.lines.saved_files import save_document
from core.domain.messages import File

DOCUMENT = File("comparison.md", "text/markdown", b"# Both answers")


def test_a_document_is_saved_beside_what_is_there(tmp_path):
    names = [save_document(DOCUMENT, tmp_path) for _ in range(3)]

    assert names == ["comparison.md", "comparison-2.md", "comparison-3.md"]
    assert {(tmp_path / name).read_bytes() for name in names} == {b"# Both answers"}


@pytest.mark.parametrize(
    "file",
    [
        File("usage.csv", "text/csv", b"a,b"),
        File("answer.md", "text/markdown", b"x", told=True),
        File("chart.png", "image/png", b"x", drawn="bars"),
    ],
    ids=["data", "what the reply says", "a picture"],
)
def test_nothing_else_is_saved(tmp_path, file):
    assert save_document(file, tmp_path) == ""
    assert [*tmp_path.iterdir()] == []


def test_a_document_stays_in_its_folder_and_a_folder_that_takes_none_is_no_fault(tmp_path):
    (tmp_path / "in").mkdir()

    assert save_document(File("../out.md", "text/markdown", b"x"), tmp_path / "in") == "out.md"
    assert [*tmp_path.iterdir()] == [tmp_path / "in"]
    assert save_document(DOCUMENT, tmp_path / "gone") == ""
