// SPDX-License-Identifier: Apache-2.0
//
// Runs the rule as polkitd would: what it lets through, and what not.
"use strict";
const assert = require("assert");
const fs = require("fs");
const vm = require("vm");

const rules = [];
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), {
  polkit: {
    Result: { YES: "yes", NOT_HANDLED: "not handled" },
    addRule: (rule) => rules.push(rule),
  },
});
assert.strictEqual(rules.length, 1);

const kUnits = "org.freedesktop.systemd1.manage-units";
function ask(change) {
  const asked = { id: kUnits, user: "timmy", verb: "restart", unit: "timmy-host.service", ...change };
  return rules[0]({ id: asked.id, lookup: (key) => asked[key] }, { user: asked.user });
}

assert.strictEqual(ask({}), "yes");
assert.strictEqual(ask({ unit: "hermes-agent.service" }), "yes");
for (const change of [
  { unit: "ssh.service" },
  { unit: "timmy-host.service.evil" },
  { unit: undefined },
  { verb: "start" },
  { verb: "stop" },
  { verb: "kill" },
  { verb: undefined },
  { user: "hermes" },
  { user: "root" },
  { id: "org.freedesktop.systemd1.manage-unit-files" },
  { id: "org.freedesktop.systemd1.reload-daemon" },
]) {
  assert.strictEqual(ask(change), "not handled", JSON.stringify(change));
}
