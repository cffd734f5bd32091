// The conversation as it is shown: turns of the user, and answers whose words follow what is being heard.

import { element, icon } from "./dom.js";

export class Log {
  constructor(list) {
    this.list = list;
  }

  /** A turn of the user's. */
  user(text, attachments = []) {
    return this.#add(new UserTurn(text, attachments));
  }

  /** An answer, still without words. */
  answer() {
    return this.#add(new AnswerTurn(() => this.#follow()));
  }

  clear() {
    this.list.replaceChildren();
  }

  /** Bring the last turn in sight. */
  toEnd() {
    this.list.lastElementChild?.scrollIntoView({ block: "end" });
  }

  #add(turn) {
    this.list.append(turn.item);
    this.toEnd();
    return turn;
  }

  /** Keep the end in sight, unless the user has scrolled away from it. */
  #follow() {
    const { scrollHeight, scrollTop, clientHeight } = this.list.parentElement;
    if (scrollHeight - scrollTop - clientHeight < 160) this.toEnd();
  }
}

class UserTurn {
  #text;

  constructor(text, attachments) {
    this.#text = element("p", { class: "text", dir: "auto" }, text);
    const shown = attachments.map((attachment) => attachment.shown());
    const media = shown.length ? element("div", { class: "media" }, ...shown) : null;
    this.item = element("li", { class: "turn user" }, element("h2", { class: "hidden" }, "You"), media, this.#text);
    this.say(text);
  }

  /** These are its words. */
  say(text) {
    this.#text.textContent = text;
    this.#text.hidden = !text;
  }

  /** Whether it is still being spoken or written down. */
  set pending(on) {
    this.item.classList.toggle("pending", on);
    this.#text.hidden = !on && !this.#text.textContent;
  }

  remove() {
    this.item.remove();
  }
}

class AnswerTurn {
  text = "";
  #heard = element("span", { class: "heard" });
  #now = element("span", { class: "now" });
  #ahead = element("span", { class: "ahead" });
  #unheard = element("span", { class: "unheard" });
  #words = element("p", { class: "text", dir: "auto" }, this.#heard, this.#now, this.#ahead, this.#unheard);
  #latency = element("span", { class: "latency" });
  #foot = element("div", { class: "foot" }, this.#latency);
  #shown = null; // where the caption is; null: there is none
  #cut = null; // how much of the text was heard, once that is known to be less than all

  constructor(grew) {
    this.grew = grew;
    this.item = element("li", { class: "turn answer waiting" }, element("h2", { class: "hidden" }, "Answer"), this.#words, this.#foot);
  }

  write(text) {
    this.item.classList.remove("waiting");
    this.text += text;
    this.#draw();
    this.grew();
  }

  /** The caption: everything before `start` was heard, the word up to `end` is being heard. */
  caption({ start, end }) {
    if (this.#shown?.start === start && this.#shown.end === end) return;
    this.#shown = { start, end };
    this.#draw();
  }

  /** All of it was heard, or it is only read. */
  settle() {
    this.#shown = null;
    this.item.classList.remove("waiting");
    this.#draw();
  }

  /** Nothing beyond the first `length` characters was heard. */
  cut(length) {
    this.#cut = length;
    this.item.classList.add("interrupted");
    this.settle();
  }

  set latency(words) {
    this.#latency.textContent = words;
  }

  /** A button under the answer. */
  offer(name, label, act) {
    this.#foot.append(element("button", { type: "button", class: "quiet", onclick: act }, icon(name), label));
  }

  /** Why there is no more of it. */
  fail(words, again) {
    this.settle();
    const retry = again && element("button", { type: "button", onclick: again }, "Try again");
    this.item.append(element("div", { class: "failure", role: "alert" }, element("p", {}, words), retry ?? ""));
    this.grew();
  }

  remove() {
    this.item.remove();
  }

  /** Nothing was said: it takes no room, unless something went wrong. */
  empty() {
    this.#words.remove();
    if (!this.item.querySelector(".failure")) this.remove();
  }

  #draw() {
    const read = this.#cut ?? this.text.length;
    const { start, end } = this.#shown ?? { start: read, end: read };
    this.#heard.textContent = this.text.slice(0, start);
    this.#now.textContent = this.text.slice(start, end);
    this.#ahead.textContent = this.#shown ? this.text.slice(end) : "";
    this.#unheard.textContent = this.#shown ? "" : this.text.slice(end);
  }
}
