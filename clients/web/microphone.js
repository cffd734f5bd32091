// A microphone as frames of 24 kHz samples. Closed, it lets go of the device and goes on as silence, so that whoever
// listens keeps his time.

const ASKED = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class Microphone {
  /** 0 to 1: how loud it is now. */
  level = 0;

  #context = null;
  #node = null;
  #stream = null;
  #source = null;
  #asking = null; // until the user has said whether it may be used
  #wanted = false;

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
    return this.#stream !== null;
  }

  /** Ask for the device. Throws an Error with words for the user. */
  open() {
    this.#wanted = true;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask() {
    if (this.#stream) return;
    const stream = await device({ audio: ASKED }, "microphone");
    if (!this.#wanted) return release(stream); // closed while the user was asked
    this.#stream = stream;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    this.#wake(); // Safari lets it run only now, if there was no click before
  }

  #wake() {
    this.#context.resume().catch(() => {}); // it was closed meanwhile
  }

  close() {
    this.#wanted = false;
    this.#source?.disconnect();
    release(this.#stream);
    this.#source = this.#stream = null;
  }

  async end() {
    this.close();
    const context = this.#context;
    this.#context = null;
    this.level = 0;
    await context?.close();
  }
}

/** Let go of a device. */
export function release(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** A device's stream. Throws an Error that says what the user can do. */
export async function device(asked, name) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(`The ${name} works only over https, or on this machine itself.`);
  }
  try {
    return await navigator.mediaDevices.getUserMedia(asked);
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Error(`The ${name} is not allowed. Allow it beside the address.`);
    if (error.name === "NotFoundError") throw new Error(`There is no ${name}.`);
    throw new Error(`The ${name} cannot be used: ${error.message}`);
  }
}
