"""The stand-in for Claude keeps files as the Files API does: by workspace, by id, for as long as they may be there."""

import anthropic
import pytest

from tests.fakes.claude.client import ASK, base64_block, client_of, said, text, user
from tests.fakes.claude.script import Fault
from tests.fakes.claude.server import ClaudeFake
from tests.support.drawings import draw, print_pages

PDF = ("plan.pdf", print_pages(3), "application/pdf")


def told(kind: str, file_id: str):
    return {"type": kind, "source": {"type": "file", "file_id": file_id}}


async def test_a_file_is_kept_as_it_was_uploaded(claude, sdk):
    stored = await sdk.files.upload(file=PDF)

    assert claude.files.stored[stored.id].content == PDF[1]
    assert (stored.filename, stored.mime_type, stored.size_bytes) == ("plan.pdf", "application/pdf", len(PDF[1]))
    assert await sdk.files.retrieve_metadata(stored.id) == stored


async def test_all_files_are_listed_page_by_page_newest_first(sdk):
    names = [(await sdk.files.upload(file=(f"{number}.png", draw(), "image/png"))).filename for number in range(5)]

    assert [one.filename async for one in sdk.files.list(limit=2)] == names[::-1]


async def test_what_is_deleted_is_left_out_of_a_list_of_ids(sdk):
    first, second = [await sdk.files.upload(file=PDF) for _ in range(2)]
    await sdk.files.delete(first.id)

    assert [one.id async for one in sdk.files.list(ids=[first.id, second.id])] == [second.id]


@pytest.mark.parametrize("ask", ["retrieve_metadata", "delete"])
async def test_what_was_deleted_is_not_found(sdk, ask):
    stored = await sdk.files.upload(file=PDF)
    await sdk.files.delete(stored.id)

    with pytest.raises(anthropic.NotFoundError):
        await getattr(sdk.files, ask)(stored.id)


async def test_what_was_uploaded_cannot_be_downloaded(sdk):
    stored = await sdk.files.upload(file=PDF)

    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.files.download(stored.id)

    assert caught.value.error_code == "file_not_downloadable"


async def test_a_file_costs_what_it_costs_inline(claude, sdk):
    stored = await sdk.files.upload(file=PDF)
    picture = await sdk.files.upload(file=("a.png", draw(), "image/png"))
    inline = [base64_block("document", PDF[2], PDF[1]), base64_block("image", "image/png", draw())]
    by_id = [told("document", stored.id), told("image", picture.id)]
    for blocks in (inline, by_id):
        await sdk.messages.create(**{**ASK, **said(user(*blocks, text("Sum up")))})

    first, second = claude.billed
    assert first.usage.input_tokens == second.usage.input_tokens


async def test_a_file_in_a_message_must_be_there_and_is_named(claude, sdk):
    stored = await sdk.files.upload(file=PDF)
    await sdk.files.delete(stored.id)

    with pytest.raises(anthropic.NotFoundError) as caught:
        await sdk.messages.create(**{**ASK, **said(user(told("document", stored.id)))})

    assert stored.id in str(caught.value.api_message)


async def test_an_expired_file_is_told_to_be():
    seconds = 0.0
    async with ClaudeFake(clock=lambda: seconds) as claude, client_of(claude) as sdk:
        stored = await sdk.files.upload(file=PDF, expires_in_seconds=3600)
        seconds = 3600.0

        with pytest.raises(anthropic.NotFoundError) as caught:
            await sdk.messages.create(**{**ASK, **said(user(told("document", stored.id)))})

    assert caught.value.error_code == "file_expired"


async def test_a_picture_must_be_told_as_one(sdk):
    stored = await sdk.files.upload(file=PDF)

    with pytest.raises(anthropic.BadRequestError):
        await sdk.messages.create(**{**ASK, **said(user(told("image", stored.id)))})


async def test_a_full_workspace_takes_no_more(claude, sdk):
    claude.files.quota = len(PDF[1])
    await sdk.files.upload(file=PDF)

    with pytest.raises(anthropic.BadRequestError) as caught:
        await sdk.files.upload(file=PDF)

    assert caught.value.error_code == "storage_quota_exceeded"


async def test_no_key_knows_the_files_of_another_workspace(claude, sdk):
    claude.add_workspace("sk-ant-other")
    stored = await sdk.files.upload(file=PDF)
    async with anthropic.AsyncAnthropic(api_key="sk-ant-other", base_url=claude.url, max_retries=0) as other:
        with pytest.raises(anthropic.NotFoundError):
            await other.messages.create(**{**ASK, **said(user(told("document", stored.id)))})
        assert [one.id async for one in other.files.list()] == []


@pytest.mark.parametrize(
    ("path", "ask"),
    {
        "/v1/files": lambda files: files.upload(file=PDF),
        "GET /v1/files": lambda files: files.retrieve_metadata("file_1"),
        "DELETE /v1/files": lambda files: files.delete("file_1"),
    }.items(),
)
async def test_each_request_can_fail_by_script(claude, sdk, path, ask):
    claude.script(Fault(503, "api_error"), path=path)

    with pytest.raises(anthropic.InternalServerError):
        await ask(sdk.files)

    assert claude.files.stored == {}


async def test_who_hears_that_a_file_is_stored_hears_it_before_the_answer(claude, sdk):
    heard: list[int] = []

    async def note(index: int) -> None:
        heard.append(len(claude.files.stored))

    claude.on_done(note)
    await sdk.files.upload(file=PDF)

    assert heard == [1]
