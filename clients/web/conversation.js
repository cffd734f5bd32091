// What was said so far, as the model is told it: the messages of a chat, and the same as items of a voice session.

export class Conversation {
  messages = [];

  /** What the user said; the words of a spoken turn may come later. */
  user(content) {
    const message = { role: "user", content };
    this.messages.push(message);
    return message;
  }

  /** What the assistant says; its words may come later, and be cut to those that were heard. */
  assistant(content) {
    const message = { role: "assistant", content };
    this.messages.push(message);
    return message;
  }

  /** Take a message back. */
  forget(message) {
    this.messages = this.messages.filter((one) => one !== message);
  }

  /** Messages for a chat: those that say something. */
  get said() {
    return this.messages.filter(({ content }) => content.length).map((message) => ({ ...message }));
  }

  clear() {
    this.messages = [];
  }

  /** Items for a voice session. Pictures and words go along; videos and recordings are left out of it. */
  items() {
    return this.said.map(({ role, content }) => item(role, content)).filter((one) => one.content.length);
  }
}

/** A message as an item of a voice session. */
export function item(role, content) {
  const parts = typeof content === "string" ? [{ type: "text", text: content }] : content;
  return { type: "message", role, content: parts.flatMap((part) => itemPart(role, part)) };
}

function itemPart(role, part) {
  if (part.type === "text") return [{ type: role === "assistant" ? "output_text" : "input_text", text: part.text }];
  if (part.type === "image_url") return [{ type: "input_image", image_url: part.image_url.url }];
  return [];
}
