// How far in a text its listener is, from how many samples of its speech he has heard. Pure arithmetic: no page, no sound.

import { RATE } from "./pcm.js";

const WORD = /[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+/gu;
const PAUSES = new Map([..."，、,"].map((mark) => [mark, 2]).concat([...";:"].map((mark) => [mark, 3])));
for (const mark of ".!?…。！？") PAUSES.set(mark, 4);
const DIGIT = 3; // letters that a digit adds, being said as a word
const IDEOGRAPH = 3; // letters that one counts for

/** Samples for a letter, before anything was learnt: 14 letters a second. */
export const PACE = RATE / 14;

/** How long a word takes to say, in letters; the pause behind it counts. */
export function weight(word) {
  const letters = [...word];
  const digits = letters.filter((letter) => /\p{Nd}/u.test(letter)).length;
  const ideographs = letters.filter((letter) => /[\u3040-\u30ff\u3400-\u9fff]/u.test(letter)).length;
  return letters.length + DIGIT * digits + (IDEOGRAPH - 1) * ideographs + 1 + (PAUSES.get(letters.at(-1)) ?? 0);
}

export class Captions {
  text = "";
  #words = []; // {start, end, until}: offsets in the text, and the letters said by its end
  #total = 0;
  #samples = null; // of all of the speech, once that is known
  #reached = 0; // never goes back, whatever is learnt

  constructor(pace = PACE) {
    this.pace = pace;
  }

  /** More of the text. */
  write(text) {
    const from = this.#words.at(-1)?.start ?? 0; // the last word may go on
    this.#total -= this.#words.length ? weight(this.text.slice(from, this.#words.pop().end)) : 0;
    this.text += text;
    for (const found of this.text.slice(from).matchAll(WORD)) {
      this.#total += weight(found[0]);
      const start = from + found.index;
      this.#words.push({ start, end: start + found[0].length, until: this.#total });
    }
  }

  /** All of the speech is there: so many samples. Gives the pace that it had. */
  close(samples) {
    this.#samples = samples;
    if (this.#total && samples) this.pace = samples / this.#total;
    return this.pace;
  }

  /** Where in the text somebody is who has heard so many samples: `{start, end}` of the word that he hears. */
  at(samples) {
    if (samples <= 0 && !this.#reached) return { start: 0, end: 0 };
    const letters = samples / this.pace;
    const done = this.#samples !== null && samples >= this.#samples;
    let index = done ? this.#words.length : this.#words.findIndex(({ until }) => until > letters);
    if (index < 0) index = this.#words.length - 1; // slower than expected: still the last word there is
    this.#reached = Math.max(this.#reached, index);
    const word = this.#words[this.#reached];
    return word ? { start: word.start, end: word.end } : { start: this.text.length, end: this.text.length };
  }
}
