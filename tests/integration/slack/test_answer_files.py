"""Code that Claude names in Slack is a file in the thread too, once, whatever happens to its upload.

Tests bots.slack.files, bots.slack.publisher, bots.delivery.long_answers.
"""

from datetime import UTC, datetime

import pytest

from bots.slack.adapter import Slack
from bots.slack.client import TRIES
from core.answering.reply import Reply
from core.domain.messages import File, Question, ThreadKey
from core.domain.personas import Persona, Place
from core.files.code_blocks import list_code_files
from tests.fakes.claude.script import Answer
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.server import SCOPES, SlackFake
from tests.support.slack_house import at_home, brisk

CODE = b'import math\n\nprint("<@U0BOB> @channel", math.pi)\n'
TEXT = f"Here it is:\n\n```python circle_area.py\n{CODE.decode()}```\nRun it."
SEVEN = "\n\n".join(f"Paragraph {number}: " + "words of some length, " * 40 for number in range(90))
URL, SHARE = "files.getUploadURLExternal", "files.completeUploadExternal"
LINE = "I could not attach `circle_area.py`: {}."


@pytest.fixture
async def platform(slack):
    opened = Slack(slack.token, app_token="xapp-1", api_url=slack.base_url, pause=0.001, sleep=brisk)
    yield opened
    await opened.close()


async def show(slack, platform, root: str, text: str = TEXT, pages: tuple[str, ...] = (), **more) -> Reply:
    """Show a whole answer, in the place of what a predecessor posted."""
    question = Question(ThreadKey("slack:T024", "C0DEV", root), root, "U0ADA", datetime.now(UTC))
    brief = more.pop("brief", False)
    reply = Reply(question, keep, pages, brief=brief)
    reply.finish(text, files=more.pop("files", list_code_files(text)), **more)
    await (await platform.surface(question)).show(reply)
    return reply


async def keep(page: str, at: datetime | None) -> None:
    pass


def posted(slack, root: str) -> list[list[tuple[str, bytes]]]:
    """The files of each message of ours in the thread that has some."""
    posts = slack.world.replies(slack.world.posts["C0DEV", root])
    return [[(file.name, file.content) for file in post.files] for post in posts if post.bot_id and post.files]


def said(slack, root: str) -> str:
    """What our pages say, together."""
    return "\n".join(one.text for one in slack.thread("dev", root)[1:])


async def test_code_that_claude_names_is_a_file_below_the_answer_and_in_it():
    async with at_home() as home:
        home.claude.answer = lambda body: Answer(text=TEXT)
        root = await home.slack.say("ada", "dev", "<@U0BOT> the area of a circle?")
        await home.answered()
        await home.slack.say("ada", "dev", "<@U0BOT> thanks", root)
        await home.answered(2)

        assert "print(" in home.texts("dev", root)[0]
        assert posted(home.slack, root) == [[("circle_area.py", CODE)]] * 2
        assert home.prompt()[1] == ("assistant", TEXT)
        assert not home.slack.pings


async def test_of_seventeen_files_ten_are_attached_and_the_others_named_below_the_answer():
    async with at_home() as home:
        home.claude.answer = lambda body: Answer(text="\n".join(f"```py {one}a.py\n{one}\n```" for one in range(17)))
        root = await home.slack.say("ada", "dev", "<@U0BOT> seventeen files, please")
        await home.answered()

        assert [len(files) for files in posted(home.slack, root)] == [10]
        shown = "".join(home.texts("dev", root))
        assert "An answer has at most 10 files. Not attached, but above: " in shown
        assert all(f"{one}a.py" in shown.partition("but above")[2] for one in range(10, 17))


async def test_with_files_never_there_is_none():
    async with at_home() as home:
        home.claude.answer = lambda body: Answer(text=TEXT)
        await home.store.personas.change(
            Place("slack:T024", "C0DEV"), Persona(files="never"), 0, "U1", datetime.now(UTC)
        )
        root = await home.slack.say("ada", "dev", "<@U0BOT> the area of a circle?")
        await home.answered()

        assert posted(home.slack, root) == []


async def test_all_files_of_an_answer_are_in_one_message(slack, platform):
    root = await slack.say("ada", "dev", "hello")

    await show(slack, platform, root, "```py a.py\n1\n```\n```sql b.sql\n2\n```")

    assert posted(slack, root) == [[("a.py", b"1\n"), ("b.sql", b"2\n")]]


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        (URL, Fault(lost=True)),
        (URL, Fault(status=429, error="ratelimited", retry_after=1)),
        ("upload", Fault(lost=True)),
        ("upload", Fault(status=503)),
        ("upload", Fault(status=429)),
        (SHARE, Fault(lost=True)),
        (SHARE, Fault(dropped=True)),
        (SHARE, Fault(error="fatal_error")),
        (SHARE, Fault(status=429, error="ratelimited", retry_after=1)),
        (SHARE, Fault(status=200, body=b"{}")),
    ],
    ids=str,
)
async def test_a_file_is_posted_once_whatever_becomes_of_a_request(slack, platform, method, fault):
    root = await slack.say("ada", "dev", "hello")
    slack.fail_next(method, fault)

    await show(slack, platform, root)

    assert posted(slack, root) == [[("circle_area.py", CODE)]]
    assert "attach" not in said(slack, root)


