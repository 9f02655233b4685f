"""Code in requests: its container, its files, what an API does not take. Tests core.prompting.code_requests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.domain.content import CodeFile, Text, Uploaded
from core.domain.models import Model
from core.domain.personas import Persona
from core.domain.tools import Container, ToolDefinition
from core.prompting.code_requests import continue_request, fit_code, place_code, simplify_code
from core.prompting.refused_tools import TYPES, simplify_tools
from core.prompting.request import CODING, build_request
from core.prompting.turns import Turn

CSV = CodeFile("a.csv", Uploaded("file_1", 9, "1a2b3c4d"))
CODE = ToolDefinition("code_execution", {"type": TYPES["code_execution"][0], "name": "code_execution"}, estimate=7)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


SUM = (Text("Ada: sum it"), CSV)


def code_request(*tools, content=SUM):
    return build_request(Persona(), [Turn("user", content, ("1",))], Model("new"), "1h", tools=tools)


def test_code_runs_in_the_container_of_the_thread():
    request, container = code_request(CODE), Container("container_1", NOW)
    placed = place_code(request, container, NOW - timedelta(seconds=1))

    assert place_code(request, None, NOW) == request
    assert placed == replace(request, body=request.body | {"container": "container_1"})
    assert placed.digest == request.digest
    assert placed.body["messages"][0]["content"][1] == {"type": "container_upload", "file_id": "file_1"}
    assert place_code(request, container, NOW).doubted
    assert not place_code(request, Container("container_1"), NOW).doubted


def test_where_no_code_runs_nothing_is_there_for_it():
    placed = place_code(code_request(), Container("container_1"), NOW)

    assert "container" not in placed.body
    note = {"type": "text", "text": "[A file is left out here, for no code can open it.]"}
    assert placed.body["messages"][0]["content"][1] == note
    assert place_code(code_request(content=(Text("hello"),)), None, NOW) == code_request(content=(Text("hello"),))


@pytest.mark.parametrize(
    "complaint",
    ["404 not_found_error Container not found: container_1", "400 container: container_1 has expired"],
)
def test_a_container_that_is_gone_is_named_no_more(complaint):
    request = code_request(CODE)
    placed = place_code(request, Container("container_1", NOW), NOW)

    assert simplify_code(placed, complaint) == request
    assert simplify_code(request, complaint) is None


def test_what_an_api_takes_no_files_for_code_is_sent_without_them():
    simpler = simplify_code(code_request(CODE), "messages.0.content.1: container_upload is not supported")

    assert [block["type"] for block in simpler.body["messages"][0]["content"]] == ["text", "text"]


def test_where_the_tool_is_not_taken_nothing_is_there_for_code():
    placed = place_code(code_request(CODE), Container("container_1"), NOW)
    simpler = fit_code(simplify_tools(placed, "code_execution is not available to you"))

    assert ("tools" in simpler.body, "container" in simpler.body) == (False, False)
    assert [block["type"] for block in simpler.body["messages"][0]["content"]] == ["text", "text"]
    assert simplify_tools(placed, "container_id is required with tool uses by code execution") is None


def test_what_code_began_goes_on_in_its_container():
    going_on = continue_request(code_request(CODE), [{"type": "text", "text": "x"}], (), Container("container_2"))

    assert going_on.body["container"] == "container_2"


def test_what_its_tools_are_taken_to_cost_is_set_aside():
    assert (code_request(CODE).estimate, code_request().estimate) == (7, 0)


def test_claude_is_told_where_its_files_are_where_code_runs():
    assert [CODING in code_request(*tools).body["system"][0]["text"] for tools in ((CODE,), ())] == [True, False]
