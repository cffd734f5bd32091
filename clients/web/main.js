// Puts the page together: what the buttons do, and what is shown when something changes.

import { Api } from "./api.js";
import { Camera } from "./camera.js";
import { Chat } from "./chat.js";
import { Choices } from "./choices.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { find, press } from "./dom.js";
import { KeyDialog } from "./key.js";
import { Log } from "./log.js";
import { Player } from "./player.js";
import { Talk } from "./talk.js";
import { Wave } from "./wave.js";

const STATES = {
  off: "",
  connecting: "Connecting",
  listening: "Listening",
  hearing: "You are speaking",
  thinking: "Thinking",
  speaking: "Speaking",
};

const api = new Api();
const keys = new KeyDialog(find("key"), api);
const player = new Player();
const camera = new Camera(find("sight"));
const conversation = new Conversation();
const log = new Log(find("log"));
const choices = new Choices(Player.works);
const shared = { api, keys, player, log, conversation, choices, told, changed: show };
const chat = new Chat(shared);
const talk = new Talk({ ...shared, camera, failed: tell });
const wave = new Wave(find("wave"), () => Math.max(talk.level, player.level));
const composer = new Composer({ send, tell });

/** Say something to the user that is no part of the conversation. Empty words take it back. */
function tell(words) {
  find("notice").textContent = words;
  find("notice").hidden = !words;
}

/** For screen readers: an answer that nobody speaks aloud is read out when it is complete. */
function told(text, { spoken }) {
  find("announcement").textContent = spoken ? "" : text;
}

function send(text, attachments) {
  document.body.classList.add("begun");
  return attempt(async () => {
    if (talk.isOn) return talk.write(text, attachments);
    if (choices.aloud) await player.wake().catch((error) => tell(`Answers cannot be heard: ${error.message}`));
    return chat.ask(text, attachments);
  });
}

function startTalking() {
  document.body.classList.add("begun");
  return attempt(async () => {
    await player.wake(); // while this is still a click
    await Promise.all([chat.stop(), composer.endRecording()]);
    const started = keys.with(() => talk.start());
    find("mute").focus(); // the button that had it is gone
    await started;
    log.toEnd();
  });
}

/** Do what the user wants, or tell why not. */
async function attempt(work) {
  tell("");
  try {
    await work();
  } catch (error) {
    tell(error.message);
  }
  show();
}

function endTalking() {
  talk.end();
  tell("");
  show();
  find("start").focus();
}

function stop() {
  return talk.isOn ? talk.interrupt() : chat.stop();
}

async function startAnew() {
  if (talk.isOn) endTalking();
  await chat.stop();
  conversation.clear();
  log.clear();
  document.body.classList.remove("begun");
  composer.focus();
}

/** Bring the page in line with what is going on. */
function show() {
  const { isOn, state, muted } = talk;
  document.body.classList.toggle("talking", isOn);
  document.body.dataset.state = state;
  find("talk").hidden = !isOn;
  find("start").hidden = isOn;
  find("state").textContent = muted && state === "listening" ? "Muted" : STATES[state];
  press(find("mute"), muted, muted ? "Switch the microphone on" : "Switch the microphone off");
  press(find("look"), camera.isOpen, camera.isOpen ? "Switch the camera off" : "Show the camera");
  find("sight").hidden = !camera.isOpen;
  find("stop").hidden = !(isOn ? state === "speaking" : chat.busy);
  find("record").hidden = find("photo").hidden = isOn;
  if (isOn) wave.start();
  else wave.stop();
}

/** Ask the server what it has. */
async function meet() {
  try {
    const [models, voices] = await keys.with(() => Promise.all([api.models(), api.voices()]));
    choices.offer(models, voices);
    document.body.classList.add("ready");
    tell(Player.works ? "" : "Speech and microphone work only over https, or on this machine itself.");
    find("start").disabled = !Player.works;
  } catch (error) {
    tell(error.message);
    find("reconnect").hidden = false;
  }
  show();
}

find("start").addEventListener("click", startTalking);
find("end").addEventListener("click", endTalking);
find("stop").addEventListener("click", stop);
find("anew").addEventListener("click", startAnew);
find("mute").addEventListener("click", () => attempt(() => (talk.muted ? talk.unmute() : talk.mute())));
find("look").addEventListener("click", () => attempt(() => (camera.isOpen ? camera.close() : camera.open())));
find("reconnect").addEventListener("click", () => {
  find("reconnect").hidden = true;
  meet();
});
for (const button of document.querySelectorAll("[data-say]")) {
  button.addEventListener("click", () => send(button.dataset.say, []));
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) stop();
});

show();
meet();
