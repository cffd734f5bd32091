"""The page over scripted parts: sound without a gap to the sample, keys, a server away, keyboard, phone, dark."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any, Literal

import anyio
import numpy as np
import pytest
from playwright.async_api import ViewportSize, WebSocketRoute, expect

from engine.api import Image, Video
from server.access.access import Access
from tests.conformance.talking import recorded
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.keys import SECRET, SomeKeys
from tests.server.served import quick_voice, served
from tests.web.browser import (
    DESKTOP,
    PHONE,
    REFUSED_ONCE,
    Sound,
    Visit,
    camera_file,
    microphone_file,
    needs_chromium,
    said_into,
    trimmed,
    visiting,
)
from tts.plan import pause_after
from tts.voice import WIRE_RATE

pytestmark = [pytest.mark.anyio, needs_chromium]

WORDS = ("This is the first sentence. ", "Here is another one. ", "And that was all.")


def spoken_by(voice: ScriptedVoice) -> Sound:
    """What an answer sounds like of which all was said, pauses included."""
    units = [np.frombuffer(voice.pcm(unit), "<i2").astype("<f4") / 32768 for unit in voice.said]
    pauses = [np.zeros(round(pause_after(unit) * WIRE_RATE), "<f4") for unit in voice.said]
    return trimmed(np.concatenate([part for pair in zip(units, pauses, strict=True) for part in pair]))


async def test_an_answer_is_played_without_a_gap_to_the_sample() -> None:
    voice = quick_voice(seconds_per_char=0.03)
    async with served(ScriptedEngine(WORDS), voice) as server, visiting(_address(server), listening=True) as visit:
        await visit.ask("Speak")
        await visit.until_answered()
        heard = trimmed(await visit.heard())
        await expect(visit.answers.locator(".latency")).to_contain_text("no gaps")
    assert len(voice.said) > 1
    assert np.array_equal(heard, spoken_by(voice))


async def test_a_gap_is_counted_and_what_follows_is_whole() -> None:
    gate = anyio.Event()
    voice = quick_voice(seconds_per_char=0.03, gate=gate, gate_after=3)
    async with served(ScriptedEngine(WORDS[:1]), voice) as server, visiting(_address(server), listening=True) as visit:
        await visit.ask("Speak")
        with anyio.fail_after(60):
            while not _ran_dry(await visit.heard()):
                await visit.page.wait_for_timeout(50)  # the browser's clock plays on
        gate.set()
        await visit.until_answered()
        await expect(visit.answers.locator(".latency")).to_contain_text("1 gap, ")
        heard, spoken = trimmed(await visit.heard()), spoken_by(voice)
    before = 3 * round(0.1 * WIRE_RATE) - 1  # a tone begins with a zero
    assert np.array_equal(heard[:before], spoken[:before])
    assert np.array_equal(heard[before - len(spoken) :], spoken[before:])
    assert len(heard) > len(spoken)


def _ran_dry(heard: Sound) -> bool:
    """Whether there was sound, and then a tenth of a second of silence."""
    loud = np.flatnonzero(heard)
    return len(loud) > 0 and len(heard) - loud[-1] > WIRE_RATE / 10


async def test_stopping_an_answer_silences_it_and_the_engine() -> None:
    gate = anyio.Event()
    engine, voice = ScriptedEngine(WORDS, gates={2: gate}), quick_voice(seconds_per_char=0.2)
    async with served(engine, voice) as server, visiting(_address(server), listening=True) as visit:
        await visit.ask("Speak")
        await expect(visit.answers.locator(".latency")).to_contain_text("first sound")
        await visit.button("Stop").click()
        await expect(visit.find("stop")).to_be_hidden()
        await server.idle_after()
        assert await engine.running() == 0
        silent = len(trimmed(await visit.heard()))
        await visit.button("Speak answers").click()
        gate.set()
        await visit.ask("Go on")
        await visit.until_answered()
        assert len(trimmed(await visit.heard())) == silent
    said = engine.requests[1]["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert said[1]["content"] == "".join(WORDS[:2])


async def test_what_the_model_writes_is_never_markup() -> None:
    words = '<img src=x onerror="alert(1)"> <b>bold</b> & "more"'
    async with served(ScriptedEngine([words]), quick_voice()) as server, visiting(_address(server)) as visit:
        await visit.ask("<i>Hello</i>")
        await visit.until_answered()
        assert await visit.answers.locator(".text").inner_text() == words
        assert await visit.users.inner_text() == "<i>Hello</i>"
        assert await visit.page.locator("#log :is(b, i, img)").count() == 0


async def test_the_voice_that_is_picked_speaks_also_after_a_reload() -> None:
    engine = ScriptedEngine(["Hello."])
    async with served(engine, quick_voice()) as server, visiting(_address(server)) as visit:
        picker = visit.page.get_by_label("Voice", exact=True)
        assert await picker.locator("option").all_inner_texts() == ["default", "alloy"]
        await picker.select_option("alloy")
        await visit.page.reload()
        await expect(picker).to_have_value("alloy")
        async with visit.page.expect_request("**/v1/chat/completions") as sent:
            await visit.ask("Hello")
        body: Any = (await sent.value).post_data_json
        assert body["audio"] == {"voice": "alloy", "format": "pcm16"}
        await visit.until_answered()


async def test_a_key_is_asked_for_and_kept_nowhere() -> None:
    keyed = served(ScriptedEngine(["Hello."]), quick_voice(), access=Access(SomeKeys()))
    async with keyed as server, visiting(_address(server), ready=False) as visit:
        key = visit.page.get_by_label("Key", exact=True)
        await expect(key).to_be_focused()
        await key.fill("sk-ola-wrong")
        await key.press("Enter")
        await expect(visit.find("key").get_by_role("alert")).to_have_text("This key is not valid.")
        await visit.shoot("key")
        await key.fill(SECRET)
        await key.press("Enter")
        await expect(visit.page.locator("body.ready")).to_be_attached()
        await visit.ask("Hello")
        await visit.until_answered()
        await visit.button("Talk").click()
        await visit.until("listening")
        await visit.button("End").click()
        kept = await visit.page.evaluate(
            "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
        )
        assert SECRET not in kept + await visit.page.content()
        await visit.page.reload()
        await expect(key).to_be_focused()


async def test_a_server_that_is_away_can_be_asked_again() -> None:
    async with served(ScriptedEngine(["Hello."])) as server, visiting(_address(server)) as visit:
        away = "**/v1/chat/completions"
        await visit.page.route(away, lambda route: route.abort("connectionrefused"))
        await visit.ask("Hello")
        await expect(visit.answers.get_by_role("alert")).to_contain_text("The server does not answer.")
        await visit.shoot("away")
        await visit.page.unroute(away)
        await visit.button("Try again").click()
        await expect(visit.answers.locator(".text")).to_have_text("Hello.")
        await expect(visit.answers).to_have_count(1)


async def test_an_answer_that_breaks_off_says_so_and_keeps_its_words() -> None:
    engine = ScriptedEngine(["One ", "two "], break_at=1)
    async with served(engine, quick_voice()) as server, visiting(_address(server)) as visit:
        await visit.ask("Count")
        await expect(visit.answers.get_by_role("alert")).to_have_text("the engine died")
        assert await visit.answers.locator(".text").inner_text() == "One "


async def test_a_voice_session_that_ends_is_told() -> None:
    async with served(ScriptedEngine(["Hello."]), quick_voice()) as server, visiting(_address(server)) as visit:

        def hang_up(socket: WebSocketRoute) -> None:
            socket.on_message(lambda _: socket.close(code=1008, reason="session_expired"))

        await visit.page.route_web_socket("**/v1/realtime*", hang_up)
        await visit.button("Talk").click()
        await expect(visit.find("notice")).to_have_text("The session has reached its longest time.")
        await expect(visit.page.locator("body")).to_have_attribute("data-state", "off")


async def test_the_camera_is_shown_while_one_speaks(tmp_path: Path) -> None:
    microphone = microphone_file(tmp_path / "question.wav", recorded("question.wav"), before=0.2)
    looks: dict[str, Any] = {"microphone": microphone, "camera": camera_file(tmp_path / "camera.y4m")}
    engine = ScriptedEngine(["A star."])
    async with (
        served(engine, quick_voice()) as server,
        visiting(_address(server), **looks, before=REFUSED_ONCE) as visit,
    ):
        frames = said_into(visit.page, "input_video_buffer.append")
        await visit.button("Talk").click()
        await expect(visit.find("state")).to_have_text("Muted")
        await visit.button("Show the camera").click()
        await expect(visit.find("sight")).to_be_visible()
        assert frames == []
        await visit.button("Switch the microphone on").click()
        await visit.until("hearing")
        await visit.until("speaking")
        await visit.shoot("talk-camera")
        assert json.loads(frames[0])["image_url"].startswith("data:image/jpeg;base64,")
        await visit.button("End").click()
        await expect(visit.find("sight")).to_be_hidden()
    parts = [part for request in engine.requests for message in request["messages"] for part in message["content"]]
    assert any(isinstance(part, Image | Video) for part in parts)


async def test_a_page_that_heard_less_than_the_server_believes_says_so() -> None:
    voice, held = quick_voice(seconds_per_char=0.2), _Held(after=3)
    async with served(ScriptedEngine(WORDS), voice) as server, visiting(_address(server)) as visit:
        await visit.page.route_web_socket("**/v1/realtime*", held.between)
        await visit.button("Talk").click()
        await visit.ask("Speak")
        await visit.until("speaking")
        with anyio.fail_after(60):
            await held.second.wait()
        await visit.page.keyboard.press("Escape")
        await expect(visit.answers).to_have_class("turn answer interrupted")
        await expect(visit.answers.locator(".unheard")).to_contain_text("that was all.")
        await visit.button("End").click()
    (truncated,) = (event for event in held.sent if event["type"] == "conversation.item.truncate")
    assert truncated["audio_end_ms"] == 300
    believed, corrected = (event for event in held.received if event["type"] == "conversation.item.truncated")
    assert believed["audio_end_ms"] > corrected["audio_end_ms"] == 300


class _Held:
    """A network that lets some frames of sound through and keeps the others. `second` is set when it has kept ten."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.kept = 0
        self.second = anyio.Event()
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []

    def between(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def to_server(message: str | bytes) -> None:
            self.sent.append(json.loads(message))
            server.send(message)

        def to_page(message: str | bytes) -> None:
            event = json.loads(message)
            self.received.append(event)
            if event["type"] == "response.output_audio.delta" and not self._passes():
                return
            page.send(message)

        page.on_message(to_server)
        server.on_message(to_page)

    def _passes(self) -> bool:
        if self.left:
            self.left -= 1
            return True
        self.kept += 1
        if self.kept == 10:
            self.second.set()
        return False


async def test_a_server_without_a_voice_is_read() -> None:
    async with served(ScriptedEngine(["Hello."])) as server, visiting(_address(server)) as visit:
        await expect(visit.button("There is no voice here")).to_be_disabled()
        await visit.ask("Hello")
        await expect(visit.answers.locator(".text")).to_have_text("Hello.")
        await expect(visit.page.get_by_role("status")).to_have_text("Hello.")  # a screen reader says it


async def test_the_keyboard_is_enough() -> None:
    async with served(ScriptedEngine(["Hello."]), quick_voice()) as server, visiting(_address(server)) as visit:
        names = []
        for _ in range(13):
            await visit.page.keyboard.press("Tab")
            names.append(
                await visit.page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText")
            )
        assert names[0] == "Skip to the message"
        assert names[1:] == [
            *("Voice", "Speak answers", "Light or dark", "New conversation"),
            *("What can you do?", "Tell me a story.", "Count to twenty."),
            *("Message", "Attach files", "Take a picture", "Record a message", "Talk"),
        ]
        await visit.find("text").focus()
        await visit.page.keyboard.type("One line")
        await visit.page.keyboard.press("Shift+Enter")
        await visit.page.keyboard.type("and another")
        await visit.page.keyboard.press("Enter")
        await visit.until_answered()
        assert await visit.users.inner_text() == "One line\nand another"
        await expect(visit.find("text")).to_have_value("")
        await expect(visit.find("text")).to_be_focused()


async def test_it_fits_and_can_be_read() -> None:
    long = "Averyveryverylongwordthatnobodywouldeverwritebutthatamodelmaywrite " * 3
    async with served(ScriptedEngine([long]), quick_voice()) as server, visiting(_address(server)) as visit:
        await _look(visit, "greeting")
        await visit.ask(long)
        await visit.until_answered()
        await _look(visit, "chat")
        await visit.button("Talk").click()
        await visit.until("listening")
        await _look(visit, "talk")
        await visit.button("End").click()
        before = await visit.page.evaluate(GROUND)
        await visit.button("Light or dark").click()
        assert await visit.page.evaluate(GROUND) != before


async def _look(visit: Visit, state: str) -> None:
    """On a desk and on a phone, by day and by night."""
    sizes: dict[str, ViewportSize] = {"phone": PHONE, "desktop": DESKTOP}
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for (name, size), scheme in product(sizes.items(), schemes):
        await visit.page.set_viewport_size(size)
        await visit.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await visit.shoot(f"{state}-{name}-{scheme}")
        assert await visit.page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert await visit.page.evaluate(TOO_SMALL) == []
        assert await visit.page.evaluate(TOO_PALE) == []


GROUND = "getComputedStyle(document.body).backgroundColor"
TOO_SMALL = """() => [...document.querySelectorAll("button, select, textarea")].filter((one) => {
    const {width, height} = one.getBoundingClientRect();
    return width && (width < 43 || height < 43);
}).map((one) => one.id || one.outerHTML)"""
"""What a finger would miss."""

TOO_PALE = """() => {
    const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const light = (color) => {
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((one) => one / 255)
            .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const color = (name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(--${name})`;
        const found = light(getComputedStyle(probe).color);
        probe.remove();
        return found;
    };
    const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const pairs = [["ink", "paper"], ["soft", "paper"], ["faint", "paper"], ["wave", "paper"], ["warn", "paper"],
        ["soft", "raised"], ["wave", "tint"], ["ink", "tint"], ["on-wave", "wave"]];
    return pairs.filter(([text, ground]) => ratio(color(text), color(ground)) < 4.5);
}"""
"""Pairs of colours with less contrast than WCAG 2.2 asks of text (1.4.3)."""


def _address(server: Any) -> str:
    return str(server.http.base_url)
