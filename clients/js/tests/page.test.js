import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf, valueOf } from "../../page/schema.js";
import { duration, errorInWords, lineInWords, progressInWords } from "../../page/words.js";

const SCHEMA = {
  type: "object",
  required: ["source", "mode", "rows"],
  properties: {
    source: { type: "string", description: "What to read." },
    delimiter: { type: "string", default: ",", maxLength: 1 },
    mode: { $ref: "#/$defs/Mode" },
    rows: { type: "integer", minimum: 1, maximum: 9 },
    share: { anyOf: [{ type: "number" }, { type: "null" }], default: null },
    dry_run: { type: "boolean", default: false },
    names: { type: "array", items: { type: "string" } },
    limits: { type: "array", items: { type: "integer" } },
    options: { type: "object" },
    either: { anyOf: [{ type: "string" }, { type: "integer" }] },
  },
  $defs: { Mode: { enum: ["fast", "exact"], type: "string" } },
};

const field = (name) => fieldsOf(SCHEMA).find((each) => each.name === name);

test("each property becomes a field that fits it", () => {
  const kinds = Object.fromEntries(fieldsOf(SCHEMA).map(({ name, kind }) => [name, kind]));

  assert.deepEqual(kinds, {
    source: "text",
    delimiter: "text",
    mode: "choice",
    rows: "integer",
    share: "number",
    dry_run: "boolean",
    names: "list",
    limits: "list",
    options: "json",
    either: "json",
  });
  assert.deepEqual(field("mode").options, ["fast", "exact"]);
  assert.equal(field("source").hint, "What to read.");
  assert.deepEqual([field("source").required, field("share").required], [true, false]);
  assert.equal(field("dry_run").label, "Dry run");
});

test("what was typed becomes the value that the schema means", () => {
  const typed = [
    ["source", "a.csv", { value: "a.csv" }],
    ["delimiter", "", {}],
    ["delimiter", " ", { value: " " }],
    ["mode", "1", { value: "exact" }],
    ["rows", "7", { value: 7 }],
    ["share", "0.5", { value: 0.5 }],
    ["share", "", {}],
    ["dry_run", true, { value: true }],
    ["names", "Ada\n\n Grace \n", { value: ["Ada", "Grace"] }],
    ["limits", "1\n2", { value: [1, 2] }],
    ["options", '{"deep": [1]}', { value: { deep: [1] } }],
    ["either", "3", { value: 3 }],
  ];
  for (const [name, text, value] of typed) assert.deepEqual(valueOf(field(name), text), value, name);
});

test("what cannot be meant is said at the field", () => {
  for (const [name, text] of [["rows", ""], ["rows", "1.5"], ["rows", "0"], ["rows", "10"],
    ["rows", "many"], ["options", "{"], ["mode", ""]]) {
    assert.ok(valueOf(field(name), text).fault, `${name}: ${text}`);
  }
});

test("a reference that leads nowhere or round in circles is a field for JSON", () => {
  const odd = { properties: { lost: { $ref: "#/$defs/No" }, round: { $ref: "#/$defs/R" } }, $defs: { R: { $ref: "#/$defs/R" } } };

  assert.deepEqual(fieldsOf(odd).map(({ kind }) => kind), ["json", "json"]);
  assert.deepEqual(fieldsOf({}), []);
});

test("times, progress, errors and the line are told in words", () => {
  assert.deepEqual([850, 12_400, 200_000, 7_500_000].map(duration), ["0.8 s", "12 s", "3 min 20 s", "2 h 5 min"]);
  assert.equal(progressInWords({ current: 1200, total: 4000, message: "reading" }), "reading · 1,200 of 4,000");
  assert.equal(progressInWords({ current: 5, total: null, message: null }), "5");
  assert.equal(errorInWords({ code: "time_limit_exceeded", message: null }), "It ended with “time limit exceeded”.");
  assert.equal(lineInWords({ state: "offline", retryAt: 4_000 }, 1_000), "Offline · next try in 3 s");
  assert.equal(lineInWords({ state: "offline", retryAt: 4_000 }, 5_000), "Offline · trying …");
});
