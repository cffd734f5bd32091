// The camera: what it shows in a <video>, and pictures of it.

import { Device } from "./device.js";

const SIDE = 1024; // pixels of the longer side of a picture; the model sees no more in it
const QUALITY = 0.88;
const ASKED = { facingMode: "environment", width: { ideal: 1280 } };

export class Camera {
  #device = new Device({ video: ASKED }, "camera", (stream) => this.#show(stream));

  constructor(video) {
    this.video = video;
  }

  get isOpen() {
    return this.#device.isOpen;
  }

  /** Ask for the device. Throws an Error with words for the user. */
  open() {
    return this.#device.open();
  }

  #show(stream) {
    this.video.srcObject = stream;
    return this.video.play();
  }

  close() {
    this.#device.close();
    this.video.srcObject = null;
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
