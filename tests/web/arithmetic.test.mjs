// The page's modules that know no page: any cut of what they are fed gives the same.

import assert from "node:assert/strict";
import test from "node:test";

import { Captions } from "../../clients/web/captions.js";
import { Conversation } from "../../clients/web/conversation.js";
import { Latency } from "../../clients/web/latency.js";
import { RATE, Samples, fromBase64, toBase64, wavFile } from "../../clients/web/pcm.js";
import { Lines } from "../../clients/web/sse.js";

const TEXT = "One, two, three. 42 is said slowly; 你好 also.";

function cuts(whole, size) {
  const pieces = [];
  for (let at = 0; at < whole.length; at += size) pieces.push(whole.slice(at, at + size));
  return pieces;
}

test("samples do not depend on where bytes are cut", () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, at) => (at * 37) % 256);
  const whole = [...new Samples().feed(bytes)];
  assert.equal(whole.length, 200);
  assert.equal(whole[1], new DataView(bytes.buffer).getInt16(2, true) / 32768);
  for (const size of [1, 2, 3, 7, 64]) {
    const samples = new Samples();
    assert.deepEqual(cuts(bytes, size).flatMap((piece) => [...samples.feed(piece)]), whole);
  }
});

test("base64 there and back, also of much", () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, at) => at % 251);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
});

test("lines do not depend on where text is cut", () => {
  const text = "data: one\r\n\ndata: two\n";
  for (const size of [1, 2, 5, text.length]) {
    const lines = new Lines();
    assert.deepEqual(cuts(text, size).flatMap((piece) => lines.feed(piece)), ["data: one", "", "data: two"]);
  }
});

test("a caption does not depend on where text is cut", () => {
  const followed = (size) => {
    const captions = new Captions();
    cuts(TEXT, size).forEach((piece) => captions.write(piece));
    captions.close(RATE);
    return Array.from({ length: 25 }, (_, at) => captions.at(1000 * at));
  };
  for (const size of [1, 2, 3, 8]) assert.deepEqual(followed(size), followed(TEXT.length));
});

test("a caption goes through every word, never back, and ends with the sound", () => {
  const captions = new Captions();
  captions.write(TEXT);
  assert.deepEqual(captions.at(0), { start: 0, end: 0 });
  captions.close(10 * RATE);
  const seen = [];
  for (let at = 1; at < 10 * RATE; at += 100) {
    const { start, end } = captions.at(at);
    if (seen.at(-1) !== TEXT.slice(start, end)) seen.push(TEXT.slice(start, end));
  }
  assert.deepEqual(seen, ["One,", "two,", "three.", "42", "is", "said", "slowly;", "你", "好", "also."]);
  assert.deepEqual(captions.at(10 * RATE), { start: TEXT.length, end: TEXT.length });
});

test("a caption that was too quick waits; it does not go back", () => {
  const captions = new Captions(100);
  captions.write("a b c d e f g h");
  const before = captions.at(1100);
  captions.close(48000);
  assert.ok(before.start > 0);
  assert.deepEqual(captions.at(1200), before);
});

test("before all sound is there, the last word that is written is as far as a caption goes", () => {
  const captions = new Captions();
  captions.write("Only this");
  assert.deepEqual(captions.at(60 * RATE), { start: 5, end: 9 });
  captions.write(" and that.");
  assert.deepEqual(captions.at(120 * RATE), { start: 14, end: 19 });
});

test("latency in words", () => {
  const latency = new Latency(performance.now() - 250);
  assert.equal(String(latency), "");
  latency.textCame();
  latency.soundBegan(latency.since + 1234);
  assert.match(String(latency), /^first word 0\.\d\d s · first sound 1\.23 s$/);
  latency.soundEnded({ gaps: 1, missing: RATE / 2 });
  assert.match(String(latency), /· 1 gap, 0\.50 s$/);
});

test("a WAV file has its samples behind its head", async () => {
  const file = wavFile([Int16Array.of(1, 2), Int16Array.of(3)]);
  const view = new DataView(await file.arrayBuffer());
  assert.equal(view.getUint32(24, true), RATE);
  assert.equal(view.getUint32(40, true), 6);
  assert.deepEqual([44, 46, 48].map((at) => view.getInt16(at, true)), [1, 2, 3]);
});

test("a conversation as a chat and as a voice session", () => {
  const conversation = new Conversation();
  const picture = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
  conversation.user([picture, { type: "text", text: "What is it?" }]);
  conversation.assistant("A dot.");
  conversation.user([{ type: "audio_url", audio_url: { url: "data:audio/wav;base64,AA==" } }]);
  const unsaid = conversation.assistant("");
  assert.equal(conversation.said.length, 3);
  conversation.forget(unsaid);
  assert.deepEqual(conversation.items(), [
    {
      type: "message",
      role: "user",
      content: [
        { type: "input_image", image_url: picture.image_url.url },
        { type: "input_text", text: "What is it?" },
      ],
    },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "A dot." }] },
  ]);
});
