/**
 * Waymark's client: follow jobs live, every step once and in order, through restarts of any
 * process and lost networks. No dependencies; a browser, or Node 20 and later.
 */

import { Waymark } from "./client.js";
import { systemClock } from "./clock.js";
import { surroundingsOf } from "./surroundings.js";
import { Tokens } from "./token.js";
import { Ways } from "./ways.js";

export { UnauthorizedError, WaymarkError } from "./errors.js";
export { isFinal } from "./rule.js";
export { Waymark };

const PATH = "/v1/stream";

/**
 * Describes a connection; it opens with the first job that is followed.
 *
 * `url`: the notifier's stream, `stream_url` in the gateway's answers. `token`: a browser token, or
 * a function that fetches one, called with `{jobs, feed, reason}`.
 */
export function connect({
  url,
  token,
  WebSocket = globalThis.WebSocket,
  fetch = globalThis.fetch && ((...wanted) => globalThis.fetch(...wanted)),
  clock = systemClock,
  storage = storageOf(globalThis),
  scope = globalThis,
  whenHidden = "rest",
  ...listeners
}) {
  const address = streamUrl(url);
  return new Waymark({
    ...listeners,
    url: address,
    clock,
    tokens: new Tokens(token, clock),
    ways: new Ways({ WebSocket, fetch, clock, storage, isBrowser: Boolean(scope.document) }),
    around: surroundingsOf(scope, address),
    staysWhenHidden: whenHidden === "stay",
  });
}

/** Takes the notifier's address with or without the path, as ws: or http:. */
function streamUrl(url) {
  const address = new URL(url, globalThis.location?.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (address.pathname === "/") address.pathname = PATH;
  return address.href;
}

/** A page's own; Node's would be one for all programs. */
function storageOf(scope) {
  try {
    return scope.document ? scope.sessionStorage : null;
  } catch {
    return null; // forbidden by the browser's settings
  }
}
