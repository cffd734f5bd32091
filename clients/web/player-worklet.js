// Plays tracks of samples one after the other, without a gap while there is something to play, and counts where there
// was not. Runs on the audio thread, at the rate of the samples.

const REPORT = 960; // samples between two reports: 40 ms
const FADE = 192; // samples in which a track that is stopped falls silent: 8 ms, no click

class Track {
  blocks = [];
  at = 0; // in the first block
  buffered = 0;
  heard = 0;
  gaps = 0;
  missing = 0; // samples of silence in them
  starved = 0; // samples of the silence that goes on
  fade = 0; // samples left to fall silent in
  started = false;
  flowing = false;
  ended = false;
  stopped = false;

  constructor(id, lead) {
    this.id = id;
    this.lead = lead;
  }

  get over() {
    return this.stopped ? this.fade === 0 || this.buffered === 0 : this.ended && this.buffered === 0;
  }

  push(samples) {
    this.blocks.push(samples);
    this.buffered += samples.length;
  }

  /** Whether it has anything to say now. A track that ran dry waits until it has a little in hand again. */
  ready() {
    if (this.flowing) return this.buffered > 0;
    this.flowing = this.buffered > 0 && (this.ended || this.stopped || this.buffered >= this.lead);
    if (this.flowing && this.starved) {
      this.gaps += 1;
      this.missing += this.starved;
      this.starved = 0;
    }
    return this.flowing;
  }

  /** Fills `out` from `from`; returns how far it came. */
  read(out, from) {
    let to = from;
    while (to < out.length && this.buffered && !(this.stopped && this.fade === 0)) {
      const [block] = this.blocks;
      const volume = this.stopped ? this.fade / FADE : 1;
      out[to] = block[this.at] * volume;
      this.fade -= this.stopped ? 1 : 0;
      to += 1;
      this.at += 1;
      this.buffered -= 1;
      if (this.at === block.length) {
        this.blocks.shift();
        this.at = 0;
      }
    }
    this.heard += to - from;
    if (!this.buffered && !this.ended) this.flowing = false;
    return to;
  }
}

class Player extends AudioWorkletProcessor {
  #tracks = [];
  #since = 0;
  #power = 0;

  constructor(options) {
    super();
    this.lead = options.processorOptions.lead;
    this.port.onmessage = ({ data }) => this.#take(data);
  }

  #take({ kind, id, samples }) {
    if (kind === "begin") this.#tracks.push(new Track(id, this.lead));
    const track = this.#tracks.find((one) => one.id === id);
    if (!track) return;
    if (kind === "feed" && !track.stopped) track.push(samples);
    if (kind === "end") track.ended = true;
    if (kind === "stop" && !track.stopped) {
      track.stopped = true;
      track.fade = track.started ? FADE : 0;
      if (track !== this.#tracks[0]) this.#finish(track);
    }
  }

  process(_, [[out]]) {
    let at = 0;
    while (this.#tracks.length && at < out.length) {
      const [track] = this.#tracks;
      if (!track.over) {
        if (!track.ready()) {
          if (track.started) track.starved += out.length - at;
          break;
        }
        if (!track.started) {
          track.started = true;
          this.port.postMessage({ kind: "started", id: track.id });
        }
        at = track.read(out, at);
      }
      if (track.over) this.#finish(track);
    }
    this.#measure(out);
    return true;
  }

  #finish(track) {
    this.#tracks = this.#tracks.filter((one) => one !== track);
    const { id, heard, gaps, missing } = track;
    this.port.postMessage({ kind: "over", id, heard, gaps, missing });
  }

  #measure(out) {
    for (const sample of out) this.#power += sample * sample;
    this.#since += out.length;
    if (this.#since < REPORT) return;
    const [track] = this.#tracks;
    const level = Math.sqrt(this.#power / this.#since);
    this.#since = this.#power = 0;
    this.port.postMessage({ kind: "report", id: track?.id, heard: track?.heard ?? 0, level });
  }
}

registerProcessor("player", Player);
