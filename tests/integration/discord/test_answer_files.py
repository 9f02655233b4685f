"""Code that Claude names in Discord hangs on the answer's last page too, once, whatever happens to that edit.

Tests bots.discord.publisher, bots.discord.errors, bots.delivery.long_answers.
"""

import asyncio
from datetime import UTC, datetime

import pytest

from bots.delivery.pace import Pace
from bots.discord import formatting as look
from bots.discord.parse import BotIdentity, ChannelPlace
from bots.discord.publisher import TRIES, Publisher
from bots.discord.targets import InChannel
from core.answering.reply import Reply
from core.domain.messages import File, Question, ThreadKey
from core.domain.personas import Persona, Place
from core.files.code_blocks import list_code_files
from core.rendering.reply_notes import append_note
from tests.fakes.claude.script import Answer
from tests.fakes.discord.limits import Answer as Served
from tests.fakes.discord.limits import Fault, error, limited
from tests.fakes.discord.nouns import Permission
from tests.fakes.discord.posts import remove
from tests.support.discord_house import answered, settled, told
from tests.support.house import at_once

CODE = b'import math\n\nprint("<@7002> @everyone", math.pi)\n'
TEXT = f"Here it is:\n\n```python circle_area.py\n{CODE.decode()}```\nRun it."
LONG = "\n\n".join(f"Paragraph {number}: " + "words of some length, " * 10 for number in range(70))
EDIT = "PATCH /channels/{channel}/messages/{message}"
LINE = "I could not attach `circle_area.py`: {}."
HERE = "81382"


async def show(guild, running, text: str = TEXT, pages: tuple[str, ...] = (), asked: str = "", **more) -> Reply:
    """Show a whole answer, in the place of what a predecessor posted."""
    asked = asked or await guild.say("ada", "general", "draw")
    await settled(guild, running)
    question = Question(ThreadKey("discord:8138", HERE, asked), asked, "7001", datetime.now(UTC))
    place = ChannelPlace("discord:8138", HERE, HERE)
    outlet = InChannel(running.discord._rest, place, BotIdentity(guild.me), asked, asked)
    reply = Reply(question, lambda page, at: asyncio.sleep(0), pages, brief=more.pop("brief", False))
    reply.finish(text, files=more.pop("files", list_code_files(text)), **more)
    await Publisher(reply, outlet, Pace(0), pause=at_once).run()
    return reply


def attached(guild, channel: str = "general") -> list[list[tuple[str, bytes]]]:
    """What hangs on each message of ours."""
    ours = [one for one in guild.visible(channel) if one.author == "confab"]
    return [[(file.upload.name, file.upload.content) for file in guild.world.posts[one.id].files] for one in ours]


def said(guild, channel: str = "general") -> str:
    return "\n".join(one.content for one in guild.visible(channel) if one.author == "confab")


async def test_code_that_claude_names_hangs_on_the_answer_and_stays_in_it(guild, claude, running):
    claude.answer = lambda body: Answer(text=TEXT)
    asked = await guild.say("ada", "general", f"<@{guild.me}> the area of a circle?")
    await settled(guild, running)
    page = next(one.id for one in guild.visible("general") if one.author == "confab")
    await guild.say("ada", "general", "thanks", reply_to=page)
    await settled(guild, running)

    assert attached(guild) == [[("circle_area.py", CODE)]] * 2
    assert "circle_area.py" in said(guild)
    assert told(claude)[1][1] == ("assistant", TEXT)
    assert [ping for ping in guild.pings if ping.target != "7001"] == []
    assert asked


async def test_with_files_never_nothing_hangs_there(guild, claude, running, store):
    claude.answer = lambda body: Answer(text=TEXT)
    await store.personas.change(Place("discord:8138", HERE), Persona(files="never"), 0, "U1", datetime.now(UTC))
    await guild.say("ada", "general", f"<@{guild.me}> the area of a circle?")
    await settled(guild, running)

    assert attached(guild) == [[]]


async def test_a_private_answer_has_its_file_too(guild, claude, running):
    claude.answer = lambda body: Answer(text=TEXT)

    await answered(running, await guild.interact("ada", "general", "ask", {"prompt": "circle?", "private": True}))

    (file,) = guild.world.files.values()
    assert (file.upload.name, file.upload.content, file.ephemeral) == ("circle_area.py", CODE, True)


