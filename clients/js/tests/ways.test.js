import assert from "node:assert/strict";
import { test } from "node:test";

import { EventStreamReader } from "../src/event-stream.js";
import { connect } from "../src/index.js";
import { anEventServer } from "./an-event-server.js";
import { aPage, aStorage, FakeScope, JOB, witness } from "./a-page.js";

test("where no WebSocket ever opens, the third failure leads to event streams", async () => {
  const { clock, server, waymark, opens } = aProxiedPage();
  server.job(JOB).queued().running();
  const seen = witness(waymark.job(JOB));
  await clock.pass(20_000);
  const [{ state }, sockets] = [waymark, opens.sockets];
  server.job(JOB).progress(1, 2).succeeded();
  await clock.pass(1_000);

  assert.equal(state, "live");
  assert.equal(sockets, 4); // three that failed, and one more to be sure
  assert.equal(opens.streams, 1);
  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 succeeded"]);
});

test("the next page remembers, and goes by event streams at once, for an hour", async () => {
  const storage = aStorage();
  const first = aProxiedPage({ storage });
  first.server.job(JOB).queued();
  first.waymark.job(JOB);
  await first.clock.pass(20_000);
  const second = aProxiedPage({ storage });
  second.server.job(JOB).queued();
  second.waymark.job(JOB);
  await second.clock.pass(100);
  const later = aProxiedPage({ storage });
  later.clock.sleep(3_700_000);
  later.server.job(JOB).queued();
  later.waymark.job(JOB);
  await later.clock.pass(100);

  assert.deepEqual(second.opens, { sockets: 0, streams: 1 });
  assert.deepEqual(later.opens, { sockets: 1, streams: 0 });
});

test("a notifier that was down is no reason to stay with event streams", async () => {
  const { clock, server, waymark, opens, proxy } = aProxiedPage();
  server.job(JOB).queued();
  server.isDown = true;
  proxy.lets = true;
  waymark.job(JOB);
  await clock.pass(12_000);
  server.isDown = false;
  await clock.pass(40_000);

  assert.equal(waymark.state, "live");
  assert.equal(server.connections, 1, JSON.stringify(opens));
});

test("where there is no WebSocket at all, event streams come first and resume by cursor", async () => {
  const page = aPage({ WebSocket: null });
  const events = anEventServer(page.server, page.clock);
  page.waymark.close();
  const waymark = connect({ ...page.server.options, WebSocket: null, fetch: events.fetch });
  page.server.job(JOB).queued();
  const seen = witness(waymark.job(JOB));
  await page.clock.pass(100);
  events.endAll();
  page.server.job(JOB).running();
  await page.clock.pass(2_000);

  assert.deepEqual(seen.steps, ["1 queued", "2 running"]);
  assert.equal(events.requests[0].headers.authorization, "Bearer a token");
  assert.equal(events.requests[0].headers["last-event-id"], undefined);
  assert.equal(events.requests[1].headers["last-event-id"], "e1-1-1");
  assert.match(events.requests[1].url, new RegExp(`^http://fake/v1/jobs/${JOB}/events$`));
});

test("an event stream that is refused tells why", async () => {
  const page = aPage();
  const answers = { 403: "forbidden", 404: "job-not-found" };
  for (const [status, code] of Object.entries(answers)) {
    const events = anEventServer(page.server, page.clock);
    events.refusal = { status: Number(status), problem: { code, detail: "no" } };
    const waymark = connect({ ...page.server.options, WebSocket: null, fetch: events.fetch });
    const seen = witness(waymark.job(JOB));
    for (let turn = 0; turn < 10; turn += 1) {
      await page.clock.pass(500);
      await new Promise(setImmediate); // a response is read in tasks, not only in promises
    }

    assert.deepEqual(seen.errors, [code]);
  }
});

test("an event stream that ends with its job costs the others nothing", async () => {
  const { clock, server, waymark, events } = aPageWithoutWebSocket();
  server.job(JOB).queued();
  server.job("another").queued();
  const [seen, other] = [witness(waymark.job(JOB)), waymark.job("another")];
  await clock.pass(100);
  server.job(JOB).running().succeeded();
  await turns(clock);
  server.job("another").running();
  await turns(clock);

  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 succeeded"]);
  assert.equal(other.view.state, "running");
  assert.equal(events.requests.length, 2);
});

