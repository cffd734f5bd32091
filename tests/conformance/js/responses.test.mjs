// The Responses API through OpenAI's JavaScript SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { all, calling, client, encoded, model, parameters, picture, said } from "./asked.mjs";

const hello = { model, input: "Hello.", temperature: 0, max_output_tokens: 12 };
const inputs = {
  text: "Hello.",
  image: [
    {
      role: "user",
      content: [
        { type: "input_image", detail: "auto", image_url: picture },
        { type: "input_text", text: "What is in the picture?" },
      ],
    },
  ],
  audio: [
    {
      role: "user",
      content: [{ type: "input_audio", input_audio: { data: encoded("question.wav"), format: "wav" } }],
    },
  ],
};

for (const [kind, input] of Object.entries(inputs)) {
  test(`streamed and whole are one: ${kind}`, async () => {
    const whole = await client.responses.create({ ...hello, input });
    const events = await all(await client.responses.create({ ...hello, input, stream: true }));
    const deltas = events.filter((event) => event.type === "response.output_text.delta");
    assert.ok(whole.output_text);
    assert.equal(deltas.map((event) => event.delta).join(""), whole.output_text);
    assert.equal(events.at(-1).type, `response.${whole.status}`);
  });
}

test("the helper that gathers a stream, with a call of a function", async () => {
  const tools = [{ type: "function", name: "weather", parameters, strict: false }];
  const stream = client.responses.stream({ ...hello, tools, max_output_tokens: 100, ...calling });
  const { output, output_text: text } = await stream.finalResponse();
  const call = output.find((item) => item.type === "function_call");
  assert.equal(text.trim(), said);
  assert.deepEqual(JSON.parse(call.arguments), { city: "Rome" });
});

test("errors", async () => {
  for (const fields of [{ store: true }, { previous_response_id: "resp_1" }, { something_new: 1 }]) {
    await assert.rejects(client.responses.create({ ...hello, ...fields }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, Object.keys(fields)[0]);
      return true;
    });
  }
});
