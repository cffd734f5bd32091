// One answer on its way to the ear: its words shown, its sound played, the caption and the latency kept up to date.

import { Captions } from "./captions.js";

const paces = new Map(); // samples for a letter, by voice, learnt from what it has said

export class Speech {
  #over = false;

  /** `track`: null for an answer that is only read. */
  constructor(turn, track, latency, voice) {
    this.turn = turn;
    this.track = track;
    this.latency = latency;
    this.voice = voice;
    this.captions = new Captions(paces.get(voice));
    track?.started.then((when) => this.#began(when));
    track?.over.then((heard) => this.#ended(heard));
  }

  write(text) {
    this.latency.textCame();
    this.captions.write(text);
    this.turn.write(text);
    if (this.track) this.turn.caption(this.captions.at(this.track.heard));
    this.turn.latency = this.latency;
  }

  hear(bytes) {
    this.track.feed(bytes);
  }

  /** All words and all sound are there. Gives what `Track.over` gives, or at once if there is no sound. */
  async end() {
    if (!this.track?.received) return this.#ended({ gaps: null, missing: 0 });
    if (!this.#over) paces.set(this.voice, this.captions.close(this.track.received));
    this.track.end();
    return this.track.over;
  }

  /** Be silent. Gives how many samples were heard. */
  async stop() {
    return this.track ? (await this.track.stop()).heard : 0;
  }

  /** The words that have been heard to their end. */
  get heard() {
    return this.turn.text.slice(0, this.captions.at(this.track?.heard ?? 0).start);
  }

  #began(when) {
    this.latency.soundBegan(when);
    this.turn.latency = this.latency;
    const follow = () => {
      if (this.#over) return;
      this.turn.caption(this.captions.at(this.track.heard));
      requestAnimationFrame(follow);
    };
    follow();
  }

  #ended(heard) {
    this.#over = true;
    this.latency.soundEnded(heard);
    this.turn.latency = this.latency;
    this.turn.settle();
    this.track?.stop(); // one that never made a sound
  }
}
