/** The timeline: every state the job was in, when, and for how long. */

import { el, write } from "./elements.js";
import { clockTime, duration, stateInWords } from "./words.js";

export class Steps {
  element = el("ol", { class: "steps" });
  #shown = [];
  #attempts = 0;

  add({ step, state, at }) {
    const previous = this.#shown.findLast(({ undone }) => !undone);
    if (previous) write(previous.lasted, duration(Date.parse(at) - previous.at));
    if (state === "running") this.#attempts += 1;
    const words = state === "running" && this.#attempts > 1
      ? `Running, attempt ${this.#attempts}`
      : stateInWords(state);
    const lasted = el("span", { class: "lasted" });
    const what = el("span", {}, `${words} `, lasted);
    const item = el(
      "li",
      { "data-state": state, "data-step": step },
      el("span", { class: "dot", "aria-hidden": "true" }),
      what,
      el("time", { datetime: at }, clockTime(at)),
    );
    this.#shown.push({ step, state, at: Date.parse(at), item, what, lasted, undone: false });
    this.element.append(item);
  }

  /** The store has forgotten these: they stay, struck through. */
  undo(steps) {
    const gone = new Set(steps.map(({ step }) => step));
    for (const shown of this.#shown) {
      if (!gone.has(shown.step) || shown.undone) continue;
      shown.undone = true;
      shown.what.classList.add("undone");
      shown.item.dataset.state = "unknown";
      delete shown.item.dataset.step;
      if (shown.state === "running") this.#attempts -= 1;
    }
  }

  /** Brings the time of a state that still lasts up to `now`. */
  tick(now, final) {
    const last = this.#shown.at(-1);
    if (last && !last.undone && !final) write(last.lasted, duration(now - last.at));
  }
}
