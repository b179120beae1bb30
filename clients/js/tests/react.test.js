import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/index.js";
import { bind } from "../src/react-binding.js";
import { FakeClock, fakeJobs } from "../src/fake/index.js";
import { renderer } from "./a-renderer.js";
import { JOB } from "./a-page.js";

test("useJob shows a job over the provider's connection and lets it go with the component", async () => {
  const { clock, server, React, useJob, WaymarkProvider } = aStage();
  server.job(JOB).queued();
  const client = connect(server.options);
  const shown = React.render(() => {
    WaymarkProvider({ client, children: null });
    return useJob(JOB);
  });
  await clock.pass(100);
  server.job(JOB).running().progress(1, 2, "reading");
  await clock.pass(100);

  assert.equal(shown.last.job.progress.message, "reading");
  assert.deepEqual([shown.last.live, shown.last.connection], [true, "live"]);
  shown.unmount();
  await clock.pass(2_000);
  assert.equal(server.heard.at(-1).type, "unsubscribe");
});

test("useJob with an address has a connection of its own, and says what went wrong", async () => {
  const { clock, server, React, useJob } = aStage();
  const shown = React.render(() => useJob(JOB, { ...server.options, token: () => "a token" }));
  await clock.pass(100);

  assert.equal(shown.last.error.code, "job-not-found");
  shown.unmount();
  await clock.pass(100);
  assert.equal(server.connections, 0);
});

test("useJob without an id waits for one", async () => {
  const { clock, server, React, useJob } = aStage();
  let id = null;
  server.job(JOB).queued();
  const shown = React.render(() => useJob(id, server.options));
  await clock.pass(100);
  assert.equal(server.connections, 0);
  id = JOB;
  shown.again();
  await clock.pass(100);

  assert.equal(shown.last.job.state, "queued");
});

test("a component that is taken out and put back keeps its subscription", async () => {
  const { clock, server, React, useJob, WaymarkProvider } = aStage();
  server.job(JOB).queued();
  const client = connect(server.options);
  const component = () => {
    WaymarkProvider({ client });
    return useJob(JOB);
  };
  const first = React.render(component);
  await clock.pass(100);
  first.unmount();
  const second = React.render(component);
  await clock.pass(2_000);

  assert.equal(second.last.job.state, "queued");
  assert.deepEqual(server.heard, []);
});

function aStage() {
  const clock = new FakeClock();
  const server = fakeJobs({ clock });
  const React = renderer();
  return { clock, server, React, ...bind(React) };
}
