// What the microphone hears, from the rate of the machine to 24 kHz, in frames of 40 ms. Without a microphone: silence.

const RATE = 24000;
const FRAME = 960;
const REACH = 16; // samples that the low-pass looks at, to either side
const PHASES = 64; // positions between two samples that it knows

/** Band-limited interpolation (a Hann-windowed sinc). Blocks may be cut anywhere. */
class Resampler {
  #kernel;
  #past = new Float32Array(2 * REACH);
  #at = 0; // where the next sample is taken, in #past and what follows

  constructor(from) {
    this.step = from / RATE;
    const cut = Math.min(1, 1 / this.step);
    this.#kernel = Array.from({ length: PHASES + 1 }, (_, phase) => lowPass(phase / PHASES, cut));
  }

  *feed(block) {
    const all = new Float32Array(this.#past.length + block.length);
    all.set(this.#past);
    all.set(block, this.#past.length);
    while (Math.floor(this.#at) + 2 * REACH <= all.length) {
      const first = Math.floor(this.#at);
      const kernel = this.#kernel[Math.round((this.#at - first) * PHASES)];
      let sum = 0;
      for (let index = 0; index < kernel.length; index += 1) sum += kernel[index] * all[first + index];
      yield sum;
      this.#at += this.step;
    }
    const kept = Math.min(Math.floor(this.#at), all.length);
    this.#past = all.slice(kept);
    this.#at -= kept;
  }
}

function lowPass(shift, cut) {
  const taps = Array.from({ length: 2 * REACH }, (_, index) => {
    const distance = index - (REACH - 1) - shift;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (REACH + 1));
    const angle = Math.PI * distance * cut;
    return window * (angle === 0 ? 1 : Math.sin(angle) / angle);
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

class Microphone extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate);
  #frame = new Int16Array(FRAME);
  #filled = 0;
  #power = 0;
  #quiet = new Float32Array(128);

  process([[heard]]) {
    for (const sample of this.#resampler.feed(heard ?? this.#quiet)) {
      this.#frame[this.#filled] = 32767 * Math.max(-1, Math.min(1, sample));
      this.#power += sample * sample;
      this.#filled += 1;
      if (this.#filled === FRAME) this.#send();
    }
    return true;
  }

  #send() {
    const level = Math.sqrt(this.#power / FRAME);
    this.port.postMessage({ pcm: this.#frame, level }, [this.#frame.buffer]);
    this.#frame = new Int16Array(FRAME);
    this.#filled = this.#power = 0;
  }
}

registerProcessor("microphone", Microphone);
