"""Batches in Slack, end to end: a file is offered with a preview, started with a button, and comes back with answers.

Tests core.commands.batches, core.jobs.worker, core.store.rules.jobs.presses.
"""

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from core.domain.clock import system_clock
from core.domain.messages import ThreadKey
from core.store import open_store
from core.store.records.jobs import JobState
from tests.fakes.claude.script import Answer, Fault, last_words
from tests.fakes.slack.faults import Fault as SlackFault
from tests.fakes.slack.nouns import File
from tests.support.slack_house import at_home
from tests.support.waiting import PATIENCE

DEV = ThreadKey("slack:T024", "C0DEV", "")
TABLE = "id,text\n1,Hello\n2,Goodbye\n3,Thanks\n4,Please\n"
PREVIEW = """\
**4 rows of words.csv**, with claude-haiku-5-5

| row | text | answer |
| --: | --- | --- |
| 1 | Hello | `de:Translate Hello` |
| 2 | Goodbye | `de:Translate Goodbye` |
| 3 | Thanks | `de:Translate Thanks` |

The first line names the columns: `id`, `text`. If it is a row, put a line with names above it, and attach the file again.

All of them cost about $0.000022 at batch prices, and at most $"""


def attached(content: str, name: str = "words.csv") -> File:
    return File("", name, "text/csv", content.encode(), "U0ADA")


def translate(body) -> Answer:
    return Answer(text=f"de:{last_words(body)}")


async def offer(home, line: str = "batch Translate {text}", content: str = TABLE) -> tuple[str, str]:
    """Give a batch in a channel; the thread, and our message in it."""
    root = await home.slack.say("ada", "dev", f"<@U0BOT> !{line}", files=[attached(content)])
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()
    return root, home.ours("dev", root)[0].ts


async def start(home, root: str, ts: str, user: str = "ada") -> None:
    await home.slack.acked(await home.slack.press(user, "dev", ts, "Start"))
    await home.slack.until(lambda: home.claude.batches.given)


async def end(home, root: str, files: int = 2) -> list[str]:
    """Let the batch end, and wait until its results are posted; what our messages say."""
    home.claude.batches.end()
    await home.slack.until(lambda: len(posted(home, root)) >= files)
    await home.rest()
    return [one for one in home.texts("dev", root) if one]


def posted(home, root: str) -> dict[str, str]:
    """The files in a thread that we posted, by their names."""
    posts = home.slack.world.replies(home.slack.world.posts["C0DEV", root])
    return {file.name: file.content.decode() for post in posts if post.bot_id for file in post.files}


