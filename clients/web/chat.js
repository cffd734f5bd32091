// A written message and its streamed answer, spoken if that is wanted. One at a time: the next one stops the last.

import { fromBase64 } from "./pcm.js";
import { Latency } from "./latency.js";
import { Speech } from "./speech.js";

export class Chat {
  #asking = null; // {abort, speech} of the answer that is being given or heard

  /** `choices`: what the user has chosen (`model`, `voice`, `aloud`); `told`: what a screen reader should say. */
  constructor({ api, keys, player, log, conversation, choices, told, changed }) {
    Object.assign(this, { api, keys, player, log, conversation, choices, told, changed });
  }

  get busy() {
    return this.#asking !== null;
  }

  /** Send a message, and show and play what comes back. Never throws: failures are shown where the answer would be. */
  async ask(text, attachments) {
    await this.stop();
    const parts = await Promise.all(attachments.map((attachment) => attachment.part()));
    const content = parts.length ? [...parts, ...(text ? [{ type: "text", text }] : [])] : text;
    this.log.user(text, attachments);
    await this.#answer(this.conversation.user(content));
  }

  /** Stop writing and speaking. */
  async stop() {
    const { abort, speech, ended } = this.#asking ?? {};
    abort?.abort();
    await speech?.stop();
    await ended;
  }

  /** Whether answers are spoken: the user wants it, and it is possible. */
  get #aloud() {
    return this.choices.aloud && this.player.isOpen;
  }

  #answer(question) {
    const { voice } = this.choices;
    const speech = new Speech(this.log.answer(), this.#aloud ? this.player.begin() : null, new Latency(), voice);
    return this.#give(speech, (signal) => this.#answered(speech, question, signal));
  }

  /** Do `work` until it ends or is stopped, and until what it said was heard. */
  async #give(speech, work) {
    const asking = { abort: new AbortController(), speech };
    this.#asking = asking;
    asking.ended = work(asking.abort.signal).then(() => speech.end());
    this.changed();
    await asking.ended;
    if (this.#asking === asking) this.#asking = null;
    this.changed();
  }

  async #answered(speech, question, signal) {
    const { turn } = speech;
    try {
      const sound = await this.keys.with(() => this.#read(speech, this.#body(), signal));
      this.told(turn.text, { spoken: sound.length > 0 });
      if (sound.length) turn.offer("again", "Listen again", () => this.#again(sound, speech));
    } catch (error) {
      await speech.stop();
      if (error.name !== "AbortError") this.#failed(error, turn, question);
    }
    if (!turn.text) turn.empty();
    this.conversation.assistant(turn.text);
  }

  /** Show and play the answer as it comes. Gives its sound, to be heard again. */
  async #read(speech, body, signal) {
    const sound = [];
    for await (const chunk of this.api.streamChat(body, signal)) {
      const delta = chunk.choices[0]?.delta ?? {};
      const text = delta.audio?.transcript ?? delta.content;
      if (text) speech.write(text);
      if (delta.audio?.data) sound.push(fromBase64(delta.audio.data));
      if (delta.audio?.data) speech.hear(sound.at(-1));
    }
    return sound;
  }

  #body() {
    const { model, voice } = this.choices;
    const spoken = this.#aloud ? { modalities: ["text", "audio"], audio: { voice, format: "pcm16" } } : {};
    return { model, messages: this.conversation.said, ...spoken };
  }

  #failed(error, turn, question) {
    const again = async () => {
      await this.stop();
      turn.remove();
      this.#answer(question);
    };
    turn.fail(error.message, turn.text ? null : again);
  }

  async #again(sound, { turn, voice, latency }) {
    await this.stop();
    await this.player.wake();
    const speech = new Speech(turn, this.player.begin(), latency, voice);
    speech.captions.write(turn.text);
    await this.#give(speech, async () => sound.forEach((bytes) => speech.hear(bytes)));
  }
}
