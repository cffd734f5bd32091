// What the JavaScript conformance tests ask the demo model, through OpenAI's SDK. OLA_ADDRESS is the server's address.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

export const client = new OpenAI({ baseURL: `${process.env.OLA_ADDRESS}/v1`, apiKey: "none", maxRetries: 0 });
export const model = "ola-demo";
export const hello = {
  model,
  messages: [{ role: "user", content: "Hello." }],
  temperature: 0,
  max_completion_tokens: 12,
};
export const spoken = { modalities: ["text", "audio"], audio: { voice: "alloy", format: "pcm16" } };
export const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const said = "Let me look.";
// The demo model knows no tools; so it is made to say this.
export const calling = {
  structured_outputs: {
    choice: [`${said} <tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>`],
  },
};

export function encoded(name) {
  return readFileSync(new URL(`../../../models/ola-demo/examples/${name}`, import.meta.url)).toString("base64");
}

export const picture = `data:image/png;base64,${encoded("shapes.png")}`;

export async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}
