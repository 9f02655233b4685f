"""One workspace in a process that answers what another one took. Tests bots.slack.installations.workspace."""

from bots.slack.address import SlackAddress
from bots.slack.installations.workspace import SlackWorkspace
from core.domain.clock import system_clock
from core.domain.messages import Question, ThreadKey
from tests.support.slack_house import living


async def test_a_home_is_shown_anew_by_a_process_that_took_no_event(slack, claude, store):
    async with living(slack, claude, store) as home:
        us, clients = (await home.workspace()).us, home.platform._clients
        other = SlackWorkspace(clients, lambda: clients.make_client(slack.token), us)
        address = SlackAddress(home=True).dump()
        key = ThreadKey(us.workspace, "C0DEV", "")
        question = Question(key, "f1", "U0ADA", system_clock(), address=address, private=True, command="persona set")
        surface = other.make_surface(question)
        surface._refresh_home("U0ADA")
        await slack.until(lambda: slack.called("views.publish"))
        await other.stop()

        assert [one["user_id"] for one in slack.called("views.publish")] == ["U0ADA"]


async def test_a_workspace_that_is_stopped_shows_no_home_any_more(slack, claude, store):
    async with living(slack, claude, store) as home:
        us, clients = (await home.workspace()).us, home.platform._clients
        other = SlackWorkspace(clients, lambda: clients.make_client(slack.token), us)
        await other.stop()
        other._refresh_home("U0ADA")

        assert other._home is None
