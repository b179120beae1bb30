/**
 * The hooks, for whatever brings React's functions: `bind(React)`, or Preact's `compat`. A page that
 * bundles React imports them from `waymark/react` instead.
 */

import { connect } from "./index.js";
import { nothingKnown } from "./rule.js";

export function bind(React) {
  const { createContext, createElement, useContext, useEffect, useMemo, useRef, useState } = React;
  const Context = createContext(null);

  /** Shares one connection among all `useJob` below it. */
  function WaymarkProvider({ client, children }) {
    return createElement(Context.Provider, { value: client }, children);
  }

  /**
   * Follows a job for as long as the component is there: `{job, live, connection, error}`. Over the
   * provider's connection, or with `{url, token}` over one of its own. Without an id it waits.
   */
  function useJob(id, { url = null, token = null, untilFinal = true, ...options } = {}) {
    const shared = useContext(Context);
    const own = useOwnClient(url, token, options);
    const client = url === null ? shared : own;
    const store = useMemo(() => storeOf(client, id, untilFinal), [client, id, untilFinal]);
    return React.useSyncExternalStore(store.subscribe, store.read, store.read);
  }

  function useOwnClient(url, token, options) {
    const [client, setClient] = useState(null);
    const latest = useRef(token);
    latest.current = token; // a function made anew by each render is no reason to reconnect
    useEffect(() => {
      if (url === null) return undefined;
      const fetchToken = (wanted) =>
        typeof latest.current === "function" ? latest.current(wanted) : latest.current;
      const opened = connect({ ...options, url, token: fetchToken });
      setClient(opened);
      return () => {
        opened.close();
        setClient(null);
      };
    }, [url]);
    return client;
  }

  return { WaymarkProvider, useJob };
}

function storeOf(client, id, untilFinal) {
  let known = Object.freeze({
    job: nothingKnown(id ?? null),
    live: false,
    connection: client?.state ?? "idle",
    error: null,
  });
  return {
    read: () => known,
    subscribe(changed) {
      if (!client || !id) return () => {};
      const job = client.job(id, { untilFinal });
      const look = (error = known.error) => {
        const { view, live } = job;
        known = Object.freeze({ job: view, live, connection: client.state, error });
        changed();
      };
      const offs = [
        job.on("change", () => look()),
        job.on("live", () => look(null)),
        job.on("error", (error) => look(error)),
        client.on("state", () => look()),
      ];
      look();
      return () => {
        for (const off of offs) off();
        job.close();
      };
    },
  };
}
