"""Discord's settings: what a token and shards must look like, and what is said of those that do not."""

import pytest

from bots.discord.adapter import Discord
from bots.ops.plugin import PlatformResources
from core.domain.errors import SettingsError
from core.store import open_store
from core.telemetry import discard_event
from tests.support.doctor import chosen

TOKEN = "MTIz.GabcDE.secret-part"
SHARDS = "DISCORD_SHARD_IDS: needs DISCORD_SHARD_COUNT, and ids from 0 to one less than it."


@pytest.fixture
async def store():
    opened = await open_store("sqlite://")
    yield opened
    await opened.shut()


def open_discord(store, **given) -> Discord:
    settings = chosen(**given)
    resources = PlatformResources(
        settings.core, store.notes, discard_event, installations=store.installations, shards=store.shards
    )
    return Discord.from_settings(settings.platforms["discord"], resources)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"discord_bot_token": "nonsense"}, "DISCORD_BOT_TOKEN: ", id="no token at all"),
        pytest.param({"discord_bot_token": TOKEN, "discord_shard_ids": (0,)}, SHARDS, id="no count"),
        pytest.param(
            {"discord_bot_token": TOKEN, "discord_shard_ids": (0, 2), "discord_shard_count": 2},
            SHARDS,
            id="a shard beyond the count",
        ),
        pytest.param(
            {"discord_bot_token": TOKEN, "discord_shards": "auto", "discord_shard_count": 2},
            "DISCORD_SHARDS: ",
            id="shared by itself and by hand",
        ),
    ],
)
async def test_settings_that_can_not_be_are_told_in_one_line(store, given, why):
    with pytest.raises(SettingsError) as told:
        open_discord(store, **given)

    assert str(told.value).startswith(why)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("given", "wanted"), [("auto", None), ("16", 16)])
async def test_shards_are_shared_where_the_setting_says_so(store, given, wanted):
    found = open_discord(store, discord_bot_token=TOKEN, discord_shards=given)
    alone = open_discord(store, discord_bot_token=TOKEN)

    assert (found._sharing.wanted, alone._sharing) == (wanted, None)


@pytest.mark.parametrize("given", ["0", "-1", "many"])
def test_a_number_of_shards_is_auto_or_at_least_one(given):
    with pytest.raises(ValueError, match="discord_shards"):
        chosen(discord_shards=given)


def test_without_a_token_there_is_no_discord():
    assert not chosen().platforms["discord"].configured


async def test_with_a_token_there_is(store):
    found = open_discord(store, discord_bot_token=TOKEN, discord_shard_ids=(0, 1), discord_shard_count=2)

    assert found.name == "discord"


@pytest.mark.parametrize(
    "token", ["", "nonsense", "MTIz!.GabcDE.x", "YWJj.GabcDE.x"], ids=["none", "one part", "no base64", "no id"]
)
def test_an_application_is_known_only_by_a_bots_token(token):
    settings = chosen(discord_bot_token=token or None).platforms["discord"]

    with pytest.raises(SettingsError, match="^DISCORD_BOT_TOKEN: not set, or no bot's token"):
        settings.application_id()


def test_the_application_stands_in_the_first_part_of_the_token():
    assert chosen(discord_bot_token=TOKEN).platforms["discord"].application_id() == "123"


@pytest.mark.parametrize("given", ["members", "everybody", "7001, members"])
def test_who_may_take_us_along_is_members_everybody_or_people(given):
    settings = chosen(discord_user_install=given, discord_guilds="8138").platforms["discord"]

    assert settings.discord_user_install == {one.strip() for one in given.split(",")}


def test_nobody_may_take_us_along_unless_the_operator_says_so():
    assert chosen().platforms["discord"].discord_user_install == frozenset()


async def test_members_need_the_servers_whose_members_they_are(store):
    with pytest.raises(SettingsError, match="DISCORD_USER_INSTALL: members needs DISCORD_GUILDS"):
        open_discord(store, discord_bot_token=TOKEN, discord_user_install="members")
