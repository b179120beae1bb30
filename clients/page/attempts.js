/** The attempts and how each of them ended. */

import { el } from "./elements.js";
import { duration, errorInWords } from "./words.js";

const OUTCOMES = {
  succeeded: "succeeded",
  failed: "failed",
  crashed: "crashed",
  worker_lost: "lost its worker",
  released: "was handed back",
  timed_out: "ran out of time",
  cancelled: "was cancelled",
};
const GOOD = new Set(["succeeded"]);
const NOBODYS_FAULT = new Set(["released", "cancelled", "worker_lost"]);

export function attemptsList(attempts) {
  return el("ol", { class: "attempts" }, ...attempts.map(attemptItem));
}

function attemptItem({ number, started_at: from, finished_at: to, outcome, error, worker }) {
  const words = outcome ? (OUTCOMES[outcome] ?? outcome.replaceAll("_", " ")) : "is running";
  const lasted = to ? duration(Date.parse(to) - Date.parse(from)) : "";
  const head = el(
    "p",
    { class: "head", "data-state": toneOf(outcome) },
    el("span", { class: "dot", "aria-hidden": "true" }),
    `Attempt ${number} ${words}`,
    el("span", { class: "soft", title: worker }, lasted),
  );
  return el("li", {}, head, ...errorParts(error));
}

function toneOf(outcome) {
  if (!outcome) return "running";
  if (GOOD.has(outcome)) return "succeeded";
  return NOBODYS_FAULT.has(outcome) ? "retrying" : "failed";
}

function errorParts(error) {
  if (!error) return [];
  const kind = error.type ? `${error.type}: ` : "";
  const parts = [el("p", { class: "why" }, kind + errorInWords(error))];
  if (error.traceback) {
    const trace = el("pre", { tabindex: "0" }, error.traceback.trim());
    parts.push(el("details", {}, el("summary", {}, "Traceback"), trace));
  }
  return parts;
}
