// A spoken conversation over one session: the microphone goes in, answers come out, and who speaks over an answer ends it.

import { item } from "./conversation.js";
import { Latency } from "./latency.js";
import { Microphone } from "./microphone.js";
import { RATE, fromBase64 } from "./pcm.js";
import { Session } from "./realtime.js";
import { Speech } from "./speech.js";

const SILENCE_MS = 500; // that ends a turn
const SURE_MS = 150; // what the server's idea of what was heard may be off before it is told
const FRAME_MS = 1000; // between two pictures while the user speaks
const AGAIN_MS = [0, 500, 1000, 2000, 4000, 8000]; // before a lost session is opened again

export class Talk {
  /** "off", "connecting", "listening", "hearing", "thinking" or "speaking". */
  state = "off";
  #session = null;
  #microphone = null;
  #answers = new Map(); // by item
  #turns = new Map(); // the user's, by item
  #sent = 0; // samples of the microphone
  #since = 0; // when the user had asked
  #opening = Promise.resolve(); // until the session has begun, or will not
  #opened = () => {};
  #idle = Promise.resolve(); // until the response that is being given is done
  #done = () => {};
  #frames = null;

  /** Parts as in `Chat`; `changed()` is called when something to show has changed, `failed(words)` when it ends so. */
  constructor({ api, player, camera, log, conversation, choices, told, changed, failed }) {
    Object.assign(this, { api, player, camera, log, conversation, choices, told, changed, failed });
  }

  get isOn() {
    return this.state !== "off";
  }

  get muted() {
    return !this.#microphone?.isOpen;
  }

  /** How loud the user is, 0 to 1. */
  get level() {
    return this.muted ? 0 : this.#microphone.level;
  }

  /** Open a session that goes on with the conversation. Throws an Error with words for the user. */
  async start() {
    const opening = this.#ring();
    try {
      return await this.#open(opening);
    } catch (error) {
      if (this.#waitsFor(opening)) this.end();
      throw error;
    }
  }

  #ring() {
    this.#opening = new Promise((resolve) => (this.#opened = resolve));
    this.#become("connecting");
    return this.#opening;
  }

