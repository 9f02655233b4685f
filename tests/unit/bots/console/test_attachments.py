"""Files of the terminal are found, completed, and known again by what is in them. Tests bots.console.attachments."""

from pathlib import Path

import pytest

from bots.console.attachments import CHANGED, UNKEPT, Attachments, complete_path, find_paths
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
        ("", []),
    ],
)
def test_a_line_names_files_as_a_shell_does_or_one_as_it_is(folder, words, names):
    assert find_paths(words) == [Path(name.replace("~", str(folder))) for name in names]


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
    attachments.add_piped(b"a,b")
    (piped,) = attachments.take()

    assert attachments.fetch(piped) == b"a,b"
    with pytest.raises(CannotAnswer, match=UNKEPT):
        Attachments().fetch(piped)


def test_an_empty_pipe_attaches_nothing():
    attachments = Attachments()
    attachments.add_piped(b"")

    assert attachments.take() == ()


def test_a_prompt_names_a_few_and_no_control_characters():
    attachments = Attachments()
    for at in range(5):
        attachments.add(Attachment(str(at), f"a\x1b{at}", "", 1))

    assert attachments.sign == " [a\\x1b0, a\\x1b1, a\\x1b2, and 2 more]"