test("a browser opens five event streams at a time; the sixth follows when one has ended", async () => {
  const { clock, server, waymark, events } = aPageWithoutWebSocket({ scope: new FakeScope() });
  const jobs = Array.from({ length: 7 }, (_, number) => `job-${number}`);
  for (const id of jobs) server.job(id).queued();
  const followed = jobs.map((id) => waymark.job(id));
  await clock.pass(30_000);
  const [opened, { state }] = [events.requests.length, waymark];
  for (const id of jobs.slice(0, 2)) server.job(id).succeeded();
  await turns(clock);

  assert.deepEqual([opened, state], [5, "live"]);
  assert.deepEqual(followed.map(({ view }) => view.state).slice(5), ["queued", "queued"]);
});

test("a job that has nothing more to tell is live, without a stream", async () => {
  const { clock, server, waymark, events } = aPageWithoutWebSocket();
  server.job(JOB).queued().succeeded();
  server.job("another").queued();
  const job = waymark.job(JOB, { untilFinal: false });
  waymark.job("another");
  await turns(clock);
  const atFirst = job.live;
  events.refusal = { status: 204 };
  events.endAll();
  await turns(clock);

  assert.equal(job.view.state, "succeeded");
  assert.deepEqual([atFirst, job.live], [true, true]);
});

for (const [code, again] of [["token-expired", true], ["token-revoked", false]]) {
  test(`an event stream refused with ${code} ${again ? "gets a new token" : "has ended"}`, async () => {
    let minted = 0;
    const { clock, events, waymark } = aPageWithoutWebSocket({ token: () => `t${(minted += 1)}` });
    events.refusal = { status: 401, problem: { code, detail: "no" } };
    const seen = witness(waymark.job(JOB));
    for (let turn = 0; turn < 4; turn += 1) {
      await clock.pass(200);
      await new Promise(setImmediate);
    }

    assert.equal(minted > 1, again);
    assert.deepEqual(seen.errors, again ? [] : ["4007"]);
  });
}

test("an event stream that is silent for too long is a lost one", async () => {
  const page = aPage();
  const events = anEventServer(page.server, page.clock);
  const waymark = connect({ ...page.server.options, WebSocket: null, fetch: events.fetch });
  page.server.job(JOB).queued();
  waymark.job(JOB);
  await page.clock.pass(44_000);
  const before = events.requests.length;
  await page.clock.pass(3_000);

  assert.deepEqual([before, events.requests.length], [1, 2]);
});

test("events are read however they were cut", () => {
  const text = ': hello\r\n\r\nid: e1-2-1\r\nevent: progress\r\ndata: {"a":\r\ndata: 1}\r\n\r\nretry: 5\n\n';
  const whole = new EventStreamReader().take(text);
  for (let cut = 0; cut <= text.length; cut += 1) {
    const reader = new EventStreamReader();
    const events = [...reader.take(text.slice(0, cut)), ...reader.take(text.slice(cut))];
    assert.deepEqual(events, whole, `cut at ${cut}`);
  }

  assert.deepEqual(whole, [{ data: '{"a":\n1}', id: "e1-2-1", retry: null }]);
});

function aPageWithoutWebSocket(options = {}) {
  const { clock, server } = aPage();
  const events = anEventServer(server, clock);
  const { fetch } = events;
  const waymark = connect({ ...server.options, WebSocket: null, fetch, ...options });
  return { clock, server, events, waymark };
}

/** A response is read in tasks, not only in promises. */
async function turns(clock) {
  for (let turn = 0; turn < 10; turn += 1) {
    await clock.pass(100);
    await new Promise(setImmediate);
  }
}

/** A page behind a proxy that lets no WebSocket through (unless `proxy.lets`). */
function aProxiedPage({ storage = aStorage() } = {}) {
  const page = aPage();
  page.waymark.close();
  const { clock, server } = page;
  const [opens, proxy] = [{ sockets: 0, streams: 0 }, { lets: false }];
  const events = anEventServer(server, clock);
  const Real = server.options.WebSocket;
  class Proxied extends Real {
    constructor(...address) {
      super(...address);
      opens.sockets += 1;
      if (!proxy.lets) clock.after(0, () => this.end(1006, ""));
    }
  }
  const fetch = (...wanted) => {
    opens.streams += 1;
    return events.fetch(...wanted);
  };
  const waymark = connect({ ...server.options, WebSocket: Proxied, fetch, storage });
  return { ...page, waymark, opens, proxy };
}
