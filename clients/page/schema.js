/** From a type's JSON Schema to the fields of a form, and from what was typed to a payload. Pure. */

/**
 * Returns `[{name, kind, label, hint, required, initial, options, schema}]`; kinds are "text",
 * "number", "integer", "boolean", "choice", "list" (a line for each) and "json" (anything else).
 */
export function fieldsOf(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const { own, nullable } = resolved(property, schema);
    const options = own.enum ?? (own.const === undefined ? null : [own.const]);
    return {
      name,
      kind: options ? "choice" : kindOf(own, schema),
      label: labelOf(name),
      hint: own.description ?? null,
      required: required.has(name) && !nullable,
      initial: property.default ?? own.default ?? null,
      options,
      schema: own,
    };
  });
}

function labelOf(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Returns `{value}`, `{}` where it is left out, or `{fault}`. `typed`: text, or whether ticked. */
export function valueOf(field, typed) {
  if (field.kind === "boolean") return { value: typed };
  if (typed.trim() === "" && field.kind !== "text") {
    return field.required ? { fault: "It cannot be left out." } : {};
  }
  if (typed === "" && !field.required) return {};
  return read(field, typed);
}

function read({ kind, options, schema }, typed) {
  if (kind === "choice") return { value: options[Number(typed)] };
  if (kind === "list") return { value: linesOf(typed, schema.items) };
  if (kind === "json") return parsed(typed);
  if (kind === "text") return { value: typed };
  const value = Number(typed);
  if (Number.isNaN(value)) return { fault: "It must be a number." };
  if (kind === "integer" && !Number.isInteger(value)) return { fault: "It must be a whole number." };
  if (value < schema.minimum) return { fault: `It must be ${schema.minimum} or more.` };
  if (value > schema.maximum) return { fault: `It must be ${schema.maximum} or less.` };
  return { value };
}

function linesOf(typed, items) {
  const lines = typed.split("\n").map((line) => line.trim()).filter(Boolean);
  return items?.type === "string" || !items ? lines : lines.map(Number);
}

function parsed(typed) {
  try {
    return { value: JSON.parse(typed) };
  } catch {
    return { fault: "It must be JSON." };
  }
}

/** Follows references, and takes "or null" for "may be left out". */
function resolved(property, root) {
  let own = property;
  for (let depth = 0; own.$ref && depth < 8; depth += 1) {
    own = { ...at(root, own.$ref), ...own, $ref: at(root, own.$ref).$ref };
  }
  const ways = own.anyOf ?? own.oneOf;
  if (!ways) return { own, nullable: false };
  const real = ways.filter(({ type }) => type !== "null");
  const nullable = real.length < ways.length;
  if (real.length !== 1) return { own: { ...own, type: undefined }, nullable };
  return { own: { ...own, ...resolved(real[0], root).own }, nullable };
}

function at(root, reference) {
  return reference
    .replace(/^#\//, "")
    .split("/")
    .reduce((part, name) => part?.[name], root) ?? {};
}

function kindOf(own, root) {
  switch (own.type) {
    case "string":
      return "text";
    case "integer":
    case "number":
    case "boolean":
      return own.type;
    case "array": {
      const items = own.items ? resolved(own.items, root).own : {};
      return ["string", "integer", "number"].includes(items.type) ? "list" : "json";
    }
    default:
      return "json";
  }
}
