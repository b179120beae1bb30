/**
 * What an async iterator has not taken yet. Bounded without losing a step: progress that nobody
 * has taken is replaced by the next one, and a job has at most 1,000 steps.
 */

import { WaymarkError } from "./errors.js";

const LIMIT = 10_000;

export class Updates {
  #waiting = [];
  #takers = [];
  #end = null; // {error} once there is an end

  push(update) {
    if (this.#end) return;
    const taker = this.#takers.shift();
    if (taker) {
      taker.resolve({ value: update, done: false });
      return;
    }
    const last = this.#waiting.at(-1);
    if (update.type === "progress" && last?.type === "progress" && isOfOneJob(update, last)) {
      this.#waiting.pop();
    }
    this.#waiting.push(update);
    if (this.#waiting.length > LIMIT) {
      this.finish(new WaymarkError("too-slow", `${LIMIT} updates are waiting to be taken`));
    }
  }

  /** Nothing follows what was pushed; with an error, the one who asks next gets that. */
  finish(error = null) {
    if (this.#end) return;
    this.#end = { error };
    for (const taker of this.#takers.splice(0)) this.#settle(taker);
  }

  next() {
    if (this.#waiting.length > 0) {
      return Promise.resolve({ value: this.#waiting.shift(), done: false });
    }
    return new Promise((resolve, reject) => {
      const taker = { resolve, reject };
      if (this.#end) this.#settle(taker);
      else this.#takers.push(taker);
    });
  }

  #settle({ resolve, reject }) {
    const { error } = this.#end;
    this.#end = { error: null }; // an error is told once, like any exception
    if (error) reject(error);
    else resolve({ value: undefined, done: true });
  }
}

/** `job` is a job's id in a feed's updates, and its view in those of one job. */
function isOfOneJob(update, other) {
  return (update.job.job ?? update.job) === (other.job.job ?? other.job);
}
