// What goes over the wire.

import { h, fill, sync } from "./dom.js";
import { call } from "./net.js";

let last = { kinds: "", version: -1 };

const labels = { slack: "call", envelope: "envelope" };

/** showLog lists the rows of some kinds, if there are other ones than before. */
export async function showLog(panel, kinds, version, time) {
  const name = kinds.join(" ");
  if (last.kinds === name && last.version === version && panel.firstChild) return;
  last = { kinds: name, version };
  const rows = await call("/log?" + kinds.map((k) => "kind=" + k).join("&"));
  if (rows.error || last.kinds !== name) return;
  const items = rows.map((r) => ({ key: `${r.kind} ${r.n}`, sign: r.outcome, make: () => unfold(r, time) }));
  sync(panel, items.length ? items : [{ key: "none", sign: "", make: () => h("p", { class: "empty small" }, "Nothing yet.") }]);
}

/** unfold is one row, which shows all of itself when it is opened. */
function unfold(r, time) {
  const whole = h("pre", { tabindex: "0" });
  const show = async (event) => {
    if (!event.currentTarget.open) return;
    const all = await call(`/log?kind=${r.kind}&n=${r.n}`);
    fill(whole, JSON.stringify(all, null, 2));
  };
  return h("details", { class: "row", ontoggle: show },
    h("summary", null, h("time", null, time(new Date(r.at))), labels[r.kind] && h("span", { class: `kind ${r.kind}` }, labels[r.kind]),
      h("span", { class: "name" }, r.name), h("span", { class: r.ok ? "outcome" : "outcome bad" }, r.outcome)),
    whole);
}
