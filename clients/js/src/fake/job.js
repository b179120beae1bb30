/** One job as a server knows it: what happens to it, and the frames that tell it. */

export class FakeJob {
  epoch;
  revision = 0;
  attempt = 0;
  progressed = null;
  result = null;
  error = null;
  steps = []; // transition frames, all of them
  told = []; // every frame that was published
  #id;
  #server;

  constructor(id, server) {
    this.#id = id;
    this.#server = server;
    this.epoch = server.epoch;
  }

  get state() {
    return this.steps.at(-1)?.state ?? "unknown";
  }

  queued() {
    return this.#move("queued");
  }

  scheduled() {
    return this.#move("scheduled");
  }

  running() {
    this.attempt += 1;
    this.progressed = null;
    return this.#move("running");
  }

  progress(current, total = null, message = null) {
    const percent = total ? Math.round((current / total) * 1000) / 10 : null;
    this.progressed = { current, total, percent, message, updated_at: this.#server.timestamp() };
    this.revision += 1;
    this.#publish({ ...this.#place("progress"), progress: this.progressed });
    return this;
  }

  retrying(error = { code: "failed", message: null, type: null, retryable: true }) {
    this.error = error;
    return this.#move("retrying", { error });
  }

  succeeded(result = null) {
    this.result = result;
    this.error = null;
    return this.#move("succeeded", { result });
  }

  failed(error = { code: "failed", message: "it did not work", type: null, retryable: false }) {
    this.error = error;
    return this.#move("failed", { error });
  }

  cancelled() {
    return this.#move("cancelled");
  }

  /** The frames that bring a watcher from `cursor` to here; without one, or another's: all. */
  framesSince({ epoch, revision, step }) {
    const isOurs = epoch === this.epoch && step <= this.steps.length && revision <= this.revision;
    if (!isOurs) return { frames: [this.#snapshot()], recovered: false };
    const frames = this.steps.slice(step);
    const seen = frames.at(-1)?.revision ?? revision;
    if (this.revision > seen && this.progressed) {
      frames.push({ ...this.#place("progress"), progress: this.progressed });
    }
    return { frames, recovered: true };
  }

  /** Goes on in another history, which does not know the last `forgotten` steps. */
  moveTo(epoch, forgotten) {
    this.epoch = epoch;
    const kept = Math.max(1, this.steps.length - forgotten);
    this.steps = this.steps.slice(0, kept).map((step) => ({ ...step, epoch }));
    this.revision = this.steps.at(-1)?.revision ?? 0;
    this.progressed = null;
  }

  #move(state, more = {}) {
    this.revision += 1;
    const step = this.steps.length + 1;
    const at = this.#server.timestamp();
    const frame = { ...this.#place("transition"), step, state, at, attempt: this.attempt, ...more };
    this.steps.push(frame);
    this.#publish(frame);
    return this;
  }

  #publish(frame) {
    this.told.push(frame);
    this.#server.publish(frame);
  }

  #place(type) {
    const { epoch, revision } = this;
    const seq = this.#server.nextSeq();
    return { type, job: this.#id, epoch, seq, revision, step: this.steps.length };
  }

  #snapshot() {
    const { epoch, revision, state, attempt, progressed: progress, result, error } = this;
    const history = this.steps.map(({ step, state: then, at }) => ({ step, state: then, at }));
    const [job, seq, step] = [this.#id, this.#server.seq, this.steps.length];
    const place = { type: "snapshot", job, epoch, seq, revision, step };
    return { ...place, state, attempt, progress, result, error, history };
  }
}
