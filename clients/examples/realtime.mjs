// A voice session: a spoken question goes in, and what was understood and the spoken answer come out.
// node realtime.mjs question.wav answer.wav (the question as WAV with 16 bits, mono, at 24 kHz)
import { readFile, writeFile } from "node:fs/promises";
import WebSocket from "ws";
import { RATE, pcm, wav } from "./wav.mjs";

const [question, answer] = process.argv.slice(2);
const spoken = Buffer.concat([pcm(await readFile(question)), Buffer.alloc(2 * RATE)]); // a silence: the turn ends

// OpenAI's client for JavaScript (OpenAIRealtimeWS) opens wss addresses only. With TLS before the server it does the
// same as this; its events are these.
const base = process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8000/v1";
const headers = { Authorization: `Bearer ${process.env.OPENAI_API_KEY ?? "none"}` };
const session = new WebSocket(`${base.replace("http", "ws")}/realtime?model=gpt-realtime`, { headers });
const send = (event) => session.send(JSON.stringify(event));

// From here on nothing is waited for until the events are: the first one comes soon.
const sound = [];
const missing = new Set(["question", "answer"]);

session.on("message", async (message) => {
  const event = JSON.parse(message);
  switch (event.type) {
    case "session.created": {
      const input = { transcription: { model: "whisper-1" } };
      send({ type: "session.update", session: { type: "realtime", audio: { input } } });
      for (let at = 0; at < spoken.length; at += RATE / 5) {
        const piece = spoken.subarray(at, at + RATE / 5); // a tenth of a second
        send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
      }
      break;
    }
    case "conversation.item.input_audio_transcription.completed":
      console.log("you:", event.transcript);
      missing.delete("question");
      break;
    case "response.output_audio.delta":
      sound.push(Buffer.from(event.delta, "base64"));
      break;
    case "response.output_audio_transcript.done":
      console.log("ola:", event.transcript);
      break;
    case "response.done":
      missing.delete("answer");
      break;
    case "error":
    case "conversation.item.input_audio_transcription.failed":
      throw new Error(event.error.message);
  }
  if (missing.size === 0 && session.readyState === WebSocket.OPEN) {
    session.close();
    await writeFile(answer, wav(Buffer.concat(sound)));
  }
});
