"""The page keeps no device that nobody uses, and a fault that passes takes no message with it."""

from __future__ import annotations

import anyio
import pytest
from playwright.async_api import WebSocketRoute, expect

from server.access.access import Access
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import SECRET, SomeKeys
from tests.server.served import Served, quick_voice, served
from tests.web.browser import Visit, needs_chromium, visiting

pytestmark = [pytest.mark.anyio, needs_chromium]

ASKING = """
const device = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const waiting = [], given = [];
let asked = 0;
navigator.mediaDevices.getUserMedia = async (wanted) => {
    asked += 1;
    await new Promise((allow) => waiting.push(allow));
    given.push(await device(wanted));
    return given.at(-1);
};
window.devices = () => [asked, given.length, given.flatMap((stream) => stream.getTracks())
    .filter((track) => track.readyState === "live").length].join();
window.allow = () => waiting.splice(0).forEach((allow) => allow());
"""
"""The user is asked for devices until `allow()`. `devices()`: how often he was asked, how many were given, are live."""
MUTE_ONCE = """
const add = AudioWorklet.prototype.addModule;
let failed = false;
AudioWorklet.prototype.addModule = function (...given) {
    if (failed) return add.apply(this, given);
    failed = true;
    return Promise.reject(new Error("the server is away"));
};
"""


async def devices(visit: Visit, state: str) -> None:
    """Wait until they are in this state, and see that they stay in it."""
    with anyio.fail_after(60):
        while await visit.page.evaluate("devices()") != state:
            await visit.page.wait_for_timeout(50)
    await visit.page.wait_for_timeout(200)
    assert await visit.page.evaluate("devices()") == state


async def test_a_microphone_is_asked_for_once_and_let_go_of() -> None:
    async with served(ScriptedEngine(["Hi."]), quick_voice()) as server, visiting(_address(server), before=ASKING) as v:
        await v.button("Talk").click()
        await v.until("listening")
        await v.button("Switch the microphone on").click()
        await devices(v, "1,0,0")
        await v.page.evaluate("allow()")
        await devices(v, "1,1,1")
        await v.button("End").click()
        await devices(v, "1,1,0")


async def test_what_is_allowed_after_the_end_is_let_go_of() -> None:
    async with served(ScriptedEngine(["Hi."]), quick_voice()) as server, visiting(_address(server), before=ASKING) as v:
        await v.button("Talk").click()
        await v.until("listening")
        await v.button("Show the camera").click()
        await devices(v, "2,0,0")
        await v.button("End").click()
        await v.page.evaluate("allow()")
        await devices(v, "2,2,0")


async def test_a_session_that_the_server_ends_leaves_no_camera_on() -> None:
    opened: list[WebSocketRoute] = []

    def between(page: WebSocketRoute) -> None:
        page.connect_to_server()
        opened.append(page)

    async with served(ScriptedEngine(["Hi."]), quick_voice()) as server, visiting(_address(server), before=ASKING) as v:
        await v.page.route_web_socket("**/v1/realtime*", between)
        await v.button("Talk").click()
        await v.until("listening")
        await v.button("Show the camera").click()
        await devices(v, "2,0,0")
        await v.page.evaluate("allow()")
        await expect(v.find("sight")).to_be_visible()
        await devices(v, "2,2,2")
        await opened[0].close(code=1008, reason="session_expired")
        await expect(v.find("notice")).to_have_text("The session has reached its longest time.")
        await devices(v, "2,2,0")
        await expect(v.find("sight")).to_be_hidden()


async def test_sound_that_could_not_be_made_once_can_be_made_later() -> None:
    voiced = served(ScriptedEngine(["Hello."]), quick_voice())
    async with voiced as server, visiting(_address(server), before=MUTE_ONCE) as visit:
        await visit.ask("Hello")
        await expect(visit.find("notice")).to_have_text("Answers cannot be heard: the server is away")
        await expect(visit.answers.locator(".text")).to_have_text("Hello.")  # it is read instead
        await visit.ask("Once more")
        await expect(visit.answers.last.locator(".latency")).to_contain_text("first sound")


async def test_a_key_that_ends_in_the_middle_is_asked_for_again() -> None:
    keys = SomeKeys()
    keyed = served(ScriptedEngine(["Hello."]), quick_voice(), access=Access(keys))
    async with keyed as server, visiting(_address(server), ready=False) as visit:
        key = visit.page.get_by_label("Key", exact=True)
        await key.fill(SECRET)
        await key.press("Enter")
        await visit.ask("One")
        await visit.until_answered()
        name = keys.names.pop(SECRET)
        await visit.ask("Two")
        await expect(visit.find("key").get_by_role("alert")).to_have_text("This key is not valid.")
        keys.names[SECRET] = name
        await key.fill(SECRET)
        await key.press("Enter")
        await expect(visit.answers.locator(".text")).to_have_text(["Hello.", "Hello."])


async def test_trying_again_stops_the_answer_that_is_given() -> None:
    engine = ScriptedEngine(["One ", "two."], gates={1: anyio.Event()})
    async with served(engine, quick_voice()) as server, visiting(_address(server)) as visit:
        away = "**/v1/chat/completions"
        await visit.page.route(away, lambda route: route.abort("connectionrefused"))
        await visit.ask("Hello")
        await expect(visit.answers.get_by_role("alert")).to_be_visible()
        await visit.page.unroute(away)
        await visit.ask("And now?")
        await expect(visit.find("stop")).to_be_visible()
        await visit.button("Try again").click()
        await expect(visit.answers.get_by_role("alert")).to_have_count(0)
        assert await engine.running() <= 1
        await visit.button("Stop").click()
        await expect(visit.find("stop")).to_be_hidden()
        await server.idle_after()
        assert await engine.running() == 0


def _address(server: Served) -> str:
    return str(server.http.base_url)
