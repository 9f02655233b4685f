"""View of the home tab: an overview as Block Kit blocks. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bots.slack.formatting import escape
from bots.slack.manifest import COMMAND
from core.commands import TABLE
from core.commands.overview import Overview, PlaceOverview, WorkspaceOverview
from core.commands.registry import MEMBERS_ONLY
from core.domain.wording import count_noun

SECTION = 3_000  # characters of a section's text that Slack takes
CHANNELS = 40  # that are told of: each has two blocks, and Slack takes 100
ACTION = "home:"  # begins the action_id of our buttons on the home tab; the words of the command follow
WHOLE = "-"  # in a button, the place that is all of the workspace
BUTTONS = {row.words: row.title for row in TABLE if row.title}

ABOUT = f"""*Ask me* in a channel, a thread or a group message by mentioning me, or write to me in _Messages_. \
Claude answers in the thread, having read all of it.
`{COMMAND} help` lists what else there is, such as seeing what Claude is told and erasing what was said."""

Block = dict[str, Any]


def build_home(overview: Overview | None, direct: str = "") -> Block:
    """The home tab of a person; without an overview that of a guest. `direct` is their direct message with us."""
    blocks = [_build_section([ABOUT]), *(_build_overview(overview) if overview else [_build_section([MEMBERS_ONLY])])]
    return {"type": "home", "private_metadata": direct, "blocks": blocks}


def _build_overview(overview: Overview) -> Iterator[Block]:
    yield _build_header("Your usage")
    yield _build_section(map(escape, (overview.usage, *overview.limits)))
    if overview.workspace:
        yield from _build_workspace(overview.workspace)
    if overview.places:
        yield from _build_channels(overview.places, overview.more)


def _build_channels(places: Sequence[PlaceOverview], more: int) -> Iterator[Block]:
    yield _build_header("Channels you manage")
    for one in places:
        yield _build_section([f"*<#{one.place.channel}>*", *map(escape, one.describe())])
        yield _build_actions(one)
    if more:
        commands = f"`{COMMAND} persona show` and `{COMMAND} budget show`"
        yield _build_section([f"And {count_noun(more, 'more channel')}: {commands} tell of each."])


def _build_workspace(whole: WorkspaceOverview) -> Iterator[Block]:
    """What those who manage the whole workspace see of it."""
    yield _build_header("This workspace")
    people = count_noun(whole.personal, "person has a budget", "people have budgets")
    limited = [f"{people} of their own: `{COMMAND} budget show` lists them."] if whole.personal else []
    yield _build_section([*map(escape, (whole.usage, *whole.place.describe())), *limited])
    yield _build_actions(whole.place)


def _build_header(text: str) -> Block:
    return {"type": "header", "text": build_plain_text(text)}


def _build_section(lines: Iterable[str]) -> Block:
    """Lines of mrkdwn, in which Slack makes no link or mention of what only looks like one."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:SECTION], "verbatim": True}}


def _build_actions(one: PlaceOverview) -> Block:
    value = one.place.channel or WHOLE
    buttons = [
        {"type": "button", "action_id": f"{ACTION}{words}", "text": build_plain_text(label), "value": value}
        for words, label in BUTTONS.items()
    ]
    return {"type": "actions", "block_id": f"{ACTION}{value}", "elements": buttons}


def build_plain_text(text: str) -> Block:
    """A text object without any markup."""
    return {"type": "plain_text", "text": text, "emoji": False}
