// A voice session: a spoken question goes in, and what was understood and the spoken answer come out.
// node realtime.mjs question.wav answer.wav (the question as WAV with 16 bits, mono, at 24 kHz)
import { readFile, writeFile } from "node:fs/promises";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { RATE, pcm, wav } from "./wav.mjs";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const [question, answer] = process.argv.slice(2);
const spoken = Buffer.concat([pcm(await readFile(question)), Buffer.alloc(2 * RATE)]); // a silence, so that the turn ends
const session = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
const sound = [];
const missing = new Set(["question", "answer"]);

session.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
session.on("session.created", () => {
  const input = { transcription: { model: "whisper-1" } };
  session.send({ type: "session.update", session: { type: "realtime", audio: { input } } });
  for (let at = 0; at < spoken.length; at += RATE / 5) {
    const piece = spoken.subarray(at, at + RATE / 5);
    session.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
  }
});
session.on("conversation.item.input_audio_transcription.completed", ({ transcript }) => {
  console.log("you:", transcript);
  done("question");
});
session.on("response.output_audio.delta", ({ delta }) => sound.push(Buffer.from(delta, "base64")));
session.on("response.output_audio_transcript.done", ({ transcript }) => console.log("ola:", transcript));
session.on("response.done", () => done("answer"));

async function done(what) {
  missing.delete(what);
  if (missing.size) return;
  session.close();
  await writeFile(answer, wav(Buffer.concat(sound)));
}
