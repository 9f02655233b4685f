"""What a file of MCP servers may say, and how its mistakes are told: core.tools.mcp.settings."""

import subprocess
import sys

import pytest

from core.domain.errors import SettingsError
from core.domain.messages import ThreadKey
from core.tools.mcp.settings import McpServer, list_secrets, read_servers

WHOLE = """
[servers.tickets]
url = "https://mcp.example/mcp"
headers = {Authorization = "Bearer ${TICKETS_TOKEN}"}
tools = ["search", "create"]
denied = ["delete"]
acts = ["create"]
channels = ["slack:T024/C123", "discord:77"]

[servers.docs]
command = ["uvx", "server", "--root=${ROOT}"]
env = {KEY = "${KEY}"}
shared = true
"""
VARIABLES = {"TICKETS_TOKEN": "tkt-123456", "ROOT": "/", "KEY": "k-1234567"}


def write(tmp_path, text):
    path = tmp_path / "mcp.toml"
    path.write_text(text)
    return str(path)


def test_a_whole_file_becomes_servers_by_name(tmp_path):
    docs, tickets = read_servers(write(tmp_path, WHOLE), VARIABLES)

    assert tickets == McpServer(
        "tickets",
        url="https://mcp.example/mcp",
        headers={"Authorization": "Bearer tkt-123456"},
        tools=frozenset({"search", "create"}),
        denied=frozenset({"delete"}),
        acts=frozenset({"create"}),
        channels=frozenset({"slack:T024/C123", "discord:77"}),
        secrets=("tkt-123456",),
    )
    assert docs == McpServer(
        "docs",
        command=("uvx", "server", "--root=/"),
        env={"KEY": "k-1234567"},
        shared=True,
        secrets=("k-1234567",),
    )


def test_values_of_variables_are_secrets_and_stand_in_no_repr(tmp_path):
    servers = read_servers(write(tmp_path, WHOLE), VARIABLES)

    assert list_secrets(servers) == ["k-1234567", "tkt-123456"]
    assert "123456" not in repr(servers)


def test_a_header_that_is_written_out_is_a_secret_too(tmp_path):
    file = '[servers.a]\nurl = "https://a.example"\nheaders = {Authorization = "Bearer written-out-1"}'

    assert list_secrets(read_servers(write(tmp_path, file), {})) == ["written-out-1"]


def test_no_file_is_no_server():
    assert read_servers("", {}) == ()


@pytest.mark.parametrize(
    ("workspace", "channel", "serves"),
    [("slack:T024", "C123", True), ("slack:T024", "C9", False), ("discord:77", "5", True), ("slack:T9", "C123", False)],
)
def test_channels_say_where_it_may_be_used(workspace, channel, serves):
    server = McpServer("a", url="https://a.example", channels=frozenset({"slack:T024/C123", "discord:77"}))

    assert server.serves(ThreadKey(workspace, channel, "1")) is serves
    assert McpServer("a", url="https://a.example").serves(ThreadKey(workspace, channel, "1"))


def test_a_denied_tool_is_not_allowed_also_where_it_is_listed():
    listed = McpServer("a", tools=frozenset({"search", "create"}), denied=frozenset({"create"}))

    assert [name for name in ("search", "create", "other") if listed.allows(name)] == ["search"]
    assert McpServer("a", denied=frozenset({"create"})).allows("other")


URL = '[servers.a]\nurl = "https://a.example"\n'
MISTAKES = {
    "no TOML": ("[servers.a\n", "is not TOML"),
    "no server": ("", "must have a table [servers.NAME] for each server"),
    "another table": (URL + "[server.b]\n", "has `server`, and must have a table [servers.NAME]"),
    "a table of a value": ("servers = 3\n", "must have a table [servers.NAME]"),
    "a value for a server": ("[servers]\na = 3\n", "server a: must be a table with fields"),
    "a name": ('[servers.My_Server]\nurl = "https://a.example"', "server My_Server: its name must be of a-z"),
    "a name with two underscores": (
        '[servers.a__b]\nurl = "https://a.example"',
        "server a__b: its name must be of a-z",
    ),
    "a name that is taken": ('[servers.web]\nurl = "https://a.example"', "server web: its name must be of a-z"),
    "no way": ("[servers.a]\nshared = true", "server a: url: must have a url or a command, and not both."),
    "two ways": (URL + 'command = ["a"]', "server a: url: must have a url or a command, and not both."),
    "no URL": ('[servers.a]\nurl = "a.example"', "server a: url: must begin with http:// or https://."),
    "a login": ('[servers.a]\nurl = "https://u:p@a.example"', "server a: url: must have no user and password"),
    "a field": (URL + "header = {}", "server a: header: there is no such field; headers may be meant."),
    "an unlike field": (URL + "zzz = 1", "server a: zzz: there is no such field; there are url, command, env"),
    "a list that is none": (URL + 'tools = "search"', "server a: tools: must be a list of texts."),
    "an empty list": (URL + "tools = []", "server a: tools: names none; leave it out to allow all."),
    "a number in a list": (URL + "acts = [3]", "server a: acts: must be a text in quotes."),
    "no truth": (URL + 'shared = "yes"', "server a: shared: must be true or false."),
    "a place": (URL + 'channels = ["C123"]', "server a: channels: 'C123' must be PLATFORM:WORKSPACE, or"),
    "headers of a command": ('[servers.a]\ncommand = ["a"]\nheaders = {A = "b"}', "server a: headers: are for a url"),
    "the environment of a URL": (URL + 'env = {A = "b"}', "server a: env: is for a command; a url gets headers."),
    "a header's lines": (URL + 'headers = {A = "b\\nc"}', "server a: headers: 'A' must be one word"),
    "a variable": (
        URL + 'headers = {A = "${MISSING}"}',
        "server a: headers.A: the variable MISSING is not set. Set it",
    ),
}


@pytest.mark.parametrize(("file", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_file_server_field_and_mend(tmp_path, file, told):
    path = write(tmp_path, file)

    with pytest.raises(SettingsError) as raised:
        read_servers(path, {})

    assert str(raised.value).startswith(f"{path}: ")
    assert told in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_all_mistakes_are_told_at_once_and_no_value_of_a_variable(tmp_path):
    file = '[servers.a]\nurl = "${SECRET}"\nwrong = 1\n[servers.b]\nurl = "${OTHER}"'

    with pytest.raises(SettingsError) as raised:
        read_servers(write(tmp_path, file), {"SECRET": "tok-live-99"})

    assert len(str(raised.value).splitlines()) == 3
    assert "tok-live-99" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"CONFAB_MCP: .*gone\.toml can't be read \(No such file"):
        read_servers(str(tmp_path / "gone.toml"), {})


@pytest.mark.slow
def test_without_the_extra_confab_starts_and_a_file_of_servers_is_told_what_it_needs(tmp_path):
    path = write(tmp_path, URL)
    code = (
        "import sys; sys.modules['mcp'] = sys.modules['mcp_types'] = sys.modules['jsonschema'] = None\n"
        "import bots.app.run, bots.app.doctor\n"
        "from core.tools.mcp.settings import read_servers\n"
        f"assert read_servers('', {{}}) == ()\n"
        f"try: read_servers({path!r}, {{}})\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (run.stdout, run.stderr) == (
        "SettingsError CONFAB_MCP: needs the package `mcp`, which is not installed. Run `.venv/bin/pip install "
        "'.[mcp]'` in Confab's checkout, or unset CONFAB_MCP.\n",
        "",
    )
