// Runs before the page does: what it connects to the loudspeaker of a 24 kHz context is written down too, by sample.

const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
  process([[heard]]) {
    if (heard) this.port.postMessage(heard.slice());
    return true;
  }
});`;

window.heard = []; // blocks of samples
const tapModule = URL.createObjectURL(new Blob([TAP], { type: "text/javascript" }));

// The tap's code is there before the page's, so that the first sample is not missed.
const addModule = AudioWorklet.prototype.addModule;
AudioWorklet.prototype.addModule = async function (...given) {
  await addModule.call(this, tapModule);
  return addModule.apply(this, given);
};

const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  const { context } = this;
  if (target === context.destination && context.sampleRate === 24000) {
    const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
    tap.port.onmessage = ({ data }) => window.heard.push(data);
    connect.call(this, tap);
  }
  return connect.call(this, target, ...rest);
};

// All that was heard so far, as base64 of 32-bit floats.
window.allHeard = async () => {
  const bytes = new Uint8Array(await new Blob(window.heard).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
};
