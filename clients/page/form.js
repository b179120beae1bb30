/** The fields of one type: shows them, reads them, and says at which of them something is wrong. */

import { el, showFault } from "./elements.js";
import { fieldsOf, valueOf } from "./schema.js";

export class Form {
  #fields;

  constructor(place, schema) {
    this.#fields = fieldsOf(schema).map((field) => ({ ...field, ...shown(field) }));
    place.replaceChildren(...this.#fields.map(({ element }) => element));
  }

  /** The payload, or null when something is wrong: then the first such field has the focus. */
  read() {
    const payload = {};
    let first = null;
    for (const field of this.#fields) {
      const { value, fault } = valueOf(field, typedIn(field));
      markFault(field, fault);
      if (fault) first ??= field;
      else if (value !== undefined) payload[field.name] = value;
    }
    first?.input.focus();
    return first ? null : payload;
  }

  /** Shows the gateway's `[{detail, pointer}]`; returns what belongs to no field. */
  blame(errors) {
    const others = [];
    for (const { detail, pointer } of errors) {
      const name = /^\/payload\/([^/]+)/.exec(pointer ?? "")?.[1];
      const field = this.#fields.find((each) => each.name === name);
      if (field) markFault(field, detail);
      else others.push(detail);
    }
    this.#fields.find(({ input }) => input.getAttribute("aria-invalid"))?.input.focus();
    return others;
  }
}

function shown(field) {
  const id = `field-${field.name}`;
  const fault = el("p", { class: "fault", id: `${id}-fault`, hidden: true });
  const hint = field.hint && el("p", { class: "soft", id: `${id}-hint` }, field.hint);
  const input = inputOf(field, {
    id,
    "aria-describedby": `${hint ? `${id}-hint ` : ""}${id}-fault`,
    "aria-required": field.required ? "true" : null,
  });
  if (field.kind === "boolean") {
    const label = el("label", { class: "check", for: id }, input, field.label);
    return { input, fault, element: el("div", { class: "field" }, label, hint, fault) };
  }
  const required = field.required ? el("small", {}, " required") : null;
  const label = el("label", { for: id }, field.label, required);
  return { input, fault, element: el("div", { class: "field" }, label, input, hint, fault) };
}

function inputOf({ kind, schema, initial, options, required }, its) {
  const text = initial === null ? "" : typeof initial === "string" ? initial : JSON.stringify(initial);
  switch (kind) {
    case "boolean":
      return el("input", { ...its, type: "checkbox", checked: initial === true });
    case "choice":
      return el(
        "select",
        its,
        required ? null : el("option", { value: "" }, "–"),
        ...options.map((option, number) =>
          el("option", { value: number, selected: option === initial }, String(option)),
        ),
      );
    case "integer":
    case "number":
      return el("input", {
        ...its,
        type: "number",
        inputmode: kind === "integer" ? "numeric" : "decimal",
        step: kind === "integer" ? 1 : "any",
        min: schema.minimum,
        max: schema.maximum,
        value: text,
      });
    case "list":
      return el("textarea", { ...its, placeholder: "one in each line" }, linesIn(initial));
    case "json":
      return el("textarea", { ...its, class: "mono", spellcheck: "false", placeholder: "JSON" }, text);
    default:
      return el("input", { ...its, type: "text", maxlength: schema.maxLength, value: text });
  }
}

const linesIn = (initial) => (Array.isArray(initial) ? initial.join("\n") : "");

const typedIn = ({ kind, input }) => (kind === "boolean" ? input.checked : input.value);

function markFault({ input, fault }, text) {
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  showFault(fault, text);
}
