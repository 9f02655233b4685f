"""Buttons in Slack with the whole house behind them: an answer goes on, is tried again, and is refused to others.

Tests core.store.rules.presses, bots.slack.intake.
"""

from core.rendering.reply_notes import append_note
from tests.fakes.claude.script import Answer, Gate
from tests.fakes.slack.faults import Fault

LONGEST = "This answer reached its longest length. Continue goes on from here."


async def ask(home) -> tuple[str, str]:
    """Ask, and wait for the answer: the thread, and the page."""
    root = await home.slack.say("ada", "dev", "<@U0BOT> why?")
    await home.answered()
    return root, home.slack.thread("dev", root)[-1].ts


async def press(home, person: str, page: str, label: str) -> None:
    await home.slack.acked(await home.slack.press(person, "dev", page, label))
    await home.answered()


async def test_an_answer_that_was_cut_goes_on_below_and_is_tried_again_in_its_place(home):
    home.claude.script(Answer(text="The sky", stop_reason="max_tokens"), Answer(text="is blue."), Answer(text="glows."))
    root, page = await ask(home)
    await press(home, "bob", page, "Continue")
    rest = home.slack.thread("dev", root)[-1].ts
    await press(home, "bob", rest, "Try again")

    assert home.texts("dev", root) == [append_note("The sky", LONGEST), "glows."]
    assert home.slack.buttons("dev", rest) == ["Try again", "👍", "👎", "Delete"]
    assert [role for role, _ in home.prompt()] == ["user", "assistant", "user"]


async def test_the_rest_of_a_file_that_was_cut_is_none_and_its_name_stands_above_its_code(home):
    home.claude.script(
        Answer(text="```python tool.py\nimport os\nimport s", stop_reason="max_tokens"),
        Answer(text="ys\nprint(1)", stop_reason="max_tokens"),
        Answer(text="print(2)\n```\nAnd:\n```sh b.sh\nls\n```"),
        Answer(text="print(3)\n```\nAnd:\n```sh c.sh\nls\n```"),
    )
    root, page = await ask(home)
    await press(home, "ada", page, "Continue")
    await press(home, "ada", home.slack.thread("dev", root)[-1].ts, "Continue")
    last = home.slack.thread("dev", root)[3].ts
    files = list_posted(home, root)
    await press(home, "ada", last, "Try again")

    assert files == ["b.sh"]
    assert list_posted(home, root) == ["c.sh"]
    blocks = [post.blocks[0]["text"] for post in list_posts(home, root)[:3]]
    assert [block.split("\n")[:3] for block in blocks] == [
        ["`tool.py`", "```python", "import os"],
        ["`tool.py`", "```python", "ys"],
        ["`tool.py`", "```python", "print(3)"],
    ]
    assert "And:\n\n`c.sh`\n```sh\nls\n```" in blocks[2]


def list_posted(home, root: str) -> list[str]:
    """The files that hang in the thread."""
    return [file.name for post in list_posts(home, root) for file in post.files]


def list_posts(home, root: str) -> list:
    return [post for post in home.slack.world.replies(home.slack.world.posts["C0DEV", root]) if post.bot_id]


async def test_who_did_not_ask_is_told_alone_who_may_try_again(home):
    home.claude.script(Answer(text="Blue."), Answer(text="Green."))
    root, page = await ask(home)
    await press(home, "cy", page, "Try again")
    await press(home, "cy", page, "👍")

    assert home.texts("dev", root) == ["Blue."]
    sentences = (
        "Only Ada, who asked, or somebody who manages this channel, can have this answered anew.",
        "Noted: 👍. Thank you.",
    )
    await home.slack.until(lambda: [one.text for one in home.slack.world.ephemerals] == [*sentences])
    assert {one.user for one in home.slack.world.ephemerals} == {"U0CY"}


async def test_an_answer_that_is_tried_again_takes_the_files_of_the_one_before_with_it(home):
    home.claude.script(
        Answer(text="```py a.py\n1\n```\n```sql b.sql\n2\n```"), Answer(text="```py a.py\n3\n```"), Answer(text="none")
    )
    root, _ = await ask(home)
    page = home.slack.thread("dev", root)[1].ts
    posted: list[list[tuple[str, bytes]]] = []
    for _ in range(3):
        posts = home.slack.world.replies(home.slack.world.posts["C0DEV", root])
        posted.append([(file.name, file.content) for post in posts for file in post.files])
        await press(home, "ada", page, "Try again") if len(posted) < 3 else None

    assert posted == [[("a.py", b"1\n"), ("b.sql", b"2\n")], [("a.py", b"3\n")], []]
    assert not [file for file in home.slack.world.files.values() if file.user == "U0BOT"]
    assert home.texts("dev", root) == ["none"]


async def test_delete_takes_an_answer_and_its_files_away_for_who_asked_and_leaves_the_question(home):
    home.claude.script(Answer(text="```python tool.py\nimport os\n```"))
    root, _ = await ask(home)
    posted = list_posted(home, root)
    await press(home, "ada", home.ours("dev", root)[0].ts, "Delete")
    await home.slack.until(lambda: len(home.slack.thread("dev", root)) == 1)
    await home.slack.say("ada", "dev", "<@U0BOT> again", root)
    await home.answered(2)

    assert posted == ["tool.py"]
    assert list_posted(home, root) == []
    assert home.slack.called("files.delete") != []
    assert [role for role, _ in home.prompt()] == ["user"]
    assert [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"] == ["It is deleted."]


async def test_a_plain_member_deletes_no_answer_to_somebody_else(home):
    root, page = await ask(home)
    await press(home, "bob", page, "Delete")

    assert len(home.texts("dev", root)) == 1
    assert [one.text for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"] == [
        "Only Ada, who asked, or somebody who manages this channel, can delete this answer."
    ]


async def test_where_slack_lets_nobody_delete_it_the_answer_is_forgotten_and_that_is_said(home):
    root, page = await ask(home)
    home.slack.fail_next("chat.delete", Fault(error="cant_delete_message"))
    await press(home, "ada", page, "Delete")
    await home.rest()

    (said,) = [one.text for one in home.slack.visible("dev", "ada") if one.user == "ephemeral"]
    assert said.startswith("I keep nothing of that answer any more, but Slack does not let me take it away here")
    assert len(home.texts("dev", root)) == 1


async def test_slacks_own_stop_does_not_stop_an_answer_to_somebody_else(home):
    gate = Gate(after=6)
    home.claude.script(Answer(text="One two three four five six seven.", gate=gate))
    root = await home.slack.say("ada", "dev", "<@U0BOT> count")
    await gate.reached.wait()
    await home.slack.stop("bob", "dev", root)
    await home.slack.until(lambda: [one for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"])
    gate.opened.set()
    await home.rest()

    assert home.texts("dev", root) == ["One two three four five six seven."]
    assert [one.text for one in home.slack.visible("dev", "bob") if one.user == "ephemeral"] == [
        "Only Ada, who asked, or somebody who manages this channel, can stop this answer."
    ]
