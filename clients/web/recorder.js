// A recording from the microphone, as a WAV file.

import { Microphone } from "./microphone.js";
import { RATE, wavFile } from "./pcm.js";

const LONGEST = 600 * RATE; // samples; longer than anybody means to

export class Recorder {
  #microphone = new Microphone();
  #pieces = null;
  #samples = 0;

  /** `tick(seconds)`: told when another second is recorded; `full()`: when no more can be. */
  constructor(tick, full) {
    Object.assign(this, { tick, full });
  }

  get isOn() {
    return this.#pieces !== null;
  }

  /** Begin. Throws an Error with words for the user. */
  async start() {
    this.#pieces = [];
    this.#samples = 0;
    this.tick(0);
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
    const before = Math.floor(this.#samples / RATE);
    this.#pieces.push(pcm);
    this.#samples += pcm.length;
    const seconds = Math.floor(this.#samples / RATE);
    if (seconds > before) this.tick(seconds);
    if (this.#samples >= LONGEST) this.full();
  }
}
