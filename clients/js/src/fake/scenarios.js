/** Lives of jobs, a line at a time, for `fakeJobs().play(id, scenarios.succeeds)`. */

const steps = (count, message) =>
  Array.from({ length: count }, (_, done) => (job) => job.progress(done + 1, count, message));

const raised = { code: "failed", message: "the server hung up", type: "ConnectionError", retryable: true };

export const scenarios = Object.freeze({
  succeeds: [
    (job) => job.queued(),
    (job) => job.running(),
    ...steps(8, "reading"),
    (job) => job.succeeded({ rows: 336_776 }),
  ],
  retriesOnce: [
    (job) => job.queued(),
    (job) => job.running(),
    ...steps(3, "reading"),
    (job) => job.retrying(raised),
    (job) => job.running(),
    ...steps(8, "reading"),
    (job) => job.succeeded({ rows: 336_776 }),
  ],
  fails: [
    (job) => job.queued(),
    (job) => job.running(),
    ...steps(5, "charging"),
    (job) =>
      job.failed({ code: "declined", message: "card declined", type: null, retryable: false }),
  ],
  isCancelled: [
    (job) => job.queued(),
    (job) => job.running(),
    ...steps(2, "rendering"),
    (job) => job.cancelled(),
  ],
});
