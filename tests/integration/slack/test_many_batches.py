"""Ten batches at once in Slack, at the documented tiers: nothing is refused, and each is posted once and whole.

Tests core.jobs.worker, bots.slack.throttle. Slack's minute is shorter here, and so are all pauses of ours.
"""

import asyncio

from bots.slack.throttle import PAUSE
from tests.fakes.claude.script import Answer, last_words
from tests.fakes.slack.nouns import File
from tests.support.slack_house import at_home
from tests.support.waiting import until

JOBS, TIMES = 10, 20  # a second lasts a twentieth of one
TABLE = "text\n" + "".join(f"word {number}\n" for number in range(50))


def list_files(home, root: str) -> list[tuple[str, int]]:
    """The files in a thread that we posted, with how many lines of answers each has."""
    posts = home.slack.world.replies(home.slack.world.posts["C0DEV", root])
    files = [file for post in posts if post.bot_id for file in post.files]
    return [(file.name, file.content.decode().count("said Say word")) for file in files]


async def test_ten_batches_at_once_stay_within_slacks_tiers_and_are_posted_once_each():
    async with at_home(pause=PAUSE / TIMES, sleep=asyncio.sleep) as home:
        home.slack.enforce_tiers(60 / TIMES)
        home.claude.answer = lambda body: Answer(text=f"said {last_words(body)}")
        home.claude.batches.seconds = 2.0
        people = ["ada", "bob", "cy"]
        roots = [
            await home.slack.say(
                people[number % len(people)],
                "dev",
                "<@U0BOT> !batch Say {text}",
                files=[File("", "words.csv", "text/csv", TABLE.encode(), f"U0{people[number % len(people)].upper()}")],
            )
            for number in range(JOBS)
        ]
        await until(lambda: all(home.texts("dev", root) for root in roots))
        await home.rest()
        for number, root in enumerate(roots):
            (preview,) = home.ours("dev", root)
            await home.slack.acked(await home.slack.press(people[number % len(people)], "dev", preview.ts, "Start"))
        await until(lambda: all(len(list_files(home, root)) == 2 for root in roots))
        await home.rest()
        await until(lambda: not home.claude.batches.given)

        assert sorted(files for root in roots for files in list_files(home, root)) == sorted(
            (f"batch-{number}.{ending}", 50) for number in range(1, JOBS + 1) for ending in ("csv", "jsonl")
        )
        assert home.claude.batches.created == JOBS
        assert home.slack.limited == []
