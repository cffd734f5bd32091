// Speech out of the loudspeaker: tracks of 24 kHz samples, one after the other, and how far each has been heard.

import { RATE, Samples } from "./pcm.js";

const LEAD = 0.1; // seconds in hand before a track begins, and after it ran dry

export class Player {
  /** 0 to 1: how loud it is now. */
  level = 0;

  #context = null;
  #node = null;
  #ready = null;
  #tracks = new Map();
  #next = 1;
  #waiting = []; // messages to an audio thread that is not there yet

  static get works() {
    return "AudioWorkletNode" in globalThis && globalThis.isSecureContext;
  }

  /** Make sound possible. Browsers want this to begin in a click or a key press. */
  wake() {
    this.#ready ??= this.#open().catch((error) => this.#forget(error));
    this.#context?.resume();
    return this.#ready;
  }

  /** Whether sound can be heard: `wake` has succeeded. */
  get isOpen() {
    return this.#node !== null;
  }

  /** A new track, heard after all others. `wake` must have been called. */
  begin() {
    const track = new Track(this.#next, (message) => this.#send(message), () => this.#context?.state === "running");
    this.#tracks.set(track.id, track);
    this.#next += 1;
    this.#send({ kind: "begin", id: track.id });
    return track;
  }

  /** Whether anything is played, or waits for it. */
  get busy() {
    return this.#tracks.size > 0;
  }

  async #open() {
    this.#context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await this.#context.audioWorklet.addModule(new URL("player-worklet.js", import.meta.url));
    const processorOptions = { lead: LEAD * RATE };
    this.#node = new AudioWorkletNode(this.#context, "player", { outputChannelCount: [1], processorOptions });
    this.#node.port.onmessage = ({ data }) => this.#take(data);
    this.#node.connect(this.#context.destination);
    for (const message of this.#waiting.splice(0)) this.#node.port.postMessage(message);
  }

  /** The next `wake` tries again. */
  #forget(error) {
    this.#context?.close();
    this.#context = this.#ready = null;
    throw error;
  }

  #send(message) {
    if (this.#node) this.#node.port.postMessage(message);
    else this.#waiting.push(message);
  }

  #take(message) {
    const track = this.#tracks.get(message.id);
    if (message.kind === "report") this.level = message.level;
    if (message.kind === "over") this.#tracks.delete(message.id);
    track?.take(message, this.#delay);
  }

  /** Seconds from the audio thread to the ear. */
  get #delay() {
    return this.#context.outputLatency || this.#context.baseLatency || 0;
  }
}

/** One answer's speech. Bytes may be cut anywhere. */
class Track {
  /** Samples that were received. */
  received = 0;
  #samples = new Samples();
  #heard = 0;

  /** `isPlaying()`: whether the audio thread runs, and so answers. */
  constructor(id, send, isPlaying) {
    this.id = id;
    this.send = send;
    this.isPlaying = isPlaying;
    /** Resolves with the time (performance.now) of its first sound; never, if there is none. */
    this.started = new Promise((resolve) => (this.start = resolve));
    /** Resolves with `{heard, gaps, missing}`, in samples, once nothing more of it will be heard. */
    this.over = new Promise((resolve) => (this.finish = resolve));
  }

  feed(bytes) {
    const samples = this.#samples.feed(bytes);
    this.received += samples.length;
    this.send({ kind: "feed", id: this.id, samples });
  }

  /** Nothing more comes. */
  end() {
    this.send({ kind: "end", id: this.id });
  }

  /** Be silent now. Gives what `over` gives. */
  stop() {
    this.send({ kind: "stop", id: this.id });
    if (!this.isPlaying()) this.finish({ heard: this.#heard, gaps: null, missing: 0 });
    return this.over;
  }

  /** Samples that have reached the ear. */
  get heard() {
    return this.#heard;
  }

  take({ kind, heard, gaps, missing }, delay) {
    if (kind === "started") this.start(performance.now() + 1000 * delay);
    if (kind === "report") this.#heard = Math.max(this.#heard, heard - Math.round(delay * RATE));
    if (kind === "over") {
      this.#heard = heard;
      this.finish({ heard, gaps, missing });
    }
  }
}
