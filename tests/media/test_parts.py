import base64
import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from engine.api import Image, Sound, Video
from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.sources import Feed
from tests.media.samples import (
    INPUTS,
    audio_part,
    base64_of,
    data_uri,
    decode_messages,
    decoded,
    image_part,
    input_audio_part,
    refusal,
    video_part,
)

pytestmark = pytest.mark.anyio

LIMITS = MediaLimits()
SOUND = (INPUTS / "short_1.3s_16k.wav").read_bytes()
VIDEO = (INPUTS / "lossless_160x120_96f.mp4").read_bytes()


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


async def test_order_is_kept_and_sound_follows_its_video() -> None:
    red, blue = image_part(png("red")), image_part(png("blue"))
    content = await decoded(text("a"), red, video_part(VIDEO), text("b"), audio_part(SOUND), blue)
    assert [part if isinstance(part, dict) else type(part) for part in content] == [
        text("a"),
        Image,
        Video,
        Sound,
        text("b"),
        Sound,
        Image,
    ]
    assert content[1].pixels[0, 0].tolist() == [255, 0, 0]
    assert content[6].pixels[0, 0].tolist() == [0, 0, 255]
    assert len(content[3].samples) == 128_000
    assert len(content[5].samples) == 20_800


async def test_attachments_of_all_messages_and_nothing_else_changes() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [text("what?"), image_part(png("red"))], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}], "audio": {"id": "audio_1"}},
        {"role": "tool", "content": [{"type": "result", "value": 1}, image_part(png("lime"))], "tool_call_id": "1"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "user", "content": ["bare", text("again")]},
    ]
    before = copy.deepcopy(messages)
    after = await decode_messages(messages, LIMITS)
    assert messages == before
    assert isinstance(after[1]["content"][1], Image)
    assert isinstance(after[3]["content"][1], Image)
    after[1]["content"][1], after[3]["content"][1] = before[1]["content"][1], before[3]["content"][1]
    assert after == before
    assert all(mine is not theirs for mine, theirs in zip(after, messages, strict=True))


async def test_no_messages() -> None:
    assert await decode_messages([], LIMITS) == []


@pytest.mark.parametrize("make", [image_part, audio_part, video_part])
async def test_a_url_may_stand_alone(make: Any) -> None:
    part = make({image_part: png("red"), audio_part: SOUND, video_part: VIDEO}[make])
    bare = {"type": part["type"], part["type"]: part[part["type"]]["url"]}
    assert [type(item) for item in await decoded(bare)] == [type(item) for item in await decoded(part)]


async def test_equal_attachments_are_decoded_once() -> None:
    first, second, other = await decoded(*map(image_part, [png("red"), png("red"), png("blue")]))
    assert first is second
    assert first.digest != other.digest


async def test_digests_tell_what_decodes_differently() -> None:
    pcm = np.zeros(1000, "<i2").tobytes()
    wav = b"RIFF" + (2036).to_bytes(4, "little") + SOUND[8:36] + b"data" + (2000).to_bytes(4, "little") + pcm
    [heard] = await decoded(input_audio_part(wav, "wav"))
    [bare] = await decoded(input_audio_part(wav, "pcm16"))
    assert heard.digest != bare.digest
    again = await decoded(audio_part(wav))
    assert again[0].digest == heard.digest
    assert len(heard.digest) == 64


async def test_the_first_part_over_the_count_is_named_before_anything_is_decoded() -> None:
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    error = await refusal(text("a"), broken, broken, text("b"), broken, limits=MediaLimits(max_parts=2))
    assert (error.status, error.param) == (400, "messages[0].content[4]")
    assert error.why == "the request has 3 attachments; at most 2 are allowed."


async def test_counts_add_up_over_messages() -> None:
    message = {"role": "user", "content": [image_part(png("red"))]}
    assert await decode_messages([message] * 2, MediaLimits(max_parts=2))
    with pytest.raises(MediaError, match="3 attachments"):
        await decode_messages([message] * 3, MediaLimits(max_parts=2))


