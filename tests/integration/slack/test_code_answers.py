"""“Plot this csv” in Slack ends with a picture in the thread, once, and with no file of it left at Claude's API."""

import pytest

from core.tools.hosted import HostedTools, build_code_tools
from core.tools.registry import ToolRegistry
from tests.fakes.claude.script import Answer, Run
from tests.fakes.slack.faults import Fault
from tests.fakes.slack.nouns import File
from tests.support.drawings import draw
from tests.support.slack_house import at_home
from tests.support.waiting import until

CSV = b"month,sum\nMay,3\nJune,4\n"
CHART = ("chart.png", "image/png", draw())
TABLE = ("totals.csv", "text/csv", b"a,b\n1,2\n")
URL = "files.getUploadURLExternal"


@pytest.fixture
async def home():
    tools = ToolRegistry([HostedTools(build_code_tools())], ["code"], ["code"])
    async with at_home(rules={"tools": tools}) as house:
        yield house


def posted(home, root: str) -> list[list[tuple[str, bytes, str]]]:
    posts = home.slack.world.replies(home.slack.world.posts["C0DEV", root])
    return [[(one.name, one.content, one.alt) for one in post.files] for post in posts if post.bot_id and post.files]


async def test_plot_this_csv_ends_with_a_picture_in_the_thread(home):
    home.claude.script(Answer(text="More in June.", code=(Run(makes=(CHART, TABLE)),)))
    table = File("", "sales.csv", "text/csv", CSV, "U0ADA")
    root = await home.slack.say("ada", "dev", "<@U0BOT> plot this csv", files=[table])
    await home.answered()

    assert home.texts("dev", root)[0] == "More in June."
    (files,) = posted(home, root)
    assert [one[:2] for one in files] == [("chart.png", CHART[2]), ("totals.csv", TABLE[2])]
    assert files[0][2].startswith("Picture that code made: chart.png (PNG picture, ")
    (container,) = home.claude.containers.stored.values()
    assert [one.content for one in container.files.values()] == [CSV]
    await until(lambda: [one.container for one in home.claude.files.stored.values()] == [None])
    assert home.claude.refused == []


async def test_an_answer_given_anew_takes_the_picture_of_the_first_one_away(home):
    home.claude.script(*[Answer(text=text, code=(Run(makes=(one,)),)) for text, one in (("A.", CHART), ("B.", TABLE))])
    root = await home.slack.say("ada", "dev", "<@U0BOT> plot this csv")
    await home.answered()
    await home.slack.press("ada", "dev", home.ours("dev", root)[0].ts, "Try again")
    await home.answered(2)

    assert home.texts("dev", root)[0] == "B."
    assert [[name for name, *_ in files] for files in posted(home, root)] == [["totals.csv"]]


async def test_where_slack_takes_no_file_its_name_stands_below_the_answer(home):
    home.claude.script(Answer(text="More in June.", code=(Run(makes=(TABLE,)),)))
    home.slack.fail_next(URL, Fault(error="file_uploads_disabled"))
    root = await home.slack.say("ada", "dev", "<@U0BOT> sum it")
    await home.answered()

    text = "\n".join(home.texts("dev", root))
    assert "File that code made: totals.csv (CSV, 8 bytes)" in text
    assert "(I could not attach `totals.csv`: files are switched off in this workspace" in text
    assert posted(home, root) == []
