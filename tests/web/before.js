// Runs before the page does: whatever it connects to the loudspeaker of a 24 kHz context is also written down.

window.heard = []; // blocks of samples
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  const { context } = this;
  if (target === context.destination && context.sampleRate === 24000) {
    const add = context.audioWorklet.addModule("/web/tap.js");
    add.then(() => {
      const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0 });
      tap.port.onmessage = ({ data }) => window.heard.push(data);
      connect.call(this, tap);
    });
  }
  return connect.call(this, target, ...rest);
};

// All that was heard so far, as base64 of 32-bit floats.
window.allHeard = async () => {
  const blob = new Blob(window.heard);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
};
