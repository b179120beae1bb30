import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeClock, fakeJobs, scenarios } from "../src/fake/index.js";
import { aPage, JOB, witness } from "./a-page.js";

test("every step of a job comes once and in order, those before it was followed too", async () => {
  const { clock, server, waymark } = aPage();
  const theirs = server.job(JOB).queued().running();
  const seen = witness(waymark.job(JOB));
  await clock.pass(100);
  theirs.progress(1, 3).retrying().running();
  await clock.pass(100);
  theirs.succeeded({ rows: 3 });
  await clock.pass(100);

  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 retrying", "4 running", "5 succeeded"]);
  assert.deepEqual(seen.progress, [1]);
  assert.equal(seen.ends, 1);
});

test("an iterator yields every step from the first one on and ends with the job", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued().running();
  const job = waymark.job(JOB);
  await clock.pass(100);
  const states = [];
  const reading = (async () => {
    for await (const update of job) states.push(update.state ?? update.progress.current);
  })();
  server.job(JOB).progress(1, 2);
  await clock.pass(100);
  server.job(JOB).succeeded();
  await clock.pass(100);
  await reading;

  assert.deepEqual(states, ["queued", "running", 1, "succeeded"]);
});

test("an iterator that is slow loses progress and no step", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued().running();
  const updates = waymark.job(JOB)[Symbol.asyncIterator]();
  await clock.pass(100);
  for (let done = 1; done <= 500; done += 1) server.job(JOB).progress(done, 500);
  server.job(JOB).succeeded();
  await clock.pass(100);
  const taken = [];
  for await (const update of updates) taken.push(update.state ?? update.progress.current);

  assert.deepEqual(taken, ["queued", "running", 500, "succeeded"]);
});

test("two who follow one job are one subscription, and the last to leave ends it", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued();
  const [one, other] = [waymark.job(JOB), waymark.job(JOB)];
  await clock.pass(2_000);
  one.close();
  await clock.pass(2_000);
  server.job(JOB).running();
  await clock.pass(100);

  assert.equal(server.hellos[0].subscriptions.length, 1);
  assert.equal(other.view.state, "running");
  assert.equal(one.closed, true);
  other.close();
  await clock.pass(2_000);
  assert.deepEqual(server.heard.at(-1).subscriptions, [{ job: JOB }]);
  assert.equal(server.heard.at(-1).type, "unsubscribe");
});

test("a final job is let go by itself, and the line half a minute later", async () => {
  const { clock, server, waymark, states } = aPage();
  server.job(JOB).queued().running();
  const job = waymark.job(JOB);
  await clock.pass(100);
  server.job(JOB).succeeded({ rows: 1 });
  await clock.pass(100);

  assert.equal(job.closed, true);
  assert.deepEqual((await job.done()).result, { rows: 1 });
  assert.equal(server.heard.at(-1).type, "unsubscribe");
  assert.equal(server.connections, 1);
  await clock.pass(31_000);
  assert.equal(server.connections, 0);
  assert.deepEqual(states, ["connecting", "auth", "live", "idle"]);
});

test("a job that lives again after its end can be followed again", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued().running().failed();
  await clock.pass(0);
  const first = waymark.job(JOB);
  await clock.pass(100);
  server.job(JOB).queued();
  const second = witness(waymark.job(JOB));
  await clock.pass(100);

  assert.equal(first.view.state, "failed");
  assert.deepEqual(second.steps, ["1 queued", "2 running", "3 failed", "4 queued"]);
});

test("a job that may not be followed says so once, and the others go on", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued();
  const stranger = waymark.job("another");
  const seen = witness(stranger);
  const ours = waymark.job(JOB);
  await clock.pass(100);

  assert.deepEqual(seen.errors, ["job-not-found"]);
  await assert.rejects(stranger.done(), { code: "job-not-found" });
  assert.equal(ours.view.state, "queued");
});

test("a token that is older than the job is fetched anew, once", async () => {
  const wanted = [];
  const { clock, server, waymark } = aPage({
    token: (what) => {
      wanted.push(what);
      if (what.reason === "forbidden") server.refusals.clear();
      return `token ${wanted.length}`;
    },
  });
  server.job(JOB).queued();
  server.refusals.set(JOB, { code: "forbidden", detail: "not yours" });
  const job = waymark.job(JOB);
  await clock.pass(2_000);

  assert.equal(job.view.state, "queued");
  assert.deepEqual(wanted[1], { jobs: [JOB], feed: false, reason: "forbidden" });
  assert.equal(server.heard[0].type, "auth");
  assert.equal(server.heard[0].token, "token 2");
});

test("a listener that throws is heard of and stops nobody", async () => {
  const { clock, server, waymark } = aPage();
  server.job(JOB).queued();
  const job = waymark.job(JOB);
  const faults = [];
  const [listeners, note] = [process.listeners("uncaughtException"), (fault) => faults.push(fault)];
  process.removeAllListeners("uncaughtException").on("uncaughtException", note);
  job.on("transition", () => {
    throw new Error("a mistake of the page's");
  });
  const seen = witness(job);
  await clock.pass(100);
  process.off("uncaughtException", note);
  for (const listener of listeners) process.on("uncaughtException", listener);

  assert.deepEqual(seen.steps, ["1 queued"]);
});

test("a scenario of the fake server is the same in every run", async () => {
  const runs = [];
  for (const _ of [1, 2]) {
    const clock = new FakeClock();
    const server = fakeJobs({ clock });
    server.play("job-1", scenarios.retriesOnce, { everyMs: 100 });
    await clock.pass(10_000);
    runs.push(server.job("job-1").framesSince({}).frames);
  }

  assert.deepEqual(runs[0], runs[1]);
  assert.equal(runs[0][0].state, "succeeded");
});

test("a hundred jobs that are followed in one turn are asked for and let go in one message each", async () => {
  const { clock, server, waymark } = aPage();
  server.job("first").queued();
  waymark.job("first");
  await clock.pass(100);
  const jobs = Array.from({ length: 100 }, (_, number) => `job-${number}`);
  for (const id of jobs) server.job(id).queued();
  const followed = jobs.map((id) => waymark.job(id));
  await clock.pass(100);
  for (const job of followed) job.close();
  await clock.pass(2_000);

  assert.deepEqual(server.heard.map(({ type }) => type), ["subscribe", "unsubscribe"]);
  assert.deepEqual(server.heard.map(({ subscriptions }) => subscriptions.length), [100, 100]);
});
