// The camera: what it shows in a <video>, and pictures of it.

import { device, release } from "./microphone.js";

const SIDE = 1024; // pixels of the longer side of a picture; the model sees no more in it
const QUALITY = 0.88;

export class Camera {
  #stream = null;
  #asking = null; // until the user has said whether it may be used
  #wanted = false;

  constructor(video) {
    this.video = video;
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
    const asked = { video: { facingMode: "environment", width: { ideal: 1280 } } };
    const stream = await device(asked, "camera");
    if (!this.#wanted) return release(stream); // closed while the user was asked
    this.video.srcObject = this.#stream = stream;
    await this.video.play();
  }

  close() {
    this.#wanted = false;
    release(this.#stream);
    this.#stream = this.video.srcObject = null;
  }

  /** What it shows now, as a JPEG. */
  picture() {
    const canvas = this.#drawn();
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }

  /** The same as a data URL. */
  frame() {
    return this.#drawn().toDataURL("image/jpeg", QUALITY);
  }

  #drawn() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
}
