"""The conversation as clients change it: items added, retrieved, deleted, cut, shown and written down."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

import anyio
import numpy as np
import PIL.Image
import pytest

from engine.api import VIDEO_FRAMES, Fit, Image, Video
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.driver import Driver, driven, question
from tests.server.realtime.scripted_ears import ListeningEngine

pytestmark = pytest.mark.anyio

WORDS = ["One two three. ", "Four five six. ", "Seven eight nine. ", "Ten eleven twelve."]
TRANSCRIBED: dict[str, Any] = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
_SAID = "conversation.item.input_audio_transcription"


def picture(shade: int = 0, size: tuple[int, int] = (32, 32)) -> str:
    file = BytesIO()
    PIL.Image.new("RGB", size, (shade, 0, 0)).save(file, "png")
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def voice(**script: Any) -> ScriptedVoice:
    return ScriptedVoice(**{"seconds_per_char": 0.1} | script)


async def test_items_are_put_where_they_are_wanted() -> None:
    async with driven() as client:
        for item_id, previous in (("b", None), ("a", "root"), ("d", None), ("c", "b")):
            item = question(item_id) | {"id": item_id}
            events = await client.say("conversation.item.create", item=item, previous_item_id=previous)
            assert client.kinds(events) == ["conversation.item.added", "conversation.item.done"]
        assert client.known.order == ["a", "b", "c", "d"]
        await client.say("conversation.item.create", item=question("?"), previous_item_id="nobody")
        await client.say("conversation.item.create", item=question("?") | {"id": "a"})
        assert client.errors == ["item_not_found", "item_exists"]
        await client.say("conversation.item.delete", item_id="b")
        await client.say("conversation.item.delete", item_id="b")
        await client.say("conversation.item.retrieve", item_id="b")
        assert client.known.order == ["a", "c", "d"]
        assert client.errors[2:] == ["item_not_found"] * 2
        assert (await client.item("c"))["content"] == [{"type": "input_text", "text": "c"}]


async def test_the_model_is_asked_about_all_of_it_in_order() -> None:
    engine = ScriptedEngine()
    async with driven(engine, session={"instructions": "Be brief."}) as client:
        told = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "It rains."}]}
        said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I see."}]}
        for item in (told, question("Hi"), said, question("Bye")):
            await client.say("conversation.item.create", item=item)
        await client.say("response.create")
        (request,) = engine.requests
        roles = [message["role"] for message in request["messages"]]
        assert roles == ["system", "system", "user", "assistant", "user"]
        assert request["messages"][0]["content"] == "Be brief."
        assert len(client.known.order) == 5


async def test_a_picture_goes_with_the_question() -> None:
    engine = ScriptedEngine()
    async with driven(engine) as client:
        shown = {"type": "input_image", "image_url": picture(), "detail": "low"}
        content = [shown, {"type": "input_text", "text": "What is it?"}]
        await client.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await client.say("response.create")
        (message,) = engine.requests[0]["messages"][1:]
        assert [type(part) for part in message["content"]] == [Image, dict]
        item = await client.item(client.known.order[0])
        assert item["content"][0] == shown


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "nonsense", "file:///etc/passwd"])
async def test_what_is_no_picture_is_refused_by_name(url: str) -> None:
    async with driven() as client:
        content = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": url}]
        item = {"type": "message", "role": "user", "content": content}
        (refused,) = await client.say("conversation.item.create", item=item, event_id="mine")
        assert refused["error"]["event_id"] == "mine"
        assert refused["error"]["param"].startswith("item.content[1]")
        assert client.known.order == []


async def test_what_is_shown_in_a_turn_goes_with_it() -> None:
    engine = ListeningEngine(["A film."])
    async with driven(engine, session=TRANSCRIBED) as client:
        await client.speak(0.5)
        for shade in range(10):
            assert await client.say("input_video_buffer.append", image_url=picture(shade)) == []
        await client.speak(0.7, 0)
        item = await client.item(client.known.order[0])
        assert item["video"] == {"frames": 10}
        (video,) = [part for part in engine.requests[-1]["messages"][-1]["content"] if isinstance(part, Video)]
        assert len(video.frames) == VIDEO_FRAMES
        shades = np.asarray(video.frames)[:, 0, 0, 0].tolist()
        assert shades == sorted(shades)
        assert set(shades) == set(range(10))
        (completed,) = client.of(f"{_SAID}.completed")
        assert item["content"][completed["content_index"]]["type"] == "input_audio"
        assert (await client.item(item["id"]))["content"][0]["transcript"] == "What time is it?"


async def test_one_frame_is_a_picture_and_forgotten_ones_are_none() -> None:
    async with driven(ListeningEngine(), session=TRANSCRIBED) as client:
        await client.speak(0.5)
        await client.say("input_video_buffer.append", image_url=picture(1))
        await client.speak(0.7, 0)
        content = (await client.item(client.known.order[0]))["content"]
        assert [part["type"] for part in content] == ["input_image", "input_audio"]
        assert content[1]["transcript"] == "What time is it?"
        await client.say("input_video_buffer.append", image_url=picture(2))
        await client.say("input_video_buffer.clear")
        await client.speak(0.5)
        await client.speak(0.7, 0)
        content = (await client.item(client.known.order[-2]))["content"]
        assert [part["type"] for part in content] == ["input_audio"]


async def test_large_frames_are_held_as_the_engine_looks_at_them() -> None:
    """One is a picture and stays as it is."""
    engine = ListeningEngine()
    engine.fits = {"video": Fit(480 * 480, 64)}
    async with driven(engine) as client:
        for count in (1, 2):
            await client.speak(0.5)
            for shade in range(count):
                await client.say("input_video_buffer.append", image_url=picture(shade, (1280, 720)))
            await client.speak(0.7, 0)
        assert client.errors == []
        contents = [message["content"] for message in client.history if message["role"] == "user"]
        seen, watched = contents[0][0], contents[1][0]
        assert seen.pixels.shape == (720, 1280, 3)
        assert watched.frames.shape == (VIDEO_FRAMES, 320, 640, 3)


async def test_what_was_said_is_kept_without_frames_that_do_not_fit() -> None:
    async with driven(ListeningEngine()) as client:
        await client.speak(0.5)
        for shade in range(2):
            await client.say("input_video_buffer.append", image_url=picture(shade, (1280, 720)))
        await client.speak(0.7, 0)
        assert client.errors == ["too_much_media"]
        item = await client.item(client.known.order[0])
        assert [part["type"] for part in item["content"]] == ["input_audio"]
        assert "video" not in item
        assert len(client.of("response.created")) == 1


async def test_frames_that_cannot_be_seen_are_refused() -> None:
    async with driven() as client:
        (refused,) = await client.say("input_video_buffer.append", image_url="data:image/png;base64,AAAA")
        assert refused["error"]["param"] == "image_url"


async def test_what_is_said_is_written_down_beside_the_answer() -> None:
    async with driven(ListeningEngine(words=["What time", " is it?"]), session=TRANSCRIBED) as client:
        await client.speak(1.0)
        await client.speak(0.7, 0)
        deltas, (completed,) = client.of(f"{_SAID}.delta"), client.of(f"{_SAID}.completed")
        assert "".join(delta["delta"] for delta in deltas) == completed["transcript"] == "What time is it?"
        assert completed["usage"]["type"] == "tokens"
        (committed,) = client.of("input_audio_buffer.committed")
        assert completed["item_id"] == committed["item_id"]
        assert client.known.items[committed["item_id"]]["content"][0]["transcript"] == "What time is it?"
        assert client.history[0]["content"][-1] != {"type": "text", "text": "What time is it?"}  # it is heard


@pytest.mark.parametrize("ears", [{"break_at": 0}, {"break_at": 1}])
async def test_words_that_cannot_be_written_down_cost_nothing_else(ears: dict[str, Any]) -> None:
    engine = ListeningEngine(words=["What time", " is it?"], ears=ears)
    async with driven(engine, session=TRANSCRIBED) as client:
        await client.speak(1.0)
        await client.speak(0.7, 0)
        (failed,) = client.of(f"{_SAID}.failed")
        assert failed["error"]["message"]
        assert client.of("response.done")[0]["response"]["status"] == "completed"


async def test_an_item_may_be_deleted_before_its_words_are_known() -> None:
    gate = anyio.Event()
    async with driven(ListeningEngine(ears={"gates": {0: gate}}), session=TRANSCRIBED) as client:
        await client.speak(1.0)
        await client.speak(0.7, 0)
        await client.say("conversation.item.delete", item_id=client.known.order[0])
        gate.set()
        await client.wait(1)
        assert client.errors == []
        assert len(client.known.order) == 1


async def test_a_transcription_session_only_writes() -> None:
    engine = ListeningEngine()
    async with driven(engine, kind="transcription") as client:
        assert client.heard()[0]["session"]["type"] == "transcription"
        await client.speak(1.0)
        await client.speak(0.7, 0)
        assert client.of(f"{_SAID}.completed")[0]["transcript"] == "What time is it?"
        await client.say("response.create")
        assert client.errors == ["invalid_event"]
        assert client.of("response.created") == []
        assert engine.requests == []
        (updated,) = await client.update(audio={"input": {"turn_detection": None}})
        assert updated["session"]["audio"]["input"]["turn_detection"] is None


async def said_aloud(client: Driver) -> str:
    """Id of an answer that was heard to its end."""
    await client.ask("Count!")
    await client.wait(30)
    return client.known.order[-1]


async def test_an_answer_is_cut_where_the_client_says() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        item_id = await said_aloud(client)
        place = {"item_id": item_id, "content_index": 0}
        events = await client.say("conversation.item.truncate", **place, audio_end_ms=1000)
        assert [event["audio_end_ms"] for event in events] == [1000]
        assert client.history[-1]["content"] == "One two"
        await client.say("conversation.item.truncate", **place, audio_end_ms=0)
        assert [message["role"] for message in client.history] == ["user"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"audio_end_ms": 60_000}, "invalid_value"),
        ({"audio_end_ms": -1}, "invalid_value"),
        ({"content_index": 1}, "invalid_value"),
        ({"content_index": -1}, "invalid_value"),
        ({"item_id": "nobody"}, "item_not_found"),
    ],
)
async def test_cuts_that_cannot_be_made_change_nothing(place: dict[str, Any], code: str) -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        item_id = await said_aloud(client)
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 0} | place
        (refused,) = await client.say("conversation.item.truncate", **cut, event_id="mine")
        assert (refused["error"]["code"], refused["error"]["event_id"]) == (code, "mine")
        assert client.history[-1]["content"] == "".join(WORDS)


async def test_what_the_user_said_is_not_cut() -> None:
    async with driven() as client:
        await client.ask("Hi")
        await client.say("conversation.item.truncate", item_id=client.known.order[0], content_index=0, audio_end_ms=0)
        assert client.errors == ["invalid_item"]


async def test_a_cut_while_the_answer_is_made_waits_for_its_end() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.wait(2.0)
        item_id = client.known.order[-1]
        assert await client.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=1000) == []
        await client.wait(30)
        (cut,) = client.of("conversation.item.truncated")
        assert cut["audio_end_ms"] == 1000
        assert client.history[-1]["content"] == "One two"
        assert client.of("response.done")[0]["response"]["status"] == "completed"


async def test_a_cut_past_the_end_of_an_answer_that_is_made_is_refused_at_its_end() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.wait(2.0)
        place = {"item_id": client.known.order[-1], "content_index": 0}
        await client.say("conversation.item.truncate", **place, audio_end_ms=60_000, event_id="mine")
        assert client.errors == []
        await client.wait(30)
        (refused,) = client.of("error")
        assert (refused["error"]["code"], refused["error"]["event_id"]) == ("invalid_value", "mine")
        assert client.history[-1]["content"] == "".join(WORDS)


async def test_an_item_may_be_deleted_while_it_is_made() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.wait(2.0)
        await client.say("conversation.item.delete", item_id=client.known.order[-1])
        await client.say("input_audio_buffer.clear")
        await client.say("output_audio_buffer.clear")
        await client.wait(30)
        assert client.errors == []
        assert client.of("conversation.item.truncated") == []
        assert [message["role"] for message in client.history] == ["user"]
