// Speech, transcriptions, voices and client secrets through OpenAI's JavaScript SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";
import { all, client, encoded } from "./asked.mjs";

const speech = { model: "tts-1", voice: "alloy", input: "Hello. How are you?" };
const beginnings = { wav: "RIFF", flac: "fLaC", opus: "OggS" };

for (const response_format of ["mp3", "opus", "aac", "flac", "wav", "pcm"]) {
  test(`a text is spoken: ${response_format}`, async () => {
    const answer = await client.audio.speech.create({ ...speech, response_format });
    const sound = Buffer.from(await answer.arrayBuffer());
    assert.ok(sound.length > 1000);
    if (response_format in beginnings) assert.ok(sound.toString("latin1").startsWith(beginnings[response_format]));
    assert.match(answer.headers.get("content-type"), /^audio\//);
  });
}

test("twice the speed is half the sound", async () => {
  const lengths = [];
  for (const speed of [1, 2]) {
    const answer = await client.audio.speech.create({ ...speech, response_format: "pcm", speed });
    lengths.push((await answer.arrayBuffer()).byteLength);
  }
  assert.ok(lengths[1] < 0.7 * lengths[0]);
});

test("a text is spoken in events", async () => {
  const answer = await client.audio.speech.create({ ...speech, response_format: "pcm", stream_format: "sse" });
  const events = (await answer.text()).split("\n\n").filter(Boolean).map((event) => JSON.parse(event.slice(6)));
  assert.ok(events.slice(0, -1).every((event) => event.type === "speech.audio.delta" && event.audio));
  const { type, usage } = events.at(-1);
  assert.equal(type, "speech.audio.done");
  assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
});

const recording = () => toFile(Buffer.from(encoded("question.wav"), "base64"), "question.wav");

test("a recording is heard: json, events, subtitles", async () => {
  const asked = { model: "whisper-1", language: "en" };
  const { text } = await client.audio.transcriptions.create({ ...asked, file: await recording() });
  assert.ok(text);
  const stream = await client.audio.transcriptions.create({ ...asked, file: await recording(), stream: true });
  const events = await all(stream);
  assert.equal(events.at(-1).type, "transcript.text.done");
  assert.equal(events.at(-1).text, text);
  assert.equal(events.slice(0, -1).map((event) => event.delta).join(""), text);
  const verbose = { ...asked, file: await recording(), response_format: "verbose_json" };
  const { segments, duration } = await client.audio.transcriptions.create(verbose);
  assert.ok(segments.length && segments.at(-1).end <= Number(duration) + 0.01);
  const subtitles = { ...asked, file: await recording(), response_format: "vtt" };
  assert.match(await client.audio.transcriptions.create(subtitles), /^WEBVTT\n/);
});

test("a recording is translated", async () => {
  assert.ok((await client.audio.translations.create({ model: "whisper-1", file: await recording() })).text);
});

test("a secret for a page", async () => {
  const minted = await client.realtime.clientSecrets.create({ session: { type: "realtime" } });
  assert.match(minted.value, /^ek_/);
  assert.ok(minted.expires_at > Date.now() / 1000);
  assert.equal(minted.session.type, "realtime");
});

test("errors", async () => {
  const damaged = await toFile(Buffer.from("no"), "a.wav");
  const failures = {
    voice: () => client.audio.speech.create({ ...speech, voice: "nobody" }),
    speed: () => client.audio.speech.create({ ...speech, speed: 9 }),
    file: () => client.audio.transcriptions.create({ model: "whisper-1", file: damaged }),
  };
  for (const [param, ask] of Object.entries(failures)) {
    await assert.rejects(ask, (error) => error instanceof OpenAI.BadRequestError && error.param === param);
  }
});
