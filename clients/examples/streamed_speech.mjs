// An answer that is spoken while it is being thought: node streamed_speech.mjs "Tell me a story." story.wav
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";
import { wav } from "./wav.mjs";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const [question, target] = process.argv.slice(2);
const stream = await client.chat.completions.create({
  model: (await client.models.list()).data[0].id,
  messages: [{ role: "user", content: question }],
  modalities: ["text", "audio"],
  audio: { voice: "alloy", format: "pcm16" },
  stream: true,
});
const sound = [];
for await (const chunk of stream) {
  const audio = chunk.choices[0]?.delta.audio;
  process.stdout.write(audio?.transcript ?? "");
  if (audio?.data) sound.push(Buffer.from(audio.data, "base64")); // play it from here on
}
process.stdout.write("\n");
await writeFile(target, wav(Buffer.concat(sound)));
