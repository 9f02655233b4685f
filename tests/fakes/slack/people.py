"""The people of a workspace, driven by a test: what they say, change, press and submit."""

from collections.abc import Sequence
from dataclasses import replace

from tests.fakes.slack import elements as slack_elements
from tests.fakes.slack import events as slack_events
from tests.fakes.slack import json as slack_json
from tests.fakes.slack.nouns import Channel, Envelope, Ephemeral, File, Person, Post, Raw, ResponseUrl, Team, Trigger
from tests.fakes.slack.outbox import Outbox
from tests.fakes.slack.text import rich, typed
from tests.fakes.slack.world import World


class People:
    """Acts in a world as its people; the app hears of it as it would from Slack."""

    world: World
    outbox: Outbox
    events: frozenset[str]
    url: str

    async def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread: str | None = None,
        *,
        files: Sequence[File] = (),
        broadcast: bool = False,
        viewing: Sequence[Raw] = (),
    ) -> str:
        """Post as a person, and return the ts. `text` is as typed; Slack escapes it.

        `viewing` are the entities that the app context of a direct message has.
        """
        person, place = self.person(user), self.place(channel)
        kept = [self.upload(file, person) for file in files]
        subtype = "file_share" if kept else ""
        words = typed(text)
        blocks = (rich(text),) if words else ()
        ts = self.world.stamp()
        said = Post(place.id, ts, person.id, words, thread, blocks=blocks, files=tuple(kept), subtype=subtype)
        if viewing:
            assert place.kind == "im", "Slack tells what is looked at in direct messages alone"
            self.world.viewing[place.id, ts] = tuple(viewing)
        return self.world.post(replace(said, broadcast=broadcast)).ts

    async def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        """Change what a person said."""
        post = self.world.posts[self.place(channel).id, ts]
        words = typed(text)
        edited = replace(post, text=words, blocks=(rich(text),), edited=self.world.stamp())
        self.world.change(edited, self.person(user).id)

    async def unfurl(self, channel: str, ts: str, attachment: Raw) -> None:
        """Hang a preview on a message, which Slack tells as a change of it."""
        post = self.world.posts[self.place(channel).id, ts]
        self.world.change(replace(post, attachments=(*post.attachments, attachment)), post.user)

    async def delete(self, user: str, channel: str, ts: str) -> None:
        """Delete a message, as its author or an admin."""
        post = self.world.posts[self.place(channel).id, ts]
        person = self.person(user)
        assert person.id == post.user or person.admin, "only its author and admins delete a message"
        self.world.remove(post)

    async def command(self, user: str, channel: str, name: str, text: str = "") -> str:
        """Give a slash command, and return the envelope's id, under which its ack is found."""
        person, place = self.person(user), self.place(channel)
        url = self.response_url(place, person)
        payload = slack_events.command(self.team(place), place, person, (name, text), self.trigger(person), url)
        return self._put(Envelope(self.world.name("Cmd"), "slash_commands", payload))

    async def choose(self, user: str, channel: str, ts: str, callback_id: str) -> str:
        """Choose a shortcut in a message's menu, and return the envelope's id.

        People find it in every channel, whether the app is a member or not.
        """
        person, place = self.person(user), self.place(channel)
        post = self.world.posts[place.id, ts]
        assert person.id in place.members, "nobody has a menu on what they do not see"
        payload = slack_events.choice(self.team(place), person, callback_id, self.trigger(person), self.world.stamp())
        payload |= {"channel": {"id": place.id, "name": place.name}, "message_ts": ts}
        payload |= {"message": slack_json.message(self.world, post), "response_url": self.response_url(place, person)}
        return self._put(Envelope(self.world.name("Act"), "interactive", payload))

    def find_ephemeral(self, channel: str, ts: str) -> Ephemeral | None:
        place = self.place(channel)
        return next((one for one in self.world.ephemerals if (one.channel, one.ts) == (place.id, ts)), None)

    def buttons(self, channel: str, ts: str) -> list[str]:
        """What stands on the buttons of a message."""
        post = self.find_ephemeral(channel, ts) or self.world.posts[self.place(channel).id, ts]
        return [action["text"]["text"] for action in slack_elements.list_buttons(post)]

    async def press(self, user: str, channel: str, ts: str, label: str) -> str:
        """Press the button of a message on which `label` stands, and return the envelope's id.

        A message that was changed has the buttons of now: nobody presses one that is gone. Of a message that one
        person sees, Slack tells no word.
        """
        person, place = self.person(user), self.place(channel)
        whispered = self.find_ephemeral(channel, ts)
        post = whispered or self.world.posts[place.id, ts]
        assert person.id in place.members, "nobody presses what they do not see"
        assert whispered is None or whispered.user == person.id, "nobody presses what another is whispered"
        (action,) = (each for each in slack_elements.list_buttons(post) if each["text"]["text"] == label)
        payload = slack_events.press(self.team(place), person, action, self.trigger(person), self.world.stamp())
        container = {"type": "message", "message_ts": ts, "channel_id": place.id, "is_ephemeral": bool(whispered)}
        container |= {"thread_ts": post.thread} if post.thread else {}
        payload |= {"container": container, "channel": {"id": place.id, "name": place.name}}
        shown = {} if isinstance(post, Ephemeral) else {"message": slack_json.message(self.world, post)}
        payload |= {**shown, "state": {"values": {}}}
        payload["response_url"] = self.response_url(place, person, ts)
        return self._put(Envelope(self.world.name("Act"), "interactive", payload))

    async def press_in_view(self, user: str, view: str, action_id: str, value: str = "") -> str:
        """Press a button of a modal or a home tab, or one that somebody forged, and return the envelope's id."""
        person, shown = self.person(user), self.world.views[view]
        action = {"action_id": action_id, "value": value}
        team = self.world.teams[person.team]
        payload = slack_events.press(team, person, action, self.trigger(person), self.world.stamp())
        payload |= {"container": {"type": "view", "view_id": view}, "view": slack_json.view(shown, team.id)}
        return self._put(Envelope(self.world.name("Act"), "interactive", payload))

    async def submit_view(self, user: str, view: str, values: Raw) -> str:
        """Submit a modal, and return the envelope's id. `values`: block id, action id, then the element's state."""
        person, shown = self.person(user), self.world.views[view]
        team = self.world.teams[person.team]
        payload = slack_events.submission(team, person, shown, values, self.trigger(person))
        return self._put(Envelope(self.world.name("Sub"), "interactive", payload))

    async def stop(self, user: str, channel: str, thread: str) -> None:
        """Press Stop: Slack ends the thread's streams itself, and tells the app."""
        place = self.place(channel)
        streams = [
            p
            for p in self.world.posts.values()
            if (p.channel, p.thread) == (place.id, thread) and self.world.streaming(p)
        ]
        for post in streams:
            self.world.end_stream(post, stopped=True)
        told = {"type": "agent_session_stopped", "channel": place.id, "thread_ts": thread, "user": self.person(user).id}
        self.happen(
            "agent_session_stopped", told | {"streaming_message_ts": [post.ts for post in streams]}, self.team(place)
        )

    async def open_home(self, user: str, tab: str = "home") -> None:
        """Look at the app's home; `tab` is home or messages."""
        person = self.person(user)
        direct = self.world.direct(person.id)
        told: Raw = {"type": "app_home_opened", "user": person.id, "tab": tab, "channel": direct.id if direct else ""}
        if tab == "home" and (shown := self.world.homes.get(person.id)):
            told["view"] = slack_json.view(shown, person.team)
        self.happen("app_home_opened", told, self.world.teams[person.team])

    async def join(self, user: str, channel: str) -> None:
        """Enter a channel; the app hears of it if it is there, and of itself too."""
        place, person = self.place(channel), self.person(user)
        joined = replace(place, members=tuple(dict.fromkeys((*place.members, person.id))))
        self.world.channels[place.id] = joined
        told = {"type": "member_joined_channel", "user": person.id, "channel": place.id, "team": place.team}
        self.happen("member_joined_channel", told | {"channel_type": place.id[0]}, self.team(place))

    async def archive(self, user: str, channel: str) -> None:
        """Archive a channel."""
        place = self.place(channel)
        self.world.channels[place.id] = replace(place, archived=True)
        told = {"type": "channel_archive", "channel": place.id, "user": self.person(user).id}
        self.happen("channel_archive", told, self.team(place))

    def happen(self, subscription: str, event: Raw, team: Team) -> str | None:
        """Tell an event, if the app subscribed to it, and return its id."""
        if subscription not in self.events or not team.bot:
            return None
        told = {"event_ts": self.world.stamp(), **event}
        return self._put(slack_events.envelope(self.world, team, told))

    def upload(self, file: File, person: Person) -> File:
        """A person's file, where the app can fetch it."""
        key = self.world.name("F0")
        url = f"{self.url}files-pri/{person.team}-{key}/{file.name}"
        self.world.files[key] = replace(file, id=key, user=person.id, url=url)
        return self.world.files[key]

    def trigger(self, person: Person) -> str:
        """A trigger id of this moment."""
        key = self.world.name("trigger.")
        self.world.triggers[key] = Trigger(person.id, self.world.clock())
        return key

    def response_url(self, place: Channel, person: Person, original: str | None = None) -> str:
        """A response URL of this moment."""
        key = self.world.name("response")
        self.world.response_urls[key] = ResponseUrl(place.id, person.id, self.world.clock(), original)
        return f"{self.url}commands/{place.team}/{key}"

    def person(self, named: str) -> Person:
        """A person by id or name."""
        found = self.world.people.get(named)
        return found or next(each for each in self.world.people.values() if each.name == named)

    def place(self, named: str) -> Channel:
        """A channel by id or name."""
        found = self.world.channels.get(named)
        return found or next(each for each in self.world.channels.values() if each.name == named)

    def team(self, place: Channel) -> Team:
        return self.world.teams[place.team]

    def _put(self, envelope: Envelope) -> str:
        self.outbox.put(envelope)
        self.world.pulse.beat()
        return envelope.id
