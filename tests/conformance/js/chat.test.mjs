// Chat completions through OpenAI's JavaScript SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { all, calling, client, encoded, hello, parameters, picture, said, spoken } from "./asked.mjs";

const contents = {
  text: "Hello.",
  image: [
    { type: "image_url", image_url: { url: picture } },
    { type: "text", text: "What is in the picture?" },
  ],
  audio: [{ type: "input_audio", input_audio: { data: encoded("question.wav"), format: "wav" } }],
};

for (const [kind, content] of Object.entries(contents)) {
  test(`streamed and whole are one: ${kind}`, async () => {
    const asked = { ...hello, messages: [{ role: "user", content }] };
    const whole = await client.chat.completions.create(asked);
    const options = { stream: true, stream_options: { include_usage: true } };
    const chunks = await all(await client.chat.completions.create({ ...asked, ...options }));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.equal(text, whole.choices[0].message.content);
    assert.ok(text);
    const { prompt_tokens_details: details, prompt_tokens: tokens } = chunks.at(-1).usage;
    assert.equal(details.text_tokens + details.image_tokens + details.video_tokens + details.audio_tokens, tokens);
    if (kind !== "text") assert.ok(details[`${kind}_tokens`] > 0);
  });
}

const sampled = { n: 2, seed: 1, temperature: 1 };

test("choices and logprobs", async () => {
  const answer = await client.chat.completions.create({ ...hello, ...sampled, logprobs: true, top_logprobs: 2 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  assert.ok(answer.choices[0].logprobs.content[0].top_logprobs.length >= 2);
});

test("the helper that gathers a stream, with a call of a tool", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters } }];
  const stream = client.chat.completions.stream({ ...hello, tools, max_completion_tokens: 100, ...calling });
  const [choice] = (await stream.finalChatCompletion()).choices;
  assert.equal(choice.finish_reason, "tool_calls");
  assert.equal(choice.message.content.trim(), said);
  assert.equal(choice.message.tool_calls[0].function.name, "weather");
  assert.deepEqual(JSON.parse(choice.message.tool_calls[0].function.arguments), { city: "Rome" });
});

test("a JSON schema", async () => {
  const response_format = { type: "json_schema", json_schema: { name: "number", schema: { enum: [1, 2] } } };
  const answer = await client.chat.completions.create({ ...hello, response_format });
  assert.ok([1, 2].includes(JSON.parse(answer.choices[0].message.content)));
});

test("a spoken answer, whole and by its id", async () => {
  const whole = await client.chat.completions.create({ ...hello, ...spoken, audio: { voice: "alloy", format: "wav" } });
  const { audio, content } = whole.choices[0].message;
  assert.equal(content, null);
  assert.equal(Buffer.from(audio.data, "base64").subarray(0, 4).toString(), "RIFF");
  const messages = [...hello.messages, { role: "assistant", audio: { id: audio.id } }, ...hello.messages];
  assert.ok((await client.chat.completions.create({ ...hello, messages })).choices[0].message.content);
});

test("a streamed spoken answer", async () => {
  const chunks = await all(await client.chat.completions.create({ ...hello, ...spoken, stream: true }));
  const audio = chunks.flatMap((chunk) => chunk.choices[0]?.delta.audio ?? []);
  assert.ok(audio.map((part) => part.transcript ?? "").join(""));
  assert.ok(Buffer.concat(audio.map((part) => Buffer.from(part.data ?? "", "base64"))).length > 1000);
  assert.ok(audio.at(-1).expires_at > Date.now() / 1000);
});

test("errors", async () => {
  const failures = [
    [{ model: "nobody" }, OpenAI.NotFoundError, "model"],
    [{ temperature: -1 }, OpenAI.BadRequestError, "temperature"],
    [{ something_new: 1 }, OpenAI.BadRequestError, "something_new"],
    [{ n: 2, ...spoken }, OpenAI.BadRequestError, "n"],
  ];
  for (const [fields, kind, param] of failures) {
    await assert.rejects(client.chat.completions.create({ ...hello, ...fields }), (error) => {
      assert.ok(error instanceof kind);
      assert.equal(error.param, param);
      return true;
    });
  }
});
