/** Time that passes when it is told to. */

export class FakeClock {
  #now;
  #due = [];
  #numbers = 0;
  #seed;

  constructor({ now = Date.UTC(2026, 0, 1), seed = 1 } = {}) {
    this.#now = now;
    this.#seed = seed;
  }

  now = () => this.#now;

  /** The same numbers in every run (a linear congruential generator). */
  random = () => {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return this.#seed / 2 ** 31;
  };

  after = (ms, act) => {
    const timer = { at: this.#now + Math.max(0, ms), number: (this.#numbers += 1), act };
    this.#due.push(timer);
    return () => {
      this.#due = this.#due.filter((other) => other !== timer);
    };
  };

  /** Lets time pass, and everything happen that happens meanwhile, in order. */
  async pass(ms) {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#due
        .filter(({ at }) => at <= until)
        .sort((one, other) => one.at - other.at || one.number - other.number)[0];
      if (!next) break;
      this.#due = this.#due.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
      await settled();
    }
    this.#now = until;
  }

  /** Sleeps as a closed laptop does: time goes by, and nothing happens in it. */
  sleep(ms) {
    this.#now += ms;
  }
}

/** Whatever promises lead to has happened. */
async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
