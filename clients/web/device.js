// A microphone or a camera: asked for once at a time, and let go of when nobody wants it any more.

export class Device {
  #stream = null;
  #asking = null; // until the user has said whether it may be used
  #wanted = false;

  /** `asked`: constraints of getUserMedia; `name`: what the user calls it; `use(stream)`: told when it is there. */
  constructor(asked, name, use) {
    Object.assign(this, { asked, name, use });
  }

  get isOpen() {
    return this.#stream !== null;
  }

  /** Ask for it. Throws an Error with words for the user. */
  open() {
    this.#wanted = true;
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  close() {
    this.#wanted = false;
    release(this.#stream);
    this.#stream = null;
  }

  async #ask() {
    if (this.#stream) return;
    const stream = await given(this.asked, this.name);
    if (!this.#wanted) return release(stream); // closed while the user was asked
    this.#stream = stream;
    await this.use(stream);
  }
}

function release(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** The stream. Throws an Error that says what the user can do. */
async function given(asked, name) {
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
