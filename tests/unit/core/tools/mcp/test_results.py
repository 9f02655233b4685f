"""What a server answers becomes content, without secrets of its file: core.tools.mcp.results."""

import mcp_types as types
import pytest

from core.domain.content import Text
from core.domain.tools import ToolResult
from core.tools.mcp.results import BYTES, CUT, read_result
from core.tools.mcp.settings import McpServer
from core.tools.pictures import IMAGES, MORE

SECRET = "ghp_s3cr3tTokenValue99"
SERVER = McpServer("tickets", url="https://a.example", secrets=(SECRET,))
LINK = types.ResourceLink(uri=f"https://a.example/?t={SECRET}", name="a")
SECRETIVE = {
    "a text": (types.TextContent(text=f"Bearer {SECRET}"), "Bearer [secret]"),
    "a text with signs that are left out": (types.TextContent(text=f"{SECRET[:5]}\0{SECRET[5:]}"), "[secret]"),
    "a link": (LINK, "[A resource, not fetched: https://a.example/?t=(secret) (a)]"),
    "a resource": (
        types.EmbeddedResource(resource=types.TextResourceContents(uri="note://1", text=SECRET)),
        "[The resource note://1:]\n[secret]",
    ),
}


@pytest.mark.parametrize(("block", "words"), SECRETIVE.values(), ids=SECRETIVE)
async def test_no_secret_of_the_file_is_told(block, words):
    told = await read_result(types.CallToolResult(content=[block]), SERVER)

    assert told == ToolResult((Text(words),))


async def test_no_secret_in_a_table_is_told():
    told = await read_result(types.CallToolResult(content=[], structured_content={"key": [SECRET]}), SERVER)

    assert told.words == '{"key": ["[secret]"]}'


async def test_no_part_of_a_secret_is_told_where_a_result_is_cut():
    long = "x" * (BYTES - 10) + SECRET + "y" * 100

    told = await read_result(types.CallToolResult(content=[types.TextContent(text=long)]), SERVER)

    assert told.words == "x" * (BYTES - 10) + "[secret]yy\n" + CUT.format(BYTES)


async def test_of_many_pictures_no_more_are_read_than_a_result_holds():
    picture = types.ImageContent(data="?", mime_type="image/png")
    resource = types.EmbeddedResource(resource=types.BlobResourceContents(uri="a://1", blob="?", mime_type="image/png"))
    words = types.TextContent(text="words")

    told = await read_result(types.CallToolResult(content=[picture, resource] * IMAGES + [words]), SERVER)

    read = [Text("[the picture is broken.]"), Text("[a://1 is broken.]")] * (IMAGES // 2)
    assert told.content == (*read, *[Text(MORE)] * IMAGES, Text("words"))


BESIDE = {
    "nothing": ([], ["TABLE"]),
    "a blank text": ([types.TextContent(text=" \n")], ["TABLE"]),
    "a note of ours": (
        [types.AudioContent(data="AAAA", mime_type="audio/wav")],
        ["[A sound, audio/wav, which can't be heard here.]", "TABLE"],
    ),
    "words": ([types.TextContent(text="7 are open")], ["7 are open"]),
}


@pytest.mark.parametrize(("content", "texts"), BESIDE.values(), ids=BESIDE)
async def test_a_table_is_told_where_the_server_says_nothing_in_words(content, texts):
    told = await read_result(types.CallToolResult(content=content, structured_content={"open": 7}), SERVER)

    assert [part.words for part in told.content] == [one.replace("TABLE", '{"open": 7}') for one in texts]
