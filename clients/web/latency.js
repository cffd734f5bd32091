// What somebody waited for: the first word, the first sound, and silence in the middle. Times are those of performance.now.

import { RATE } from "./pcm.js";

export class Latency {
  firstText = null;
  firstSound = null;
  gaps = null;
  missing = 0;

  /** `since`: when the user had asked. */
  constructor(since = performance.now()) {
    this.since = since;
  }

  textCame() {
    this.firstText ??= performance.now() - this.since;
  }

  soundBegan(when) {
    this.firstSound ??= Math.max(0, when - this.since);
  }

  /** All was heard, with so many gaps of so many samples altogether. */
  soundEnded({ gaps, missing }) {
    if (this.gaps !== null) return; // heard again
    this.gaps = gaps;
    this.missing = missing;
  }

  /** In words; empty while nothing is known. */
  toString() {
    const parts = [];
    if (this.firstText !== null) parts.push(`first word ${seconds(this.firstText)}`);
    if (this.firstSound !== null) parts.push(`first sound ${seconds(this.firstSound)}`);
    if (this.firstSound !== null && this.gaps !== null) parts.push(this.#silence());
    return parts.join(" · ");
  }

  #silence() {
    if (!this.gaps) return "no gaps";
    return `${this.gaps} ${this.gaps === 1 ? "gap" : "gaps"}, ${seconds((1000 * this.missing) / RATE)}`;
  }
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 2 : 1)} s`;
}
