/** What the world around says: whether anybody looks, and whether there is a network. */

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Of a page; where there is none (Node, a worker), somebody always looks. */
export function surroundingsOf(scope, url) {
  const page = scope.document;
  const local = LOOPBACK.test(new URL(url).hostname); // reached without any network
  return {
    hidden: () => page?.visibilityState === "hidden",
    offline: () => !local && scope.navigator?.onLine === false,
    /** Calls `on.hidden`, `visible`, `online`, `offline`, `leaving`, `back`; returns the way out. */
    listen(on) {
      if (!scope.addEventListener) return () => {};
      const listening = new AbortController();
      const at = (target, type, act) =>
        target?.addEventListener(type, act, { signal: listening.signal });
      at(page, "visibilitychange", () => (this.hidden() ? on.hidden() : on.visible()));
      at(scope, "online", () => on.online());
      at(scope, "offline", () => this.offline() && on.offline());
      if (page) {
        at(scope, "pagehide", () => on.leaving());
        at(scope, "pageshow", ({ persisted }) => persisted && on.back());
      }
      return () => listening.abort();
    },
  };
}
