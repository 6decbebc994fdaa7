// The line at the bottom: messages, and commands with what can be typed.

import { $, h, fill } from "./dom.js";

/** startComposer lets lines be typed; send(line) sends one. */
export function startComposer(hints, send) {
  const line = $("line"), list = $("hints");
  let chosen = -1, offered = [];

  const show = () => {
    const typed = line.value;
    offered = typed.startsWith("/") ? hints().filter((x) => x.line.trim() !== typed.trim() && x.line.startsWith(typed)) : [];
    chosen = -1;
    list.hidden = offered.length === 0;
    line.setAttribute("aria-expanded", String(!list.hidden));
    draw();
  };
  const draw = () => {
    fill(list, offered.map((x, i) => h("li", {
      role: "option", id: `hint-${i}`, "aria-selected": String(i === chosen),
      onpointerdown: (event) => { event.preventDefault(); take(i); },
    }, h("code", null, x.line), h("span", null, x.what))));
    if (chosen >= 0) line.setAttribute("aria-activedescendant", `hint-${chosen}`);
    else line.removeAttribute("aria-activedescendant");
  };
  const take = (i) => { line.value = offered[i].line; show(); list.hidden = true; line.setAttribute("aria-expanded", "false"); };

  line.addEventListener("input", show);
  line.addEventListener("focus", show);
  line.addEventListener("blur", () => { list.hidden = true; line.setAttribute("aria-expanded", "false"); });
  line.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      chosen = (chosen + step + offered.length) % offered.length;
      draw();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      list.hidden = true;
    } else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && chosen >= 0)) {
      event.preventDefault();
      take(Math.max(0, chosen));
    }
  });
  $("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = line.value.trim();
    if (!typed) return;
    line.value = "";
    show();
    await send(typed);
    if (!document.querySelector("dialog[open]")) line.focus();
  });
}
