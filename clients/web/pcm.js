// Sound as the wire has it: signed 16-bit little-endian samples, mono, 24 kHz, often in base64.

export const RATE = 24000;

const PIECE = 0x8000; // arguments that a call may have in every browser

export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

export function toBase64(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(binary);
}

/** Bytes, cut anywhere, to samples from -1 to 1. */
export class Samples {
  #odd = null;

  feed(bytes) {
    let all = bytes;
    if (this.#odd !== null) {
      all = new Uint8Array(bytes.length + 1);
      all[0] = this.#odd;
      all.set(bytes, 1);
    }
    const count = all.length >> 1;
    this.#odd = all.length % 2 ? all[all.length - 1] : null;
    const view = new DataView(all.buffer, all.byteOffset, 2 * count);
    return Float32Array.from({ length: count }, (_, at) => view.getInt16(2 * at, true) / 32768);
  }
}

/** A WAV file of pieces of 16-bit samples. */
export function wavFile(pieces, rate = RATE) {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const head = new DataView(new ArrayBuffer(44));
  const write = (at, text) => [...text].forEach((sign, index) => head.setUint8(at + index, sign.charCodeAt(0)));
  write(0, "RIFF");
  head.setUint32(4, 36 + size, true);
  write(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // mono
  head.setUint32(24, rate, true);
  head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  write(36, "data");
  head.setUint32(40, size, true);
  return new Blob([head, ...pieces], { type: "audio/wav" });
}
