// PCM as it goes over the wire (24 kHz, mono, 16 bits) in files of that kind.
export const RATE = 24000;

export function wav(pcm) {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + pcm.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22); // channels
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([header, pcm]);
}

export function pcm(file) {
  const format = file.indexOf("fmt ") + 8;
  const [channels, rate, bits] = [file.readUInt16LE(format + 2), file.readUInt32LE(format + 4), file.readUInt16LE(format + 14)];
  if (channels !== 1 || rate !== RATE || bits !== 16) throw new Error("mono, 16 bits, 24 kHz");
  const data = file.indexOf("data", format);
  return file.subarray(data + 8, data + 8 + file.readUInt32LE(data + 4));
}