def rows(home, root: str, name: str = "batch-1.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(posted(home, root)[name])))


@pytest.fixture
async def home():
    async with at_home() as house:
        house.claude.answer, house.claude.batches.seconds = translate, None
        yield house


async def test_a_file_is_offered_started_and_comes_back_with_an_answer_in_each_row(home):
    root, preview = await offer(home)
    asked = len(home.asked)
    await start(home, root, preview)
    await home.slack.until(lambda: "given to Anthropic" in home.texts("dev", root)[-1])
    texts = await end(home, root)

    assert texts[0].startswith(PREVIEW)
    assert asked == 3
    assert home.slack.buttons("dev", home.ours("dev", root)[1].ts) == []
    assert texts[1] == (
        "**Batch 1: 4 rows** of words.csv, with claude-haiku-5-5\n\n"
        "4 of 4 rows are answered. It cost $0.000024, at batch prices."
    )
    assert posted(home, root)["batch-1.csv"] == (
        "row,id,text,answer,error\r\n1,1,Hello,de:Translate Hello,\r\n2,2,Goodbye,de:Translate Goodbye,\r\n"
        "3,3,Thanks,de:Translate Thanks,\r\n4,4,Please,de:Translate Please,\r\n"
    )
    assert [json.loads(line)["answer"] for line in posted(home, root)["batch-1.jsonl"].splitlines()] == [
        f"de:Translate {word}" for word in ("Hello", "Goodbye", "Thanks", "Please")
    ]


async def test_who_gave_a_batch_that_takes_long_is_mentioned_by_its_results_and_nobody_else_is():
    passed = [timedelta()]
    store = await open_store("sqlite://", clock=lambda: system_clock() + passed[0], stale=timedelta(hours=1))
    async with at_home(store=store) as home:
        home.claude.answer, home.claude.batches.seconds = translate, None
        file = attached(TABLE, "<@U0BOB> <!here>.csv")
        root = await home.slack.say("ada", "dev", "<@U0BOT> !batch {text}", files=[file])
        await home.slack.until(lambda: home.texts("dev", root))
        await home.rest()
        await start(home, root, home.ours("dev", root)[0].ts)
        passed[0] = timedelta(minutes=2)
        texts = await end(home, root)
    await store.shut()

    assert texts[1].endswith("It has ended. Its results stand below.")
    assert texts[2].startswith("<@U0ADA>\n**Batch 1: 4 rows**")
    assert {one.what for one in home.slack.pings} == {"<@U0ADA>"}


async def test_a_batch_is_deleted_at_anthropic_once_its_results_are_posted(home):
    root, preview = await offer(home)
    await start(home, root, preview)
    await end(home, root)
    await home.slack.until(lambda: not home.claude.batches.given)
    async with asyncio.timeout(PATIENCE):
        while await home.store.batches.count_due():
            await asyncio.sleep(0.02)

    assert home.claude.batches.given == {}


async def test_rows_without_an_answer_say_why_and_are_asked_again_with_a_button(home):
    wrong = [True]
    home.claude.answer = lambda body: (
        Fault(529) if wrong[0] and "Goodbye" in last_words(body) and len(home.asked) >= 3 else translate(body)
    )
    root, preview = await offer(home, content="text\nA\nB\nC\nGoodbye\nD\n")
    await start(home, root, preview)
    texts = await end(home, root)
    first = rows(home, root)
    wrong[0] = False
    progress = [one for one in home.ours("dev", root) if one.text][1]
    home.claude.batches.seconds = 0.0
    await home.slack.acked(await home.slack.press("ada", "dev", progress.ts, "Retry failed"))
    await home.slack.until(lambda: len(posted(home, root)) == 4)
    await home.rest()

    assert "4 of 5 rows are answered." in texts[1]
    assert "1 row has no answer: Claude had trouble with this row." in texts[1]
    assert [(one["text"], one["error"]) for one in first][3] == ("Goodbye", "Claude had trouble with this row")
    assert [(one["row"], one["answer"]) for one in rows(home, root, "batch-2.csv")] == [("4", "de:Translate Goodbye")]


async def test_stop_ends_a_batch_with_what_was_answered_by_then(home):
    home.claude.batches.done = 2
    root, preview = await offer(home)
    await start(home, root, preview)
    progress = home.ours("dev", root)[1]
    await home.slack.until(lambda: home.slack.buttons("dev", progress.ts) == ["Stop"])
    await home.slack.acked(await home.slack.press("ada", "dev", progress.ts, "Stop"))
    await home.slack.until(lambda: len(posted(home, root)) == 2)
    await home.rest()

    assert "2 of 4 rows are answered." in home.texts("dev", root)[1]
    assert "It was stopped. 2 rows have no answer: \u201cstopped\u201d (2)." in home.texts("dev", root)[1]
    assert [one["answer"] for one in rows(home, root)] == ["de:Translate Hello", "de:Translate Goodbye", "", ""]


async def test_categories_are_a_column_and_nothing_else_is_taken_for_one(home):
    home.claude.answer = lambda body: Answer(
        text=json.dumps({"category": "praise" if "Thanks" in last_words(body) else "rant"})
    )
    root, preview = await offer(home, 'batch categories="praise, bug" Sort {text}')
    await start(home, root, preview)
    texts = await end(home, root)
    form = home.claude.batches

    assert "\u201cthe answer does not have the form that was asked for\u201d (3)" in texts[1]
    assert [one["category"] for one in rows(home, root)] == ["", "", "praise", ""]
    assert form.created == 1


async def test_a_schema_makes_columns(home):
    home.claude.answer = lambda body: Answer(text=json.dumps({"word": last_words(body), "length": 5}))
    root, preview = await offer(home, 'batch schema="word, length:integer" {text}')
    await start(home, root, preview)
    await end(home, root)

    assert next((one["word"], one["length"]) for one in rows(home, root)) == ("Hello", "5")


async def test_the_last_messages_of_a_channel_are_rows(home):
    asked = await home.slack.say("bob", "dev", "<@U0BOT> Hello?")
    await home.slack.until(lambda: home.texts("dev", asked))
    await home.rest()
    for text in ("It crashes.", "<@U0BOT> !persona show", "I love it.", "<@U0BOT> help", "!batch list"):
        await home.slack.say("bob", "dev", text)
    root = await home.slack.say("ada", "dev", '<@U0BOT> !batch last=2 "Is {text} a complaint?"')
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()
    await start(home, root, home.ours("dev", root)[0].ts)
    await end(home, root)

    assert [(one["author"], one["text"]) for one in rows(home, root)] == [("Bob", "It crashes."), ("Bob", "I love it.")]


@pytest.mark.parametrize(
    ("line", "content", "said"),
    [
        pytest.param(
            "batch {txt}",
            TABLE,
            "There is no column `{txt}`. The columns are `{id}`, `{text}`. The first line names them.",
            id="column",
        ),
        pytest.param("batch x", "", "This file has no rows.", id="an empty file"),
        pytest.param("batch x", "a,b\n", "This file has no rows.", id="a header alone"),
        pytest.param("batch x", "%PDF-1.7 x", "This file is no table.", id="no table"),
        pytest.param("batch x", '[{"a": 1}]', "This is JSON, not jsonl", id="json"),
        pytest.param('batch schema="a:date" x', TABLE, "schema names columns and their kinds", id="a schema"),
        pytest.param("batch max_tokens=0 x", TABLE, "max_tokens is a number from 1 to 32,000.", id="max_tokens"),
    ],
)
async def test_what_can_not_be_a_batch_is_refused_in_a_sentence_and_nothing_is_asked(home, line, content, said):
    await home.slack.say("ada", "dev", f"<@U0BOT> !{line}", files=[attached(content)])
    await home.rest()

    shown = [one.text for one in home.slack.visible("dev", "ada") if one.user in {"ephemeral", "U0BOT"}]
    assert len(shown) == 1
    assert said in shown[0]
    assert home.asked == []


async def test_who_may_not_manage_the_channel_can_not_start_somebody_elses_batch(home):
    root = await home.slack.say("bob", "dev", "<@U0BOT> !batch Translate {text}", files=[attached(TABLE)])
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()
    preview = home.ours("dev", root)[0].ts
    await home.slack.acked(await home.slack.press("cy", "dev", preview, "Start"))
    await home.rest()
    refused = [one.text for one in home.slack.visible("dev", "cy") if one.user == "ephemeral"]
    before = dict(home.claude.batches.given)
    await start(home, root, preview, "ada")

    assert refused == ["Only who gave this batch, or somebody who manages this channel, can do that."]
    assert before == {}
    assert len(home.claude.batches.given) == 1


async def test_a_batch_goes_with_the_message_that_brought_its_rows(home):
    root, preview = await offer(home)
    await start(home, root, preview)
    home.claude.batches.done = 3
    await home.slack.delete("ada", "dev", root)
    await home.slack.until(lambda: not home.claude.batches.given)
    await home.rest()

    assert posted(home, root) == {}
    assert await home.store.batches.count_due() == 0


async def test_a_row_goes_with_the_message_that_it_is_made_of_and_is_not_paid(home):
    for text in ("It crashes.", "I love it.", "Hm."):
        await home.slack.say("bob", "dev", text)
    gone = await home.slack.say("bob", "dev", "My password is xylophone.")
    root = await home.slack.say("ada", "dev", '<@U0BOT> !batch last=4 "Is {text} a complaint?"')
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()
    await home.slack.delete("bob", "dev", gone)
    await home.slack.settled()
    await start(home, root, home.ours("dev", root)[0].ts)
    (batch,) = home.claude.batches.given.values()
    texts = await end(home, root)

    assert len(batch.requests) == 3
    assert "3 of 4 rows are answered." in texts[1]
    assert [(one["text"], one["error"]) for one in rows(home, root)][3] == ("", "its message was deleted")


async def test_a_batch_is_run_on_the_file_of_a_message_from_its_menu(home):
    root = await home.slack.say("bob", "dev", "Here are the words.", files=[attached(TABLE)])
    await home.slack.acked(await home.slack.choose("ada", "dev", root, "confab_batch_run"))
    (view,) = home.slack.world.views
    given = {"prompt": {"prompt": {"type": "plain_text_input", "value": "Translate {text}"}}}
    await home.slack.acked(await home.slack.submit_view("ada", view, given))
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()
    await start(home, root, home.ours("dev", root)[0].ts)
    await end(home, root)

    assert [one["answer"] for one in rows(home, root)][:2] == ["de:Translate Hello", "de:Translate Goodbye"]


async def test_the_field_of_a_prompt_takes_options_too(home):
    home.claude.answer = lambda body: Answer(text=json.dumps({"category": "praise"}))
    root = await home.slack.say("bob", "dev", "Here are the words.", files=[attached(TABLE)])
    await home.slack.acked(await home.slack.choose("ada", "dev", root, "confab_batch_run"))
    (view,) = home.slack.world.views
    given = {"prompt": {"prompt": {"type": "plain_text_input", "value": '"Sort {text}" categories="praise, bug"'}}}
    await home.slack.acked(await home.slack.submit_view("ada", view, given))
    await home.slack.until(lambda: home.texts("dev", root))
    await home.rest()

    assert "| row | text | category |" in home.texts("dev", root)[0]
    assert {last_words(one) for one in home.asked} == {"Sort Hello", "Sort Goodbye", "Sort Thanks"}


async def test_a_menu_of_a_message_without_a_file_says_how_one_is_given(home):
    root = await home.slack.say("bob", "dev", "No file here.")
    await home.slack.acked(await home.slack.choose("ada", "dev", root, "confab_batch_run"))
    (view,) = home.slack.world.views
    given = {"prompt": {"prompt": {"type": "plain_text_input", "value": "Translate {text}"}}}
    answer = await home.slack.acked(await home.slack.submit_view("ada", view, given))

    assert answer["response_action"] == "errors"
    assert answer["errors"]["prompt"].startswith("Attach a csv file")
    assert "Run a batch on this" in answer["errors"]["prompt"]
    assert home.asked == []


@pytest.mark.parametrize("fault", [SlackFault(status=503), SlackFault(error="storage_limit_reached")])
async def test_results_that_slack_takes_no_files_of_are_kept_and_posted_again_by_a_command(home, fault):
    root, preview = await offer(home)
    await start(home, root, preview)
    home.slack.fail_next("files.getUploadURLExternal", fault, 40)
    home.claude.batches.end()
    await home.slack.until(lambda: "could not attach" in home.texts("dev", root)[-1])
    await home.rest()
    told = home.texts("dev", root)[-1]
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "batch retry 1"))
    home.slack.faults.forgive("files.getUploadURLExternal")
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "batch show 1"))
    await home.slack.until(lambda: len(posted(home, root)) == 2)
    await home.rest()
    job = await home.store.jobs.find_numbered(DEV, 1)

    assert "They are kept for 30 days: `batch show 1` posts them." in told
    assert "could not attach" not in home.texts("dev", root)[1]
    assert [one["answer"] for one in rows(home, root)][:2] == ["de:Translate Hello", "de:Translate Goodbye"]
    assert job.state is JobState.CLOSED


