"""What the mail of the random worlds does with what Slack tells: it carries it, and loses nothing by itself.

Tests tests.e2e.worlds.mail.
"""

import aiohttp

from tests.e2e.worlds.mail import SlackMail
from tests.fakes.slack.server import SlackFake


async def test_what_slack_tells_between_two_sockets_goes_to_the_next_one():
    async with SlackFake() as slack, aiohttp.ClientSession() as session:
        mail = SlackMail(slack, slack.sockets)
        mail.down = False
        await slack.say("ada", "C0GEN", "anybody?")
        waiting = len(slack.unacked)
        headers = {"Authorization": f"Bearer {slack.app_token}"}
        async with session.post(f"{slack.base_url}apps.connections.open", headers=headers) as answer:
            address = (await answer.json())["url"]
        async with session.ws_connect(address) as socket:
            hello, told = await socket.receive_json(), await socket.receive_json()
            await socket.send_json({"envelope_id": told["envelope_id"]})
            await mail.read()

    assert (waiting, hello["type"], told["payload"]["event"]["text"]) == (1, "hello", "anybody?")
