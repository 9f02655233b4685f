"""Kinds of question that the matrix asks, each with all that people must see in the end."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from core.answering.policy import MEMBERS_ONLY
from core.domain.clock import system_clock
from core.store.sql_port import stamp
from tests.e2e.reliability.worlds import OPENED, DiscordWorld, Page, SlackWorld, World, discord_world, slack_world
from tests.fakes.claude.script import Answer, Fault, Run, wants_form
from tests.fakes.discord.nouns import Upload
from tests.fakes.slack.nouns import File
from tests.support.drawings import draw

SHORT = "The answer, whole and in some words more than one."
LONG = "\n\n".join(
    f"Paragraph {number}: " + "words of some length, " * 20 + "end." for number in range(55)
)  # three pages of Slack's
LESS = "\n\n".join(LONG.split("\n\n")[:11])  # three pages of Discord's
DECLINED = "Claude could not take this request. Whoever runs this bot finds the reason in its log."
PERSONA = "No persona is set here"
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
CODE = "Here it is:\n\n```python circle_area.py\nprint(3)\n```\nRun it."
FILE = "files circle_area.py ('print(3)\\n')"
PLOT = Answer(text=SHORT, code=(Run(makes=(("chart.png", "image/png", b"a picture"),)),), chunk=20, delay=0.02)
PICTURE = "files chart.png ('a picture')"
TAKEN = {"DISCORD_USER_INSTALL": "everybody"}
RUNNING = {"CONFAB_TOOLS": "code", "CONFAB_DEFAULT_TOOLS": "code"}
AGAIN = "Another answer, in other words than the first one has."
BRIEF = Answer(text=SHORT, chunk=20, delay=0.02)
CUT = Answer(text=SHORT, chunk=20, delay=0.02, stop_reason="max_tokens")


@dataclass(frozen=True, slots=True)
class Kind:
    """A question, how Claude answers it, and `shown`: whether that is what must stand there in the end."""

    name: str
    world: Callable[[], Any]
    ask: Callable[[Any], Awaitable[None]]
    shown: Callable[[list[Page]], bool]
    answer: Answer | Fault | Callable[[Any], Answer] = BRIEF
    """What Claude answers, or how it is chosen for a request's body."""
    before: tuple[Callable[[Any], Awaitable[None]], Callable[[list[Page]], bool]] | None = None
    """What is asked and answered first, by a process that nobody kills, and what stands there then."""
    repeated: bool = False
    """The platform tells again what we did not acknowledge."""
    abreast: int = 1
    """How many requests to Claude may be under way at once."""
    files: int = 0
    """How many files Claude must have in the end, beside those that its code made for nobody who heard of them."""
    rows: int = 0
    """How many rows of tables are kept in the end."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Variables that its processes have."""
    attend: Callable[[Any], Awaitable[None]] | None = None
    """What somebody does all the while."""
    aside: Callable[[list[Page]], bool] | None = None
    """Whether that is what must stand there in the end, of a command that nobody acknowledged in time."""
    fault: Callable[[Any], str] = lambda _world: ""
    """What is wrong in the end with what was done besides, in words of which the first counts."""

    def __str__(self) -> str:
        return self.name


def says(*words: str, place: str = "") -> Callable[[list[Page]], bool]:
    """One page with these words in it."""
    return lambda pages: len(pages) == 1 and all(word in pages[0].text for word in words) and place in pages[0].place


def whole(text: str, count: int) -> Callable[[list[Page]], bool]:
    """So many pages that say all of `text`, and only that."""
    return lambda pages: len(pages) == count and "\n\n".join(page.text for page in pages).endswith(text)


async def show_in_slack(world: SlackWorld) -> None:
    picture = File("", "plan.png", "image/png", draw(), "U0ADA")
    world.asked = await world.slack.say("ada", "dev", "<@U0BOT> what is this?", files=[picture])


async def show_in_discord(world: DiscordWorld) -> None:
    picture = Upload("plan.png", draw(), "image/png")
    world.asked = await world.discord.say("ada", "dev", f"<@{world.discord.me}> what?", attachments=[picture])


def attached(pages: list[Page]) -> bool:
    """An answer with code, and the file of it once: below it, or on it."""
    said = sum("print(3)" in page.text for page in pages)
    return said == 1 and sum(page.mark.count(FILE) for page in pages) == 1


def plotted(pages: list[Page]) -> bool:
    """An answer, and the picture that code made for it once: below it, or on it."""
    return sum(SHORT in page.text for page in pages) == sum(page.mark.count(PICTURE) for page in pages) == 1


