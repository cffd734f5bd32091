// A session of OpenAI's Agents SDK over its WebSocket transport, with the config that it sends by itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents/realtime";
import { model } from "./asked.mjs";
import { question } from "./talking.mjs";

const url = `${process.env.OLA_ADDRESS.replace("http", "ws")}/v1/realtime?model=${model}`;

async function talking(agent, options, run) {
  const session = new RealtimeSession(agent, { transport: new OpenAIRealtimeWebSocket({ url }), model, ...options });
  const errors = [];
  session.on("error", (error) => errors.push(error));
  // An open microphone hears silence all the time; whether somebody has ended is judged by how long it lasts.
  const microphone = setInterval(() => session.sendAudio(new ArrayBuffer(4800)), 100);
  try {
    await session.connect({ apiKey: "none" });
    await run(session);
    assert.deepEqual(errors, []);
  } finally {
    clearInterval(microphone);
    session.close();
  }
}

function ask(session) {
  for (const piece of question()) session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
}

function until(session, kind, true_ = () => true) {
  return new Promise((resolve) => session.on(kind, (...heard) => true_(...heard) && resolve(heard)));
}

const words = (item) => item.content?.map((part) => part.transcript ?? part.text ?? "").join("") ?? "";

test("a spoken question is answered aloud, and the history has both", { timeout: 60_000 }, () =>
  talking(new RealtimeAgent({ name: "Ola", instructions: "You are Ola." }), {}, async (session) => {
    let bytes = 0;
    session.on("audio", ({ data }) => (bytes += data.byteLength));
    const whole = until(session, "history_updated", (history) => {
      const said = history.filter((item) => item.type === "message" && item.status === "completed").map(words);
      return said.length === 2 && said.every(Boolean);
    });
    const ended = until(session, "agent_end");
    ask(session);
    const [, , answer] = await ended;
    assert.match(answer, /seven/);
    const [history] = await whole;
    assert.match(words(history[0]), /three plus four/i);
    assert.match(words(history[1]), /seven/);
    assert.ok(bytes > 24000);
  }));

test("a tool is called and its result taken", { timeout: 60_000 }, async () => {
  const called = [];
  let session;
  const weather = tool({
    name: "weather",
    description: "The weather in a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string", enum: ["Rome"] } },
      required: ["city"],
      additionalProperties: false,
    },
    strict: false,
    execute: async ({ city }) => {
      called.push(city);
      // The demo model has to be made to call it; once is enough.
      session.transport.sendEvent({ type: "session.update", session: { type: "realtime", tool_choice: "none" } });
      return "sunny";
    },
  });
  const agent = new RealtimeAgent({ name: "Ola", instructions: "You are Ola.", tools: [weather] });
  await talking(agent, { config: { toolChoice: "required" } }, async (opened) => {
    session = opened;
    const used = until(session, "agent_tool_end");
    const ended = until(session, "agent_end", (_, __, answer) => Boolean(answer));
    session.sendMessage("How is the weather in Rome?");
    const [, , , result] = await used;
    assert.equal(result, "sunny");
    assert.deepEqual(called, ["Rome"]);
    await ended;
  });
});

test("who speaks meanwhile interrupts", { timeout: 60_000 }, () =>
  talking(new RealtimeAgent({ name: "Ola", instructions: "You are Ola." }), {}, async (session) => {
    session.sendMessage("Count to twenty.");
    await until(session, "audio");
    const interrupted = until(session, "audio_interrupted");
    const cut = until(session, "transport_event", ({ type }) => type === "conversation.item.truncated");
    const cancelled = until(
      session,
      "transport_event",
      ({ type, response }) => type === "response.done" && response.status === "cancelled",
    );
    ask(session);
    await Promise.all([interrupted, cut, cancelled]);
    await until(session, "agent_end");
  }));
