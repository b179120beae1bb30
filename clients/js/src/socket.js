/**
 * One WebSocket, from its opening to its end. It greets, answers pings, and notices silence; what
 * its frames mean, and what comes after it, is decided elsewhere.
 */

const VERSION = 1;
const SUBPROTOCOL = "waymark.v1";
const WELCOME_WITHIN_MS = 10_000;
const CLOSED_WITHIN_MS = 2_000;

export class SocketTransport {
  kind = "websocket";
  opened = false;
  welcomed = false;
  #socket;
  #clock;
  #on;
  #requests = 0;
  #silenceMs = WELCOME_WITHIN_MS;
  #heardAt;
  #cancelWatch = null;
  #ended = false;

  /** `on` is `{opened, welcome(frame), frame(frame), ended({code, reason})}`, called in turn. */
  constructor({ url, WebSocket, clock, hello, on }) {
    this.#clock = clock;
    this.#on = on;
    this.#heardAt = clock.now();
    this.#watch();
    this.#socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket.onopen = () => {
      if (this.#ended) return;
      this.opened = true;
      on.opened();
      this.#say({ type: "hello", version: VERSION, ...hello() });
    };
    this.#socket.onmessage = ({ data }) => this.#read(data);
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
    this.#socket.onerror = () => {}; // `close` follows, and says more
  }

  subscribe(subscriptions) {
    this.#request("subscribe", { subscriptions });
  }

  unsubscribe(subscriptions) {
    this.#request("unsubscribe", { subscriptions });
  }

  authenticate(token) {
    this.#request("auth", { token });
  }

  /** Nothing is heard of it any more. */
  close() {
    this.#stop();
    this.#hangUp();
  }

  #request(type, members) {
    if (!this.opened || this.#ended) return; // the hello will say it
    this.#requests += 1;
    this.#say({ type, id: this.#requests, ...members });
  }

  #say(message) {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #read(data) {
    if (this.#ended) return;
    this.#heardAt = this.#clock.now();
    const frame = parsed(data);
    if (frame?.type === "ping") this.#say({ type: "pong" });
    else if (frame?.type === "welcome") {
      this.welcomed = true;
      this.#silenceMs = frame.timeout_ms;
      this.#on.welcome(frame);
    } else if (frame) this.#on.frame(frame);
  }

  #watch() {
    const silentAt = this.#heardAt + this.#silenceMs;
    this.#cancelWatch = this.#clock.after(Math.max(0, silentAt - this.#clock.now()), () => {
      if (this.#clock.now() < this.#heardAt + this.#silenceMs) this.#watch();
      else {
        this.#end(1006, this.welcomed ? "nothing heard from the server" : "no welcome in time");
        this.#hangUp();
      }
    });
  }

  #end(code, reason) {
    if (this.#ended) return;
    this.#stop();
    this.#on.ended({ code, reason });
  }

  #stop() {
    this.#ended = true;
    this.#cancelWatch();
  }

  #hangUp() {
    const socket = this.#socket;
    if (socket.readyState === 0) {
      socket.onopen = () => socket.close(1000); // closing one that opens is an error to some
      this.#clock.after(CLOSED_WITHIN_MS, () => socket.close());
    } else socket.close(1000);
  }
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
