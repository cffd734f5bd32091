// A recording from the microphone, as a WAV file.

import { Microphone } from "./microphone.js";
import { RATE, wavFile } from "./pcm.js";

const LONGEST = 600 * RATE; // samples; longer than anybody means to

export class Recorder {
  #microphone = new Microphone();
  #pieces = null;
  #samples = 0;

  get isOn() {
    return this.#pieces !== null;
  }

  get level() {
    return this.#microphone.level;
  }

  get seconds() {
    return this.#samples / RATE;
  }

  /** Begin. Throws an Error with words for the user. */
  async start() {
    this.#pieces = [];
    this.#samples = 0;
    try {
      await this.#microphone.begin((pcm) => this.#keep(pcm));
      await this.#microphone.open();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** End. The file; null if nothing was heard. */
  async stop() {
    const pieces = this.#pieces ?? [];
    this.#pieces = null;
    await this.#microphone.end();
    return this.#samples ? new File([wavFile(pieces)], "recording.wav", { type: "audio/wav" }) : null;
  }

  #keep(pcm) {
    if (!this.#pieces || !this.#microphone.isOpen || this.#samples >= LONGEST) return;
    this.#pieces.push(pcm);
    this.#samples += pcm.length;
  }
}
