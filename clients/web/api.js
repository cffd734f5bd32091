// The server's HTTP API as the page needs it. The key, if the server wants one, lives in this object and nowhere else.

import { serverSentEvents } from "./sse.js";

const HERE = new URL("v1/", document.baseURI);

/** What the server refused, or that it cannot be reached: `status` is 0 then. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }

  get wantsKey() {
    return this.status === 401;
  }
}

export class Api {
  #key = "";

  /** Show this key from now on; an empty one is none. */
  useKey(key) {
    this.#key = key.trim();
  }

  /** The models, as `GET /v1/models` lists them. */
  async models() {
    return (await this.#json("models")).data;
  }

  /** The voices that an answer may have; none if the server is mute. */
  async voices() {
    return (await this.#json("audio/voices")).data;
  }

  /** The chunks of a streamed chat completion. Aborting `signal`, or leaving the loop, stops the answer. */
  async *streamChat(body, signal) {
    const response = await this.#fetch("chat/completions", { ...body, stream: true }, signal);
    for await (const data of serverSentEvents(response.body)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(chunk.error.message, { status: 500, code: chunk.error.code });
      yield chunk;
    }
    throw new ApiError("The connection broke in the middle of the answer.");
  }

  /** A secret that opens one voice session, made for `session`, and where to open it. */
  async voiceSession(session) {
    const expires = { anchor: "created_at", seconds: 60 };
    const { value } = await this.#json("realtime/client_secrets", { expires_after: expires, session });
    const address = new URL("realtime", HERE);
    address.protocol = address.protocol.replace("http", "ws");
    address.searchParams.set("model", session.model);
    return { address: address.href, protocols: ["realtime", `openai-insecure-api-key.${value}`] };
  }

  async #json(path, body) {
    return (await this.#fetch(path, body)).json();
  }

  async #fetch(path, body, signal) {
    const headers = {};
    if (this.#key) headers.Authorization = `Bearer ${this.#key}`;
    if (body) headers["Content-Type"] = "application/json";
    const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal };
    let response;
    try {
      response = await fetch(new URL(path, HERE), options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The server does not answer. Is it running?");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

async function refusal(response) {
  const { status } = response;
  try {
    const { error } = await response.json();
    return new ApiError(error.message, { status, code: error.code });
  } catch {
    return new ApiError(`The server answered with status ${status}.`, { status });
  }
}
