// Compiled by `tsc --noEmit` where there is one; nothing here runs.

import { connect, isFinal, UnauthorizedError, type JobView } from "waymark";
import { fakeJobs, FakeClock, scenarios } from "waymark/fake";
import { bind } from "waymark/react-binding";

interface Profile {
  rows: number;
}

const waymark = connect({
  url: "wss://stream.example.com/v1/stream",
  token: async ({ jobs, feed, reason }) => {
    if (reason === "expiring" && jobs.length === 0 && !feed) throw new UnauthorizedError();
    return { token: "…", expires_at: "2026-01-01T00:00:00Z" };
  },
  onState: ({ state, retryAt }) => console.log(state === "offline" ? retryAt : state),
});

const job = waymark.job<Profile>("0190c1f0-0000-7000-8000-000000000001");
const off: () => void = job.on("progress", ({ progress }) => console.log(progress.percent));
job.on("final", ({ result }) => console.log(result?.rows));
// @ts-expect-error: there is no such event
job.on("finished", () => {});

export async function follow(): Promise<JobView<Profile>> {
  for await (const update of job) {
    if (update.type === "transition") console.log(update.step, update.state, isFinal(update.state));
    else if (update.type === "progress") console.log(update.progress.message);
    else console.log(update.undone.length);
  }
  off();
  return job.done();
}

export async function feed(): Promise<void> {
  const events = waymark.feed({ cursor: { epoch: "e", seq: 1 } });
  events.on("reset", ({ why }) => console.log(why));
  for await (const event of events) if (event.type === "transition") console.log(event.job);
}

const clock = new FakeClock();
const fake = fakeJobs({ clock });
fake.play("job-1", scenarios.retriesOnce, { everyMs: 100 });
connect(fake.options).job("job-1");

const { useJob } = bind({});
export const percent = (id: string): number | null => useJob<Profile>(id).job.progress?.percent ?? null;
