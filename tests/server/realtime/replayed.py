"""What a client knows of a session from its events alone. AssertionError where they come in an order that the API does
not have: `response.created` before its items, added before deltas before done, nothing of a response after its end."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Json = dict[str, Any]

_PLACED = ("response_id", "item_id", "output_index", "content_index")
_OPEN_PARTS = {"output_text.delta": "text", "output_audio_transcript.delta": "transcript"}


@dataclass(slots=True, eq=False)
class Output:
    """An item of a response while it is made."""

    id: str
    part: Json | None = None
    """As `content_part.added` told it; its text is what the deltas said."""
    arguments: str = ""
    ended: set[str] = field(default_factory=set)
    """What of it is done."""
    done: Json | None = None


@dataclass(slots=True, eq=False)
class Response:
    """One that was created."""

    id: str
    in_conversation: bool
    output: list[Output] = field(default_factory=list)
    done: Json | None = None
    playing: str = ""
    """The last that was told of its sound."""


class Replayed:
    """Takes events as they come; each rule is beside the event that it is about."""

    def __init__(self) -> None:
        self.order: list[str] = []
        """Ids of the conversation's items."""
        self.items: dict[str, Json] = {}
        self.cut: set[str] = set()
        """Items whose words are not known any more, but for where they begin."""
        self.responses: dict[str, Response] = {}
        self.sound: dict[str, bytes] = {}
        """What was sent of an item, in its output format."""
        self.speaking: str | None = None
        """Id of the item that the user's turn becomes."""
        self._ids: set[str] = set()
        self._deleted: set[str] = set()
        self._finished: set[str] = set()
        self._last: Event = {"type": ""}

    @property
    def active(self) -> list[Response]:
        """Responses to the conversation that are being given."""
        return [each for each in self.responses.values() if each.done is None and each.in_conversation]

    def take(self, event: Event) -> None:
        """The next event."""
        assert event["event_id"] not in self._ids, f"an id used twice: {event}"
        self._ids.add(event["event_id"])
        name = event["type"]
        if name.startswith("response."):
            self._respond(name.removeprefix("response."), event)
        elif (taker := getattr(self, f"_{name.replace('.', '_')}", None)) is not None:
            taker(event)
        if self._last["type"] == "response.output_item.added" and self._of(self._last).in_conversation:
            assert name == "conversation.item.added", f"an item that the conversation was not told of before {event}"
            assert event["item"]["id"] == self._last["item"]["id"]
        self._last = event

    def _conversation_item_added(self, event: Event) -> None:
        item, before = event["item"], event["previous_item_id"]
        assert item["id"] not in self.items
        assert item["id"] not in self._deleted, "an item that comes back"
        assert before is None or before in self.items, f"behind an unknown item: {event}"
        place = 0 if before is None else self.order.index(before) + 1
        self.order.insert(place, item["id"])
        self.items[item["id"]] = item
        if self._last["type"] == "input_audio_buffer.committed":
            assert (self._last["item_id"], self._last["previous_item_id"]) == (item["id"], before)

    def _conversation_item_done(self, event: Event) -> None:
        item_id = event["item"]["id"]
        assert item_id not in self._finished
        self._finished.add(item_id)
        place = self.order.index(item_id)
        assert event["previous_item_id"] == (self.order[place - 1] if place else None), event
        assert event["item"]["status"] != "in_progress"
        self.items[item_id] = event["item"]

    def _conversation_item_deleted(self, event: Event) -> None:
        self.order.remove(event["item_id"])
        del self.items[event["item_id"]]
        self._deleted.add(event["item_id"])

    def _conversation_item_retrieved(self, event: Event) -> None:
        assert self.agrees(event["item"]), f"not as it was told: {event['item']}"

    def _conversation_item_truncated(self, event: Event) -> None:
        item = self.items[event["item_id"]]
        assert item["role"] == "assistant"
        assert item["status"] != "in_progress", "cut while it was made"
        self.cut.add(item["id"])

    def _conversation_item_input_audio_transcription_delta(self, event: Event) -> None:
        self._said(event)

    def _conversation_item_input_audio_transcription_completed(self, event: Event) -> None:
        if (part := self._said(event)) is not None:
            part["transcript"] = event["transcript"]

    def _conversation_item_input_audio_transcription_failed(self, event: Event) -> None:
        self._said(event)

    def _said(self, event: Event) -> Json | None:
        if event["item_id"] in self._deleted:
            return None
        part: Json = self.items[event["item_id"]]["content"][event["content_index"]]
        assert part["type"] == "input_audio"
        return part

    def _input_audio_buffer_speech_started(self, event: Event) -> None:
        assert self.speaking is None, "two turns at once"
        self.speaking = event["item_id"]

    def _input_audio_buffer_speech_stopped(self, event: Event) -> None:
        assert self.speaking == event["item_id"]
        self.speaking = None

    def _input_audio_buffer_committed(self, event: Event) -> None:
        assert event["item_id"] not in self.items
        if self.speaking == event["item_id"]:  # by the client, in the middle
            self.speaking = None

    def _input_audio_buffer_cleared(self, _: Event) -> None:
        self.speaking = None

    def _session_updated(self, event: Event) -> None:
        if event["session"]["audio"]["input"]["turn_detection"] is None:
            self.speaking = None

    def _session_resumed(self, _: Event) -> None:
        self.speaking = None  # what the other connection did not end is not heard

    def _output_audio_buffer_started(self, event: Event) -> None:
        response = self._of(event)
        assert response.done is None
        assert not response.playing
        response.playing = "started"

    def _output_audio_buffer_stopped(self, event: Event) -> None:
        self._falls_silent(event)

    def _output_audio_buffer_cleared(self, event: Event) -> None:
        self._falls_silent(event)

    def _falls_silent(self, event: Event) -> None:
        response = self._of(event)
        assert response.playing == "started", f"{event} after {response.playing!r}"
        assert response.done is not None
        response.playing = "over"

    def _of(self, event: Event) -> Response:
        return self.responses[event["response_id"]]

    def _respond(self, name: str, event: Event) -> None:
        if name == "created":
            self._created(event["response"])
        elif name == "done":
            self._done(event["response"])
        else:
            response = self._of(event)
            assert response.done is None, f"after the end: {event}"
            if name == "output_item.added":
                self._begins(response, event)
            else:
                self._goes_on(response.output[event["output_index"]], name, event)

    def _created(self, told: Json) -> None:
        assert told["id"] not in self.responses
        assert told["status"] == "in_progress"
        assert told["output"] == []
        in_conversation = told["conversation_id"] is not None
        assert not (in_conversation and self.active), "two answers to the conversation"
        self.responses[told["id"]] = Response(told["id"], in_conversation)

    def _done(self, told: Json) -> None:
        response = self.responses[told["id"]]
        assert response.done is None, "ended twice"
        assert told["output"] == [output.done for output in response.output]
        assert told["status"] != "in_progress"
        response.done = told

    def _begins(self, response: Response, event: Event) -> None:
        item = event["item"]
        assert event["output_index"] == len(response.output)
        assert item["status"] == "in_progress"
        assert not item.get("content")
        response.output.append(Output(item["id"]))

    def _goes_on(self, output: Output, name: str, event: Event) -> None:
        assert event.get("item_id", output.id) == output.id
        assert output.done is None, f"after the item's end: {event}"
        if name == "output_item.done":
            self._item_ends(output, event["item"])
        elif name.startswith("function_call_arguments"):
            self._called(output, name, event)
        elif name == "content_part.added":
            assert output.part is None
            output.part = {"type": event["part"]["type"], "text": "", "transcript": ""}
        else:
            self._part(output, name, event)

    def _part(self, output: Output, name: str, event: Event) -> None:
        part = output.part
        assert part is not None, f"before its part: {event}"
        assert event["content_index"] == 0
        assert "content_part" not in output.ended, f"after the part's end: {event}"
        if name == "output_audio.delta":
            assert "output_audio" not in output.ended
            data = b64decode(event["delta"])
            assert data
            self.sound[output.id] = self.sound.get(output.id, b"") + data
            return
        what, step = name.split(".")
        if step == "delta":
            assert what not in output.ended
            part[_OPEN_PARTS[name]] += event["delta"]
            return
        output.ended.add(what)
        match what:
            case "output_text":
                assert event["text"] == part["text"]
            case "output_audio_transcript":
                assert event["transcript"] == part["transcript"]
            case "content_part":
                wanted = {"output_text"} if part["type"] == "text" else {"output_audio", "output_audio_transcript"}
                assert wanted <= output.ended
                assert event["part"] == {name: value for name, value in part.items() if name in event["part"]}

    def _called(self, output: Output, name: str, event: Event) -> None:
        assert "arguments" not in output.ended
        if name.endswith("delta"):
            output.arguments += event["delta"]
        else:
            assert event["arguments"] == output.arguments
            output.ended.add("arguments")

    def _item_ends(self, output: Output, item: Json) -> None:
        assert item["id"] == output.id
        assert item["status"] != "in_progress"
        if item["type"] == "function_call":
            assert "arguments" in output.ended
            assert item["arguments"] == output.arguments
        else:
            assert "content_part" in output.ended
            assert output.part is not None
            (said,) = item["content"]
            assert said.get("text", said.get("transcript")) == output.part["text"] + output.part["transcript"]
        output.done = item

    def agrees(self, item: Json) -> bool:
        """Whether an item is as it was told, as far as a client can know."""
        told = self.items[item["id"]]
        if item["id"] in self.cut:
            before = iter(_words(told))
            return all(word in before for word in _words(item))  # in this order; what a voice failed at is missing
        return _shown(item) == _shown(told)


def _words(item: Json) -> list[str]:
    return [word for part in item["content"] for word in part["transcript"].split()]


def _shown(item: Json) -> Json:
    """Without sound, and what is still being made."""
    if item["status"] == "in_progress":
        return {"id": item["id"], "type": item["type"]}
    content = [{name: value for name, value in part.items() if name != "audio"} for part in item.get("content", ())]
    return item | {"content": content}
