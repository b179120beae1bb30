/**
 * Follows one job of a real notifier, which is killed meanwhile. Told by the environment: where
 * (WAYMARK_STREAM_URL), with what (WAYMARK_TOKEN, for the feed WAYMARK_FEED_TOKEN), which
 * (WAYMARK_JOB), and whether by event streams (WAYMARK_WAY=sse).
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { connect, isFinal, WaymarkError } from "../../src/index.js";

const { WAYMARK_STREAM_URL: url, WAYMARK_TOKEN: token, WAYMARK_JOB: id } = process.env;
const feedToken = process.env.WAYMARK_FEED_TOKEN;
const way = process.env.WAYMARK_WAY === "sse" ? { WebSocket: null } : {};
const WITHIN = { timeout: 60_000 };

setTimeout(() => process.exit(1), 70_000).unref(); // an open socket would keep it for ever

describe("a notifier", { concurrency: true }, () => {
  test("a job of a real notifier is told completely, once and in order", WITHIN, async () => {
    const states = [];
    const waymark = connect({ url, token, ...way, onState: ({ state }) => states.push(state) });
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

  test("its feed tells the same, once and in order, beside the job itself", WITHIN, async () => {
    const waymark = connect({ url, token: feedToken, ...way });
    const steps = [];
    waymark.job(id);
    for await (const event of waymark.feed()) {
      assert.notEqual(event.type, "reset");
      if (event.type !== "transition") continue;
      assert.equal(event.job, id);
      steps.push(event.step);
      if (isFinal(event.state)) break;
    }
    waymark.close();

    assert.ok(steps.length >= 3, String(steps));
    assert.deepEqual(steps, steps.map((_, place) => steps[0] + place));
  });

  test("a job that the token does not name is refused", WITHIN, async () => {
    const waymark = connect({ url, token, ...way });
    const stranger = waymark.job("0190c1f0-0000-7000-8000-00000000dead");
    const refused = await stranger.done().catch((error) => error);
    waymark.close();

    assert.ok(refused instanceof WaymarkError, String(refused));
    assert.equal(refused.code, "forbidden");
  });
});
