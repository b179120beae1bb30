/** A page with a fake notifier and a clock of its own; and what a watcher has seen. */

import { connect } from "../src/index.js";
import { FakeClock, fakeJobs } from "../src/fake/index.js";

export const JOB = "0190c1f0-0000-7000-8000-000000000001";

export function aPage({ scope = new FakeScope(), ...options } = {}) {
  const clock = new FakeClock();
  const server = fakeJobs({ clock });
  const states = [];
  const waymark = connect({ ...server.options, scope, ...options });
  waymark.on("state", ({ state }) => states.push(state));
  return { clock, server, waymark, states, scope };
}

/** The same, live on a job that runs. */
export async function following(options) {
  const page = aPage(options);
  page.server.job(JOB).queued().running();
  page.job = page.waymark.job(JOB);
  page.seen = witness(page.job);
  await page.clock.pass(100);
  return page;
}

/** Everything that a job's listeners were told. */
export function witness(job) {
  const seen = { steps: [], progress: [], ends: 0, errors: [], discontinuities: [] };
  job.on("transition", ({ step, state }) => seen.steps.push(`${step} ${state}`));
  job.on("progress", ({ progress }) => seen.progress.push(progress.current));
  job.on("final", () => (seen.ends += 1));
  job.on("error", (error) => seen.errors.push(error.code));
  job.on("discontinuity", ({ undone }) => seen.discontinuities.push(undone.map((each) => each.step)));
  return seen;
}

/** A window: can be hidden, left, and taken off the network. */
export class FakeScope extends EventTarget {
  navigator = { onLine: true };
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  show(state) {
    this.document.visibilityState = state;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  network(onLine) {
    this.navigator.onLine = onLine;
    this.dispatchEvent(new Event(onLine ? "online" : "offline"));
  }

  leave() {
    this.dispatchEvent(new Event("pagehide"));
  }

  comeBack() {
    this.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  }
}

/** A storage that forgets with the test. */
export function aStorage() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}
