/** The event streams of a fake server, behind a `fetch`. */

import { isFinal } from "../src/rule.js";

export function anEventServer(server, clock) {
  const events = { requests: [], refusal: null, endAll };
  const open = new Set();

  events.fetch = async (url, { headers, signal }) => {
    events.requests.push({ url, headers });
    if (server.isDown) throw new TypeError("fetch failed");
    if (events.refusal) {
      const { status, problem } = events.refusal;
      return status === 204 ? new Response(null, { status }) : Response.json(problem, { status });
    }
    return new Response(streamOf(url, headers, signal));
  };
  return events;

  function streamOf(url, headers, signal) {
    const job = url.split("/").at(-2);
    const [epoch, revision, step] = headers["last-event-id"]?.split("-") ?? [];
    const cursor = { epoch, revision: Number(revision), step: Number(step) };
    return new ReadableStream({
      start(controller) {
        const socket = aSocket(controller);
        server.enter(socket);
        server.receive(socket, { type: "subscribe", subscriptions: [{ job, ...(epoch && cursor) }] });
        const end = () => {
          server.leave(socket);
          open.delete(end);
          controller.close();
        };
        end.socket = socket;
        open.add(end);
        signal.addEventListener("abort", () => open.has(end) && end());
      },
    });
  }

  function aSocket(controller) {
    const socket = {
      deliver(frame) {
        if (frame.type === "ok") return;
        const text = `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`;
        clock.after(1, () => {
          try {
            controller.enqueue(new TextEncoder().encode(text));
            if (isFinal(frame.state)) [...open].find((end) => end.socket === socket)?.();
          } catch {
            // closed meanwhile
          }
        });
      },
      end() {},
    };
    return socket;
  }

  function endAll() {
    for (const end of [...open]) end();
  }
}
