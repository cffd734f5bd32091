// What a page does that was lent a secret, OLA_SECRET: begin the session that it is for, and ask something.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { model } from "./asked.mjs";
import { secured } from "./secured.mjs";
import { Listener, said } from "./talking.mjs";

const apiKey = process.env.OLA_SECRET;
const client = new OpenAI({ baseURL: await secured(process.env.OLA_ADDRESS), apiKey, dangerouslyAllowBrowser: true });
const connection = new OpenAIRealtimeWebSocket({ model, dangerouslyAllowBrowser: true }, client);
const listener = new Listener(connection);
const [{ session }] = await listener.hear("session.created");
assert.equal(session.instructions, "Be brief.");
assert.equal(connection.socket.protocol, "realtime");
const item = { type: "message", role: "user", content: [{ type: "input_text", text: "Hello." }] };
connection.send({ type: "conversation.item.create", item });
connection.send({ type: "response.create", response: { output_modalities: ["text"] } });
assert.ok(said(await listener.hear("response.done")));
process.exit(0);
