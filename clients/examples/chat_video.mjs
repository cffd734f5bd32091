// A question about a video, which is heard as well as seen: node chat_video.mjs clip.mp4 "What moves?"
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const [path, question] = process.argv.slice(2);
const video = await readFile(path, "base64");
const completion = await client.chat.completions.create({
  model: (await client.models.list()).data[0].id,
  messages: [
    {
      role: "user",
      content: [
        { type: "video_url", video_url: { url: `data:video/mp4;base64,${video}` } },
        { type: "text", text: question },
      ],
    },
  ],
});
console.log(completion.choices[0].message.content);