async def test_a_share_that_is_always_lost_is_found_in_the_end(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    slack.fail_next(SHARE, Fault(lost=True))
    slack.fail_next("conversations.replies", Fault(status=503), TRIES * (TRIES - 1))

    await show(slack, platform, root)

    assert posted(slack, root) == [[("circle_area.py", CODE)]]
    assert "attach" not in said(slack, root)


async def test_a_successor_posts_the_file_only_where_it_does_not_stand(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    first = await show(slack, platform, root)
    await show(slack, platform, root, pages=tuple(first.pages))
    bare = await show(slack, platform, await slack.say("ada", "dev", "again"), files=())
    await show(slack, platform, bare.question.name, pages=tuple(bare.pages))

    assert posted(slack, root) == posted(slack, bare.question.name) == [[("circle_area.py", CODE)]]


async def test_the_same_file_of_an_earlier_answer_is_another(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    await show(slack, platform, root)
    again = await slack.say("ada", "dev", "once more", root)
    question = Question(ThreadKey("slack:T024", "C0DEV", root), again, "U0ADA", datetime.now(UTC))
    for files in ((), list_code_files(TEXT)):
        pages = [
            one.ts
            for one in slack.thread("dev", root)
            if (one.metadata or {}).get("event_payload", {}).get("question") == again
        ]
        reply = Reply(question, keep, pages)
        reply.finish(TEXT, files=files)
        await (await platform.surface(question)).show(reply)

    assert posted(slack, root) == [[("circle_area.py", CODE)]] * 2


async def test_what_a_command_tells_stands_there_by_its_name_and_code_by_its_size_too(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    reply = await show(slack, platform, root, "Usage.", files=[File("usage.csv", "text/csv", b"1,2\n")])
    for content, told in ((b"1,2345\n", False), (b"1,2\n", True), (b"1,23\n", True)):
        files = [File("usage.csv", "text/csv", content, told=told)]
        await show(slack, platform, root, "Usage.", pages=tuple(reply.pages), files=files)

    assert [content for ((_, content),) in posted(slack, root)] == [b"1,2\n", b"1,23\n"]


@pytest.mark.parametrize(
    ("method", "fault", "reason"),
    [
        (SHARE, Fault(error="blocked_file_type"), "this workspace allows no files of that type"),
        (
            URL,
            Fault(error="file_uploads_disabled"),
            "files are switched off in this workspace, which its owners can change",
        ),
        (URL, Fault(error="odd_trouble"), "Slack does not take it (odd_trouble)"),
        ("upload", Fault(status=413), "Slack does not take it (HTTP 413)"),
        (
            SHARE,
            Fault(error="restricted_action"),
            "I may not post files here, which whoever manages this channel can allow",
        ),
        ("upload", Fault(status=500), "Slack takes no files just now"),
    ],
    ids=str,
)
async def test_an_answer_whose_file_is_refused_is_whole_and_says_why(slack, platform, method, fault, reason):
    root = await slack.say("ada", "dev", "hello")
    slack.fail_next(method, fault, TRIES)

    await show(slack, platform, root)

    assert posted(slack, root) == []
    assert LINE.format(reason) in said(slack, root)
    assert "math.pi" in said(slack, root)


async def test_without_the_scope_the_answer_says_what_the_operator_should_add():
    async with SlackFake(scopes=SCOPES - {"files:write"}) as slack:
        opened = Slack(slack.token, app_token="xapp-1", api_url=slack.base_url, pause=0.001, sleep=brisk)
        root = await slack.say("ada", "dev", "hello")
        await show(slack, opened, root)
        await show(
            slack, opened, await slack.say("ada", "dev", "x"), "Bars.", files=[File("u.csv", "text/csv", b"1,2\n")]
        )
        await opened.close()

    assert LINE.format("the Slack app lacks the scope `files:write`, which whoever runs me can add") in said(
        slack, root
    )
    assert "1,2" in slack.visible("dev")[-1].text


async def test_a_private_answer_has_no_file_and_all_of_the_code_once(slack, platform):
    question = Question(ThreadKey("slack:T024", "C0DEV", ""), "trigger", "U0ADA", datetime.now(UTC), private=True)
    reply = Reply(question, keep, brief=True)
    reply.finish(TEXT, files=list_code_files(TEXT))
    await (await platform.surface(question)).show(reply)

    (whisper,) = slack.world.ephemerals
    assert whisper.blocks[0]["text"].count("math.pi") == 1
    assert whisper.blocks[0]["text"].endswith("Run it.")
    assert slack.world.files == {}


async def test_a_long_answer_ends_after_six_messages_with_a_file_that_has_all_of_it(slack, platform):
    root = await slack.say("ada", "dev", "hello")

    reply = await show(slack, platform, root, SEVEN, brief=True)

    assert len(reply.pages) == 6
    assert posted(slack, root) == [[("answer.md", f"{SEVEN}\n".encode())]]
    assert slack.thread("dev", root)[6].text.endswith(
        "*(The rest is in the attached `answer.md`, which has all of this answer.)*"
    )


async def test_a_long_answer_whose_file_is_refused_goes_on_in_messages(slack, platform):
    root = await slack.say("ada", "dev", "hello")
    slack.fail_next(SHARE, Fault(error="storage_limit_reached"))

    reply = await show(slack, platform, root, SEVEN, brief=True)

    assert len(reply.pages) > 6
    assert "Paragraph 89:" in said(slack, root)
    assert "I could not attach `answer.md`: this workspace has no room left for files." in said(slack, root)
