// What goes with the next message: files dropped, pasted, chosen, photographed or recorded, and the parts they become.

import { element, icon } from "./dom.js";

const KINDS = ["image", "video", "audio"];
const NAMES = { image: "Picture", video: "Video", audio: "Recording" };

/** A file, and how it is shown. */
export class Attachment {
  constructor(file) {
    this.file = file;
    this.kind = file.type.split("/")[0];
    this.address = URL.createObjectURL(file);
  }

  /** An element that shows it; big ones can be played. */
  shown() {
    if (this.kind === "image") return element("img", { src: this.address, alt: this.file.name || "Picture" });
    const label = `${NAMES[this.kind]} ${this.file.name}`;
    return element(this.kind, { src: this.address, controls: "", preload: "metadata", "aria-label": label });
  }

  /** The part of a chat message. */
  async part() {
    const url = await dataUrl(this.file);
    return { type: `${this.kind}_url`, [`${this.kind}_url`]: { url } };
  }
}

/** The attachments of the message that is being written, in a list on the page. */
export class Tray {
  #attachments = [];

  /** `list`: the element they are shown in; `refuse(words)`: told what cannot be attached. */
  constructor(list, refuse) {
    this.list = list;
    this.refuse = refuse;
  }

  get isEmpty() {
    return this.#attachments.length === 0;
  }

  add(files) {
    for (const file of files) {
      if (!KINDS.includes(file.type.split("/")[0])) {
        this.refuse(`${file.name || "That"} is no picture, video or recording.`);
        continue;
      }
      this.#show(new Attachment(file));
    }
  }

  /** All of them; the tray is empty then. */
  take() {
    const taken = this.#attachments;
    this.#attachments = [];
    this.#changed();
    return taken;
  }

  #show(attachment) {
    attachment.label = `Remove ${attachment.file.name || NAMES[attachment.kind].toLowerCase()}`;
    this.#attachments.push(attachment);
    this.#changed();
  }

  #changed() {
    this.list.replaceChildren(...this.#attachments.map((attachment) => this.#item(attachment)));
    this.list.hidden = this.isEmpty;
  }

  #item(attachment) {
    const remove = () => {
      URL.revokeObjectURL(attachment.address);
      this.#attachments = this.#attachments.filter((one) => one !== attachment);
      this.#changed();
    };
    const { label } = attachment;
    const button = element("button", { type: "button", class: "remove", "aria-label": label, onclick: remove }, icon("close"));
    return element("li", { class: attachment.kind }, attachment.shown(), button);
  }
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
