// Block Kit as Slack shows it: messages, the home tab, and what stands in forms
// besides inputs.

import { h, add } from "./dom.js";
import { dated } from "./dates.js";

let names = {};

/** setNames says how ids read. */
export function setNames(all) { names = all; }

/** nameOf is how an id reads. */
export const nameOf = (id) => names[id] || id;

const at = (id) => h("span", { class: "mention" }, "@" + nameOf(id));
const room = (id) => h("span", { class: "mention" }, "#" + nameOf(id));

/** link is a link that leads nowhere: the demo knows no other machine. */
function link(url, label) {
  return h("span", { class: "link", title: url + " (the demo opens nothing)" }, label || url);
}

const entities = { amp: "&", lt: "<", gt: ">" };
const unescaped = (s) => s.replace(/&(amp|lt|gt);/g, (_, e) => entities[e]);

const marks = /```([\s\S]+?)```|`([^`\n]+)`|<([^<>\n]+)>|(?<!\w)\*([^*\n]+)\*(?!\w)|(?<!\w)_([^_\n]+)_(?!\w)|(?<!\w)~([^~\n]+)~(?!\w)/g;

/** mrkdwn is text in Slack's own markup. */
export function mrkdwn(text) {
  const out = [];
  let end = 0;
  for (const m of text.matchAll(marks)) {
    out.push(...lines(unescaped(text.slice(end, m.index))));
    end = m.index + m[0].length;
    if (m[1] !== undefined) out.push(h("pre", null, unescaped(m[1].replace(/^\n/, ""))));
    else if (m[2] !== undefined) out.push(h("code", null, unescaped(m[2])));
    else if (m[3] !== undefined) out.push(entity(m[3]));
    else if (m[4] !== undefined) out.push(h("strong", null, mrkdwn(m[4])));
    else if (m[5] !== undefined) out.push(h("em", null, mrkdwn(m[5])));
    else out.push(h("s", null, mrkdwn(m[6])));
  }
  out.push(...lines(unescaped(text.slice(end))));
  return out;
}

function lines(text) {
  return text.split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line])).filter((x) => x !== "");
}

/** entity is what stands between < and >. */
function entity(inner) {
  const [what, label] = inner.split("|");
  if (what.startsWith("@")) return at(what.slice(1));
  if (what.startsWith("#")) return room(what.slice(1));
  if (what.startsWith("!subteam^")) return at(what.slice(9));
  if (what.startsWith("!date^")) {
    const [, seconds, pattern] = what.split("^");
    return h("time", null, dated(Number(seconds), pattern));
  }
  if (what.startsWith("!")) return h("span", { class: "mention loud" }, "@" + what.slice(1));
  return link(unescaped(what), label && unescaped(label));
}

/** text is a text object. */
export function text(t) {
  if (!t) return [];
  return t.type === "mrkdwn" ? mrkdwn(t.text) : lines(t.text);
}

function styled(el, style) {
  const s = style || {};
  let out = el;
  if (s.code) out = h("code", null, out);
  if (s.bold) out = h("strong", null, out);
  if (s.italic) out = h("em", null, out);
  if (s.strike) out = h("s", null, out);
  return out;
}

const richItems = {
  text: (e) => lines(e.text),
  link: (e) => link(e.url, e.text),
  user: (e) => at(e.user_id),
  usergroup: (e) => at(e.usergroup_id),
  channel: (e) => room(e.channel_id),
  broadcast: (e) => h("span", { class: "mention loud" }, "@" + e.range),
  date: (e) => h("time", null, dated(e.timestamp, e.format)),
  emoji: (e) => (e.unicode ? String.fromCodePoint(...e.unicode.split("-").map((c) => parseInt(c, 16))) : `:${e.name}:`),
  color: (e) => e.value,
};

function richInline(elements) {
  return (elements || []).map((e) => {
    const made = richItems[e.type] ? richItems[e.type](e) : (e.text || "");
    return e.style ? styled(add(h("span"), made), e.style) : made;
  });
}

const richParts = {
  rich_text_section: (e) => h("p", null, richInline(e.elements)),
  rich_text_preformatted: (e) => h("pre", { tabindex: "0" }, richInline(e.elements)),
  rich_text_quote: (e) => h("blockquote", null, richInline(e.elements)),
  rich_text_list: (e) => h(e.style === "ordered" ? "ol" : "ul", null,
    e.elements.map((item) => h("li", null, richInline(item.elements)))),
};

/**
 * blocks shows a list of blocks. act is told what somebody presses or chooses:
 * act(block, element, values).
 */
export function blocks(list, act, input) {
  return list.map((b) => {
    const make = kinds[b.type];
    if (b.type === "input") return input ? input(b) : null;
    return make ? make(b, act) : h("p", { class: "unknown" }, `A block of type ${b.type}`);
  });
}

const kinds = {
  rich_text: (b) => h("div", { class: "b-rich" }, b.elements.map((e) => (richParts[e.type] ? richParts[e.type](e) : null))),
  section: (b, act) => h("div", { class: "b-section" },
    b.text && h("p", null, text(b.text)),
    b.fields && h("div", { class: "b-fields" }, b.fields.map((f) => h("div", null, text(f)))),
    b.accessory && h("div", { class: "b-accessory" }, element(b, b.accessory, act))),
  header: (b) => h("h3", { class: "b-header" }, text(b.text)),
  divider: () => h("hr"),
  context: (b) => h("p", { class: "b-context" }, b.elements.map((e) => h("span", null, e.type === "image" ? e.alt_text : text(e)))),
  actions: (b, act) => h("div", { class: "b-actions" }, b.elements.map((e) => element(b, e, act))),
  alert: (b) => h("div", { class: "b-alert", role: "alert" }, text(b.text)),
  image: (b) => h("p", { class: "b-context" }, b.alt_text),
  markdown: (b) => h("p", null, lines(b.text)),
};

/** element is something to press or to choose from, outside a form. */
function element(b, e, act) {
  switch (e.type) {
    case "button":
      return h("button", { type: "button", class: `b-button ${e.style || ""}`, onclick: (ev) => act(b, e, [], ev.currentTarget) }, text(e.text));
    case "static_select":
    case "overflow":
      return h("select", {
        class: "b-select", "aria-label": e.placeholder ? e.placeholder.text : "Choose",
        onchange: (ev) => act(b, e, [ev.currentTarget.value], ev.currentTarget),
      }, h("option", { value: "" }, e.placeholder ? e.placeholder.text : "…"),
        (e.options || []).map((o) => h("option", { value: o.value }, o.text.text)));
    default:
      return h("span", { class: "unknown" }, `(${e.type})`);
  }
}
