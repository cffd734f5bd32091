// Sessions through OpenAI's JavaScript SDK: its client for Node, and the one for pages, which shows its key differently.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { model, picture } from "./asked.mjs";
import { secured } from "./secured.mjs";
import { Listener, question, said, sound } from "./talking.mjs";

const client = new OpenAI({ baseURL: await secured(process.env.OLA_ADDRESS), apiKey: "none", maxRetries: 0 });
const connections = {
  Node: () => new OpenAIRealtimeWS({ model }, client),
  page: () => new OpenAIRealtimeWebSocket({ model, dangerouslyAllowBrowser: true }, client),
};
const text = { output_modalities: ["text"] };

async function talking(name, run) {
  const connection = connections[name]();
  try {
    const listener = new Listener(connection);
    await listener.hear("session.created");
    await run(connection, listener);
  } finally {
    connection.close();
  }
}

function write(connection, words, ...parts) {
  const content = [...parts, { type: "input_text", text: words }];
  connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
}

for (const name of Object.keys(connections)) {
  test(`a spoken question is answered aloud: ${name}`, { timeout: 60_000 }, () =>
    talking(name, async (connection, listener) => {
      const input = { transcription: { model: "gpt-4o-mini-transcribe" }, turn_detection: { type: "server_vad" } };
      const output = { voice: "marin" };
      connection.send({ type: "session.update", session: { type: "realtime", audio: { input, output } } });
      const updated = (await listener.hear("session.updated")).at(-1);
      assert.equal(updated.session.audio.output.voice, "marin");
      for (const piece of question()) {
        connection.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
      }
      const events = await listener.hear("response.done");
      assert.equal(events.at(-1).response.status, "completed");
      assert.match(said(events), /seven/);
      assert.ok(sound(events).length > 24000);
    }));
}

test("a picture, a call of a function and what it returned", { timeout: 60_000 }, () =>
  talking("Node", async (connection, listener) => {
    write(connection, "What do you see?", { type: "input_image", image_url: picture });
    connection.send({ type: "response.create", response: text });
    const seen = said(await listener.hear("response.done"));
    for (const shape of ["star", "cross", "square"]) assert.match(seen, new RegExp(shape));
    const tools = [{ type: "function", name: "weather", parameters: { const: { city: "Rome" } } }];
    write(connection, "How is the weather?");
    connection.send({ type: "response.create", response: { tools, tool_choice: "required" } });
    const [call] = (await listener.hear("response.done")).at(-1).response.output;
    assert.deepEqual([call.type, call.name, JSON.parse(call.arguments)], ["function_call", "weather", { city: "Rome" }]);
    const item = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
    connection.send({ type: "conversation.item.create", item });
    connection.send({ type: "response.create", response: text });
    assert.ok(said(await listener.hear("response.done")));
  }));

test("an error ends nothing", { timeout: 60_000 }, () =>
  talking("Node", async (connection, listener) => {
    connection.send({ type: "conversation.item.delete", item_id: "nobody", event_id: "mine" });
    const { error } = (await listener.hear("error")).at(-1);
    assert.deepEqual([error.event_id, error.param], ["mine", "item_id"]);
    write(connection, "What is two plus three?");
    connection.send({ type: "response.create", response: text });
    assert.match(said(await listener.hear("response.done")), /five/);
  }));
