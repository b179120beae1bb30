/**
 * One job, live. What changes by the second comes over the stream; what only the gateway tells
 * (attempts, payload, whether a cancel was asked for) is read again after each step.
 */

import { attemptsList } from "./attempts.js";
import { Bar } from "./bar.js";
import { el, showFault, write } from "./elements.js";
import { Steps } from "./steps.js";
import { clockTime, duration, errorInWords, stateInWords } from "./words.js";

const TICK_MS = 1_000;
const AGAIN_MS = 3_000; // after a reading that failed

export class JobCard {
  #id;
  #its; // api, waymark, speak(text), retitle(view, type), changed(), again(id)
  #place;
  #job;
  #record = null;
  #view = null;
  #reading = false;
  #isStale = false;
  #wantsCancel = false;
  #frame = 0;
  #timer;
  #bar = new Bar();
  #steps = new Steps();
  #title = el("h1");
  #badge = el("span", { class: "badge" });
  #took = el("span");
  #name = el("p", { class: "id" });
  #line = el("p", { class: "note", hidden: true });
  #trouble = el("p", { class: "note bad", hidden: true });
  #doings = el("p", { class: "doings" });
  #timeline = el("section", {}, el("h3", {}, "Timeline"), this.#steps.element);
  #attempts = el("section", { hidden: true });
  #result = el("section", { class: "wide-part", hidden: true });
  #payload = el("section", { class: "wide-part", hidden: true });

