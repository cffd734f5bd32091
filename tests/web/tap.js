// On the audio thread of a page under test: passes on what goes to the loudspeaker, sample by sample.

class Tap extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
}

registerProcessor("tap", Tap);
