"""Who speaks in the terminal, and where: the moves that a person makes there, and the completion of lines."""

import getpass
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bots.console.escapes import neutralise_line
from core.commands.lines.options import WORDS, find_trailing_parameter
from core.commands.registry import Command, suggest_values
from core.domain.messages import ThreadKey

HOUR = timedelta(hours=1)  # for which a question waits
WORKSPACE = "console:local"
MOVES = {
    "as NAME": "Be somebody else",
    "channel NAME": "Go to another channel",
    "new": "Begin another conversation in this channel",
    "attach PATH": "Attach a file to the next message, or several; without a path, list them",
    "detach [NAME]": "Take files off the next message",
    "threads [NUMBER]": "Show the conversations of this terminal; go to one of them, `#channel BEGUN` also from before",
    "continue": "Let the newest answer here go on where it was cut off",
    "up": "This answer helped",
    "down": "This answer did not help",
    "quit": "Leave, as `/exit`, `exit` and Ctrl-D do",
}
BEGUN = re.compile(r"#(\S+?),? (?:begun )?(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?)?)", re.ASCII)
"""A conversation as it is listed, which may be one of an earlier start."""
LEAVES = ("/quit", "/exit")
NO_PAST = "A terminal has no channel that could be read. Without `last` and `since` I take this conversation."
NOTHING_SAID = "Nothing was said in this conversation yet."


class ConsolePlace:
    """A person in a conversation of a channel. `clock` is the time here, `day` names the first conversation."""

    def __init__(self, person: str, conversation: str, clock: Callable[[], datetime]) -> None:
        self.person = neutralise_line(person) or "you"
        self._channel, self._conversation, self._clock = "general", conversation, clock
        self._visited = [self._here]
        self._people = [self.person]

    @property
    def prompt(self) -> str:
        return f"{self.person} in #{self._channel}> "

    @property
    def key(self) -> ThreadKey:
        return ThreadKey(WORKSPACE, *self._here)

    @property
    def _here(self) -> tuple[str, str]:
        return self._channel, self._conversation

    def apply_move(self, line: str) -> str | None:
        """Go where a line says; what there is to say of it. None if the line is no move."""
        word, _, rest = line.partition(" ")
        rest = neutralise_line(rest)
        match word.lower():
            case "/as":
                return self._become(rest)
            case "/channel":
                return self._enter(rest.lstrip("#"))
            case "/new":
                return self._begin()
            case "/threads":
                return self._list(rest)
        return None

    def complete_line(self, line: str, table: Sequence[Command]) -> Iterator[str]:
        """Whole lines that a line of a command may become."""
        if not line.startswith("/"):
            return
        words = [move.split()[0] for move in MOVES] + [row.words for row in table]
        yield from (f"/{one} " for one in sorted(words) if f"/{one}".startswith(line))
        for row in table:
            if line.startswith(f"/{row.words} "):
                yield from _complete_value(line, row)
        names = {"/as": self._people, "/channel": [channel for channel, _ in self._visited]}
        for move, known in names.items():
            yield from (whole for name in dict.fromkeys(known) if (whole := f"{move} {name}").startswith(line))

    def _become(self, name: str) -> str:
        if not name:
            return f"`/as NAME`: you are {self.person}."
        self.person = name
        self._people.append(name)
        return ""

    def _enter(self, channel: str) -> str:
        if not channel:
            return f"`/channel NAME`: you are in #{self._channel}."
        if " " in channel:
            return f"The name of a channel is one word, such as `/channel {'-'.join(channel.split())[:40]}`."
        self._channel = channel
        self._arrive()
        return ""

    def _begin(self) -> str:
        begun = f"{self._clock():%Y-%m-%dT%H:%M:%S}"
        again = sum(conversation.startswith(begun) for _, conversation in self._visited)
        self._conversation = f"{begun}.{again}" if again else begun
        self._arrive()
        return f"A new conversation in #{self._channel}. `/threads` lists those of this terminal."

    def _list(self, number: str) -> str:
        if begun := BEGUN.fullmatch(number):
            self._channel, self._conversation = begun[1], begun[2].replace(" ", "T")
            self._arrive()
        elif number:
            if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= len(self._visited)):
                return f"There is no conversation `{number[:40]}`. `/threads` lists them."
            self._channel, self._conversation = self._visited[int(number) - 1]
        lines = [f"{at}. {self._describe(*one)}" for at, one in enumerate(self._visited, 1)]
        return "\n".join([*lines, "", "`/threads NUMBER` goes to one of them."])

    def list_moves(self, key: ThreadKey, person: str, *, now: bool = False) -> list[str]:
        """The lines by which who begins here becomes that person in that conversation: `now`, or after a next start."""
        today = now or key.thread == f"{self._clock() + HOUR:%Y-%m-%d}"
        begins = today and self._visited[0] == (key.channel, key.thread)
        moves = [] if self._people[0] == person else [f"/as {person}"]
        return moves if begins else [*moves, f"/threads #{key.channel} {key.thread}"]

    def _describe(self, channel: str, conversation: str) -> str:
        here = " (you are here)" if (channel, conversation) == self._here else ""
        return f"#{channel}, begun {conversation.replace('T', ' ')}{here}"

    def _arrive(self) -> None:
        if self._here not in self._visited:
            self._visited.append(self._here)


def _complete_value(line: str, row: Command) -> Iterator[str]:
    """The line with the name of a parameter at its end, or one of its values."""
    begun, _, last = line.rpartition(" ")
    for one in row.parameters:
        name, equals, value = last.partition("=")
        if equals and name == one.name:
            known = (choice for choice in suggest_values(one, value) if choice.startswith(value))
            yield from (f"{begun} {name}={choice} " for choice in known)
        elif not equals and one.name.startswith(last):
            yield f"{begun} {one.name}="
        if not equals and one is find_trailing_parameter(row) and one.kind in WORDS:
            yield from (f"{begun} {choice} " for choice in one.choices if choice.startswith(last))


def find_user() -> str:
    """The name that the system knows us by."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry
        return "you"
