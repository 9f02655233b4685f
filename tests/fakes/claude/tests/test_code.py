"""The stand-in for Claude runs code as the API does: in containers that last, with files that a turn brought."""

import anthropic
import pytest

from tests.fakes.claude.client import ASK, OLD_SONNET, assistant, said, streamed, text, user
from tests.fakes.claude.containers import LIFE
from tests.fakes.claude.script import Answer, Run
from tests.fakes.claude.server import ClaudeFake

CODE = [{"type": "code_execution_20260521", "name": "code_execution"}]
CHART = ("chart.png", "image/png", b"a picture")
CSV = ("sales.csv", b"a,b\n1,2", "text/csv")


def brought(file_id: str):
    return {"type": "container_upload", "file_id": file_id}


async def run(sdk, claude, *runs: Run, **asked):
    claude.script(Answer(text="Done.", code=runs))
    return await sdk.messages.create(**{**ASK, "tools": CODE, **asked})


async def test_code_makes_files_that_can_be_downloaded(claude, sdk):
    answer = await run(sdk, claude, Run("python plot.py", "plotted", (CHART,)))

    used, ran, words = answer.content
    assert (used.name, used.input, ran.tool_use_id) == ("bash_code_execution", {"command": "python plot.py"}, used.id)
    assert (ran.content.stdout, words.text) == ("plotted", "Done.")
    (made,) = ran.content.content
    told = await sdk.files.retrieve_metadata(made.file_id)
    assert (told.filename, told.mime_type, told.downloadable) == ("chart.png", "image/png", True)
    assert await (await sdk.files.download(made.file_id)).read() == b"a picture"


async def test_a_stream_tells_the_container_at_its_end(claude, sdk):
    claude.script(Answer(text="Done.", code=(Run(),)))
    begun, *_, ended, _ = await streamed(sdk, tools=CODE)

    assert begun.message.container is None
    assert ended.delta.container.id in claude.containers.stored


async def test_what_needs_no_code_has_no_container(claude, sdk):
    claude.script(Answer(text="Hello"))

    assert (await sdk.messages.create(**ASK, tools=CODE)).container is None


async def test_without_the_tool_no_code_runs(claude, sdk):
    answer = await run(sdk, claude, Run(makes=(CHART,)), tools=[])

    assert ([block.type for block in answer.content], answer.container) == (["text"], None)
    assert claude.files.stored == {}


async def test_a_container_keeps_what_the_turns_brought_that_it_answered(claude, sdk):
    one, two = [await sdk.files.upload(file=(name, *CSV[1:])) for name in ("one.csv", "two.csv")]
    first = user(text("Sum it"), brought(one.id))
    answer = await run(sdk, claude, Run(lists=True), **said(first))
    again = [first, assistant("3"), user(text("And this"), brought(two.id))]
    kept = await run(sdk, claude, Run(lists=True), **said(*again), container=answer.container.id)
    fresh = await run(sdk, claude, Run(lists=True), **said(*again))

    assert answer.content[1].content.stdout == "one.csv"
    assert kept.content[1].content.stdout == "one.csvtwo.csv"
    assert fresh.content[1].content.stdout == "two.csv"
    assert kept.container.id == answer.container.id != fresh.container.id


@pytest.mark.parametrize("asked", [{"container": "container_1"}, said(user(text("Sum it"), brought("")))])
async def test_what_only_code_uses_needs_the_tool(claude, sdk, asked):
    stored = await sdk.files.upload(file=CSV)
    if "messages" in asked:
        asked = said(user(text("Sum it"), brought(stored.id)))

    with pytest.raises(anthropic.BadRequestError, match="requires the code execution tool"):
        await sdk.messages.create(**{**ASK, **asked})


async def test_a_file_that_is_gone_is_brought_nowhere(sdk):
    with pytest.raises(anthropic.NotFoundError, match="File not found: file_1"):
        await sdk.messages.create(**{**ASK, **said(user(text("Sum it"), brought("file_1")))}, tools=CODE)


async def test_an_unknown_container_is_refused_and_one_of_another_workspace_too(claude, sdk):
    claude.add_workspace("sk-ant-other")
    answer = await run(sdk, claude, Run())
    other = sdk.with_options(api_key="sk-ant-other")

    for client, name in ((sdk, "container_1"), (other, answer.container.id)):
        with pytest.raises(anthropic.NotFoundError, match=f"Container not found: {name}"):
            await client.messages.create(**ASK, tools=CODE, container=name)


async def test_a_container_expires_after_thirty_days():
    now = [1_000.0]
    async with ClaudeFake(clock=lambda: now[0]) as claude:
        sdk = anthropic.AsyncAnthropic(api_key=claude.key, base_url=claude.url, max_retries=0)
        answer = await run(sdk, claude, Run())
        now[0] += LIFE - 1
        await run(sdk, claude, Run(), container=answer.container.id)
        now[0] += 1
        with pytest.raises(anthropic.BadRequestError) as caught:
            await run(sdk, claude, Run(), container=answer.container.id)
        await sdk.close()

    assert caught.value.error_code == "container_expired"


async def test_code_that_waits_for_a_tool_of_ours_goes_on_in_its_container_only(sdk):
    used = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {"code": "f()"}}
    asked = said(user("Look"), assistant(used))

    with pytest.raises(anthropic.BadRequestError, match="container_id is required"):
        await sdk.messages.create(**{**ASK, **asked}, tools=CODE)


async def test_an_older_model_does_not_take_the_newest_tool(sdk):
    with pytest.raises(anthropic.BadRequestError, match="does not support tool types: code_execution_20260521"):
        await sdk.messages.create(**{**ASK, "model": OLD_SONNET}, tools=CODE)
