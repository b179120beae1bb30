/**
 * The browser token: fetched by one request at a time, kept across connections, fetched again
 * before it expires. Its life is measured from when it arrived, so that a wrong clock is no harm.
 */

import { UnauthorizedError } from "./errors.js";

const REFRESH_AT = 0.8; // of its life
const SPREAD = 0.1; // tabs that opened together must not refresh together
const WITHIN_MS = 20_000;

export class Tokens {
  #source;
  #isFixed;
  #clock;
  #token = null;
  #staleAt = Infinity;
  #pending = null;

  /** `source(wanted)` returns a token or `{token, expires_at}`, or a promise of one. */
  constructor(source, clock) {
    this.#isFixed = typeof source !== "function";
    this.#source = this.#isFixed ? () => source : source;
    this.#clock = clock;
  }

  /** The token; `wanted` is `{jobs, feed, reason}`, for whoever mints one to measure. */
  async get(wanted) {
    if (this.#token !== null && this.#clock.now() < this.#staleAt) return this.#token;
    return this.renew(wanted);
  }

  /** A new token, whatever the old one was worth. */
  renew(wanted) {
    this.#pending ??= this.#fetch(wanted).finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  forget() {
    this.#token = null;
  }

  /** In how many milliseconds it should be renewed; null: it does not tell. */
  get freshFor() {
    return this.#staleAt === Infinity ? null : Math.max(0, this.#staleAt - this.#clock.now());
  }

  async #fetch(wanted) {
    const given = await this.#inTime(Promise.resolve(wanted).then(this.#source));
    const token = typeof given === "string" ? given : given?.token;
    if (typeof token !== "string" || token === "") {
      const detail = "there is no token in what the token function returned";
      throw this.#isFixed ? new UnauthorizedError(detail) : new Error(detail); // perhaps a problem
    }
    const now = this.#clock.now();
    const life = lifeOf(token) ?? Date.parse(given.expires_at ?? "") - now;
    const share = REFRESH_AT + SPREAD * (this.#clock.random() - 0.5);
    this.#staleAt = life > 0 ? now + life * share : Infinity;
    this.#token = token;
    return token;
  }

  #inTime(promise) {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`no token within ${WITHIN_MS} ms`));
      const cancel = this.#clock.after(WITHIN_MS, late);
      promise.then(resolve, reject).finally(cancel);
    });
  }
}

/** How long a JWT lives, in milliseconds, by its own two times; null when it is none. */
export function lifeOf(token) {
  try {
    const claims = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const { iat, exp } = JSON.parse(atob(claims));
    return exp > iat ? (exp - iat) * 1000 : null;
  } catch {
    return null; // not for us to read: the server's `auth_expiring` will tell
  }
}
