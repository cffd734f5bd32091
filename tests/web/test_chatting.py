"""Writing with the demo model in the page: answers aloud, pictures dropped and taken, a recorded question."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from playwright.async_api import expect

from tests.conformance.asked import EXAMPLES
from tests.conformance.talking import recorded, wav
from tests.demo.words import word_errors, words
from tests.web.browser import camera_file, follows, microphone_file, needs_chromium, pcm16, trimmed, visiting
from tts.voice import WIRE_RATE

pytestmark = [pytest.mark.engine, pytest.mark.anyio, needs_chromium]

SHAPES = {"star", "cross", "square"}
DROP = """([name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, {type}));
    for (const kind of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
    }
}"""


async def test_a_picture_is_dropped_and_told_aloud(demo: str) -> None:
    picture = base64.b64encode((EXAMPLES / "shapes.png").read_bytes()).decode()
    async with visiting(demo, listening=True) as visit:
        await visit.page.evaluate(DROP, ["shapes.png", "image/png", picture])
        await expect(visit.find("tray").get_by_role("img")).to_be_visible()
        await visit.ask("What do you see?")
        await expect(visit.answers.locator(".latency")).to_contain_text("first sound")
        await visit.shoot("chat-picture")
        await visit.until_answered()
        said = await visit.answers.locator(".text").inner_text()
        assert set(words(said)) >= SHAPES
        assert await visit.page.locator(".heard").inner_text() == said
        captions = await visit.captions()
        assert follows(captions, said)
        assert len(captions) > 3
        assert re.fullmatch(
            r"first word \d\.\d\d s · first sound \d+\.\d+ s · (no gaps|\d+ gaps?, \d+\.\d+ s)",
            await visit.answers.locator(".latency").inner_text(),
        )
        sound = trimmed(await visit.heard())
    assert len(sound) > WIRE_RATE
    async with AsyncOpenAI(base_url=f"{demo}/v1", api_key="none") as sdk:
        again = await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(pcm16(sound))))
    wrong, count = word_errors(said, again.text)
    assert wrong <= count / 4


async def test_a_picture_is_taken_and_the_conversation_goes_on(demo: str, tmp_path: Path) -> None:
    async with visiting(demo, camera=camera_file(tmp_path / "camera.y4m")) as visit:
        await visit.button("Speak answers").click()
        await visit.button("Take a picture").click()
        await expect(visit.find("viewfinder")).to_be_visible()
        await visit.shoot("camera")
        await visit.button("Take the picture").click()
        await expect(visit.find("tray").get_by_role("img")).to_be_visible()
        await expect(visit.find("text")).to_be_focused()
        await visit.ask("What do you see?")
        await visit.until_answered()
        print(await visit.answers.locator(".text").inner_text())
        assert set(words(await visit.answers.locator(".text").inner_text())) >= SHAPES
        await visit.ask("What is two plus three?")
        await expect(visit.answers).to_have_count(2)
        await visit.until_answered()
        assert "five" in words(await visit.answers.last.locator(".text").inner_text())
        await expect(visit.answers.last.locator(".latency")).not_to_contain_text("sound")


async def test_a_question_is_recorded(demo: str, tmp_path: Path) -> None:
    spoken = microphone_file(tmp_path / "microphone.wav", recorded("question.wav"), before=0.2)
    async with visiting(demo, microphone=spoken) as visit:
        await visit.button("Speak answers").click()
        await visit.button("Record a message").click()
        await expect(visit.button("End the recording")).to_have_attribute("aria-pressed", "true")
        await expect(visit.find("recorded")).to_have_text("0:02")  # all was said
        await visit.shoot("recording")
        await visit.button("End the recording").click()
        await expect(visit.find("tray").locator("audio")).to_be_visible()
        await visit.button("Send").click()
        await visit.until_answered()
        assert await visit.answers.locator(".text").inner_text() == "Three plus four is seven."