  constructor(place, id, its) {
    [this.#place, this.#id, this.#its] = [place, id, its];
    place.replaceChildren(
      el("header", {}, this.#title, this.#badge, this.#doings),
      this.#name,
      this.#bar.element,
      this.#line,
      this.#trouble,
      el("div", { class: "parts" }, this.#timeline, this.#attempts, this.#result, this.#payload),
    );
    place.hidden = false;
    this.#name.append(el("code", {}, id), this.#took);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#follow();
  }

  leave() {
    clearInterval(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#job.close();
    this.#timer = null;
  }

  /** How the line is: what is shown may be older than what is true. */
  lineIs({ state }) {
    this.#isStale = !this.#view?.final && (state === "offline" || state === "resuming");
    this.#place.classList.toggle("stale", this.#isStale);
    const at = this.#view?.heardAt;
    showFault(
      this.#line,
      this.#isStale && state === "offline"
        ? `No connection${at ? ` since ${clockTime(at)}` : ""}. The job itself goes on; what was missed comes as soon as the connection is back.`
        : null,
    );
  }

  #follow() {
    const job = this.#its.waymark.job(this.#id);
    this.#job = job;
    job.on("transition", ({ step, state, at }) => {
      this.#steps.add({ step, state, at });
      this.#its.changed();
    });
    job.on("discontinuity", ({ undone }) => this.#steps.undo(undone));
    job.on("change", (view) => {
      const isStep = view.step !== this.#view?.step || view.epoch !== this.#view?.epoch;
      this.#view = { ...view, heardAt: Date.now() };
      if (isStep) this.#step(view);
      this.#drawSoon();
    });
    job.on("error", (error) => showFault(this.#trouble, `This job cannot be followed: ${error.message}`));
  }

  #step({ state, attempt, final }) {
    const nth = state === "running" && attempt > 1 ? `, attempt ${attempt}` : "";
    this.#its.speak(`${stateInWords(state)}${nth}`);
    if (final) this.#wantsCancel = false;
    this.#read();
  }

  async #read() {
    if (this.#reading) return;
    this.#reading = true;
    const { step } = this.#view;
    try {
      this.#record = await this.#its.api.job(this.#id);
      this.#drawSoon();
    } catch {
      setTimeout(() => this.#timer && this.#read(), AGAIN_MS);
    }
    this.#reading = false;
    if (this.#record && this.#view.step > step) this.#read();
  }

  #drawSoon() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const view = this.#view;
    this.#place.dataset.state = view.state;
    write(this.#title, this.#record?.type ?? "Job");
    write(this.#badge, this.#isCancelling ? "Cancelling …" : stateInWords(view.state));
    this.#bar.show(view);
    this.#its.retitle(view, this.#record?.type);
    this.#drawError(view);
    this.#drawDoings(view);
    if (this.#record) this.#drawRecord(this.#record);
    this.#tick();
  }

  /** Only while it is known to last: without a connection nobody knows. */
  #tick() {
    if (!this.#isStale) this.#steps.tick(Date.now(), this.#view?.final);
  }

  get #isCancelling() {
    return !this.#view.final && (this.#wantsCancel || Boolean(this.#record?.cancel_requested_at));
  }

  #drawError({ error, state }) {
    if (this.#job.closed && !this.#view.final) return;
    const isTold = state === "failed" || state === "retrying";
    const latest = this.#record?.attempts.at(-1)?.error; // tells operators more than the stream
    this.#trouble.classList.toggle("bad", state === "failed");
    showFault(this.#trouble, isTold ? errorInWords(latest?.message ? latest : error) : null);
  }

  #drawDoings({ final, state }) {
    const wanted = !final ? "cancel" : state === "failed" && this.#record?.dead_letter ? "retry" : "";
    if (this.#doings.dataset.shows !== wanted) {
      this.#doings.dataset.shows = wanted;
      // A button that goes must not take the keyboard's place with it.
      if (this.#doings.contains(document.activeElement)) this.#place.focus();
      this.#doings.replaceChildren(...this.#buttons(wanted));
    }
    const button = this.#doings.querySelector("button");
    // Not `disabled`: that would take the focus from whoever pressed it with the keyboard.
    button?.setAttribute("aria-disabled", String(wanted === "cancel" && this.#isCancelling));
  }

  #buttons(wanted) {
    if (wanted === "cancel") {
      return [el("button", { type: "button", class: "danger", onclick: () => this.#cancel() }, "Cancel")];
    }
    if (wanted === "retry") {
      return [el("button", { type: "button", onclick: () => this.#retry() }, "Try it again")];
    }
    return [];
  }

  async #cancel() {
    if (this.#isCancelling) return;
    this.#wantsCancel = true;
    this.#drawSoon();
    await this.#attempt(() => this.#its.api.cancel(this.#id));
    this.#wantsCancel = false;
    this.#read();
  }

  async #retry() {
    if (await this.#attempt(() => this.#its.api.retry(this.#id))) this.#its.again(this.#id);
  }

  async #attempt(act) {
    try {
      await act();
      return true;
    } catch (problem) {
      this.#its.speak(problem.message);
      showFault(this.#line, problem.message);
      return false;
    }
  }

  #drawRecord({ attempts, payload, result, created_at: created, finished_at: finished }) {
    const ms = Date.parse(finished) - Date.parse(created);
    write(this.#took, finished ? `took ${duration(ms)}` : "");
    this.#attempts.hidden = attempts.length === 0;
    replaceWhereChanged(this.#attempts, JSON.stringify(attempts), () => [
      el("h3", {}, "Attempts"),
      attemptsList(attempts),
    ]);
    this.#drawJson(this.#result, "Result", result);
    this.#drawJson(this.#payload, "Payload", payload);
  }

  /** The result is what everybody came for; the payload they know. */
  #drawJson(section, title, value) {
    section.hidden = value === null;
    const text = JSON.stringify(value, null, 2);
    replaceWhereChanged(section, text, () => {
      const shown = el("pre", { tabindex: "0", "aria-label": title }, text);
      return section === this.#result
        ? [el("h3", {}, title), shown]
        : [el("details", {}, el("summary", {}, title), shown)];
    });
  }
}

/** Leaves what is the same alone: somebody may have opened or selected something in it. */
function replaceWhereChanged(section, key, make) {
  if (section.shownKey === key) return;
  section.shownKey = key;
  section.replaceChildren(...make());
}
