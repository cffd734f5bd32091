// A microphone as frames of 24 kHz samples. Closed, it lets go of the device and goes on as silence, so that whoever
// listens keeps his time.

import { Device } from "./device.js";

const ASKED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class Microphone {
  /** 0 to 1: how loud it is now. */
  level = 0;

  #context = null;
  #node = null;
  #source = null;
  #device = new Device({ audio: ASKED }, "microphone", (stream) => this.#listen(stream));

  static get works() {
    return Boolean(navigator.mediaDevices?.getUserMedia) && "AudioWorkletNode" in globalThis;
  }

  /** Frames go to `take` (an Int16Array each) from now on until `end`. Nothing is recorded before `open`. */
  async begin(take) {
    this.#context = new AudioContext({ latencyHint: "interactive" });
    await this.#context.audioWorklet.addModule(new URL("microphone-worklet.js", import.meta.url));
    this.#node = new AudioWorkletNode(this.#context, "microphone", { outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }) => {
      this.level = data.level;
      take(data.pcm);
    };
    this.#node.connect(this.#context.destination); // silence, so that it is driven
    this.#wake();
  }

  get isOpen() {
    return this.#device.isOpen;
  }

  /** Ask for the device. Throws an Error with words for the user. */
  open() {
    return this.#device.open();
  }

  #listen(stream) {
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    this.#wake(); // Safari lets it run only now, if there was no click before
  }

  #wake() {
    this.#context.resume().catch(() => {}); // it was closed meanwhile
  }

  close() {
    this.#source?.disconnect();
    this.#source = null;
    this.#device.close();
  }

  async end() {
    this.close();
    const context = this.#context;
    this.#context = null;
    this.level = 0;
    await context?.close();
  }
}
