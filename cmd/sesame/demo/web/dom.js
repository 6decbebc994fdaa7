// What the other files make the page of. Text becomes text nodes only; there is
// no way here to turn it into markup.

/** h makes an element: h("p", {class: "x", onclick: f}, "text", child, …). */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "value") el.value = value;
    else if (value === true) el.setAttribute(name, "");
    else el.setAttribute(name, value);
  }
  return add(el, ...children);
}

/** add appends children: nodes, texts, lists of them, or nothing. */
export function add(el, ...children) {
  for (const c of children.flat(Infinity)) {
    if (c === undefined || c === null || c === false) continue;
    el.append(c instanceof Node ? c : document.createTextNode(String(c)));
  }
  return el;
}

/** fill replaces what is in el. */
export function fill(el, ...children) {
  el.replaceChildren();
  return add(el, ...children);
}

/**
 * sync makes the children of el those of items, and leaves alone what has not
 * changed, so that focus, selection and what is unfolded stay.
 * Each item is {key, sign, make}: sign changes when it has to be made anew.
 */
export function sync(el, items) {
  const old = new Map([...el.children].map((c) => [c.dataset.key, c]));
  const held = el.contains(document.activeElement) ? document.activeElement.closest("[data-key]") : null;
  const next = items.map(({ key, sign, make }) => {
    const there = old.get(key);
    if (there && there.dataset.sign === sign) return there;
    const made = make();
    made.dataset.key = key;
    made.dataset.sign = sign;
    return made;
  });
  const same = next.length === el.children.length && next.every((c, i) => c === el.children[i]);
  if (same) return false;
  for (const c of [...el.children]) if (!next.includes(c)) c.remove();
  next.forEach((c, i) => { if (el.children[i] !== c) el.insertBefore(c, el.children[i] || null); });
  if (held && !held.isConnected) {
    const heir = next.find((c) => c.dataset.key === held.dataset.key);
    if (heir) {
      if (!heir.matches("button")) heir.tabIndex = -1;
      heir.focus({ preventScroll: true });
    }
  }
  return true;
}

/** $ finds an element by id. */
export const $ = (id) => document.getElementById(id);
