// Forms: the modals that the app opens.

import { $, h, fill } from "./dom.js";
import { blocks, text } from "./blocks.js";

// What is being filled in, until it is sent: by "block action" the values.
let draft = { view: "", values: new Map() };

const keyOf = (b, e) => `${b.block_id} ${e.action_id}`;

/** held is what an input holds in the shape in which the stand-in has it. */
function held(view, b, e) {
  const v = view.values?.[b.block_id]?.[e.action_id];
  if (!v) return [];
  if (v.selected_option) return [v.selected_option.value];
  if (v.selected_options) return v.selected_options.map((o) => o.value);
  return v.value ? [v.value] : [];
}

/** entered lists everything that stands in the form, as the server takes it. */
function entered(view) {
  return view.blocks.filter((b) => b.type === "input").map((b) => ({
    block: b.block_id, action: b.element.action_id,
    values: draft.values.get(keyOf(b, b.element)) ?? held(view, b, b.element),
  }));
}

/**
 * showModal brings the dialog in line with the view that the app has open.
 * do(deed) tells the server, and resolves to whether it went well.
 */
export function showModal(view, perform) {
  const dialog = $("modal");
  if (!view) {
    if (dialog.open) dialog.close();
    draft = { view: "", values: new Map() };
    dialog.dataset.sign = "";
    return;
  }
  if (draft.view !== view.id) draft = { view: view.id, values: new Map() };
  const sign = JSON.stringify([view.id, view.hash, view.errors]);
  if (dialog.dataset.sign !== sign) {
    draw(dialog, view, perform);
    dialog.dataset.sign = sign;
  }
  if (!dialog.open) {
    dialog.showModal();
    (dialog.querySelector("[aria-invalid], .field input, .field select, .field textarea") || dialog).focus();
  }
}

function draw(dialog, view, perform) {
  const focused = dialog.contains(document.activeElement) ? document.activeElement.id : "";
  const leave = () => perform({ do: "close", view: view.id });
  const send = async (event) => {
    event.preventDefault();
    const button = dialog.querySelector(".primary");
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    await perform({ do: "submit", view: view.id, values: entered(view) });
    button.disabled = false;
    button.removeAttribute("aria-busy");
  };
  const input = (b) => field(view, b, perform);
  const press = (b, e, values) => perform({
    do: values.length ? "enter" : "click", on: { view: view.id, block: b.block_id, action: e.action_id },
    values: values.length ? [{ block: b.block_id, action: e.action_id, values }] : [],
  });
  dialog.oncancel = (event) => { event.preventDefault(); leave(); };
  fill(dialog, h("form", { onsubmit: send, novalidate: true },
    h("header", null, h("span", { class: "mark small", "aria-hidden": "true" }), h("h2", { id: "modal-title" }, view.title),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: leave }, "✕")),
    h("div", { class: "modal-body" }, blocks(view.blocks, press, input)),
    h("footer", null,
      h("button", { type: "button", onclick: leave }, view.close || "Close"),
      view.submit && h("button", { type: "submit", class: "primary" }, view.submit))));
  const invalid = dialog.querySelector("[aria-invalid]");
  const before = focused && document.getElementById(focused);
  if (dialog.open) (before && !invalid ? before : invalid || before || dialog).focus();
}

/** field is one input with its label, hint and error. */
function field(view, b, perform) {
  const e = b.element, id = `f-${b.block_id}`, error = view.errors?.[b.block_id];
  const value = draft.values.get(keyOf(b, e)) ?? held(view, b, e);
  const change = (values) => {
    draft.values.set(keyOf(b, e), values);
    if (b.dispatch_action) {
      perform({ do: "enter", on: { view: view.id, block: b.block_id, action: e.action_id }, values: entered(view) });
    }
  };
  const described = [b.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const props = { id, "aria-invalid": error ? "true" : null, "aria-describedby": described || null, "aria-required": b.optional ? null : "true" };
  const many = ["radio_buttons", "checkboxes"].includes(e.type);
  const label = [text(b.label), b.optional && h("span", { class: "optional" }, " (optional)")];
  return h(many ? "fieldset" : "div", { class: "field" },
    many ? h("legend", null, label) : h("label", { for: id }, label),
    control(e, props, value, change, (typed) => perform({
      do: "suggest", text: typed, on: { view: view.id, block: b.block_id, action: e.action_id } })),
    error && h("p", { class: "error", id: `${id}-error` }, error),
    b.hint && h("p", { class: "hint", id: `${id}-hint` }, text(b.hint)));
}

/** control is what somebody types into or chooses from. */
function control(e, props, value, change, suggest) {
  const typed = (ev) => change([ev.currentTarget.value]);
  switch (e.type) {
    case "plain_text_input":
      return e.multiline
        ? h("textarea", { ...props, rows: "3", maxlength: e.max_length, value: value[0] || "", oninput: typed })
        : h("input", { ...props, type: "text", maxlength: e.max_length, value: value[0] || "", oninput: typed, autocomplete: "off", spellcheck: "false" });
    case "number_input":
      return h("input", { ...props, type: "text", inputmode: "numeric", value: value[0] || "", oninput: typed, autocomplete: "off" });
    case "static_select":
      return h("select", { ...props, onchange: typed },
        h("option", { value: "", hidden: value.length > 0 }, e.placeholder ? e.placeholder.text : "Choose an option"),
        e.options.map((o) => h("option", { value: o.value, selected: o.value === value[0] }, o.text.text)));
    case "radio_buttons":
    case "checkboxes":
      return e.options.map((o) => h("label", { class: "choice" },
        h("input", {
          type: e.type === "checkboxes" ? "checkbox" : "radio", name: props.id, value: o.value, checked: value.includes(o.value),
          onchange: (ev) => change([...ev.currentTarget.closest("fieldset").querySelectorAll("input:checked")].map((i) => i.value)),
        }), text(o.text)));
    case "external_select":
      return lookup(e, props, value, change, suggest);
    default:
      return h("p", { class: "unknown" }, `The demo shows no ${e.type}.`);
  }
}

/** lookup is a menu whose options the app is asked for. */
function lookup(e, props, value, change, suggest) {
  const found = h("ul", { class: "found" });
  const box = h("input", { ...props, type: "text", autocomplete: "off", value: e.initial_option ? e.initial_option.text.text : value[0] || "" });
  const look = async () => {
    const answer = await suggest(box.value);
    fill(found, (answer.options || []).slice(0, 8).map((o) => h("li", null, h("button", {
      type: "button", onclick: () => { box.value = o.Text; fill(found); change([o.Value]); } }, o.Text))));
  };
  box.addEventListener("input", look);
  box.addEventListener("focus", look);
  return [box, found];
}

/** confirmed asks what a button asks before it is pressed. */
export function confirmed(question) {
  if (!question) return Promise.resolve(true);
  const dialog = $("ask");
  return new Promise((resolve) => {
    const done = (yes) => { dialog.close(); resolve(yes); };
    dialog.oncancel = (event) => { event.preventDefault(); done(false); };
    fill(dialog,
      h("header", null, h("h2", { id: "ask-title" }, text(question.title))),
      h("div", { class: "modal-body" }, h("p", null, text(question.text))),
      h("footer", null,
        h("button", { type: "button", onclick: () => done(false) }, text(question.deny)),
        h("button", { type: "button", class: `primary ${question.style || ""}`, onclick: () => done(true) }, text(question.confirm))));
    dialog.showModal();
    dialog.querySelector("footer button").focus();
  });
}
