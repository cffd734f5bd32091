// Elements without markup: text is only ever text.

/** `element("p", {class: "note", onclick: f}, "words", child)`. A property that is null is left out. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** One of the page's drawings (index.html holds them). */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const find = (id) => document.getElementById(id);

/** A button that is on or off. */
export function press(button, on, label) {
  button.setAttribute("aria-pressed", String(on));
  if (label) {
    button.setAttribute("aria-label", label);
    button.title = label;
  }
}
