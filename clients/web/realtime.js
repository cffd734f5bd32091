// One voice session's WebSocket: events out, events in. Knows no sound and no page.

import { toBase64 } from "./pcm.js";

export class Session {
  #socket;

  /** Ask for a secret and open the session with it. Throws an ApiError, or an Error if the socket does not open. */
  static async open(api, session) {
    const { address, protocols } = await api.voiceSession(session);
    const socket = new WebSocket(address, protocols);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => reject(new Error("The voice session could not be opened."));
    });
    return new Session(socket);
  }

  constructor(socket) {
    this.#socket = socket;
  }

  /** Events go to `take`, in order; `closed(words, again)` is called once, with "" if it was we who closed. `again`:
   * nobody meant it, and another session may be had. */
  begin(take, closed) {
    this.#socket.onmessage = ({ data }) => take(JSON.parse(data));
    this.#socket.onclose = ({ code, reason }) => {
      const meant = code === 1000 || code === 1008 || reason in ENDINGS;
      closed(code === 1000 ? "" : ending(reason), !meant);
    };
  }

  send(type, fields = {}) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, ...fields }));
  }

  /** A frame of the microphone's samples. */
  hear(pcm) {
    this.send("input_audio_buffer.append", { audio: toBase64(new Uint8Array(pcm.buffer)) });
  }

  close() {
    this.#socket.close(1000);
  }
}

const ENDINGS = {
  session_expired: "The session has reached its longest time.",
  session_idle_timeout: "The session was idle for too long.",
  session_taken_over: "The session went on elsewhere.",
  client_too_slow: "This connection is too slow for speech.",
};

function ending(reason) {
  return ENDINGS[reason] ?? (reason || "The connection to the server was lost.");
}
