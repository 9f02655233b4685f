"""Which tools may be chosen, and which a conversation gets.

Tests core.tools: core.tools.registry, core.tools.tool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from core.domain.messages import ThreadKey
from core.store.protocols import Thread
from core.tools.registry import ToolRegistry, UnknownTool, describe_groups
from tests.support.provided_tools import ProvidedTools

KEY = ThreadKey("slack:T1", "C1", "1.0")
WEB = {"web": ("web_search", "web_fetch")}
BUILTIN = {"history": ("search_history", "read_thread"), "time": ("current_time",)}


def make_registry(
    *allowed: str,
    defaults: Sequence[str] = (),
    more: Sequence[str] = ("tickets__create",),
    down: Sequence[str] = (),
) -> ToolRegistry:
    providers = [
        ProvidedTools(WEB),
        ProvidedTools(BUILTIN, free=True),
        ProvidedTools({"tickets": ()}, more=more, down=down),
    ]
    return ToolRegistry(providers, allowed, defaults)


def make_thread(**kept: Sequence[str]) -> Thread:
    return Thread(KEY, (), stale=False, tools=kept)


async def list_names(registry: ToolRegistry, chosen: str | None = None, **kept: Sequence[str]) -> list[str]:
    return [tool.name for tool in await registry.list_tools(make_thread(**kept), chosen)]


class Keeping:
    """Keeps the tools of a thread; what was kept first wins."""

    def __init__(self) -> None:
        self.kept: dict[str, Sequence[str]] = {}

    async def remember_tools(self, key: ThreadKey, choice: str, names: Sequence[str]) -> dict[str, Sequence[str]]:
        self.kept.setdefault(choice, names)
        return self.kept


CHOICES = {
    "nothing chosen": ((), None, ["current_time", "read_thread", "search_history"]),
    "no tool": ((), "none", []),
    "a group": ((), "history", ["read_thread", "search_history"]),
    "a tool of a group": ((), "time,read_thread", ["current_time", "read_thread"]),
    "what costs, unless it is allowed": ((), "web", []),
    "what costs and is allowed, but not chosen": (("web", "time"), None, ["current_time"]),
    "what costs and is allowed": (("web",), "web", ["web_fetch", "web_search"]),
    "one tool of an allowed group": (("web",), "web_fetch", ["web_fetch"]),
    "a group of which one tool is allowed": (("web_fetch",), "web", ["web_fetch"]),
    "a server's tools, of unknown names": (("tickets",), "tickets", ["tickets__create"]),
    "what is not allowed any more": (("time",), "time,history", ["current_time"]),
}


@pytest.mark.parametrize(("allowed", "chosen", "names"), CHOICES.values(), ids=CHOICES)
async def test_a_conversation_gets_what_is_chosen_and_allowed_in_order(allowed, chosen, names):
    assert await list_names(make_registry(*allowed), chosen) == names


async def test_an_operator_says_what_is_on_where_nobody_chooses():
    registry = make_registry("web", "time", defaults=["web_search"])

    assert await list_names(registry) == ["web_search"]


async def test_what_is_on_by_default_is_allowed_too():
    assert await list_names(make_registry("time", defaults=["web", "time"])) == ["current_time"]


def test_what_may_be_chosen_is_told():
    registry = make_registry("web_fetch", "time", defaults=["time"])

    assert registry.names == ["current_time", "time", "web", "web_fetch"]
    assert registry.allowed_groups == {"time": ["current_time"], "web": ["web_fetch"]}
    assert registry.default_groups == {"time": ["current_time"]}
    assert describe_groups(registry.allowed_groups | {"tickets": []}) == (
        "`time` (current_time), `web` (web_fetch), `tickets`"
    )


def test_a_choice_is_kept_in_order_and_small():
    registry = make_registry("web", "time", "tickets")

    assert registry.parse_choice(" Web, time,web ,TICKETS") == "tickets,time,web"
    assert registry.parse_choice("None") == "none"


THESE = "These may be chosen: `time` (current_time), `web` (web_fetch, web_search); or `none`."
WRONG = {
    "not there": ("web,nonsense", f"There is no tool `nonsense`. {THESE}"),
    "a slip": ("wbe", f"There is no tool `wbe`. Did you mean `web`? {THESE}"),
    "not allowed": (
        "history",
        f"The group `history` is not allowed here. Whoever runs Confab can add it to CONFAB_TOOLS. {THESE}",
    ),
    "a tool that is not allowed": (
        "search_history",
        f"The tool `search_history` is not allowed here. Whoever runs Confab can add it to CONFAB_TOOLS. {THESE}",
    ),
    "a slip of what is not allowed": (
        "histroy",
        "There is no tool `histroy`. Did you mean `history`? The group `history` is not allowed here. Whoever runs "
        f"Confab can add it to CONFAB_TOOLS. {THESE}",
    ),
    "none beside others": ("none,web", f"`none` stands alone. {THESE}"),
    "all": ("all", f"There is no `all`: name each group that you want. {THESE}"),
    "nothing": (",", f"Name at least one tool. {THESE}"),
}


@pytest.mark.parametrize(("words", "sentence"), WRONG.values(), ids=WRONG)
def test_a_choice_that_there_is_not_is_refused_with_what_there_is(words, sentence):
    with pytest.raises(UnknownTool) as refused:
        make_registry("web", "time").parse_choice(words)

    assert str(refused.value) == sentence


@pytest.mark.parametrize("more", [(), ("tickets__find",)], ids=["not read yet", "read"])
def test_a_single_tool_of_a_server_that_lists_none_is_refused_with_what_lets_it_be_chosen(more):
    with pytest.raises(UnknownTool) as refused:
        make_registry("tickets", more=more).parse_choice("tickets__find")

    assert str(refused.value) == (
        "`tickets__find` can't be chosen by itself. `tickets` can, with all its tools. Single ones can where whoever "
        "runs Confab lists them in the file of MCP servers: `tools = [...]`. "
        "These may be chosen: `tickets`; or `none`."
    )


def test_where_no_tool_is_allowed_none_may_be_chosen():
    registry = make_registry("none")

    assert (registry.names, registry.parse_choice("none")) == ([], "none")
    with pytest.raises(UnknownTool, match="No tool may be chosen here"):
        registry.parse_choice("time")


async def test_a_thread_keeps_the_tools_that_it_began_with_under_a_choice():
    before, later = (make_registry("tickets", more=names) for names in (["tickets__a"], ["tickets__a", "tickets__b"]))
    keep = Keeping()
    await before.list_tools(make_thread(), "tickets", keep)

    assert keep.kept == {"tickets": ["tickets__a"]}
    assert await list_names(later, "tickets", **keep.kept) == ["tickets__a"]
    assert await list_names(later, "tickets") == ["tickets__a", "tickets__b"]
    assert await list_names(make_registry("time"), "tickets", **keep.kept) == []


async def test_of_two_who_begin_a_thread_at_once_both_have_the_tools_that_were_kept_first():
    keep = Keeping()
    keep.kept["tickets"] = ["tickets__a"]

    tools = await make_registry("tickets", more=["tickets__a", "tickets__b"]).list_tools(make_thread(), "tickets", keep)

    assert [tool.name for tool in tools] == ["tickets__a"]


async def test_a_list_without_what_is_down_just_now_is_not_kept():
    registry, keep = make_registry("time", "tickets", down=["tickets"]), Keeping()

    assert [tool.name for tool in await registry.list_tools(make_thread(), "time,tickets", keep)] == ["current_time"]
    assert keep.kept == {}
    assert [*(await registry.find_tools(KEY, "time,tickets"))[1]] == ["tickets"]

    await registry.list_tools(make_thread(), "time", keep)  # for which nobody asks what is down
    assert keep.kept == {"time": ["current_time"]}


async def test_what_is_on_by_default_is_kept_by_what_the_operator_chose():
    keep = Keeping()
    for defaults in ((), ["time"], ["time", "web_fetch"]):
        await make_registry("time", "web", defaults=defaults).list_tools(make_thread(), None, keep)

    assert keep.kept == {
        "default": ["current_time"],
        "time": ["current_time"],
        "time,web_fetch": ["current_time", "web_fetch"],
    }


async def test_a_private_answer_has_no_tool_that_acts_and_the_thread_keeps_it():
    registry, keep = make_registry("tickets", more=["tickets__create", "tickets__read"]), Keeping()

    tools = await registry.list_tools(make_thread(), "tickets", keep, private=True)

    assert [tool.name for tool in tools] == ["tickets__read"]
    assert keep.kept == {"tickets": ["tickets__create", "tickets__read"]}


@dataclass(frozen=True)
class Connected(ProvidedTools):
    """Writes down when it is opened, with which notes, and closed."""

    signs: list[object] = field(default_factory=list)

    async def wait_for_lists(self, key: object, groups: object) -> None:
        pass

    def open(self, notes: object) -> None:
        self.signs.append(notes)

    async def close(self) -> None:
        self.signs.append("closed")


async def test_who_keeps_connections_has_them_while_answers_are_given_and_no_longer():
    connected, notes = Connected({"tickets": ()}), object()

    with pytest.raises(RuntimeError):
        async with ToolRegistry([ProvidedTools(WEB), connected]).connect(notes):
            assert connected.signs == [notes]
            raise RuntimeError

    assert connected.signs == [notes, "closed"]
