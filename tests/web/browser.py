"""The page in a real Chromium, whose microphone and camera are files. What it plays is written down by sample."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from playwright.async_api import Browser, Locator, Page, ViewportSize, WebSocket, async_playwright, expect

from tests.conformance.asked import EXAMPLES
from tts.voice import WIRE_RATE

Sound = npt.NDArray[np.float32]

PATIENCE = 60_000
"""Milliseconds for an answer of the demo model, on a machine that does other things too."""
SCREENSHOTS = Path(os.environ.get("OLA_SCREENSHOTS", "build/screenshots"))
DESKTOP: ViewportSize = {"width": 1100, "height": 780}
PHONE: ViewportSize = {"width": 360, "height": 700}

REFUSED_ONCE = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
let refused = false;
navigator.mediaDevices.getUserMedia = async (asked) => {
    if (refused) return open(asked);
    refused = true;
    throw new DOMException("no", "NotAllowedError");
};
"""
"""The user does not allow the microphone at first. So a test decides when it begins to hear its file."""

_CHROMIUM = shutil.which("chromium")
_HERE = Path(__file__).parent
_WATCHING, _LISTENING = ((_HERE / name).read_text(encoding="utf-8") for name in ("watching.js", "listening.js"))
_OPTIONS = (
    "--no-sandbox",  # CI runs as root
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="chromium is not on the path")

expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Visit:
    """One page, open, and what a test wants of it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """What the browser complained about: exceptions, and what the policy forbids."""

    def find(self, name: str) -> Locator:
        """An element by its id."""
        return self.page.locator(f"#{name}")

    def button(self, name: str) -> Locator:
        """A button by what a screen reader calls it."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.locator("#log .answer")

    @property
    def users(self) -> Locator:
        """What the user said."""
        return self.page.locator("#log .user .text")

    async def until(self, state: str) -> None:
        """Wait until the voice mode has come to this state, after the one that was waited for before."""
        with anyio.fail_after(PATIENCE / 1000):
            await self.page.evaluate(f"until({state!r})")

    async def captions(self) -> list[str]:
        """The words that were marked as being heard, one after the other."""
        marked: list[str] = await self.page.evaluate("captions")
        return marked

    async def ask(self, text: str) -> None:
        """Write it and press Enter."""
        await self.find("text").fill(text)
        await self.find("text").press("Enter")

    async def until_answered(self) -> None:
        """Wait until the answer was given and heard."""
        await expect(self.answers.last).to_have_class("turn answer")
        await expect(self.find("stop")).to_be_hidden()

    async def heard(self) -> Sound:
        """All samples that went to the loudspeaker of a page that is listened to, silence included."""
        return np.frombuffer(base64.b64decode(await self.page.evaluate("allHeard()")), "<f4")

    async def shoot(self, name: str) -> None:
        """Keep a picture of the page."""
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@asynccontextmanager
async def visiting(
    address: str,
    *,
    microphone: Path | None = None,
    camera: Path | None = None,
    before: str = "",
    listening: bool = False,
    ready: bool = True,
) -> AsyncGenerator[Visit, None]:
    """The page of the server at `address`. `microphone` (WAV) is heard once each time that the device is opened,
    `camera` (Y4M) seen over and over; `before`: JavaScript that runs first; `listening`: for
    `Visit.heard`, at the price of the page's Content-Security-Policy.

    Asserts at the end that the browser complained about nothing.
    """
    options = [*_OPTIONS]
    if microphone is not None:
        options.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    if camera is not None:
        options.append(f"--use-file-for-fake-video-capture={camera}")
    async with _chromium(options) as browser:
        opened = await browser.new_context(viewport=DESKTOP, bypass_csp=listening)
        await opened.add_init_script(_WATCHING + (_LISTENING if listening else "") + before)
        page = await opened.new_page()
        visit = Visit(page)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("console", lambda line: visit.complaints.append(line.text) if "Policy" in line.text else None)
        await page.goto(address)
        if ready:
            await expect(page.locator("body.ready")).to_be_attached()
        yield visit
        assert visit.complaints == [], visit.complaints


@asynccontextmanager
async def _chromium(options: list[str]) -> AsyncGenerator[Browser, None]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_CHROMIUM, args=options)
        try:
            yield browser
        finally:
            await browser.close()


def said_into(page: Page, kind: str) -> list[str]:
    """The events of this kind that the page sends over its sockets from now on, as JSON."""
    sent: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)) if f'"{kind}"' in str(frame) else None)

    page.on("websocket", listen)
    return sent


def microphone_file(path: Path, pcm: bytes, before: float = 1.0) -> Path:
    """A WAV file of PCM16 at the wire's rate, after some seconds of silence."""
    samples = np.concatenate([np.zeros(round(before * WIRE_RATE), "<i2"), np.frombuffer(pcm, "<i2")])
    soundfile.write(path, samples, WIRE_RATE, subtype="PCM_16")
    return path


def camera_file(path: Path) -> Path:
    """A Y4M of the demo model's example picture, as a camera would show it."""
    picture = str(EXAMPLES / "shapes.png")
    command = ["ffmpeg", "-v", "error", "-y", "-loop", "1", "-t", "1", "-r", "5", "-i", picture]
    look = ["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"]
    subprocess.run([*command, *look, str(path)], check=True)
    return path


def trimmed(sound: Sound) -> Sound:
    """Without the silence at both ends."""
    loud = np.flatnonzero(sound)
    return sound[loud[0] : loud[-1] + 1] if len(loud) else sound[:0]


def longest_silence(sound: Sound) -> int:
    """Samples in a row that are silent, between others that are not."""
    return int(np.diff(np.flatnonzero(sound)).max()) - 1


def follows(words: list[str], text: str) -> bool:
    """Whether these are words of the text in its order."""
    rest = iter(text.split())
    return all(word in rest for word in words)


def pcm16(sound: Sound) -> bytes:
    return bytes(np.round(32767 * np.clip(sound, -1, 1)).astype("<i2"))
