// How to go on from a terminal, and what was called from there.

import { h, sync } from "./dom.js";

/** showTerminal lists the lines to try, and the calls as they happen. */
export function showTerminal(panel, pic, time, avatarOf, copy) {
  const { setup, commands } = pic.terminal;
  const lines = { key: "lines", sign: String(pic.calls.length === 0), make: () => h("details", { class: "lines", open: pic.calls.length === 0 },
    h("summary", null, "Lines to try, in a terminal of this computer"),
    line({ line: setup, what: "First: have the shell find sesame, and be Alice" }, copy),
    commands.map((c) => line(c, copy))) };
  const calls = pic.calls.map((c) => ({ key: c.id, sign: c.outcome, make: () => called(c, time, avatarOf) }));
  const none = { key: "none", sign: "", make: () => h("p", { class: "empty small" }, "Nothing was called through Sesame yet. Calls appear here as they happen, the refused ones too.") };
  sync(panel, [lines, ...(calls.length ? calls : [none])]);
}

/** line is one command, which is copied when it is pressed. */
const line = (c, copy) => h("div", { class: "line" }, h("p", null, c.what),
  h("button", { type: "button", class: "chip", title: "Copy", onclick: () => copy(c.line) }, c.line));

/** called is one call: who, what, on what, and what came of it. */
const called = (c, time, avatarOf) => h("div", { class: `call ${c.allowed ? "" : "refused"}` },
  avatarOf(c.who),
  h("div", null,
    h("p", { class: "what" }, h("b", null, c.call), h("span", { class: !c.allowed || Number.parseInt(c.outcome, 10) >= 400 ? "outcome bad" : "outcome" }, c.outcome)),
    c.why && h("p", { class: "why" }, c.why),
    (c.resources || []).slice(0, 3).map((r) => h("p", { class: "where", title: r }, r.split(":").slice(5).join(":") || r)),
    h("p", { class: "since" }, [time(new Date(c.at)), c.who, c.target, c.took].filter(Boolean).join(" · "))));
