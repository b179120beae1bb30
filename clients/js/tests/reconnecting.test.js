import assert from "node:assert/strict";
import { test } from "node:test";

import { UnauthorizedError } from "../src/index.js";
import { aPage, FakeScope, following, JOB, witness } from "./a-page.js";

const WIDE = { url: "wss://stream.example.com/v1/stream" }; // not this machine: it needs a network

test("a lost connection is resumed by cursor, with nothing twice and nothing missing", async () => {
  const { clock, server, seen, states } = await following();
  server.drop();
  server.job(JOB).progress(1, 9).retrying().running().progress(2, 9);
  await clock.pass(5_000);

  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 retrying", "4 running"]);
  assert.deepEqual(seen.progress, [2]);
  const { epoch, step } = server.hellos[1].subscriptions[0];
  assert.deepEqual([epoch, step], ["e1", 2]);
  assert.deepEqual(states, ["connecting", "auth", "live", "resuming", "resuming", "resuming", "live"]);
});

test("it says that it is offline while nobody answers, and comes back by itself", async () => {
  const { clock, server, waymark } = await following();
  server.isDown = true;
  server.drop();
  await clock.pass(60_000);
  const { state, reason, retryAt } = waymark.status;
  server.isDown = false;
  await clock.pass(25_000);

  assert.equal(state, "offline");
  assert.match(reason, /1006/);
  assert.ok(retryAt > 0);
  assert.equal(waymark.state, "live");
});

test("pauses grow, never beyond 20 s, and begin again after a stable while", async () => {
  const { clock, server } = await following();
  const hellos = () => server.hellos.length;
  const tries = [];
  for (let drop = 0; drop < 8; drop += 1) {
    const before = [clock.now(), hellos()];
    server.drop();
    while (hellos() === before[1]) await clock.pass(50);
    tries.push(clock.now() - before[0]);
  }
  await clock.pass(60_000);
  server.drop();
  await clock.pass(1_100);

  assert.ok(tries[0] <= 1_100, String(tries));
  assert.ok(Math.max(...tries) > 3_000, String(tries));
  assert.ok(Math.max(...tries) <= 20_600, String(tries));
  assert.equal(hellos(), 10);
});

test("codes 4000 to 4099 end it, also those that nobody knows yet", async () => {
  const { clock, server, seen, waymark } = await following();
  server.drop(4042, "no more");
  await clock.pass(60_000);

  assert.deepEqual(seen.errors, ["4042"]);
  assert.equal(waymark.state, "closed");
  assert.equal(server.hellos.length, 1);
});

test("codes 4200 to 4299 are resumed at once, the first time", async () => {
  const { clock, server } = await following();
  server.drop(4201, "slow");
  await clock.pass(20);
  const afterOne = server.hellos.length;
  server.drop(4201, "slow");
  await clock.pass(20);

  assert.equal(afterOne, 2);
  assert.equal(server.hellos.length, 2);
});

test("4202 takes the place back: the next hello asks for a snapshot", async () => {
  const { clock, server, seen } = await following();
  server.drop(4202, "state invalidated");
  await clock.pass(100);

  assert.deepEqual(server.hellos[1].subscriptions, [{ job: JOB }]);
  assert.deepEqual(seen.steps, ["1 queued", "2 running"]);
});

test("silence for longer than the welcome allows is a lost connection", async () => {
  const { clock, server } = await following();
  server.isStalled = true;
  await clock.pass(34_000);
  const before = server.hellos.length;
  server.isStalled = false;
  await clock.pass(3_000);

  assert.equal(before, 1);
  assert.equal(server.hellos.length, 2);
});

test("pings are answered and keep the connection", async () => {
  const { clock, server } = await following();
  await clock.pass(300_000);

  assert.equal(server.hellos.length, 1);
  assert.equal(server.heard.filter(({ type }) => type === "pong").length, 12);
});

test("a hidden page lets go after a minute and comes back when somebody looks", async () => {
  const { clock, server, scope, waymark } = await following();
  scope.show("hidden");
  await clock.pass(59_000);
  const stillThere = server.connections;
  await clock.pass(2_000);
  const hidden = [server.connections, waymark.state];
  server.job(JOB).succeeded();
  scope.show("visible");
  await clock.pass(600);

  assert.equal(stillThere, 1);
  assert.deepEqual(hidden, [0, "idle"]);
  assert.equal(server.hellos.length, 2);
});

test("a hidden page does not reconnect, unless it was told to stay", async () => {
  for (const [whenHidden, hellos] of [["rest", 1], ["stay", 2]]) {
    const { clock, server, scope } = await following({ whenHidden });
    scope.show("hidden");
    server.drop();
    await clock.pass(30_000);

    assert.equal(server.hellos.length, hellos, whenHidden);
  }
});

