/** The event streams of a fake server, behind a `fetch`. */

export function anEventServer(server, clock) {
  const events = { requests: [], refusal: null, endAll };
  const open = new Set();

  events.fetch = async (url, { headers, signal }) => {
    events.requests.push({ url, headers });
    if (server.isDown) throw new TypeError("fetch failed");
    if (events.refusal) {
      const { status, problem } = events.refusal;
      return Response.json(problem, { status });
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
        open.add(end);
        signal.addEventListener("abort", () => open.has(end) && end());
      },
    });
  }

  function aSocket(controller) {
    return {
      deliver(frame) {
        if (frame.type === "ok") return;
        const text = `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`;
        clock.after(1, () => {
          try {
            controller.enqueue(new TextEncoder().encode(text));
          } catch {
            // closed meanwhile
          }
        });
      },
      end() {},
    };
  }

  function endAll() {
    for (const end of [...open]) end();
  }
}
