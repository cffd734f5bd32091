// What the tests of sessions share: who listens to one, and what is said to it.
import { encoded } from "./asked.mjs";

const RATE = 24000;

// Gathers the events of a connection of OpenAI's client. Those that nobody waits for yet are kept.
export class Listener {
  #events = [];
  #wake = () => {};

  constructor(connection) {
    connection.on("event", (event) => this.#take(event));
    connection.on("error", (error) => error.error || this.#take({ type: "failure", error }));
  }

  // The events up to the first of one of these kinds. Throws if there is an error instead.
  async hear(...kinds) {
    const heard = [];
    while (!kinds.includes(heard.at(-1)?.type)) {
      while (!this.#events.length) await new Promise((wake) => (this.#wake = wake));
      heard.push(this.#events.shift());
      const { type, error } = heard.at(-1);
      if (error && !kinds.includes(type)) throw new Error(error.message);
    }
    return heard;
  }

  #take(event) {
    this.#events.push(event);
    this.#wake();
  }
}

// The demo's spoken question as PCM16 at 24 kHz, with a second of silence behind it, in pieces of a tenth of a second.
export function* question() {
  const wav = Buffer.from(encoded("question.wav"), "base64");
  const start = wav.indexOf("data") + 8;
  const heard = Array.from({ length: (wav.length - start) >> 1 }, (_, at) => wav.readInt16LE(start + 2 * at));
  const spoken = new Int16Array(Math.floor(heard.length * 1.5) + RATE);
  for (let at = 0; at < Math.floor(heard.length * 1.5); at++) {
    const place = at / 1.5;
    const left = Math.floor(place);
    spoken[at] = heard[left] + (place - left) * ((heard[left + 1] ?? 0) - heard[left]);
  }
  for (let at = 0; at < spoken.length; at += RATE / 10) {
    yield Buffer.from(spoken.buffer, 2 * at, 2 * Math.min(RATE / 10, spoken.length - at));
  }
}

export function said(events) {
  const [{ content }] = events.at(-1).response.output;
  return content[0].transcript ?? content[0].text;
}

export function sound(events) {
  const deltas = events.filter(({ type }) => type === "response.output_audio.delta");
  return Buffer.concat(deltas.map(({ delta }) => Buffer.from(delta, "base64")));
}
