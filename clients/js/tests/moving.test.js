/** A server that goes away: the next connection is there before the last one is left. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { aPage, following, JOB, witness } from "./a-page.js";

test("on a drain the new connection is there before the old one is left", async () => {
  const { clock, server, seen, states } = await following();
  let fewest = server.connections;
  server.drain({ after_ms: [200, 400], grace_ms: 10_000 });
  for (let turn = 0; turn < 60; turn += 1) {
    await clock.pass(10);
    fewest = Math.min(fewest, server.connections);
    if (turn % 10 === 0) server.job(JOB).progress(turn, 60);
  }
  server.job(JOB).succeeded();
  await clock.pass(100);

  assert.equal(fewest, 1);
  assert.equal(server.hellos.length, 2);
  assert.deepEqual(states, ["connecting", "auth", "live", "live"]);
  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 succeeded"]);
  assert.deepEqual(seen.progress, [0, 10, 20, 30, 40, 50]);
});

test("while it moves, a snapshot that comes late takes nothing back", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued();
  const [late] = server.job(JOB).framesSince({ job: JOB }).frames;
  server.job(JOB).running();
  const seen = witness(waymark.job(JOB));
  await clock.pass(100);
  server.latencyMs = 50;
  server.drain();
  for (let ms = 0; server.connections < 2 && ms < 1_000; ms += 5) await clock.pass(5);
  server.say(late);
  await clock.pass(500);
  server.job(JOB).succeeded();
  await clock.pass(500);

  assert.equal(late.type, "snapshot");
  assert.equal(server.hellos.length, 2);
  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 succeeded"]);
  assert.deepEqual(seen.discontinuities, []);
});

test("a drain whose successor does not open is resumed when the old one ends", async () => {
  const { clock, server, waymark } = await following();
  server.drain({ grace_ms: 5_000 });
  server.isDown = true;
  await clock.pass(5_100);
  server.isDown = false;
  await clock.pass(20_000);

  assert.equal(waymark.state, "live");
  assert.equal(server.connections, 1);
});
