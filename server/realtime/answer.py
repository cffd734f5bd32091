"""One response from `response.created` to `response.done`: what the client is told of it, and what the conversation
keeps. Its parts come from `reply`, its end from there or from whoever cancels it. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from server.realtime.config import ResponseConfig
from server.realtime.conversation import Conversation, Cut
from server.realtime.hearing.formats import Outgoing
from server.realtime.ids import new_id
from server.realtime.item_json import content_part_json, item_json
from server.realtime.items import SAMPLES_PER_MS, FunctionCall, Item, Message, Spoken, Status, Words, with_part
from server.realtime.outbox import Emit, Speech
from server.realtime.playback import Playback
from server.realtime.reply import Event, Failed, Finished
from server.realtime.response import Ending, response_json
from server.realtime.written import CallArguments, CallBegun, CallEnded, Text, Written
from tts.events import Begun, Ended, Skipped, Sound

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by the engine's reason to stop."""


class Answer:
    """One response. What is told of it after its end changes nothing."""

    def __init__(self, asked: ResponseConfig, conversation: Conversation, emit: Emit, playback: Playback) -> None:
        self.id, self.asked, self.playback = new_id("resp"), asked, playback
        self._conversation, self._emit = conversation, emit
        self._aloud = asked.config.modality == "audio"
        self._outgoing = Outgoing(asked.config.output_format)
        self._output: list[Item] = []
        self._message: int | None = None
        self._call: int | None = None
        self._usage: dict[str, Any] | None = None
        self.written = False
        """Whether the model has ended."""
        self.over = False
        self.status = "cancelled"
        """How it ended; of one that was left before its end, this."""
        self._cut_off = False
        """Whether it ended before all was said."""

    @property
    def text(self) -> str:
        """What was written so far, heard or not."""
        message = self.message
        return "" if message is None else _text(message)

    @property
    def message(self) -> Message | None:
        """What was said, if anything was."""
        item = None if self._message is None else self._output[self._message]
        assert item is None or isinstance(item, Message)
        return item

    @property
    def only_calls(self) -> bool:
        """Whether it called functions, to their end, and said nothing."""
        return bool(self._output) and self._message is None and not self._cut_off

    def begin(self) -> None:
        """Tell that there is a response."""
        self._emit("response.created", response=self._json(None))

    def take(self, event: Event, now: float) -> None:
        """Tell what came of it.

        Raises:
            RequestError: the conversation has no room for it.
        """
        if self.over:
            return
        match event:
            case Text(delta):
                self._write(delta)
            case Begun(text, at, expected):
                self._spoken().timeline.begin(text, at, expected)
            case Ended(at):
                self._spoken().timeline.end(at)
            case Skipped(at):
                self._spoken().timeline.skip(at)
            case Sound(pcm):
                self._sound(pcm)
            case CallBegun(call_id, name):
                self._call = self._add(FunctionCall(new_id("item"), call_id, name, "", "in_progress"))
            case CallArguments(delta):
                self._call_goes_on(delta)
            case CallEnded():
                self._end_call("completed")
            case Written(_, usage):
                self._usage, self.written = usage, True
            case Finished(finish_reason, _, voice_failure):
                self.end(Ending(_REASONS.get(finish_reason or ""), voice_failure))  # type: ignore[arg-type]
            case Failed(error):
                self.end(Ending(error=error))

    def end(self, ending: Ending) -> None:
        """Tell that it has ended, once."""
        if self.over:
            return
        self.over, self.status = True, ending.status
        self._cut_off = ending.status in ("cancelled", "failed")
        status: Status = "completed" if ending.status == "completed" else "incomplete"
        self._end_call("incomplete")
        self._end_message(status)
        self._emit("response.done", response=self._json(ending))

    @property
    def kept(self) -> Sequence[Item]:
        """What the conversation has of it."""
        return self._output if self.asked.in_conversation else ()

    def words_until(self, samples: int) -> str:
        """What somebody has heard of it who heard so many samples. What is only written is read at once."""
        return self._spoken().timeline.heard(samples) if self.message is not None and self._aloud else self.text

    def cut_at(self, heard: int) -> Cut | None:
        """Have the conversation keep what was heard: so many samples. None: that is all, or it is not speech."""
        message = self.message
        if message is None or not self._aloud or message.id not in self._conversation:
            return None
        kept = self._conversation.get(message.id)
        assert isinstance(kept, Message)
        part = kept.content[0]  # the client may have cut it already
        assert isinstance(part, Spoken)
        if heard >= part.samples and not (part.whole and self._cut_off):
            return None
        heard = min(heard, part.samples)
        said = replace(part, transcript=part.timeline.heard(heard), whole=False)
        self._conversation.put(with_part(kept, 0, said))
        return Cut(message.id, 0, heard // SAMPLES_PER_MS)

    def latest(self, item: Item) -> Item:
        """An item of the conversation as far as it is written by now."""
        return item if self.over else next((ours for ours in self._output if ours.id == item.id), item)

    def take_up(self, response_id: str, output: Sequence[Item]) -> None:
        """Be a response of which another connection has told so much, in place of `begin`."""
        self.id, self._output = response_id, list(output)
        for index, item in enumerate(output):
            if isinstance(item, Message):
                self._message = index
            elif item.status == "in_progress":
                self._call = index

    def _write(self, delta: str) -> None:
        index = self._message_index()
        message = self._output[index]
        assert isinstance(message, Message)
        part = message.content[0]
        if isinstance(part, Spoken):
            part = replace(part, transcript=part.transcript + delta)
        else:
            assert isinstance(part, Words)
            part = Words(part.text + delta)
        self._output[index] = replace(message, content=(part,))
        kind = "output_audio_transcript" if self._aloud else "output_text"
        self._emit(f"response.{kind}.delta", **self._place(index), content_index=0, delta=delta)

    def _sound(self, pcm: bytes) -> None:
        index = self._message_index()
        message, part = self._output[index], self._spoken()
        assert isinstance(message, Message)
        if not part.samples:
            self._emit("output_audio_buffer.started", response_id=self.id)
        self._output[index] = replace(message, content=(replace(part, samples=part.samples + len(pcm) // 2),))
        self._emit_sound(index, self._outgoing.feed(pcm))

    def _emit_sound(self, index: int, data: bytes) -> None:
        if data:
            sound = Speech(data, self._spoken().samples)
            self._emit("response.output_audio.delta", **self._place(index), content_index=0, delta=sound)

    def _spoken(self) -> Spoken:
        message = self._output[self._message_index()]
        assert isinstance(message, Message)
        part = message.content[0]
        assert isinstance(part, Spoken)
        return part

    def _message_index(self) -> int:
        """Of the message, which begins now if there is none."""
        if self._message is None:
            message = Message(new_id("item"), "assistant", (), "in_progress")
            self._message = index = self._add(message)
            part = Spoken("") if self._aloud else Words("")
            self._output[index] = replace(message, content=(part,))
            self._emit(
                "response.content_part.added", **self._place(index), content_index=0, part=content_part_json(part)
            )
        return self._message

    def _end_message(self, status: Status) -> None:
        index, message = self._message, self.message
        if index is None or message is None:
            return
        self._output[index] = message = replace(message, status=status)
        part, place = message.content[0], self._place(index) | {"content_index": 0}
        if isinstance(part, Spoken):
            self._emit_sound(index, self._outgoing.flush())
            self._emit("response.output_audio.done", **place)
            self._emit("response.output_audio_transcript.done", **place, transcript=part.transcript)
        else:
            assert isinstance(part, Words)
            self._emit("response.output_text.done", **place, text=part.text)
        self._emit("response.content_part.done", **place, part=content_part_json(part))
        self._done(index)

    def _call_goes_on(self, delta: str) -> None:
        assert self._call is not None, "arguments of no call"
        call = self._output[self._call]
        assert isinstance(call, FunctionCall)
        self._output[self._call] = replace(call, arguments=call.arguments + delta)
        self._emit(
            "response.function_call_arguments.delta", **self._place(self._call), call_id=call.call_id, delta=delta
        )

    def _end_call(self, status: Status) -> None:
        index, self._call = self._call, None
        if index is None:
            return
        call = self._output[index]
        assert isinstance(call, FunctionCall)
        self._output[index] = call = replace(call, status=status)
        named = {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        self._emit("response.function_call_arguments.done", **self._place(index), **named)
        self._done(index)

    def _add(self, item: Item) -> int:
        """Begin an item. Raises RequestError: the conversation has no room for it."""
        before = self._conversation.insert(item) if self.asked.in_conversation else None
        self._output.append(item)
        index = len(self._output) - 1
        self._emit("response.output_item.added", response_id=self.id, output_index=index, item=item_json(item))
        if self.asked.in_conversation:
            self._emit("conversation.item.added", item=item_json(item), previous_item_id=before)
        return index

    def _done(self, index: int) -> None:
        item = self._output[index]
        told = item_json(item)
        self._emit("response.output_item.done", response_id=self.id, output_index=index, item=told)
        if self.asked.in_conversation and self._conversation.put(item):
            self._emit("conversation.item.done", item=told, previous_item_id=self._conversation.before(item.id))

    def _place(self, index: int) -> dict[str, Any]:
        return {"response_id": self.id, "item_id": self._output[index].id, "output_index": index}

    def _json(self, ending: Ending | None) -> dict[str, Any]:
        return response_json(self.id, self.asked, self._conversation.id, ending, self._output, self._usage)


def _text(message: Message) -> str:
    part = message.content[0]
    return part.transcript if isinstance(part, Spoken) else part.text if isinstance(part, Words) else ""
