import assert from "node:assert/strict";
import { test } from "node:test";

import { aPage, JOB } from "./a-page.js";

test("the feed tells what happens to every job and resumes by its number", async () => {
  const { clock, server, waymark } = aPage();
  const feed = waymark.feed();
  const seen = witness(feed);
  await clock.pass(100);
  server.job("a").queued();
  server.job("b").queued().running();
  await clock.pass(100);
  server.drop();
  server.job("a").running();
  await clock.pass(5_000);

  assert.deepEqual(seen.steps, ["a 1", "b 1", "b 2", "a 2"]);
  assert.deepEqual(server.hellos[1].subscriptions, [{ feed: true, epoch: "e1", seq: 3 }]);
  assert.deepEqual(feed.cursor, { epoch: "e1", seq: 4 });
});

test("a job that is watched beside the feed costs the feed nothing", async () => {
  const { clock, server, waymark } = aPage();
  const seen = witness(waymark.feed());
  await clock.pass(100);
  server.job("b").queued();
  server.job(JOB).queued();
  await clock.pass(100);
  server.drop();
  server.job("b").running();
  server.job(JOB).running();
  waymark.job(JOB); // its steps are told before the feed's, by its own subscription
  await clock.pass(5_000);

  assert.deepEqual(seen.steps.toSorted(), [`${JOB} 1`, `${JOB} 2`, "b 1", "b 2"]);
});

test("a place that is no longer known is a reset, told when the feed is live again", async () => {
  const { clock, server, waymark } = aPage();
  server.job("a").queued();
  const feed = waymark.feed({ cursor: { epoch: "e0", seq: 7 } });
  const seen = witness(feed);
  feed.on("reset", () => seen.steps.push(`reset at ${feed.cursor.seq}`));
  await clock.pass(100);
  server.job("a").running();
  await clock.pass(100);

  assert.equal(seen.resets, 1);
  assert.deepEqual(seen.steps, ["reset at 1", "a 2"]);
});

test("the feed goes on from the place at which a list was read", async () => {
  const { clock, server, waymark } = aPage();
  server.job("a").queued().running();
  const feed = waymark.feed();
  const seen = witness(feed);
  await clock.pass(100);
  feed.resume({ epoch: "e1", seq: 1 });
  await clock.pass(100);

  assert.deepEqual(seen.steps, ["a 2"]);
});

test("a token that is refused later is no refusal of the feed", async () => {
  const { clock, server, waymark } = aPage();
  const feed = waymark.feed();
  await clock.pass(100);
  server.say({ type: "error", id: 9, code: "forbidden", detail: "of another tenant" });
  await clock.pass(100);

  assert.equal(feed.closed, false);
});

test("a feed that the token does not allow ends with that", async () => {
  const { clock, server, waymark } = aPage();
  server.refusals.set(undefined, { code: "forbidden", detail: "not the feed" });
  const feed = waymark.feed();
  const errors = [];
  feed.on("error", ({ code }) => errors.push(code));
  await clock.pass(100);

  assert.deepEqual(errors, ["forbidden"]);
  assert.equal(feed.closed, true);
});

test("the feed can be iterated over, and let go", async () => {
  const { clock, server, waymark } = aPage();
  const feed = waymark.feed();
  const states = [];
  const reading = (async () => {
    for await (const { type, state } of feed) if (type === "transition") states.push(state);
  })();
  await clock.pass(100);
  server.job("a").queued().running();
  await clock.pass(100);
  feed.close();
  await reading;

  assert.deepEqual(states, ["queued", "running"]);
  await clock.pass(31_000);
  assert.equal(server.connections, 0);
});

function witness(feed) {
  const seen = { steps: [], resets: 0 };
  feed.on("transition", ({ job, step }) => seen.steps.push(`${job} ${step}`));
  feed.on("reset", () => (seen.resets += 1));
  return seen;
}
