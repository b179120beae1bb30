/** A WebSocket whose other end is a fake server in the same program. */

export function socketsOf(server, clock) {
  return class FakeWebSocket {
    readyState = 0;
    onopen = null;
    onmessage = null;
    onclose = null;
    onerror = null;

    constructor(url, protocol) {
      Object.assign(this, { url, protocol });
      clock.after(server.latencyMs, () => this.#open());
    }

    send(text) {
      if (this.readyState !== 1) throw new Error("the socket is not open");
      const message = JSON.parse(text);
      clock.after(server.latencyMs, () => this.readyState === 1 && server.receive(this, message));
    }

    close(code = 1005) {
      if (this.readyState === 3) return;
      this.readyState = 2;
      clock.after(0, () => this.end(code, ""));
    }

    /** The server says something. */
    deliver(frame) {
      const data = JSON.stringify(frame);
      clock.after(server.latencyMs, () => {
        if (this.readyState === 1 && !server.isStalled) this.onmessage?.({ data });
      });
    }

    /** The end, wherever it came from; 1006 is what a broken connection gives. */
    end(code, reason) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      server.leave(this);
      if (code === 1006) this.onerror?.({});
      this.onclose?.({ code, reason });
    }

    #open() {
      if (this.readyState !== 0) return;
      if (server.isDown) this.end(1006, "");
      else {
        this.readyState = 1;
        server.enter(this);
        this.onopen?.({});
      }
    }
  };
}