async def test_results_of_a_channel_that_is_archived_are_posted_once_it_is_open_again(home):
    root, preview = await offer(home)
    await start(home, root, preview)
    await home.slack.until(lambda: "given to Anthropic" in home.texts("dev", root)[-1])
    await home.rest()
    channel = home.slack.world.channels["C0DEV"]
    home.slack.world.channels["C0DEV"] = replace(channel, archived=True)
    home.claude.batches.end()
    await home.slack.until(lambda: any("Its files are not here." in one for one in home.texts("dev", root)))
    await home.rest()
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "batch show 1"))
    await home.slack.until(lambda: any(one.user == "ephemeral" for one in home.slack.visible("dev", "ada")))
    (told,) = [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    home.slack.world.channels["C0DEV"] = channel
    await home.slack.acked(await home.slack.command("ada", "dev", "/confab", "batch show 1"))
    await home.slack.until(lambda: len(posted(home, root)) == 2)
    await home.rest()

    assert "Invite me, and give" in told
    assert home.slack.buttons("dev", home.ours("dev", root)[1].ts) == []
    assert "4 of 4 rows are answered." in home.texts("dev", root)[1]


async def test_a_task_waits_in_its_own_message_for_its_batch_and_answers_everybody_there(home):
    home.claude.answer = lambda body: Answer(text=f"said {last_words(body)}")
    root = await home.slack.say("bob", "dev", "<@U0BOT> Where is the printer?")
    await home.answered()
    await home.rest()
    await home.slack.say("ada", "dev", "<@U0BOT> !persona compare now translator last=1 batch=yes", root)
    await home.slack.until(lambda: "given to Anthropic" in home.texts("dev", root)[-1])
    waiting = home.ours("dev", root)[-1]
    buttons = home.slack.buttons("dev", waiting.ts)
    home.claude.batches.end()
    await home.slack.until(lambda: "comparison.md" in posted(home, root))
    await home.slack.until(lambda: not home.claude.batches.given)
    await home.rest()

    assert waiting.text.startswith("This waits for batch 1, 0 of 2 requests done.")
    assert buttons == ["Stop"]
    assert [one for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"] == []
    shown = next(one for one in home.ours("dev", root) if one.ts == waiting.ts)
    assert shown.text.startswith("**The last question of this channel**")
    assert home.claude.batches.created == 1


async def test_a_task_that_waits_for_its_batch_is_stopped_by_who_gave_it(home):
    await home.slack.say("bob", "dev", "<@U0BOT> Where is the printer?")
    await home.answered()
    await home.rest()
    await home.slack.acked(
        await home.slack.command("ada", "dev", "/confab", "persona compare now translator last=1 batch=yes")
    )
    await home.slack.until(lambda: home.claude.batches.given)
    await home.slack.until(lambda: any("given to Anthropic" in one.text for one in home.slack.visible("dev", "bob")))
    (waiting,) = [one for one in home.slack.visible("dev", "bob") if "given to Anthropic" in one.text]
    await home.slack.acked(await home.slack.press("ada", "dev", waiting.ts, "Stop"))
    await home.slack.until(lambda: not home.claude.batches.given)
    await home.rest()

    texts = [one.text for one in home.slack.visible("dev", "bob")]
    assert any(one.startswith("I was asked to stop.") for one in texts)
    assert not any("This waits for batch" in one for one in texts)
