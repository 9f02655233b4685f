"""A workspace whose history may be read once a minute: answers come from what was heard.

Tests bots.slack.installations.workspace.
"""

from tests.support.slack_installations import town


async def test_answers_come_in_time_from_our_own_store(slack, claude, store):
    async with town(slack, claude, store) as two:
        slack.limit("conversations.replies", 0, 60)
        root = await two.second.say("bob", "dev", "<@U0BOT> hello")
        await two.home.answered()
        await two.second.say("bob", "dev", "and now?", root)
        await two.home.answered(2)

        assert len(two.second.texts("dev", root)) == 2
        assert [words for _, words in two.home.prompt()][::2] == ["Bob: hello", "Bob: and now?"]
