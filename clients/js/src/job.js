/**
 * One caller's hold on a job: events, an async iterator, and a promise of the end. Several may
 * hold the same job; the server is asked for it once, and let go with the last of them.
 */

import { Emitter } from "./emitter.js";
import { WaymarkError } from "./errors.js";
import { Updates } from "./updates.js";

export class Job extends Emitter {
  #follow;
  #release;
  #iterators = new Set();
  #ended = null; // {error} once there is an end

  constructor(follow, { release, untilFinal }) {
    super();
    this.#follow = follow;
    this.#release = release;
    follow.listeners.add(this);
    this.on("error", (error) => this.#end(error));
    if (!untilFinal) return;
    if (follow.view.final) queueMicrotask(() => this.#end());
    else this.on("final", () => this.#end());
  }

  get id() {
    return this.#follow.view.job;
  }

  /** What is known now: frozen, and another object after each change. */
  get view() {
    return this.#follow.view;
  }

  /** Whether the view is up to date, as far as anybody can tell; of what has ended it is. */
  get live() {
    return this.#ended === null ? this.#follow.live : this.view.final;
  }

  get closed() {
    return this.#ended !== null;
  }

  /** Resolves with the view when the job is final; rejects when following it ends before. */
  done() {
    return new Promise((resolve, reject) => {
      const settle = ({ error }) => {
        if (this.view.final) resolve(this.view);
        else reject(error ?? new WaymarkError("closed", "the job is not followed any more"));
      };
      if (this.view.final || this.#ended) settle(this.#ended ?? {});
      else {
        this.on("final", settle);
        this.on("close", settle);
      }
    });
  }

  /** Lets go of it; iterators end, nothing is emitted any more. */
  close() {
    this.#end();
  }

  /** Every step from the first one on, each once and in order, and progress in between. */
  [Symbol.asyncIterator]() {
    const updates = new Updates();
    const { view } = this.#follow;
    for (const past of view.history) {
      const last = past.step === view.step ? lastStepOf(view) : {};
      updates.push({ type: "transition", ...past, ...last, job: view });
    }
    if (this.#ended) updates.finish(this.#ended.error);
    else this.#iterators.add(updates);
    return {
      next: () => updates.next(),
      return: () => {
        this.#iterators.delete(updates);
        updates.finish();
        return Promise.resolve({ value: undefined, done: true });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  emit(type, event) {
    if (this.#ended) return;
    if (type === "transition" || type === "progress" || type === "discontinuity") {
      for (const updates of this.#iterators) updates.push(event);
    }
    super.emit(type, event);
  }

  #end(error = null) {
    if (this.#ended) return;
    this.#follow.listeners.delete(this);
    for (const updates of this.#iterators) updates.finish(error);
    this.#iterators.clear();
    super.emit("close", { error });
    this.#ended = { error };
    this.#release();
  }
}

function lastStepOf({ attempt, error, result }) {
  return { attempt, error, result };
}
