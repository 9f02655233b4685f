"""Every setting, where it comes from and what is wrong with it: core.settings, core.addresses."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from bots.app.configuration import find_misspelt_variables, read_configuration
from bots.app.registry import PLATFORMS
from core.domain.errors import SettingsError
from core.settings import Settings, read_settings

ROOT = Path(__file__).parents[3]
KEY_A, KEY_B = f"{'Ab1_' * 10}Ab1=", f"{'Cd2-' * 10}Cd2="
FIELDS = Settings.model_fields | {
    name: field for plugin in PLATFORMS for name, field in plugin.settings().model_fields.items()
}
VARIABLES = {name.upper() for name in FIELDS}


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_nothing_set_is_enough(bare_environment):
    chosen = read_settings()

    assert chosen.anthropic_api_key is None
    assert (chosen.confab_model, chosen.confab_cache_ttl) == ("claude-haiku-5-5", "auto")
    assert (chosen.database_url, chosen.confab_log_level) == ("sqlite:///confab.db", "INFO")


def test_the_environment_wins_over_the_file(bare_environment, tmp_path):
    (tmp_path / ".env").write_text("CONFAB_MODEL=from-file\nCONFAB_PERSONA=Be brief.\nUNKNOWN=x\n")
    bare_environment.setenv("CONFAB_MODEL", "from-environment")

    chosen = read_settings()

    assert (chosen.confab_model, chosen.confab_persona) == ("from-environment", "Be brief.")


def test_a_list_is_comma_separated(bare_environment):
    bare_environment.setenv("CONFAB_FALLBACK_MODELS", "a, b,,")

    assert read_settings().confab_fallback_models == ("a", "b")


@pytest.mark.parametrize(
    ("written", "lasting"),
    [
        ("90", timedelta(seconds=90)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        (" 1 H ", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("0", timedelta()),
    ],
)
def test_a_duration_is_a_number_with_a_unit(bare_environment, written, lasting):
    bare_environment.setenv("CONFAB_CATCH_UP", written)

    assert read_settings().confab_catch_up == lasting


def test_an_empty_value_is_as_if_it_were_not_set(bare_environment):
    bare_environment.setenv("CONFAB_CACHE_TTL", "")

    assert read_settings().confab_cache_ttl == "auto"


@pytest.mark.parametrize("blank", [" ", "\t\n", '""', "' '", "\ufeff", "\u00a0"])
@pytest.mark.parametrize(
    "variable", ["ANTHROPIC_API_KEY", "CONFAB_MODEL", "CONFAB_HTTP_PORT", "CONFAB_FALLBACK_MODELS"]
)
def test_blanks_are_as_if_nothing_were_set(bare_environment, variable, blank):
    bare_environment.setenv(variable, blank)

    assert read_settings() == Settings()
    assert variable.lower() not in read_settings().model_fields_set


def test_blanks_in_the_environment_leave_what_the_file_says(bare_environment, tmp_path):
    (tmp_path / ".env").write_text("CONFAB_MODEL=from-file\n")
    bare_environment.setenv("CONFAB_MODEL", "  ")

    assert read_settings().confab_model == "from-file"


@pytest.mark.parametrize(
    "written",
    [
        "sk-ant-1\n",
        "  sk-ant-1\r\n",
        '"sk-ant-1"',
        "'sk-ant-1 '",
        "\u200bsk-ant-1\ufeff",
        "\u00a0sk-ant-1",
        "\u201csk-ant-1\u201d",
    ],
)
def test_what_came_along_with_a_key_is_left_out(bare_environment, written):
    bare_environment.setenv("ANTHROPIC_API_KEY", written)
    bare_environment.setenv("SLACK_BOT_TOKEN", written)
    bare_environment.setenv("DISCORD_BOT_TOKEN", written)

    assert read_configuration().secrets() == ["sk-ant-1"] * 3


@pytest.mark.parametrize("written", ["sk-ant\n-1", "sk ant", "sk-änt", "sk\u200bant", "sk-ant-1\nsk-ant-2"])
@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY", "SLACK_BOT_TOKEN", "DISCORD_BOT_TOKEN"])
def test_a_key_that_no_header_can_carry_is_named_and_not_shown(bare_environment, variable, written):
    bare_environment.setenv(variable, written)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(f"{variable}: must be one word of letters, digits and signs")
    assert written not in str(raised.value)


@pytest.mark.parametrize(
    "token",
    [
        "sk-ant-api03-Zq8vAbCd1234",
        "xoxb-12345678-abcdefgh",
        "gw_live_9f8aKq27Zr1bXc4d",
        "8f742231b10e8888abcd99aa11bb85a5",
    ],
)
@pytest.mark.parametrize("variable", ["CONFAB_TIME_ZONE", "CONFAB_FALLBACK_MODELS", "DISCORD_GUILDS"])
def test_a_token_in_another_variable_s_place_is_not_shown(bare_environment, variable, token):
    bare_environment.setenv(variable, token)
    bare_environment.setenv("CONFAB_MODELS", "claude-haiku-5-5")

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(f"{variable}: ")
    assert token not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("$KEY", "names another variable, which nothing replaces here; write its value"),
        ("${MY_KEY:-none}", "names another variable"),
        ("$(cat key)", "names another variable"),
        ("%KEY%", "names another variable"),
        ("{{ secrets.key }}", "names another variable"),
        ("/run/secrets/key", "is the path of a file; write what stands in that file"),
        ("./key", "is the path of a file"),
        ("~/.config/key", "is the path of a file"),
        ("C:\\keys\\claude", "is the path of a file"),
        ("secrets/key.txt", "is the path of a file"),
        ("file:///run/key", "is the path of a file"),
        ("Bearer hunter2", "begins with words of a header; keep only what follows them"),
        ("Bot hunter2", "begins with words of a header"),
        ("Authorization: Bearer hunter2", "begins with words of a header"),
        ("x-api-key:hunter2", "begins with words of a header"),
        ("ANTHROPIC_API_KEY=hunter2", "begins with a variable's name; keep what follows it"),
        ("export DISCORD_BOT_TOKEN='hunter2'", "begins with a variable's name"),
        ("SLACK_BOT_TOKEN: hunter2", "begins with a variable's name"),
        ("'\"hunter2\"'", "has a quote at one end; leave the quotes out"),
        ("hunter2'", "has a quote at one end"),
        ("xoxb-...", "is an example's; write the one that was made for you"),
        ("<hunter2>", "is an example's"),
        ("@/run/key", "is the path of a file"),
        ("@./key", "is the path of a file"),
        ("secrets/claude.key", "is the path of a file"),
        ("hunter2,", "ends with a comma or semicolon; leave it out"),
        ("hunter2;", "ends with a comma or semicolon; leave it out"),
    ],
)
@pytest.mark.parametrize(
    "variable",
    ["ANTHROPIC_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "DISCORD_BOT_TOKEN"],
)
def test_what_is_written_in_place_of_a_secret_is_named_with_its_mend(bare_environment, variable, written, sentence):
    bare_environment.setenv(variable, written)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(f"{variable}: {sentence}")
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-api03-Ab_1-x",
        "xoxb-1-2-Ab",
        "xapp-1-A-2-f",
        "MTIz.GabcDE.secret-part",
        "8f742231b10e8888abcd99yyyzzz85a5",
        "sk-1234",
        "eyJhbGciOi.eyJzdWIiOi.SflKxw",
        "a+b/c==",
        "/a+b/c==",
        "$2b!x",
        "Bearer",
        "bot_1",
        "KEY=",
        "arn:aws:x",
        "team_a:x",
        "A_B==",
        "/abcd",
        "dummy",
    ],
)
def test_what_may_be_a_key_is_taken_as_it_is(bare_environment, key):
    bare_environment.setenv("ANTHROPIC_API_KEY", key)

    assert read_settings().secrets() == [key]
    assert read_settings().doubt_secrets() == []


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("changeme", "looks like an example's; write the one that was made for you."),
        ("CHANGE_ME", "looks like an example's"),
        ("your-api-key-here", "looks like an example's"),
        ("YOUR_API_KEY", "looks like an example's"),
        ("sk-ant-api03-xxxx", "looks like an example's"),
        ("xoxb-your-token", "looks like an example's"),
        ("xoxb-paste-it-here", "looks like an example's"),
        ("abc...def", "looks shortened in its middle, as a page shows it; copy the whole one."),
        ("sk-ant-api03-Abc***xyZ", "looks shortened in its middle"),
        ("abcdefg.key", "looks like the name of a file; write what stands in that file."),
        ("sk-ant-1Absk-ant-1Ab", "stands there twice, one behind the other; keep one."),
    ],
)
@pytest.mark.parametrize(
    "variable",
    ["ANTHROPIC_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "DISCORD_BOT_TOKEN"],
)
def test_what_may_be_no_secret_is_told_and_tried(bare_environment, variable, written, sentence):
    bare_environment.setenv(variable, written)
    chosen = read_configuration()

    assert chosen.secrets() == [written]
    (line,) = chosen.doubt_secrets()
    assert line.startswith(f"{variable}: {sentence}")
    assert written not in line


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/messages", " ", "//"])
@pytest.mark.parametrize("address", ["https://api.anthropic.com", "http://gateway.example:4000/anthropic"])
def test_the_address_is_understood_with_the_path_of_the_api(bare_environment, address, end):
    bare_environment.setenv("ANTHROPIC_BASE_URL", address + end)

    assert read_settings().anthropic_base_url == address


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("CONFAB_MODLE", "CONFAB_MODLE: there is no such setting; CONFAB_MODEL may be meant."),
        ("CONFAB_DATABASE_URL", "CONFAB_DATABASE_URL: there is no such setting; DATABASE_URL may be meant."),
        ("CONFAB_JUKEBOX", "CONFAB_JUKEBOX: there is no such setting; docs/settings.md lists them all."),
        ("SLACK_TOKEN", "SLACK_TOKEN: there is no such setting; SLACK_BOT_TOKEN may be meant."),
        ("DISCORD_TOKEN", "DISCORD_TOKEN: there is no such setting; DISCORD_BOT_TOKEN may be meant."),
        ("ANTHROPIC_KEY", "ANTHROPIC_KEY: there is no such setting; ANTHROPIC_API_KEY may be meant."),
        ("ANTROPIC_API_KEY", "ANTROPIC_API_KEY: there is no such setting; ANTHROPIC_API_KEY may be meant."),
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_misspelt_variable_is_named_with_the_nearest(bare_environment, tmp_path, where, name, line):
    if where == "file":
        (tmp_path / ".env").write_text(f"{name}=x\n")
    else:
        bare_environment.setenv(name, "x")

    assert find_misspelt_variables() == [line]


def test_variables_of_other_programs_and_ours_in_small_letters_are_no_slips(bare_environment):
    for name in (
        "ANTHROPIC_LOG",
        "ANTHROPIC_MODEL",
        "SLACK_WEBHOOK_URL",
        "confab_model",
        "DISCORD_BOT_TOKEN",
        "DISCORD_TOKEN",
    ):
        bare_environment.setenv(name, "x")

    assert find_misspelt_variables() == []


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("CONFAB_CACHE_TTL", "2h", "CONFAB_CACHE_TTL: must be 'auto', '5m' or '1h'."),
        ("CONFAB_LOG_LEVEL", "loud", "CONFAB_LOG_LEVEL: must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."),
        ("CONFAB_CATCH_UP", "an hour", "CONFAB_CATCH_UP: must be a number with a unit, s, m, h or d."),
        ("CONFAB_CATCH_UP", "-1h", "CONFAB_CATCH_UP: must be a number with a unit, s, m, h or d."),
        ("CONFAB_CATCH_UP", "8d", "CONFAB_CATCH_UP: must be at most 7 days."),
        ("ANTHROPIC_BASE_URL", "example.com", "ANTHROPIC_BASE_URL: must begin with http:// or https://."),
        ("ANTHROPIC_BASE_URL", "http://", "ANTHROPIC_BASE_URL: must name a host, and have no blanks in it."),
        ("ANTHROPIC_BASE_URL", "http://[::1", "ANTHROPIC_BASE_URL: must name a host, and have no blanks in it."),
        ("ANTHROPIC_BASE_URL", "http://a b/", "ANTHROPIC_BASE_URL: must name a host, and have no blanks in it."),
        ("ANTHROPIC_BASE_URL", "http://a:b/", "ANTHROPIC_BASE_URL: must have a number of at most 65535 as its port"),
        ("ANTHROPIC_BASE_URL", "https://u:pw@a", "ANTHROPIC_BASE_URL: must have no user and password before its host"),
        ("SLACK_API_URL", "https://u@slack.com", "SLACK_API_URL: must have no user and password before its host"),
        ("DISCORD_API_URL", "http://u:p@a", "DISCORD_API_URL: must have no user and password before its host"),
        ("CONFAB_PUBLIC_URL", "confab.example", "CONFAB_PUBLIC_URL: must begin with https://. The https:// address"),
        ("CONFAB_PUBLIC_URL", "http://a.example", "CONFAB_PUBLIC_URL: must begin with https://. The https:// address"),
        ("CONFAB_PUBLIC_URL", "https://", "CONFAB_PUBLIC_URL: must name a host, and have no blanks in it."),
        ("CONFAB_PUBLIC_URL", "https://a:b", "CONFAB_PUBLIC_URL: must have a number of at most 65535 as its port"),
        (
            "CONFAB_PUBLIC_URL",
            "https://u:pw@a",
            "CONFAB_PUBLIC_URL: must have no user and password before its host, for",
        ),
        (
            "CONFAB_PUBLIC_URL",
            "https://a/slack",
            "CONFAB_PUBLIC_URL: must end with its host or port, for its pages have",
        ),
        ("CONFAB_PUBLIC_URL", "https://a?", "CONFAB_PUBLIC_URL: must end with its host or port, for its pages have"),
        (
            "CONFAB_PUBLIC_URL",
            "https://a/?b=c",
            "CONFAB_PUBLIC_URL: must end with its host or port, for its pages have",
        ),
        ("CONFAB_PUBLIC_URL", "https://a#b", "CONFAB_PUBLIC_URL: must end with its host or port, for its pages have"),
        ("CONFAB_MAX_COST", "0", "CONFAB_MAX_COST: must be more than 0, for example 0.50. US dollars that one answer"),
        ("CONFAB_HTTP_PORT", "http", "CONFAB_HTTP_PORT: must be a whole number."),
        ("CONFAB_HTTP_PORT", "0", "CONFAB_HTTP_PORT: must be at least 1."),
        ("CONFAB_GUESTS", "maybe", "CONFAB_GUESTS: must be true or false."),
        ("DISCORD_SHARD_IDS", "a,b,c", "DISCORD_SHARD_IDS: must be a whole number."),
        ("DATABASE_URL", "mysql://db", "DATABASE_URL: must begin with sqlite:/// or postgresql://."),
        ("DATABASE_URL", "sqlite:confab.db", "DATABASE_URL: must begin with sqlite:/// or postgresql://."),
        ("DATABASE_URL", "sqlite:/confab.db", "DATABASE_URL: must begin with sqlite:/// or postgresql://."),
        ("DATABASE_URL", "sqlite://confab.db", "DATABASE_URL: must begin with sqlite:/// or postgresql://."),
        ("DATABASE_URL", "postgres:confab", "DATABASE_URL: must begin with sqlite:/// or postgresql://."),
    ],
)
def test_a_wrong_value_is_one_line_with_variable_and_mend(bare_environment, variable, value, line):
    bare_environment.setenv(variable, value)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("socks5://user:hunter2@proxy.corp:1080", "must begin with http:// or https://"),
        ("foo://proxy.corp", "must begin with http:// or https://"),
        ("proxy.corp:3128", "must begin with http:// or https://"),
        (" http://proxy.corp:3128", "must begin with http:// or https://"),
        ("http://:3128", "must name a host, and have no blanks in it"),
        ("http://user:hunter2@proxy.corp:http", "must have a number of at most 65535 as its port, where it has one"),
        ("http://proxy.corp:99999", "must have a number of at most 65535 as its port, where it has one"),
        ("http://user:hun#ter2@proxy.corp:3128", "must have a number of at most 65535 as its port, where it has one"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"])
def test_a_proxy_that_no_client_can_use_is_one_line_without_its_password(bare_environment, name, value, cause):
    bare_environment.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(f"{name}: {cause}. Write http://proxy.example:3128, or ")
    assert "\n" not in str(raised.value)
    assert value not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("value", ["", "http://proxy.corp:3128", "HTTP://proxy.corp", "https://u:p%40@[::1]:3128/"])
def test_a_proxy_that_may_work_is_taken(bare_environment, value):
    bare_environment.setenv("HTTPS_PROXY", value)
    bare_environment.setenv("FTP_PROXY", "socks5://proxy.corp")

    assert read_settings() == Settings()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"CONFAB_MODELS": "a,b", "CONFAB_MODEL": "c"},
            "CONFAB_MODEL: c is not among CONFAB_MODELS, which allows a, b.",
        ),
        (
            {"CONFAB_MODELS": "a,b", "CONFAB_MODEL": "a", "CONFAB_FALLBACK_MODELS": "b,c"},
            "CONFAB_FALLBACK_MODELS: c is not among CONFAB_MODELS, which allows a, b.",
        ),
        ({"CONFAB_MODELS": " , "}, "CONFAB_MODELS: names no model; leave it out to allow any."),
        (
            {"CONFAB_WEB_DOMAINS": "a.example", "CONFAB_WEB_BLOCKED": "b.example"},
            "CONFAB_WEB_DOMAINS, CONFAB_WEB_BLOCKED: set one of them, for the API takes no two.",
        ),
        ({"CONFAB_WEB_DOMAINS": ","}, "CONFAB_WEB_DOMAINS: names no domain; leave it out to allow any."),
        (
            {"CONFAB_WEB_BLOCKED": "a.example/x,https://b.example"},
            "CONFAB_WEB_BLOCKED: 'https://b.example' is no domain such as docs.example.com, without https://.",
        ),
        ({"CONFAB_MODELS": "a,\x1b[31mb"}, "CONFAB_MODELS: '\\x1b[31mb' is no model's id,"),
        ({"DISCORD_GUILDS": " , "}, "DISCORD_GUILDS: names no server; leave it out to answer in all."),
        (
            {"DISCORD_USER_INSTALL": "friends"},
            "DISCORD_USER_INSTALL: 'friends' is neither members nor everybody, nor a person's id, which is a number.",
        ),
        ({"DISCORD_GUILDS": "8138,My Server"}, "DISCORD_GUILDS: 'My Server' is no server's id, which is a number."),
        ({"DISCORD_GUILDS": "https://discord.com/channels/8138"}, "DISCORD_GUILDS: 'https"),
    ],
)
def test_an_allow_list_that_can_not_be_meant_stops_the_start(bare_environment, given, line):
    for name, value in given.items():
        bare_environment.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


def test_an_allow_list_is_comma_separated(bare_environment):
    bare_environment.setenv("DISCORD_GUILDS", " 8138 ,8139,")

    assert read_configuration().platforms["discord"].discord_guilds == {"8138", "8139"}


def test_every_wrong_value_of_core_and_platforms_is_a_line(bare_environment):
    bare_environment.setenv("SLACK_STREAMING", "fast")
    bare_environment.setenv("SLACK_API_URL", "slack.com")
    bare_environment.setenv("DISCORD_GATEWAY_URL", "https://gateway.example")
    bare_environment.setenv("DISCORD_SHARD_IDS", "0, one")
    bare_environment.setenv("CONFAB_CACHE_TTL", "2h")

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    assert str(raised.value).splitlines() == [
        "CONFAB_CACHE_TTL: must be 'auto', '5m' or '1h'. How long a prompt is cached: 5m, 1h, or auto, by how people pause.",
        "SLACK_API_URL: must begin with http:// or https://. Slack's Web API.",
        "SLACK_STREAMING: must be 'auto', 'native', 'edit' or 'final'. auto or edit: answers grow by edits; "
        "native: in direct messages as Slack's own streams; final: they come whole.",
        "DISCORD_GATEWAY_URL: must begin with ws:// or wss://. Discord's gateway.",
        "DISCORD_SHARD_IDS: must be a whole number. Shards that this process runs, comma-separated; unset: all.",
    ]


@pytest.mark.parametrize("written", ["https://confab.example", "HTTPS://Confab.Example/"])
def test_a_public_address_is_its_host_however_it_is_written(bare_environment, written):
    bare_environment.setenv("CONFAB_PUBLIC_URL", written)

    assert read_configuration().core.confab_public_url == "https://confab.example"


def test_each_platform_reads_its_own_variables(bare_environment):
    bare_environment.setenv("SLACK_STREAMING", "final")
    bare_environment.setenv("DISCORD_SHARD_IDS", "0,3")

    platforms = read_configuration().platforms

    assert (platforms["slack"].slack_streaming, platforms["discord"].discord_shard_ids) == ("final", (0, 3))


def test_a_file_that_is_no_text_is_one_line(bare_environment, tmp_path):
    (tmp_path / ".env").write_bytes(b"CONFAB_PERSONA=\xff\xfe")

    with pytest.raises(SettingsError, match="^.env: can't be read .* as UTF-8, or move it away.$"):
        read_settings()


def test_lines_of_the_file_that_are_no_settings_are_named_by_their_number_alone(bare_environment, tmp_path, capfd):
    (tmp_path / ".env").write_text('A=1\n\n# B\n\nhunter2 C\nD="1\n2"\n\n\nE="hunter2\nCONFAB_CACHE_TTL=2h\n=hunter2\n')

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    mend = "must be NAME=value, with quotes at both ends of the value or at none; or put # before it."
    assert str(raised.value).splitlines() == [
        *(f".env, line {number}: {mend}" for number in (5, 10, 12)),
        "CONFAB_CACHE_TTL: must be 'auto', '5m' or '1h'. How long a prompt is cached: 5m, 1h, or auto, by how people pause.",
    ]
    assert capfd.readouterr() == ("", "")


def test_secrets_are_known_and_never_shown(bare_environment):
    bare_environment.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")

    bare_environment.setenv("DISCORD_BOT_TOKEN", "a.b.hunter2")
    bare_environment.setenv("CONFAB_SECRET_KEY", f"{KEY_A} , {KEY_B}")

    assert read_configuration().core.secret_keys() == [KEY_A, KEY_B]
    assert read_configuration().secrets() == ["sk-ant-secret", f"{KEY_A},{KEY_B}", KEY_A, KEY_B, "a.b.hunter2"]
    assert KEY_A not in repr(read_configuration())
    assert "sk-ant-secret" not in repr(read_configuration())
    assert "hunter2" not in repr(read_configuration())


@pytest.mark.parametrize("written", ["short", f"{KEY_A[:-1]}", f"{KEY_A}x", f"{KEY_A},,{KEY_A}", f"{KEY_A} {KEY_A}"])
def test_what_is_no_secret_key_is_one_line_without_a_character_of_it(bare_environment, written):
    bare_environment.setenv("CONFAB_SECRET_KEY", written)

    with pytest.raises(SettingsError) as raised:
        read_configuration()

    (line,) = str(raised.value).splitlines()
    assert line.startswith("CONFAB_SECRET_KEY: must be ")
    assert written[:5] not in line


def test_the_example_names_every_variable_with_its_default():
    lines = (ROOT / ".env.example").read_text().splitlines()

    named = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", "\n".join(lines), re.MULTILINE))
    defaults = {name.upper(): field.default for name, field in FIELDS.items()}
    shown = {name: "" if value in (None, (), frozenset()) else str(value) for name, value in defaults.items()}
    assert named == shown | {"CONFAB_CATCH_UP": "1h"}
    assert defaults["CONFAB_CATCH_UP"] == timedelta(hours=1)


def test_the_manual_tells_of_every_variable():
    manual = (ROOT / "docs" / "settings.md").read_text()

    assert set(re.findall(r"^\| `([A-Z_]+)`", manual, re.MULTILINE)) == VARIABLES
