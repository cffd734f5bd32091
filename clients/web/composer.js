// Where a message is written: the text, its attachments, and the buttons that make more of them.

import { Tray } from "./attachments.js";
import { Camera } from "./camera.js";
import { find, press } from "./dom.js";
import { Recorder } from "./recorder.js";

export class Composer {
  #text = find("text");
  #tray;
  #recorder = new Recorder((seconds) => showSeconds(find("recorded"), seconds), () => this.endRecording());
  #camera = new Camera(find("viewfinder"));

  /** `send(text, attachments)`: what to do with a message; `tell(words)`: something the user should know. */
  constructor({ send, tell }) {
    this.send = send;
    this.tell = tell;
    this.#tray = new Tray(find("tray"), tell);
    this.#write();
    this.#attach();
    this.#photograph();
    find("record").addEventListener("click", () => this.#record());
  }

  focus() {
    this.#text.focus();
  }

  /** What was recorded so far is attached. */
  async endRecording() {
    if (this.#recorder.isOn) await this.#record();
  }

  #write() {
    const form = find("composer");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || composes(event)) return;
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => this.#grow());
  }

  async #submit() {
    await this.endRecording();
    const text = this.#text.value.trim();
    if (!text && this.#tray.isEmpty) return;
    this.#text.value = "";
    this.#grow();
    this.send(text, this.#tray.take());
  }

  /** As high as its text, within bounds that the style sets. */
  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  #attach() {
    const files = find("files");
    find("attach").addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
      this.#tray.add(files.files);
      files.value = "";
      this.focus();
    });
    this.#text.addEventListener("paste", (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.#tray.add(event.clipboardData.files);
    });
    const drop = find("drop");
    const dragsFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!dragsFiles(event)) return;
      event.preventDefault();
      drop.hidden = false;
    });
    document.addEventListener("dragleave", (event) => (drop.hidden ||= event.relatedTarget === null));
    document.addEventListener("drop", (event) => {
      if (!dragsFiles(event)) return;
      event.preventDefault();
      drop.hidden = true;
      this.#tray.add(event.dataTransfer.files);
      this.focus();
    });
  }

  #photograph() {
    const dialog = find("photograph");
    find("photo").addEventListener("click", async () => {
      try {
        await this.#camera.open();
        dialog.showModal();
      } catch (error) {
        this.tell(error.message);
      }
    });
    find("shutter").addEventListener("click", async () => {
      const picture = await this.#camera.picture();
      this.#tray.add([new File([picture], "photo.jpg", { type: picture.type })]);
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      this.#camera.close();
      this.focus();
    });
  }

  /** Begin a recording, or end it and attach it. */
  async #record() {
    const button = find("record");
    try {
      if (this.#recorder.isOn) {
        const file = await this.#recorder.stop();
        if (file) this.#tray.add([file]);
      } else {
        await this.#recorder.start();
      }
    } catch (error) {
      this.tell(error.message);
    }
    find("recorded").hidden = !this.#recorder.isOn;
    press(button, this.#recorder.isOn, this.#recorder.isOn ? "End the recording" : "Record a message");
  }
}

/** Whether a key belongs to an input method, such as the Enter that takes a Chinese word; in Safari only its code says so. */
function composes({ isComposing, keyCode }) {
  return isComposing || keyCode === 229;
}

function showSeconds(place, seconds) {
  place.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