def mention(text: str, user: str = "ada", channel: str = "dev") -> Callable[[World], Awaitable[None]]:
    async def ask(world: World) -> None:
        people, us = (world.slack, "U0BOT") if isinstance(world, SlackWorld) else (world.discord, world.discord.me)
        world.asked = await people.say(user, channel, f"<@{us}> {text}")

    return ask


async def direct(world: SlackWorld) -> None:
    world.asked = await world.slack.say("ada", "D0ADA", "question")


async def privately(world: DiscordWorld) -> None:
    world.asked = await world.discord.say("ada", "dm", "question")


async def slashed(world: SlackWorld) -> None:
    world.asked = await world.slack.command("ada", "dev", "/confab", "persona show")


def interact(command: str, **options: str) -> Callable[[DiscordWorld], Awaitable[None]]:
    async def ask(world: DiscordWorld) -> None:
        world.interaction = await world.discord.interact("ada", "general", command, options)
        world.asked = world.interaction.id

    return ask


async def take_along(world: DiscordWorld) -> None:
    """Ask where the bot is no member."""
    world.discord.install("ada")
    lobby = world.discord.elsewhere("9100", "Elsewhere", "lobby")
    world.interaction = await world.discord.interact("ada", lobby, "ask", {"prompt": "q"})
    world.asked = world.interaction.id


def in_one_message(pages: list[Page]) -> bool:
    """The beginning of a long answer where the bot is no member, and once the file that has all of it."""
    return len(pages) == 1 and LESS[:400] in pages[0].text and pages[0].mark.count("files answer.md") == 1


def told_aside(pages: list[Page]) -> bool:
    """A direct message that says why nothing stands where the command was given, with the answer if there was one."""
    return bool(pages) and "could not answer you" in pages[0].text and {page.place for page in pages} == {"@ada"}


