/**
 * Time and chance, in one object that a test can replace.
 *
 * `now` is wall-clock time: a laptop that slept for an hour must notice that it did.
 */

export const systemClock = Object.freeze({
  now: () => Date.now(),
  random: () => Math.random(),
  /** Calls `act` once after `ms`; the function it returns takes that back. */
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
});
