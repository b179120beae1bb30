import assert from "node:assert/strict";
import { test } from "node:test";

import { nothingKnown, take } from "../src/rule.js";
import { aPage, JOB, witness } from "./a-page.js";

test("a step that was lost on the way is noticed by the next frame and fetched", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued();
  const seen = witness(waymark.job(JOB));
  await clock.pass(2_000);
  server.losesEvents = true;
  server.job(JOB).running();
  server.losesEvents = false;
  server.job(JOB).progress(1, 9);
  await clock.pass(100);

  assert.deepEqual(seen.steps, ["1 queued", "2 running"]);
  assert.deepEqual(seen.progress, [1]);
  const asked = server.heard.filter(({ type }) => type === "subscribe");
  assert.equal(asked.length, 1);
  assert.equal(asked[0].subscriptions[0].step, 1);
});

test("a gap that does not close is asked about once a second, not once a frame", async () => {
  const { clock, server, waymark } = aPage();
  const theirs = server.job(JOB).queued();
  waymark.job(JOB);
  await clock.pass(2_000);
  server.losesEvents = true;
  theirs.running();
  server.losesEvents = false;
  theirs.framesSince = () => ({ frames: [], recovered: true });
  for (let turn = 0; turn < 300; turn += 1) {
    theirs.progress(turn, 300);
    await clock.pass(10);
  }

  const asked = server.heard.filter(({ type }) => type === "subscribe");
  assert.ok(asked.length >= 2 && asked.length <= 4, `asked ${asked.length} times in 3 s`);
});

test("a store that has forgotten steps is told of, with what it took back", async () => {
  const told = [];
  const { clock, server, waymark } = aPage({ onDiscontinuity: (event) => told.push(event) });
  server.job(JOB).queued().running().retrying();
  const seen = witness(waymark.job(JOB));
  await clock.pass(100);
  server.failOver({ forgotten: 2 });
  await clock.pass(100);
  server.job(JOB).running().succeeded();
  await clock.pass(100);

  assert.deepEqual(seen.discontinuities, [[2, 3]]);
  assert.equal(told.length, 1);
  assert.deepEqual(seen.steps.slice(3), ["2 running", "3 succeeded"]);
});

test("a frame of another epoch changes nothing and has the job subscribed again", () => {
  const known = take(nothingKnown(JOB), aSnapshot({ epoch: "e1", step: 1 })).view;
  const frame = { type: "transition", epoch: "e2", revision: 9, step: 2, state: "running" };

  assert.deepEqual(take(known, frame), { verdict: "resync", view: known, steps: [], undone: [] });
});

test("any loss, repetition and reordering by reconnects leaves each step once and in order", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { clock, server, waymark } = aPage();
    for (let skipped = 0; skipped < seed; skipped += 1) clock.random();
    const theirs = server.job(JOB).queued();
    const job = waymark.job(JOB);
    const seen = witness(job);
    const revisions = [];
    job.on("change", ({ revision }) => revisions.push(revision));
    const does = [
      () => theirs.progress(1, 9),
      () => (theirs.state === "running" ? theirs.retrying() : theirs.running()),
      () => server.drop(),
      () => server.drop(4201),
      () => server.drain({ after_ms: [0, 300], grace_ms: 2_000 }),
      () => (server.losesEvents = !server.losesEvents),
      () => server.say(theirs.steps.at(-1)),
      () => server.say(theirs.progress(1, 9).told.at(-1)),
      () => server.say(theirs.told.at(-2) ?? theirs.steps.at(-1)),
      () => (server.isStalled = !server.isStalled),
    ];
    for (let turn = 0; turn < 120; turn += 1) {
      does[Math.floor(clock.random() * does.length)]();
      await clock.pass(clock.random() * 400);
    }
    server.losesEvents = server.isStalled = false;
    if (theirs.state !== "running") theirs.running();
    theirs.succeeded();
    await clock.pass(60_000);

    const truth = theirs.steps.map(({ step, state }) => `${step} ${state}`);
    assert.deepEqual(seen.steps, truth, `seed ${seed}`);
    assert.equal(job.view.final, true);
    assert.deepEqual(seen.discontinuities, []);
    assert.deepEqual(revisions, [...new Set(revisions)].sort((one, other) => one - other));
  }
});

test("without the rule's numbers the same storm would be seen", () => {
  const known = take(nothingKnown(JOB), aSnapshot({ epoch: "e1", step: 2, revision: 5 })).view;
  const transition = { type: "transition", epoch: "e1", state: "retrying", attempt: 1 };
  const verdict = (frame) => take(known, { ...transition, ...frame }).verdict;

  assert.equal(verdict({ revision: 5, step: 3 }), "dropped");
  assert.equal(verdict({ revision: 6, step: 4 }), "resync");
  assert.equal(verdict({ revision: 6, step: 3 }), "applied");
  assert.equal(verdict({ type: "progress", revision: 6, step: 3 }), "resync");
  assert.equal(verdict({ type: "progress", revision: 6, step: 2, progress: {} }), "applied");
});

function aSnapshot({ epoch, step, revision = step }) {
  const history = Array.from({ length: step }, (_, past) => ({
    step: past + 1,
    state: past % 2 === 0 ? "queued" : "running",
    at: `at ${past}`,
  }));
  const { state } = history.at(-1);
  return { type: "snapshot", job: JOB, epoch, revision, step, state, attempt: 1, history };
}