async def test_bytes_have_a_limit() -> None:
    data = png("red")
    assert await decoded(image_part(data), limits=MediaLimits(max_bytes=len(data)))
    for size in (len(data) - 1, len(data) // 2):
        error = await refusal(text("see"), image_part(data), limits=MediaLimits(max_bytes=size))
        assert (error.status, error.param) == (413, "messages[0].content[1]")
        assert error.message == f"messages[0].content[1]: the attachment is larger than {size} bytes."


async def test_the_bad_one_of_several_is_named() -> None:
    error = await refusal(image_part(png("red")), audio_part(SOUND), image_part(SOUND))
    assert error.param == "messages[0].content[2]"
    assert str(error) == "messages[0].content[2]: the image is damaged or of an unknown format."


async def test_unknown_types_are_named() -> None:
    error = await refusal(text("a"), {"type": "hologram_url", "hologram_url": {"url": "data:,"}})
    assert (error.status, error.param) == (400, "messages[0].content[1]")
    assert error.why == (
        "unknown content part type 'hologram_url'; known are text, image_url, input_audio, audio_url, video_url."
    )


GOOD = data_uri(png("red"))
NO_URL = "'{}' must be an object with a 'url' that is not empty."


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (7, "a content part must be an object."),
        ({}, "a content part must have a 'type'."),
        ({"type": 3}, "a content part must have a 'type'."),
        ({"type": "image_url"}, NO_URL.format("image_url")),
        ({"type": "image_url", "image_url": {}}, NO_URL.format("image_url")),
        (
            {"type": "image_url", "image_url": {"url": ""}},
            NO_URL.format("image_url"),
        ),
        (
            {"type": "audio_url", "audio_url": {"url": 1}},
            NO_URL.format("audio_url"),
        ),
        ({"type": "video_url", "video_url": [GOOD]}, NO_URL.format("video_url")),
        ({"type": "video_url", "video_url": GOOD, "audio": "no"}, "'audio' must be true or false."),
        ({"type": "video_url", "video_url": {"url": GOOD, "audio": 0}}, "'audio' must be true or false."),
        ({"type": "input_audio"}, "'input_audio' must be an object with 'data', base64 that is not empty."),
        (
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
            "'input_audio' must be an object with 'data', base64 that is not empty.",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "midi"}},
            "unknown 'input_audio.format' 'midi'; known are wav, mp3, flac, ogg, opus, m4a, mp4, aac, webm, pcm16.",
        ),
        ({"type": "input_audio", "input_audio": {"data": "?", "format": "wav"}}, "the data is not valid base64."),
        ({"type": "image_url", "image_url": "data:image/png;base64,A"}, "the data is not valid base64."),
        ({"type": "image_url", "image_url": "data:image/png;base64,AAA=A"}, "the data is not valid base64."),
        ({"type": "image_url", "image_url": "data:image/png;base64,ÄÖÜß"}, "the data is not valid base64."),
        ({"type": "image_url", "image_url": "data:image/png;base64,"}, "the attachment is empty."),
        ({"type": "image_url", "image_url": "data:image/png;base64, \n"}, "the attachment is empty."),
        (
            {"type": "image_url", "image_url": "data:image/png,abc"},
            "a data URI must have the form 'data:<type>;base64,<data>'.",
        ),
        ({"type": "image_url", "image_url": "data:"}, "a data URI must have the form 'data:<type>;base64,<data>'."),
    ],
)
async def test_malformed_parts(part: Any, why: str) -> None:
    error = await refusal(text("a"), part)
    assert (error.why, error.status, error.param) == (why, 400, "messages[0].content[1]")


async def test_line_breaks_and_capitals_are_no_damage() -> None:
    wrapped = base64.encodebytes(png("red")).decode()
    [image] = await decoded({"type": "image_url", "image_url": f"DATA:image/png;BASE64,{wrapped}"})
    assert image.pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("scheme", ["file://", "FILE:", "/", "", "ftp://", "rtsp://", "concat:", "pipe:"])
async def test_files_of_the_server_are_never_read(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "x.png").write_bytes(png("red"))
    error = await refusal({"type": "image_url", "image_url": {"url": f"{scheme}{tmp_path}/x.png"}})
    assert (error.status, error.why) == (400, "only data URIs and https URLs can be attached.")


@pytest.mark.parametrize("url", ["http://localhost/x.png", "https://example.com/x.png", "HTTPS://example.com/x.png"])
async def test_urls_are_not_fetched_unless_asked_to(url: str) -> None:
    error = await refusal({"type": "image_url", "image_url": {"url": url}})
    assert error.status == 400
    assert "does not fetch URLs" in error.why


async def test_urls_go_to_the_given_fetch() -> None:
    asked: list[str] = []

    async def fetch(url: str, feed: Feed) -> None:
        asked.append(url)
        await feed(png("red"))

    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/x"}}]}]
    [message] = await decode_messages(messages, LIMITS, fetch)
    assert message["content"][0].pixels.shape == (4, 4, 3)
    assert asked == ["https://example.com/x"]
    with pytest.raises(MediaError, match="larger than 10 bytes"):
        await decode_messages(messages, MediaLimits(max_bytes=10), fetch)


async def test_what_fetch_refuses_names_the_part() -> None:
    async def fetch(url: str, feed: Feed) -> None:
        raise MediaError("no answer.")

    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": "https://example.com/x"}]}]
    with pytest.raises(MediaError) as caught:
        await decode_messages(messages, LIMITS, fetch)
    assert caught.value.message == "messages[0].content[0]: no answer."


async def test_base64_of_a_recording() -> None:
    part = {"type": "input_audio", "input_audio": {"data": base64_of(SOUND), "format": "wav"}}
    [sound] = await decoded(part)
    assert len(sound.samples) == 20_800
