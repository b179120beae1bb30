/** Makes elements. Text is always text: nothing that came over the network becomes markup. */

/** `el("p", {class: "soft", hidden: false, onclick: act}, "text", child)`. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Says or unsays what went wrong. */
export function showFault(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** Changes text only where it differs, so that a screen reader hears of changes only. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
