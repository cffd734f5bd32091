// A spoken question, answered in writing: node chat_sound.mjs question.wav
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const sound = await readFile(process.argv[2], "base64");
const completion = await client.chat.completions.create({
  model: (await client.models.list()).data[0].id,
  messages: [
    { role: "user", content: [{ type: "input_audio", input_audio: { data: sound, format: "wav" } }] },
  ],
});
console.log(completion.choices[0].message.content);
