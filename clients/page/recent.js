/** The last few jobs, kept up to date by the feed; a click follows one of them. */

import { byId, el, write } from "./elements.js";
import { ago, stateInWords } from "./words.js";

const KEPT = 8;
const AGAIN_MS = 1_000;

export class Recent {
  #api;
  #follow;
  #jobs = [];
  #current = null;
  #timer = null;
  #loading = null;
  #isReading = false;
  #isOld = false;

  constructor({ api, follow }) {
    this.#api = api;
    this.#follow = follow;
    this.#timer = setInterval(() => this.#draw(), 30_000);
  }

  /** One reading at a time: an answer that was overtaken would show what is no longer true. */
  async load() {
    if (this.#isReading) {
      this.#isOld = true;
      return;
    }
    [this.#isReading, this.#isOld] = [true, false];
    try {
      this.#jobs = await this.#api.recent();
      this.#draw();
    } catch {
      // the line says how things are; the next event loads it again
    }
    this.#isReading = false;
    if (this.#isOld) this.#loadSoon();
  }

  /** One that was submitted here: it is known before anybody tells of it. */
  add({ id, type, state, created_at }) {
    if (!this.#jobs.some((job) => job.id === id)) {
      this.#jobs.unshift({ id, type, state, created_at });
      this.#isOld = true;
    }
    this.#draw();
  }

  leave() {
    clearInterval(this.#timer);
    byId("recent").replaceChildren();
  }

  follows(id) {
    this.#current = id;
    this.#draw();
  }

  /** A step of one of them, or of one that is new. */
  heard({ job: id, state }) {
    const known = this.#jobs.find((job) => job.id === id);
    this.#isOld = true; // what is being read just now may be from before
    if (known) {
      known.state = state;
      this.#draw();
    } else this.#loadSoon();
  }

  #loadSoon() {
    this.#loading ??= setTimeout(() => {
      this.#loading = null;
      this.load();
    }, AGAIN_MS);
  }

  #draw() {
    byId("none-yet").hidden = this.#jobs.length > 0;
    const focused = document.activeElement?.dataset?.job;
    const items = this.#jobs.slice(0, KEPT).map((job) => this.#item(job));
    byId("recent").replaceChildren(...items);
    if (focused) byId("recent").querySelector(`[data-job="${focused}"]`)?.focus();
  }

  #item({ id, type, state, created_at: at }) {
    const time = el("time", { datetime: at });
    write(time, ago(at, Date.now()));
    const button = el(
      "button",
      {
        type: "button",
        "data-state": state,
        "data-job": id,
        "aria-current": id === this.#current ? "true" : null,
        title: stateInWords(state),
        onclick: () => this.#follow(id),
      },
      el("span", { class: "dot", "aria-hidden": "true" }),
      el("span", { class: "what" }, type, el("span", { class: "unseen" }, `, ${stateInWords(state)}`)),
      time,
    );
    return el("li", {}, button);
  }
}
