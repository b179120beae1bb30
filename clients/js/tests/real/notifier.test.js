/**
 * Follows one job of a real notifier, which is killed meanwhile. Told by the environment: where
 * (WAYMARK_STREAM_URL), with what (WAYMARK_TOKEN) and which (WAYMARK_JOB).
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { connect, WaymarkError } from "../../src/index.js";

const { WAYMARK_STREAM_URL: url, WAYMARK_TOKEN: token, WAYMARK_JOB: id } = process.env;
const WITHIN = { timeout: 60_000 };

test("a job of a real notifier is told completely, once and in order", WITHIN, async () => {
  const states = [];
  const waymark = connect({ url, token, onState: ({ state }) => states.push(state) });
  const steps = [];
  const progress = [];
  for await (const update of waymark.job(id)) {
    if (update.type === "transition") steps.push([update.step, update.state]);
    if (update.type === "progress") progress.push(update.progress.current);
    assert.notEqual(update.type, "discontinuity");
  }
  waymark.close();
  console.log(`followed ${JSON.stringify({ steps, progress: progress.length, states })}`);

  assert.deepEqual(steps.map(([step]) => step), steps.map((_, before) => before + 1));
  assert.equal(steps.at(-1)[1], "succeeded");
});

test("a job that the token does not name is refused", WITHIN, async () => {
  const waymark = connect({ url, token });
  const stranger = waymark.job("0190c1f0-0000-7000-8000-00000000dead");
  const refused = await stranger.done().catch((error) => error);
  waymark.close();

  assert.ok(refused instanceof WaymarkError, String(refused));
  assert.equal(refused.code, "forbidden");
});
