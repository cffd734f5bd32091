// What the user chooses: the voice, whether answers are spoken, light or dark. Kept for the next visit; a key never is.

import { element, find, press } from "./dom.js";

const LABELS = { "built-in": "Built in", alias: "OpenAI's names", recorded: "Recorded" };
const OTHER = { light: "dark", dark: "light" };

export class Choices {
  model = "";
  voice = null;
  /** Whether the server has no voice, or this page cannot play one. */
  mute = false;
  #wanted = recall("aloud", "true") === "true";

  /** `canPlay`: whether sound can be played here. */
  constructor(canPlay) {
    this.canPlay = canPlay;
    find("aloud").addEventListener("click", () => this.#speak(!this.#wanted));
    find("voice").addEventListener("change", ({ target }) => this.#choose(target.value));
    find("theme").addEventListener("click", () => this.#turn());
    this.#paint(recall("theme", ""));
  }

  /** Whether answers are spoken. */
  get aloud() {
    return this.#wanted && !this.mute;
  }

  /** Show what the server offers. */
  offer(models, voices) {
    this.model = models[0].id;
    find("model").textContent = this.model;
    const names = voices.map(({ name }) => name);
    const kinds = [...new Set(voices.map(({ kind }) => kind))];
    this.mute = !names.length || !this.canPlay;
    const select = find("voice");
    select.replaceChildren(...kinds.map((kind) => group(kind, voices)));
    const before = recall("voice", "");
    this.#choose(names.includes(before) ? before : (names.find((name) => name === "default") ?? names[0] ?? null));
    select.value = this.voice;
    select.disabled = find("aloud").disabled = this.mute;
    this.#speak(this.#wanted);
  }

  #choose(voice) {
    this.voice = voice;
    if (voice) remember("voice", voice);
  }

  #speak(on) {
    this.#wanted = on;
    remember("aloud", on);
    press(find("aloud"), this.aloud, this.mute ? "There is no voice here" : "Speak answers");
  }

  #turn() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = OTHER[document.documentElement.dataset.theme || dark];
    remember("theme", theme);
    this.#paint(theme);
  }

  #paint(theme) {
    document.documentElement.dataset.theme = theme;
  }
}

function group(kind, voices) {
  const options = voices.filter((voice) => voice.kind === kind).map(({ name }) => element("option", { value: name }, name));
  return element("optgroup", { label: LABELS[kind] ?? kind }, ...options);
}

// A browser may forbid to keep anything.
function recall(name, otherwise) {
  try {
    return localStorage.getItem(`ola.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`ola.${name}`, value);
  } catch {
    // Then it is asked for again.
  }
}
