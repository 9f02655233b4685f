"""Files that a command takes of its message: only where it says so, and never what somebody else attached."""

from datetime import UTC, datetime

import pytest

from core.commands import TABLE
from core.commands.craft.attached_files import list_taken_files, takes_files
from core.domain.messages import Attachment, Message

OWN = Attachment("F1", "mine.md", "text/markdown", 10)
QUOTED = Attachment("F2", "theirs.md", "text/markdown", 10, quoted=True)
MESSAGE = Message("m1", "U1", "!persona attach", datetime(2026, 1, 2, tzinfo=UTC), attachments=(OWN, QUOTED))


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        pytest.param("persona attach", True, id="a command that takes files"),
        pytest.param("persona attach cost=ok", True, id="with what it takes besides"),
        pytest.param("persona show", False, id="a command that takes none"),
        pytest.param("persona", False, id="half a command"),
        pytest.param("hello there", False, id="no command"),
    ],
)
def test_only_a_command_that_takes_files_is_given_those_of_its_message(line, taken):
    assert takes_files(TABLE, line) is taken
    assert list_taken_files(TABLE, line, MESSAGE) == ((OWN,) if taken else ())
