/** Timers by name: to start one again is to forget its earlier start. */

export class Timers {
  #clock;
  #cancels = new Map();

  constructor(clock) {
    this.#clock = clock;
  }

  start(name, ms, act) {
    this.stop(name);
    const cancel = this.#clock.after(ms, () => {
      this.#cancels.delete(name);
      act();
    });
    this.#cancels.set(name, cancel);
  }

  stop(name) {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  isRunning(name) {
    return this.#cancels.has(name);
  }

  stopAll() {
    for (const name of [...this.#cancels.keys()]) this.stop(name);
  }
}