  /** Whether the user has neither hung up nor begun anew, and there is no session yet. */
  #waitsFor(opening) {
    return this.state === "connecting" && this.#opening === opening;
  }

  async #open(opening, { muted = false } = {}) {
    const session = await Session.open(this.api, this.#asked());
    if (!this.#waitsFor(opening)) return session.close();
    this.#session = session;
    this.#session.begin((event) => this.#take(event), (words, again) => this.#lost(words, again));
    for (const earlier of this.conversation.items()) this.#session.send("conversation.item.create", { item: earlier });
    this.#sent = 0;
    this.#microphone = new Microphone();
    await this.#microphone.begin((pcm) => this.#speak(pcm));
    this.#become("listening");
    this.#opened();
    if (!muted) await this.unmute();
  }

  /** Hang up, and see no more. */
  end() {
    this.camera.close();
    this.#hangUp();
  }

  #hangUp() {
    this.#session?.close();
    this.#session = null;
    this.#microphone?.end();
    this.#microphone = null;
    this.#stopFrames();
    for (const answer of this.#answers.values()) this.#leave(answer);
    for (const { turn, message } of this.#turns.values()) if (!message.content) this.#forget(turn, message);
    this.#answers.clear();
    this.#turns.clear();
    this.#done();
    this.#opened();
    this.#become("off");
  }

  /** Open the microphone. Throws an Error with words for the user; the session goes on without. */
  async unmute() {
    try {
      await this.#microphone?.open();
    } finally {
      this.changed();
    }
  }

  mute() {
    this.#microphone?.close();
    this.changed();
  }

  /** Stop the answer that is being heard. */
  async interrupt() {
    const playing = [...this.#answers.values()].filter((answer) => !answer.over);
    if (!playing.length) return;
    this.#session?.send("output_audio_buffer.clear");
    await Promise.all(playing.map((answer) => answer.speech.stop()));
  }

  /** Write instead of speaking. */
  async write(text, attachments) {
    const pictures = attachments.filter(({ kind }) => kind === "image");
    if (pictures.length < attachments.length) this.failed("Videos and recordings can be sent in the chat only.");
    const content = await Promise.all(pictures.map((attachment) => attachment.part()));
    if (this.camera.isOpen) content.push({ type: "image_url", image_url: { url: this.camera.frame() } });
    if (text) content.push({ type: "text", text });
    await this.#opening;
    if (!content.length || !this.#session) return;
    await this.interrupt();
    await this.#idle;
    this.log.user(text, pictures);
    this.conversation.user(content);
    this.#since = performance.now();
    this.#session?.send("conversation.item.create", { item: item("user", content) });
    this.#session?.send("response.create");
    this.#become("thinking");
  }

  #asked() {
    const { model, voice, mute } = this.choices;
    const detection = { type: "server_vad", silence_duration_ms: SILENCE_MS };
    const input = { transcription: { model }, turn_detection: detection };
    const audio = voice ? { input, output: { voice } } : { input };
    return { type: "realtime", model, output_modalities: [mute ? "text" : "audio"], audio };
  }

  #speak(pcm) {
    this.#sent += pcm.length;
    this.#session?.hear(pcm);
  }

  #become(state) {
    this.state = state;
    this.changed();
  }

  /** The conversation goes on in another session if one can be had: a server that stops for a restart has a successor. */
  async #lost(words, again) {
    if (!this.#session) return;
    const { muted } = this;
    this.#hangUp();
    if (!again) {
      this.end();
      return words && this.failed(words);
    }
    const opening = this.#ring();
    for (const wait of AGAIN_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (!this.#waitsFor(opening)) return;
      try {
        return await this.#open(opening, { muted });
      } catch (error) {
        if (this.#session) return this.failed(error.message); // there is a session, but no microphone
      }
    }
    if (!this.#waitsFor(opening)) return;
    this.end();
    this.failed(words);
  }

  #take(event) {
    this.#events[event.type]?.(event);
  }

  #events = {
    "input_audio_buffer.speech_started": (event) => {
      this.#userTurn(event.item_id);
      this.#startFrames();
      this.#become("hearing");
    },
    "input_audio_buffer.speech_stopped": (event) => {
      // When the words ended, not when that was sure.
      const silence = (1000 * this.#sent) / RATE - event.audio_end_ms + SILENCE_MS;
      this.#since = performance.now() - Math.max(0, silence);
      this.#stopFrames();
      this.#become("thinking");
    },
    "conversation.item.input_audio_transcription.delta": ({ item_id, delta }) => this.#hear(item_id, delta),
    "conversation.item.input_audio_transcription.completed": ({ item_id, transcript }) => {
      this.#wroteDown(item_id, transcript.trim());
    },
    "conversation.item.input_audio_transcription.failed": ({ item_id }) => this.#wroteDown(item_id, "(spoken)"),
    "response.created": () => (this.#idle = new Promise((resolve) => (this.#done = resolve))),
    "response.output_audio_transcript.delta": (event) => this.#answer(event).speech.write(event.delta),
    "response.output_text.delta": (event) => this.#answer(event).speech.write(event.delta),
    "response.output_audio.delta": (event) => this.#answer(event).speech.hear(fromBase64(event.delta)),
    "response.done": ({ response }) => this.#answered(response),
    "conversation.item.truncated": ({ item_id, audio_end_ms }) => {
      const answer = this.#answers.get(item_id);
      if (answer) answer.kept = audio_end_ms;
    },
    "output_audio_buffer.cleared": ({ response_id }) => this.#silence(response_id),
    "conversation.item.retrieved": ({ item: kept }) => this.#cut(kept),
    error: ({ error }) => this.failed(error.message),
  };

  #userTurn(id) {
    if (!this.#turns.has(id)) {
      const turn = this.log.user("");
      turn.pending = true;
      this.#turns.set(id, { turn, message: this.conversation.user(""), text: "" });
    }
    return this.#turns.get(id);
  }

  #hear(id, delta) {
    const heard = this.#userTurn(id);
    heard.text += delta;
    heard.turn.say(heard.text.trim());
  }

  #wroteDown(id, text) {
    const { turn, message } = this.#userTurn(id);
    message.content = text;
    turn.say(text);
    turn.pending = false;
    if (!text) this.#forget(turn, message);
  }

  #forget(turn, message) {
    turn.remove();
    this.conversation.forget(message);
  }

  #answer({ item_id: id, response_id: response }) {
    if (!this.#answers.has(id)) {
      const track = this.choices.mute ? null : this.player.begin();
      const speech = new Speech(this.log.answer(), track, new Latency(this.#since), this.choices.voice);
      const answer = { id, response, speech, message: this.conversation.assistant(""), kept: null, over: false };
      this.#answers.set(id, answer);
      track?.started.then(() => this.#answers.get(id) === answer && this.#become("speaking"));
    }
    return this.#answers.get(id);
  }

  /** The response is complete; its sound may play on. */
  async #answered({ id, status, status_details: details }) {
    this.#done();
    for (const answer of this.#of(id)) {
      answer.message.content = answer.speech.turn.text;
      if (status === "completed") this.told(answer.message.content, { spoken: Boolean(answer.speech.track) });
      this.#play(answer);
    }
    if (status === "failed") this.failed(details?.error?.message ?? "The answer failed.");
    if (!this.#of(id).length && this.state === "thinking") this.#become("listening");
  }

  async #play(answer) {
    await answer.speech.end();
    answer.over = true;
    if (this.state === "speaking" && !this.player.busy) this.#become("listening");
  }

  /** The server has cut the answer off. What was heard of it, the player knows best. */
  async #silence(response) {
    for (const answer of this.#of(response)) {
      const heard = Math.floor((1000 * (await answer.speech.stop())) / RATE);
      const place = { item_id: answer.id, content_index: 0 };
      const believed = answer.kept ?? Math.floor((1000 * answer.speech.track.received) / RATE);
      if (believed - heard > SURE_MS) {
        this.#session?.send("conversation.item.truncate", { ...place, audio_end_ms: heard });
      }
      this.#session?.send("conversation.item.retrieve", { item_id: answer.id });
    }
  }

  /** The conversation keeps this much of an answer. */
  #cut({ id, content }) {
    const answer = this.#answers.get(id);
    if (!answer) return;
    const kept = content[0]?.transcript ?? "";
    answer.message.content = kept;
    answer.speech.turn.cut(wordsIn(answer.speech.turn.text, kept));
  }

  /** The user hangs up in the middle of it. */
  #leave({ speech, message, over }) {
    if (over || !speech.track) return;
    message.content = speech.heard;
    speech.turn.cut(message.content.length);
    speech.stop();
  }

  #of(response) {
    return [...this.#answers.values()].filter((answer) => answer.response === response);
  }

  #startFrames() {
    if (!this.camera.isOpen || this.#frames) return;
    const show = () => this.#session?.send("input_video_buffer.append", { image_url: this.camera.frame() });
    show();
    this.#frames = setInterval(show, FRAME_MS);
  }

  #stopFrames() {
    clearInterval(this.#frames);
    this.#frames = null;
  }
}

/** How many characters of `text` say `kept`, which may have other spaces. */
export function wordsIn(text, kept) {
  let at = 0;
  for (const sign of kept.replace(/\s/g, "")) {
    while (at < text.length && /\s/.test(text[at])) at += 1;
    if (!text.startsWith(sign, at)) return at;
    at += sign.length;
  }
  return at;
}
