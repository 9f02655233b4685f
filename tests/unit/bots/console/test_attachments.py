"""Files of the terminal are found, completed, and known again by what is in them. Tests bots.console.attachments."""

from pathlib import Path

import pytest

from bots.console.attachments import CHANGED, NOTHING, UNKEPT, Attachments, complete_path, find_paths, split_paths
from bots.delivery.downloads import GONE
from core.domain.errors import CannotAnswer
from core.domain.messages import Attachment


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("plan.pdf", "plan two.pdf", ".hidden", "it's"):
        (tmp_path / name).write_text(name)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "a.txt").write_text("a")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("plan.pdf", ["plan.pdf"]),
        ("plan two.pdf", ["plan two.pdf"]),
        ("'plan two.pdf' plan.pdf", ["plan two.pdf", "plan.pdf"]),
        ("plan\\ two.pdf", ["plan two.pdf"]),
        ("~/plan.pdf ~/plans/a.txt", ["~/plan.pdf", "~/plans/a.txt"]),
        ("it's", ["it's"]),
        ("*.pdf", ["plan two.pdf", "plan.pdf"]),
        ("~/pl*s/*.txt plan.pdf", ["~/plans/a.txt", "plan.pdf"]),
        ("", []),
    ],
)
def test_a_line_names_files_as_a_shell_does_or_one_as_it_is(folder, words, names):
    assert [path for word in split_paths(words) for path in find_paths(word)] == [
        Path(name.replace("~", str(folder))) for name in names
    ]


@pytest.mark.parametrize(
    ("line", "wholes"),
    [
        ("/attach pl", ["/attach plan\\ two.pdf ", "/attach plan.pdf ", "/attach plans/"]),
        ("/attach plan\\ t", ["/attach plan\\ two.pdf "]),
        ("/attach 'plan t", ["/attach 'plan two.pdf' "]),
        ("/attach plan.pdf plans/", ["/attach plan.pdf plans/a.txt "]),
        ("/attach ~/plans/", ["/attach ~/plans/a.txt "]),
        ("/attach .h", ["/attach .hidden "]),
        ("/attach it", ["/attach it\\'s "]),
        ("/attach nowhere/", []),
    ],
)
def test_paths_are_completed_as_a_shell_does(folder, line, wholes):
    assert list(complete_path(line)) == wholes


def test_a_file_hangs_on_one_message_and_is_known_again_by_what_is_in_it(folder):
    attachments = Attachments()
    attachments.attach("plan.pdf plans/a.txt")
    assert attachments.sign == " [plan.pdf, a.txt]"

    plan, _ = attachments.take()
    assert (plan.name, plan.type, plan.size, plan.url) == ("plan.pdf", "application/pdf", 8, str(folder / "plan.pdf"))
    assert (attachments.sign, attachments.take()) == ("", ())
    assert Attachments().fetch(plan) == b"plan.pdf"

    (folder / "plan.pdf").write_text("another")
    with pytest.raises(CannotAnswer, match=CHANGED):
        attachments.fetch(plan)
    (folder / "plan.pdf").unlink()
    with pytest.raises(CannotAnswer, match=GONE):
        attachments.fetch(plan)


def test_what_was_piped_in_lasts_as_long_as_the_process():
    attachments = Attachments()
    assert attachments.add_piped(b"a,b") == "Attached: stdin (3 bytes)."
    (piped,) = attachments.take()

    assert attachments.fetch(piped) == b"a,b"
    with pytest.raises(CannotAnswer, match=UNKEPT):
        Attachments().fetch(piped)


def test_an_empty_pipe_attaches_nothing():
    attachments = Attachments()

    assert attachments.add_piped(b"") == "stdin is empty: nothing is attached."
    assert attachments.take() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("https://example.org/plan.pdf", "A link is not a file; say it in your message."),
        ("*.csv", "No file fits `*.csv`."),
        ("a_b_c.txt", "There is no file `a_b_c.txt`."),
    ],
)
def test_what_is_no_file_is_said_to_be_none_and_the_others_are_attached(folder, words, said):
    attachments = Attachments()

    assert (
        attachments.attach(f"{words} plan.pdf") == f"{said}\n\nAttached to the next message: plan.pdf (PDF, 8 bytes)."
    )
    assert attachments.names == ["plan.pdf"]


def test_all_that_is_attached_is_listed_a_line_for_each_with_its_name_as_it_is(folder):
    attachments = Attachments()
    assert attachments.attach("") == NOTHING
    for name in ("__init__.py", "a.bin", "b.csv", "c.csv", "d.csv"):
        (folder / name).write_text(name)
    attachments.attach("__init__.py a.bin *.csv")

    assert attachments.attach("").splitlines() == [
        "Attached to the next message:",
        "",
        "- `__init__.py` (Python code, 11 bytes)",
        "- a.bin (5 bytes)",
        *(f"- {one}.csv (CSV, 5 bytes)" for one in "bcd"),
    ]


@pytest.mark.parametrize(
    ("words", "said", "left"),
    [
        ("", "Detached: plan.pdf, plan two.pdf, a.txt.", []),
        ("plan two.pdf", "Detached: plan two.pdf.", ["plan.pdf", "a.txt"]),
        ("plan\\ two.pdf plan.pdf", "Detached: plan.pdf, plan two.pdf.", ["a.txt"]),
        ("plans/a.txt", "Detached: a.txt.", ["plan.pdf", "plan two.pdf"]),
        ("it's", "No such file is attached. Attached to", ["plan.pdf", "plan two.pdf", "a.txt"]),
    ],
)
def test_files_are_detached_by_name_or_path_or_all(folder, words, said, left):
    attachments = Attachments()
    attachments.attach("plan.pdf 'plan two.pdf' plans/a.txt")

    assert attachments.detach(words).startswith(said)
    assert attachments.names == left
    assert Attachments().detach(words) == NOTHING


def test_a_prompt_names_a_few_and_no_control_characters():
    attachments = Attachments()
    for at in range(5):
        attachments.add(Attachment(str(at), f"a\x1b{at}", "", 1))

    assert attachments.sign == " [a\\x1b0, a\\x1b1, a\\x1b2, and 2 more]"
