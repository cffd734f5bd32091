// A question about a picture: node chat_image.mjs shapes.png "What do you see?"
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const [path, question] = process.argv.slice(2);
const picture = await readFile(path, "base64");
const stream = await client.chat.completions.create({
  model: (await client.models.list()).data[0].id,
  messages: [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } },
        { type: "text", text: question },
      ],
    },
  ],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
process.stdout.write("\n");
