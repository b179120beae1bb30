/** The form: chooses a type, shows the fields of its schema, submits. */

import { byId, el, showFault } from "./elements.js";
import { Form } from "./form.js";

export class NewJob {
  #api;
  #submitted;
  #types = [];
  #form = null;
  #name = null; // of a submit whose outcome nobody knows
  #leaving = new AbortController();

  constructor({ api, submitted }) {
    this.#api = api;
    this.#submitted = submitted;
    const { signal } = this.#leaving;
    byId("type").addEventListener("change", () => this.#choose(), { signal });
    byId("new-form").addEventListener("input", () => (this.#name = null), { signal });
    byId("new-form").addEventListener("submit", (event) => this.#submit(event), { signal });
  }

  leave() {
    this.#leaving.abort();
  }

  show(types) {
    this.#types = types.filter(({ type }) => !type.startsWith("waymark."));
    const select = byId("type");
    select.replaceChildren(
      ...this.#types.map(({ type }) => el("option", { value: type }, type)),
    );
    const inviting = this.#types.find(({ payload_schema: schema }) => !schema.required?.length);
    if (inviting) select.value = inviting.type;
    this.#choose();
  }

  #choose() {
    const chosen = this.#types.find(({ type }) => type === byId("type").value);
    byId("submit").disabled = !chosen;
    byId("summary").textContent = chosen?.summary ?? "No worker has announced a type yet.";
    this.#form = chosen ? new Form(byId("fields"), chosen.payload_schema) : null;
    this.#name = null;
    showFault(byId("new-fault"), null);
  }

  async #submit(event) {
    event.preventDefault();
    const payload = this.#form?.read();
    if (!payload) return;
    const button = byId("submit");
    button.disabled = true;
    showFault(byId("new-fault"), null);
    this.#name ??= crypto.randomUUID?.() ?? `page-${Date.now()}-${Math.random()}`;
    try {
      const job = await this.#api.submit({ type: byId("type").value, payload }, this.#name);
      this.#name = null;
      this.#submitted(job);
    } catch (problem) {
      if (problem.status !== 0 && problem.status !== 503) this.#name = null;
      const others = this.#form.blame(problem.errors ?? []);
      const isTold = problem.errors?.length > 0 && others.length === 0;
      showFault(byId("new-fault"), isTold ? null : [problem.message, ...others].join(" "));
    }
    button.disabled = false;
  }
}
