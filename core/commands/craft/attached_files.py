"""Files with commands: those that a command takes of the message that gives it."""

from collections.abc import Sequence

from core.commands.registry import Command, UsageError, find_command
from core.domain.messages import Attachment, Message


def takes_files(table: Sequence[Command], line: str) -> bool:
    """Whether a line is a command that takes files."""
    try:
        return find_command(table, line)[0].takes_files
    except UsageError:
        return False


def list_taken_files(table: Sequence[Command], line: str, message: Message) -> tuple[Attachment, ...]:
    """The files that a command takes of its message; what that forwards is not its author's."""
    own = tuple(one for one in message.attachments if not one.quoted)
    return own if takes_files(table, line) else ()