test("a page that is left lets go, and goes on when the back button brings it back", async () => {
  const { clock, server, scope, seen } = await following();
  scope.leave();
  await clock.pass(5_000);
  const away = server.connections;
  server.job(JOB).succeeded();
  scope.comeBack();
  await clock.pass(600);

  assert.equal(away, 0);
  assert.deepEqual(seen.steps, ["1 queued", "2 running", "3 succeeded"]);
});

test("without a network it is offline at once, and with one it is back at once", async () => {
  const { clock, server, scope, waymark } = await following(WIDE);
  scope.network(false);
  const { state } = waymark;
  scope.network(true);
  await clock.pass(50);

  assert.equal(state, "offline");
  assert.equal(waymark.state, "live");
  assert.equal(server.hellos.length, 2);
});

test("a server on this machine needs no network", async () => {
  const { scope, waymark } = await following({ url: "ws://127.0.0.1:8001/v1/stream" });
  scope.network(false);

  assert.equal(waymark.state, "live");
});

test("a laptop that slept notices on waking", async () => {
  const { clock, server, scope } = await following();
  clock.sleep(3_600_000);
  scope.show("visible");
  await clock.pass(2_000);

  assert.equal(server.hellos.length, 2);
});

for (const code of [4002, 4101]) {
  test(`${code} asks for a new token, once`, async () => {
    let minted = 0;
    const { clock, server } = await following({ token: () => `token ${(minted += 1)}` });
    server.drop(code, "token");
    await clock.pass(600);

    assert.equal(server.hellos[1].token, "token 2");
    assert.equal(minted, 2);
  });
}

test("a new token that is bad too ends it", async () => {
  const { clock, server, waymark } = aPage({ token: () => "bad" });
  server.job(JOB).queued();
  const seen = witness(waymark.job(JOB));
  server.enter = ((enter) => (socket) => {
    enter.call(server, socket);
    clock.after(2, () => socket.end(4002, "invalid token"));
  })(server.enter);
  server.receive = () => {};
  await clock.pass(60_000);

  assert.deepEqual(seen.errors, ["4002"]);
});

test("a token is renewed on the socket before it expires, without a new connection", async () => {
  let minted = 0;
  const jwt = () => {
    const claims = Buffer.from(JSON.stringify({ iat: 0, exp: 600, n: (minted += 1) }));
    return `head.${claims.toString("base64url")}.seal`;
  };
  const { clock, server } = await following({ token: jwt });
  await clock.pass(550_000);

  assert.equal(minted, 2);
  assert.equal(server.heard.filter(({ type }) => type === "auth").length, 1);
  assert.equal(server.hellos.length, 1);
});

test("`auth_expiring` renews the token too", async () => {
  let minted = 0;
  const { clock, server } = await following({ token: async () => `token ${(minted += 1)}` });
  server.say({ type: "auth_expiring", in_seconds: 60 });
  server.say({ type: "auth_expiring", in_seconds: 59 });
  await clock.pass(100);

  assert.equal(server.heard[0].token, "token 2");
  assert.ok(minted <= 3);
});

test("a token that cannot be had now is asked for again; one that never can be ends it", async () => {
  let answers = [new Error("503"), { status: 503, code: "temporarily-unavailable" }, "a token"];
  const token = () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const { clock, server, waymark } = aPage({ token });
  server.job(JOB).queued();
  const job = waymark.job(JOB);
  await clock.pass(10_000);
  assert.equal(job.view.state, "queued");

  answers = [new UnauthorizedError("signed out")];
  const other = aPage({ token });
  const seen = witness(other.waymark.job(JOB));
  await other.clock.pass(100);
  assert.deepEqual(seen.errors, ["unauthorized"]);
  assert.equal(other.waymark.state, "closed");
});

test("closing it closes everything", async () => {
  const { clock, server, waymark, job } = await following({ scope: new FakeScope() });
  waymark.close();
  await clock.pass(60_000);

  assert.equal(server.connections, 0);
  assert.equal(job.closed, true);
  assert.equal(waymark.state, "closed");
  assert.throws(() => waymark.job(JOB), { code: "closed" });
});

test("whoever signs in again after a refusal begins anew, with a new token", async () => {
  let minted = 0;
  const { clock, server, waymark } = await following({ token: () => `token ${(minted += 1)}` });
  server.drop(4003, "forbidden");
  await clock.pass(5_000);
  const again = waymark.job(JOB);
  await clock.pass(2_000);

  assert.equal(again.view.state, "running");
  assert.equal(server.hellos[1].token, "token 2");
});