def growing(text: str) -> Answer:
    return Answer(text=text, chunk=len(text) // 3, delay=0.02)


def pausing(body: Any) -> Answer:
    """An answer in two requests: Claude pauses after it has searched."""
    half = len(SHORT) // 2
    if body["messages"][-1]["role"] == "user":
        return Answer(text=SHORT[:half], blocks=(SEARCH,), stop_reason="pause_turn", chunk=20)
    return Answer(text=SHORT[half:], chunk=20)


def titling(body: Any) -> Answer:
    """An answer, and the title of its thread."""
    return Answer(text=json.dumps({"title": "A short title"})) if wants_form(body) else BRIEF


def in_a_thread(pages: list[Page]) -> bool:
    """What was said before, and an answer in a thread of its own."""
    return len(pages) == 2 and (pages[1].place, SHORT in pages[1].text) == (OPENED, True)


def press(label: str, answer: Answer) -> Callable[[Any], Awaitable[None]]:
    """Press a button of the answer that stands there; Claude says something else from now on."""

    async def ask(world: Any) -> None:
        world.claude.answer = lambda _body: answer
        if isinstance(world, SlackWorld):
            page = world.slack.thread("dev", world.asked)[-1].ts
            await world.slack.press("ada", "dev", page, label)
        else:
            page = [one.id for one in world.discord.visible("general") if one.author == "confab"][-1]
            await world.discord.press("ada", page, label)

    return ask


async def ask_about(world: SlackWorld) -> None:
    """Ask about a message, from its menu, and wait for the private answer."""
    slack = world.slack
    world.asked = await slack.say("bob", "dev", "Deploys stop on Friday.")
    await slack.choose("ada", "dev", world.asked, "confab_ask_about")
    await slack.until(lambda: slack.world.views)
    field = {"question": {"question": {"type": "plain_text_input", "value": "Why?"}}}
    await slack.submit_view("ada", next(iter(slack.world.views)), field)
    await slack.until(lambda: slack.world.ephemerals)


async def post_answer(world: SlackWorld) -> None:
    await world.slack.press("ada", "dev", world.slack.world.ephemerals[0].ts, "Post in the channel")


async def watch(_world: SlackWorld) -> None:
    """Do nothing; who pressed is told what came of it, or what had come of it before."""
    await asyncio.Event().wait()


async def come_due(world: World) -> None:
    """Let the schedule that there is be due; the process looks for it within ten seconds."""
    assert world.database
    due = stamp(system_clock() - timedelta(seconds=1))
    world.database.change(f"UPDATE schedules SET due_at = '{due}' WHERE due_at > '{due}'")


def ran(pages: list[Page]) -> bool:
    """What the command that scheduled it said, and one run in the channel itself."""
    return len(pages) == 2 and "Schedule 1 of" in pages[1].text and pages[1].text.endswith(SHORT)


ADD = 'schedule add "0 9 1 1 *" Say it.'
BENEATH = "beneath the question"
REFUSED = Fault(400, "invalid_request_error", "no")

KINDS = [
    Kind("slack mention", slack_world, mention("q"), says(SHORT, place=BENEATH), repeated=True),
    Kind("slack direct message", slack_world, direct, says(SHORT, place=BENEATH), repeated=True),
    Kind(
        "slack streamed",
        slack_world,
        direct,
        whole(LONG, 3),
        Answer(text=LONG, chunk=len(LONG) // 12, delay=0.1),
        repeated=True,
        settings={"SLACK_STREAMING": "native"},
    ),
    Kind("slack three pages", slack_world, mention("q"), whole(LONG, 3), growing(LONG), repeated=True),
    Kind("slack code file", slack_world, mention("q"), attached, growing(CODE), repeated=True),
    Kind("slack refused", slack_world, mention("q"), says(DECLINED, place=BENEATH), REFUSED, repeated=True),
    Kind("slack paused", slack_world, mention("q"), says(SHORT, place=BENEATH), pausing, repeated=True),
    Kind("slack guest", slack_world, mention("q", "eve", "general"), says(MEMBERS_ONLY), repeated=True),
    Kind("slack command", slack_world, mention("!persona show"), says(PERSONA, place=BENEATH), repeated=True),
    Kind("slack picture", slack_world, show_in_slack, says(SHORT, place=BENEATH), repeated=True, files=1),
    Kind(
        "slack tried again",
        slack_world,
        press("Try again", Answer(text=AGAIN, chunk=20, delay=0.02)),
        says(AGAIN, place=BENEATH),
        before=(mention("q"), says(SHORT, place=BENEATH)),
    ),
    Kind(
        "slack posted answer",
        slack_world,
        post_answer,
        says("shares the answer", SHORT, place=BENEATH),
        before=(ask_about, lambda _pages: True),
        attend=watch,
    ),
    Kind(
        "slack schedule",
        slack_world,
        come_due,
        ran,
        before=(mention(f"!{ADD}"), says("Schedule 1: at 09:00 on January 1")),
        repeated=True,
    ),
    Kind("slack slash command", slack_world, slashed, says(PERSONA, place="C0DEV")),
    Kind("discord mention", discord_world, mention("q"), says(SHORT, place="dev")),
    Kind("discord picture", discord_world, show_in_discord, says(SHORT, place="dev"), files=1),
    Kind("discord direct message", discord_world, privately, says(SHORT, place="@ada")),
    Kind("discord three pages", discord_world, mention("q"), whole(LESS, 3), growing(LESS)),
    Kind("discord ask", discord_world, interact("ask", prompt="q"), says(SHORT)),
    Kind("discord ask, three pages", discord_world, interact("ask", prompt="q"), whole(LESS, 3), growing(LESS)),
    Kind(
        "discord taken along", discord_world, take_along, says(SHORT, place="lobby"), settings=TAKEN, aside=told_aside
    ),
    Kind(
        "discord taken along, long",
        discord_world,
        take_along,
        in_one_message,
        growing(LESS),
        settings=TAKEN,
        aside=told_aside,
    ),
    Kind("discord code file", discord_world, mention("q"), attached, growing(CODE)),
    Kind(
        "discord gone on",
        discord_world,
        press("Continue", Answer(text=AGAIN, chunk=20, delay=0.02)),
        lambda pages: len(pages) == 2 and pages[0].text.startswith(CUT.text) and pages[1].text == AGAIN,
        CUT,
        before=(mention("q", channel="general"), says(SHORT)),
    ),
    Kind(
        "discord thread",
        discord_world,
        mention("q", channel="general"),
        in_a_thread,
        titling,
        before=(interact("persona tune", answers="thread"), lambda pages: "tuned" in str(pages)),
        abreast=2,
    ),
    Kind("discord refused", discord_world, mention("q"), says(DECLINED), REFUSED),
    Kind(
        "discord schedule",
        discord_world,
        come_due,
        ran,
        before=(interact("schedule add", when="0 9 1 1 *", what="Say it."), says("Schedule 1: at 09:00 on January 1")),
        repeated=True,
    ),
    Kind("discord command", discord_world, interact("persona show"), says(PERSONA)),
]

PLOTS = [
    Kind("slack plot", slack_world, mention("plot this"), plotted, PLOT, repeated=True, settings=RUNNING),
    Kind("discord plot", discord_world, mention("plot this"), plotted, PLOT, settings=RUNNING),
]
"""Kinds whose answers run code."""
