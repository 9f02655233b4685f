"""What Confab asks for when it is invited."""

from bots.discord.invite import build_install_url, build_intents, build_invite_url


def test_the_invitation_asks_for_the_least_permissions():
    see, send, attach, history, threads, in_threads = 1 << 10, 1 << 11, 1 << 15, 1 << 16, 1 << 35, 1 << 38

    assert build_invite_url("4242") == (
        "https://discord.com/oauth2/authorize?client_id=4242&scope=bot+applications.commands"
        f"&permissions={see | send | attach | history | threads | in_threads}"
    )


def test_the_gateway_tells_no_more_than_messages():
    guilds, guild_messages, direct_messages, content = 1 << 0, 1 << 9, 1 << 12, 1 << 15

    assert build_intents(content=False).value == guilds | guild_messages | direct_messages
    assert build_intents(content=True).value == guilds | guild_messages | direct_messages | content


def test_the_address_for_a_person_asks_for_commands_alone():
    address = build_install_url("4242")

    assert address.startswith("https://discord.com/oauth2/authorize?client_id=4242&scope=applications.commands")
    assert address.endswith("&integration_type=1")
