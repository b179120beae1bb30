/** What can go wrong for good. What passes by itself is no error: it is retried, and shown as a state. */

/** Following has ended without a final state. `code` is the server's word or its close code. */
export class WaymarkError extends Error {
  constructor(code, detail) {
    super(`${detail} (${code})`);
    this.name = "WaymarkError";
    this.code = code;
    this.detail = detail;
  }
}

/** Throw it from your `token` function when asking again cannot help: the user is signed out. */
export class UnauthorizedError extends WaymarkError {
  constructor(detail = "no token is to be had") {
    super("unauthorized", detail);
    this.name = "UnauthorizedError";
  }
}
