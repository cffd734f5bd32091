// Server-sent events: bytes, cut anywhere, to the data of each event.

/** The data of the events in a body of bytes. Leaving the loop closes the body. */
export async function* serverSentEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const lines = new Lines();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const line of lines.feed(value)) {
        if (line.startsWith("data:")) yield line.slice(5).trimStart();
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already, which was told above
  }
}

/** Text, cut anywhere, to whole lines. */
export class Lines {
  #rest = "";

  feed(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    return lines.map((line) => line.replace(/\r$/, ""));
  }
}