async def test_files_hang_on_the_last_of_several_pages(guild, running):
    await show(guild, running, f"{LONG[:3000]}\n\n{TEXT}")

    assert attached(guild) == [[], [("circle_area.py", CODE)]]


@pytest.mark.parametrize("faults", [[], [Fault.LOSE], [Fault.DROP], [error(503)], [limited(0.01)]], ids=str)
async def test_a_file_hangs_there_once_whatever_becomes_of_a_request(guild, running, faults):
    for fault in faults:
        guild.fault(EDIT, fault)

    reply = await show(guild, running)
    await show(guild, running, pages=tuple(reply.pages), asked=reply.question.name)

    assert attached(guild) == [[("circle_area.py", CODE)]]
    assert "attach" not in said(guild)


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (413, 40005, "Discord takes no files that large here"),
        (400, 200000, "Discord does not take it (200000)"),
        (503, 0, "Discord takes no files just now"),
    ],
)
async def test_an_answer_whose_file_is_refused_is_whole_and_says_why(guild, running, status, code, reason):
    guild.fault(EDIT, Served(status, {"code": code, "message": "no"}), times=1 if status < 500 else TRIES)

    await show(guild, running)

    assert attached(guild) == [[]]
    assert LINE.format(reason) in said(guild)
    assert "math.pi" in said(guild)


async def test_without_the_permission_the_answer_says_who_can_mend_it(guild, claude, running):
    guild.permit("confab", "general", deny=Permission.ATTACH_FILES)
    claude.answer = lambda body: Answer(text=TEXT)
    await guild.say("ada", "general", f"<@{guild.me}> the area of a circle?")
    await settled(guild, running)
    await show(guild, running, "Bars.", files=[File("u.csv", "text/csv", b"1,2\n")], notice=True)

    assert attached(guild) == [[], []]
    assert LINE.format("I lack the permission “Attach Files”, which whoever manages this channel can give me") in said(
        guild
    )
    assert "math.pi" in said(guild)
    assert "1,2" in said(guild)


async def test_a_page_that_somebody_deleted_stays_deleted_and_no_note_comes(guild, running):
    reply = await show(guild, running)
    remove(guild.world, guild.world.posts[reply.pages[0]])

    await show(guild, running, pages=tuple(reply.pages), asked=reply.question.name)

    assert attached(guild) == []


async def test_a_long_answer_ends_after_six_pages_with_a_file_that_has_all_of_it(guild, running):
    text = append_note(LONG, "I could not read `a.docx`.")

    await show(guild, running, text, brief=True)

    assert attached(guild) == [[]] * 5 + [[("answer.md", f"{LONG.rstrip()}\n".encode())]]
    last = guild.visible("general")[-1].content
    assert "(The rest is in the attached `answer.md`, which has all of this answer.)" in last
    assert "a.docx" in last


async def test_while_a_long_answer_grows_no_seventh_page_is_posted(guild, claude, running, store):
    claude.answer = lambda body: Answer(text=LONG, chunk=900, delay=0.01)
    await store.personas.change(Place("discord:8138", HERE), Persona(long="file"), 0, "U1", datetime.now(UTC))
    await guild.say("ada", "general", f"<@{guild.me}> tell me all")
    await settled(guild, running)

    posts = [call for call in guild.calls if call.method == "POST" and call.path == f"/channels/{HERE}/messages"]
    assert len(posts) == len(attached(guild)) == 6
    assert attached(guild)[-1][0][0] == "answer.md"


async def test_a_long_answer_whose_file_is_refused_goes_on_in_pages(guild, running):
    guild.permit("confab", "general", deny=Permission.ATTACH_FILES)

    await show(guild, running, LONG, brief=True)

    shown = [one.content for one in guild.visible("general") if one.author == "confab"]
    assert shown[:-1] == look.render_pages(LONG)[: len(shown) - 1]
    assert "I could not attach `answer.md`" in shown[-1]
    assert "Paragraph 69:" in said(guild)
