"""What people attach in Discord is read: pictures, texts and long pastes. Tests core.files.reader, bots.discord.files."""

import pytest

from tests.fakes.claude.script import Answer
from tests.fakes.discord.nouns import Upload
from tests.support.discord_house import confab, settled, told
from tests.support.documents import write_docx, write_notebook
from tests.support.drawings import draw

pytestmark = pytest.mark.slow


def list_images(claude) -> list[list[str]]:
    """The media types of the images in each request."""
    bodies = [one.body for one in claude.requests if one.path == "/v1/messages"]
    blocks = [[block for turn in body["messages"] for block in turn["content"]] for body in bodies]
    kept = claude.files.stored
    return [[kept[one["source"]["file_id"]].kind for one in found if one["type"] == "image"] for found in blocks]


async def test_a_picture_stands_in_every_prompt_also_when_its_link_has_run_out(guild, claude, store):
    async with confab(guild, claude, store) as running:
        picture = Upload("plan.jpg", draw(kind="JPEG"), "image/jpeg")
        thread = await guild.start_thread("general", "plans", "ada")
        await guild.say("ada", thread, f"<@{guild.me}> what is this?", attachments=[picture])
        await settled(guild, running)
    guild.clock.forward(2 * 86_400)
    async with confab(guild, claude, store, process="p2") as running:  # which remembers nothing
        await guild.say("ada", thread, f"<@{guild.me}> are you sure?")
        await settled(guild, running)

    assert list_images(claude) == [["image/jpeg"], ["image/jpeg"]]
    first, second = [one.body["messages"][0] for one in claude.requests if one.path == "/v1/messages"]
    assert first == second


async def test_a_paste_that_discord_made_a_file_of_is_told_as_words(guild, claude, running):
    await guild.say(
        "ada", "general", f"<@{guild.me}> why?", attachments=[Upload("message.txt", b"Error: x\n at y", None)]
    )
    await settled(guild, running)

    assert told(claude) == [
        [("user", "Ada: why?\n[Ada attached message.txt (text, 14 bytes), which says:]\n  Error: x\n   at y")]
    ]


async def test_a_picture_in_what_is_forwarded_is_seen(guild, claude, running):
    secret = await guild.say("bob", "dev", "look", attachments=[Upload("plan.png", draw(), "image/png")])
    thread = await guild.start_thread("general", "plans", "bob")
    await guild.forward("bob", secret, thread)
    await guild.say("ada", thread, f"<@{guild.me}> what is that?")
    await settled(guild, running)

    assert list_images(claude) == [["image/png"]]
    assert "[what Bob forwarded has plan.png (PNG picture, 98 bytes), shown below]" in told(claude)[0][0][1]


async def test_a_document_and_a_table_are_told_with_what_they_are(guild, claude, running):
    files = [Upload("plan.docx", write_docx(), None), Upload("a.csv", b"a,b\n1,2", "text/csv")]
    await guild.say("ada", "general", f"<@{guild.me}> sum up", attachments=files)
    await settled(guild, running)

    ((_, words),) = told(claude)[0]
    assert "kB), converted from a Word document, which says:]\n  # Plan\n  \n  We move in May.\n" in words
    assert words.endswith("[Ada attached a.csv (CSV, 7 bytes), which says:]\n  a,b\n  1,2")


async def test_a_paste_that_is_a_notebook_is_converted(guild, claude, running):
    paste = Upload("message.txt", write_notebook(), None)
    await guild.say("ada", "general", f"<@{guild.me}> why?", attachments=[paste])
    await settled(guild, running)

    assert "message.txt (text, 495 bytes), converted from a Jupyter notebook, which says:]" in told(claude)[0][0][1]


async def test_what_cannot_be_read_is_said_beside_the_answer(guild, claude, running):
    claude.script(Answer(text="Well."))
    files = [
        Upload("talk.mp3", b"\xff\xfb\x00", "audio/mpeg"),
        Upload("plan.png", b"\x89PNG\r\n\x1a\nbroken", "image/png"),
    ]
    await guild.say("ada", "general", f"<@{guild.me}> listen", attachments=files)
    await settled(guild, running)

    (answer,) = [one.content for one in guild.visible("general") if "Well." in one.content]
    assert "I could not read `talk.mp3`: I read pictures, documents and text, no sound and no video;" in answer
    assert (
        "I could not read `plan.png`: it is neither a picture nor a text that I can read, or it is broken; save"
        in answer
    )
