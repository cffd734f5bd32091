// The models through OpenAI's JavaScript SDK.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { all, client, model } from "./asked.mjs";

test("the models say what they take and give", async () => {
  const [listed] = await all(await client.models.list());
  assert.deepEqual(await client.models.retrieve(model), listed);
  assert.deepEqual(listed.input_modalities, ["text", "image", "video", "audio"]);
  await assert.rejects(client.models.retrieve("nobody"), OpenAI.NotFoundError);
});
