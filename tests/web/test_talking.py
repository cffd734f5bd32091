"""Talking with the demo model in the page: the microphone is a file, what is played is listened to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from playwright.async_api import expect

from tests.conformance.talking import recorded, wav
from tests.demo.words import word_errors, words
from tests.web.browser import (
    REFUSED_ONCE,
    follows,
    longest_silence,
    microphone_file,
    needs_chromium,
    pcm16,
    said_into,
    trimmed,
    visiting,
)
from tts.voice import WIRE_RATE

pytestmark = [pytest.mark.engine, pytest.mark.anyio, needs_chromium]

ASKED, ANSWER = "What is three plus four?", "Three plus four is seven."
COUNT = "Count to twenty."
SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
  }
};
"""


@pytest.fixture
def question(tmp_path: Path) -> Path:
    return microphone_file(tmp_path / "question.wav", recorded("question.wav"))


async def test_a_spoken_question_is_answered_aloud(demo: str, question: Path) -> None:
    async with visiting(demo, microphone=question, listening=True) as visit:
        await visit.button("Talk").click()
        await visit.until("hearing")
        await visit.shoot("talk-hearing")
        await visit.until("speaking")
        await visit.shoot("talk-speaking")
        await visit.until("listening")
        assert await visit.answers.locator(".text").inner_text() == ANSWER
        assert await visit.page.locator(".heard").inner_text() == ANSWER
        assert follows(await visit.captions(), ANSWER)
        await expect(visit.users).not_to_be_empty()
        assert words(await visit.users.inner_text()) == words(ASKED)
        await expect(visit.answers.locator(".latency")).to_contain_text("first sound")
        sound = trimmed(await visit.heard())
        await visit.button("End").click()
        await visit.until("off")
        await expect(visit.button("Talk")).to_be_focused()
        await visit.ask("Hello!")  # the same conversation goes on in writing
        await expect(visit.answers).to_have_count(2)
    async with AsyncOpenAI(base_url=f"{demo}/v1", api_key="none") as sdk:
        again = await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(pcm16(sound))))
    wrong, count = word_errors(ANSWER, again.text)
    assert wrong <= 1 < count


async def test_who_speaks_over_an_answer_ends_it(demo: str, question: Path) -> None:
    async with visiting(demo, microphone=question, before=REFUSED_ONCE, listening=True) as visit:
        retrieved = said_into(visit.page, "conversation.item.retrieve")
        await visit.button("Talk").click()
        await expect(visit.find("notice")).to_contain_text("The microphone is not allowed")
        await expect(visit.find("state")).to_have_text("Muted")
        await visit.ask(COUNT)
        await expect(visit.answers).to_contain_text("twenty.")
        await visit.until("speaking")
        await visit.button("Switch the microphone on").click()
        await visit.until("hearing")
        await expect(visit.answers.first).to_have_class("turn answer interrupted")
        heard = await visit.answers.first.locator(".heard").inner_text()
        unheard = await visit.answers.first.locator(".unheard").inner_text()
        assert heard.startswith("One")
        assert unheard.endswith("twenty.")
        assert json.loads(retrieved[0])["type"] == "conversation.item.retrieve"
        await visit.until("speaking")
        await visit.shoot("talk-interrupted")
        await visit.until("listening")
        assert await visit.answers.last.locator(".text").inner_text() == ANSWER
        sound = trimmed(await visit.heard())
        await visit.button("New conversation").click()
        await visit.until("off")
        await expect(visit.answers).to_have_count(0)
    # While the question was asked, and until it was answered; no pause between two words is as long.
    assert longest_silence(sound) > WIRE_RATE


async def test_a_lost_session_is_followed_by_another(demo: str) -> None:
    async with visiting(demo, before=REFUSED_ONCE + SOCKETS) as visit:
        await visit.button("Talk").click()
        await visit.ask("What is two plus three?")
        await visit.until("speaking")
        await visit.until("listening")
        created = said_into(visit.page, "conversation.item.create")
        await visit.page.evaluate("sockets.at(-1).close(4000)")
        await visit.until("connecting")
        await visit.until("listening")
        assert ["two plus three" in created[0], "five" in created[1]] == [True, True]
        await expect(visit.find("state")).to_have_text("Muted")  # as it was
        await visit.ask("What is three plus four?")
        await visit.until("speaking")
        await visit.until("listening")
        await expect(visit.answers.last.locator(".text")).to_contain_text("seven")
        await visit.page.route("**/v1/realtime/client_secrets", lambda route: route.abort("connectionrefused"))
        await visit.page.evaluate("sockets.at(-1).close(4000)")
        await visit.until("connecting")
        await visit.ask("What is two plus two?")  # waits for the session
        await visit.page.unroute("**/v1/realtime/client_secrets")
        await visit.until("speaking")
        await visit.until("listening")
        await expect(visit.answers.last.locator(".text")).to_contain_text("four")


async def test_who_hangs_up_and_talks_again_has_one_session(demo: str) -> None:
    async with visiting(demo, before=REFUSED_ONCE + SOCKETS) as visit:
        await visit.button("Talk").click()
        await visit.until("listening")
        await visit.page.route("**/v1/realtime/client_secrets", lambda route: route.abort("connectionrefused"))
        await visit.page.evaluate("sockets.at(-1).close(4000)")
        await visit.until("connecting")
        await visit.button("End").click()
        await visit.until("off")
        await visit.page.unroute("**/v1/realtime/client_secrets")
        await visit.button("Talk").click()
        await visit.until("listening")
        await visit.page.wait_for_timeout(3000)  # longer than the lost one would have waited
        assert await visit.page.evaluate("sockets.filter(({ readyState }) => readyState === 1).length") == 1


async def test_an_answer_is_stopped_by_a_key_and_what_was_heard_is_told(demo: str) -> None:
    async with visiting(demo, before=REFUSED_ONCE) as visit:
        await visit.button("Talk").click()
        await visit.ask(COUNT)
        await expect(visit.answers).to_contain_text("twenty.")
        await visit.until("speaking")
        await visit.find("text").press("Escape")
        await expect(visit.answers).to_have_class("turn answer interrupted")
        assert (await visit.answers.locator(".unheard").inner_text()).endswith("twenty.")
        await visit.ask("What is two plus three?")
        await expect(visit.answers).to_have_count(2)
        await expect(visit.answers.last.locator(".text")).to_contain_text("five")
        await visit.until("listening")
        await visit.button("End").click()
