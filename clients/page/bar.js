/** The bar, its message and its percent: what a running job says of itself. */

import { el, write } from "./elements.js";
import { progressInWords } from "./words.js";

const TELLING = {
  queued: "Waiting for a free worker.",
  scheduled: "Waiting for its time.",
  running: "Started.",
  retrying: "It failed, and is tried again in a moment.",
};

export class Bar {
  element;
  #fill = el("div");
  #track = el("div", { class: "bar", role: "progressbar", "aria-label": "Progress" }, this.#fill);
  #message = el("span", { class: "message" });
  #percent = el("span", { class: "percent" });

  constructor() {
    const said = el("p", { class: "said" }, this.#message, this.#percent);
    this.element = el("div", {}, this.#track, said);
  }

  show({ state, progress, final }) {
    const percent = state === "succeeded" ? 100 : (progress?.percent ?? null);
    const isUnknown = percent === null && state === "running";
    this.#track.classList.toggle("unknown", isUnknown);
    this.#fill.style.transform = isUnknown ? "" : `scaleX(${(percent ?? 0) / 100})`;
    write(this.#message, this.#words(state, progress, final));
    write(this.#percent, percent === null ? "" : `${Math.floor(percent)} %`);
    this.#tellReaders(isUnknown, percent);
  }

  #words(state, progress, final) {
    if (state === "running" && progress) return progressInWords(progress);
    return progress && final ? progressInWords(progress) : (TELLING[state] ?? "");
  }

  #tellReaders(isUnknown, percent) {
    const track = this.#track;
    if (isUnknown) track.removeAttribute("aria-valuenow");
    else track.setAttribute("aria-valuenow", String(Math.floor(percent ?? 0)));
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", "100");
    const { textContent: words } = this.#message;
    if (words) track.setAttribute("aria-valuetext", words);
    else track.removeAttribute("aria-valuetext");
  }
}
