// SPDX-License-Identifier: Apache-2.0
//
// OpenAI's client for Node through the meter. Started by clients.py, which says where it is:
// URL KEY, and those of a meter with nothing left.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

// NODE_PATH counts too, which `import` doesn't look at.
let OpenAI;
try {
  const found = createRequire(import.meta.url).resolve("openai");
  OpenAI = (await import(pathToFileURL(found))).default;
} catch {
  console.log("skipped: node has no module openai; npm install --prefix DIR openai, and say " +
    "NODE_PATH=DIR/node_modules");
  process.exit(77);
}
if (typeof OpenAI !== "function") OpenAI = OpenAI.OpenAI;

const [url, key, emptyUrl, emptyKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey: key });
const messages = [{ role: "user", content: "hello" }];
const model = "small-1";
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object",
  properties: { city: { type: "string" } } } } }];
const ask = (more) => client.chat.completions.create({ model, messages, ...more });

assert.equal((await ask({})).choices[0].message.content, "Hello from upstream");
assert.equal((await ask({ tools })).choices[0].message.tool_calls[0].function.name, "weather");

let text = "";
for await (const piece of await ask({ stream: true })) text += piece.choices[0].delta.content ?? "";
assert.equal(text, "Hello from upstream");

const names = [];
for await (const piece of await ask({ stream: true, tools }))
  for (const call of piece.choices[0].delta.tool_calls ?? []) names.push(call.function.name);
assert.deepEqual(names, ["weather"]);

await assert.rejects(async () => {
  for await (const piece of await ask({ stream: true, user: "breaks" })) void piece;
}, /closed the stream before its end/);
await assert.rejects(ask({ user: "500" }), /upstream says no/);
await assert.rejects(ask({ user: "503" }), /upstream says no/);
await assert.rejects(ask({ model: "claude-9" }), /banned on this host/);

const empty = new OpenAI({ baseURL: emptyUrl, apiKey: emptyKey });
const began = Date.now();
await assert.rejects(empty.chat.completions.create({ model, messages }),
  /the cap of the day is reached/);
assert.ok(Date.now() - began < 400, "the client tried a refusal again");
