// The demo's page: what one person sees in Slack, what AWS holds, and the clock.

import { $, h, fill, sync } from "./dom.js";
import { call, enter, watch } from "./net.js";
import { setZone, time, timeSeconds, longDay, away, zoneName } from "./dates.js";
import { blocks, mrkdwn, nameOf, setNames } from "./blocks.js";
import { showModal, confirmed } from "./form.js";
import { showLog } from "./log.js";
import { showTerminal } from "./terminal.js";
import { startComposer } from "./composer.js";

const ui = { as: "Alice", room: "C0ACCESS", thread: "", tab: "aws" };
const seen = new Map(); // by person and room, what was looked at last
let pic = null;
let got = 0; // when pic came, by the browser's own clock

const now = () => new Date(Date.parse(pic.now) + (performance.now() - got));

/** perform has the acting person do something, and says what Slack says to it. */
async function perform(deed) {
  const answer = await call("/act", { as: ui.as, ...deed });
  if (answer.error) toast(answer.error);
  await refresh();
  return answer;
}

function toast(message) {
  const el = h("p", { class: "toast" }, message,
    h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => el.remove() }, "✕"));
  $("toasts").append(el);
  setTimeout(() => el.remove(), 8000);
}

let asking = false, again = false;

/** refresh fetches the state and shows it; one fetch at a time. */
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  do {
    again = false;
    const as = ui.as;
    const answer = await call(`/state?as=${encodeURIComponent(as)}`);
    if (answer.error) { if (answer.barred) barred(answer.error); break; }
    if (as !== ui.as) { again = true; continue; }
    pic = answer;
    got = performance.now();
    render();
  } while (again);
  asking = false;
}

function render() {
  setZone(pic.zone, now);
  setNames(pic.names);
  if (ui.room !== "home" && !pic.channels.some((c) => c.id === ui.room)) ui.room = pic.channels[0].id;
  people();
  rooms();
  talk();
  thread();
  tick();
  deadlines();
  side();
  showModal(pic.modal, perform);
}

const roomNow = () => pic.channels.find((c) => c.id === ui.room);
const signOf = (room) => JSON.stringify(room.messages.map((m) => [m.ts, m.edited, (m.thread || []).length]));

function people() {
  const held = $("people").contains(document.activeElement);
  sync($("people"), pic.people.map((p) => ({
    key: p.id, sign: String(p.name === ui.as),
    make: () => h("button", {
      type: "button", role: "radio", "aria-checked": String(p.name === ui.as), tabindex: p.name === ui.as ? "0" : "-1", title: p.role,
      onclick: () => become(p.name),
    }, avatar(p.id), h("span", { class: "who" }, h("b", null, p.name), h("small", null, p.role))),
  })));
  if (held) $("people").querySelector('[aria-checked="true"]').focus();
}

function become(name) {
  ui.as = name;
  ui.thread = "";
  refresh();
}

$("people").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = pic.people.map((p) => p.name);
  become(all[(all.indexOf(ui.as) + step + all.length) % all.length]);
});

function avatar(id) {
  const kind = id === "bot" ? "bot" : (pic.people.find((p) => p.id === id)?.name || "").toLowerCase();
  return h("span", { class: `avatar ${kind}`, "aria-hidden": "true" }, kind === "bot" ? "" : nameOf(id).slice(0, 1));
}

/** icon is what stands before a room: a sign, or a picture by its name. */
const icon = (mark) => h("span", { class: `hash ${mark === "#" ? "" : mark}`, "aria-hidden": "true" }, mark === "#" && mark);

function rooms() {
  const entry = (c, mark) => {
    const key = `${ui.as} ${c.id}`, sign = signOf(c);
    if (c.id === ui.room) seen.set(key, sign);
    const news = c.messages.length > 0 && seen.get(key) !== sign;
    const current = c.id === ui.room;
    return {
      key: c.id, sign: `${current} ${news} ${c.name}`,
      make: () => h("li", null, h("button", { type: "button", "aria-current": current ? "true" : null, class: news ? "news" : "", onclick: () => go(c.id) },
        icon(mark), c.direct ? "Messages" : c.name, news && h("span", { class: "dot" }, h("span", { class: "sr" }, " – new")))),
    };
  };
  sync($("channels"), pic.channels.filter((c) => !c.direct).map((c) => entry(c, c.private ? "lock" : "#")));
  const home = { key: "home", sign: String(ui.room === "home"), make: () => h("li", null,
    h("button", { type: "button", "aria-current": ui.room === "home" ? "true" : null, onclick: () => go("home") }, icon("home"), "Home")) };
  sync($("app"), [home, ...pic.channels.filter((c) => c.direct).map((c) => entry(c, "mail"))]);
}

function go(room) {
  ui.room = room;
  ui.thread = "";
  pane("talk");
  if (room === "home") perform({ do: "home" });
  render();
}

function talk() {
  const room = roomNow();
  $("composer").hidden = !room;
  if (!room) {
    fill($("room-name"), "Sesame");
    fill($("room-note"), "The app’s home, as " + ui.as + " sees it");
    const home = pic.home;
    sync($("timeline"), [{ key: "home" + ui.as, sign: home ? home.hash : "", make: () => h("div", { class: "home" },
      home ? blocks(home.blocks, presser({ view: home.id })) : h("p", { class: "empty" }, "The app has put nothing here yet.")) }]);
    return;
  }
  fill($("room-name"), room.direct ? "Sesame" : "#" + room.name);
  fill($("room-note"), room.direct ? `Direct messages between the app and ${ui.as}` : room.member ? `${ui.as} is a member` : `${ui.as} can read this channel`);
  $("line").placeholder = room.direct ? "Message Sesame, or type /access" : `Message #${room.name}, or type /access`;
  const timeline = $("timeline");
  const down = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < 80 || timeline.dataset.room !== ui.as + room.id;
  timeline.dataset.room = ui.as + room.id;
  const changed = sync(timeline, room.messages.length ? room.messages.map((m) => item(m, room)) : [welcome(room)]);
  if (changed && down) timeline.scrollTop = timeline.scrollHeight;
}

/** welcome is what an empty channel says to whoever opens the demo. */
function welcome(room) {
  const line = pic.hints[0].line;
  return { key: "welcome " + room.id, sign: ui.as, make: () => h("div", { class: "empty" },
    h("h2", null, room.direct ? "Nothing has been said here yet" : "Ask for access, and see what happens"),
    h("ol", null,
      h("li", null, h("b", null, "As Alice"), ", type ", h("code", null, "/access"), " below, or take this line: ",
        h("button", { type: "button", class: "chip", onclick: () => { $("line").value = line; $("line").focus(); } }, line)),
      h("li", null, "Become ", h("b", null, "Bob"), " at the top, and press ", h("b", null, "Approve Request"), "."),
      h("li", null, "Call AWS from a terminal of this computer: the lines are under ", h("b", null, "Terminal"), ", and so are the calls."),
      h("li", null, "Move the clock to the ", h("b", null, "End of access"), ", and call again."),
      h("li", null, "Try it as ", h("b", null, "Eve"), ", who is a guest."))) };
}

const item = (m, room) => ({
  key: (m.ephemeral ? "e" : "m") + m.ts, sign: JSON.stringify([m.edited, m.blocks, m.fallback, (m.thread || []).length, ui.thread === m.ts, pic.names[m.author]]),
  make: () => shown(m, room, true),
});

/** shown is one message. */
function shown(m, room, folds) {
  const replies = folds ? m.thread || [] : [];
  const press = presser({ channel: room.id, ts: m.ts });
  return h("article", { class: `message ${m.ephemeral ? "ephemeral" : ""} ${ui.thread === m.ts && folds ? "opened" : ""}` },
    avatar(m.bot ? "bot" : m.author),
    h("div", { class: "said" },
      m.ephemeral && h("p", { class: "only-you" }, "Only visible to you"),
      h("p", { class: "byline" }, h("b", null, m.bot ? "Sesame" : nameOf(m.author)), m.bot && h("span", { class: "badge" }, "APP"),
        h("time", null, time(new Date(Number(m.ts) * 1000))), m.edited && h("span", { class: "edited" }, "edited")),
      m.blocks && m.blocks.length ? blocks(m.blocks, press) : h("p", null, mrkdwn(m.fallback)),
      replies.length > 0 && h("button", { type: "button", class: "replies", onclick: () => openThread(m.ts) },
        replies.length === 1 ? "1 reply" : `${replies.length} replies`, h("small", null, "last at " + time(new Date(Number(replies.at(-1).ts) * 1000))))));
}

/** presser tells the server what is pressed on a surface. */
const presser = (surface) => async (b, e, values, el) => {
  if (!(await confirmed(e.confirm))) return;
  if (e.url) toast(`In Slack this opens ${e.url}`);
  el.disabled = true;
  await perform({
    do: values.length ? "enter" : "click", on: { ...surface, block: b.block_id, action: e.action_id },
    values: values.length ? [{ block: b.block_id, action: e.action_id, values }] : [],
  });
  el.disabled = false;
};

function openThread(ts) {
  ui.thread = ts;
  render();
  $("thread").querySelector("button").focus();
}

function closeThread() {
  const ts = ui.thread;
  ui.thread = "";
  render();
  $("timeline").querySelector(`[data-key="m${ts}"] .replies`)?.focus();
}

function thread() {
  const el = $("thread"), room = roomNow(), m = room?.messages.find((x) => x.ts === ui.thread);
  el.hidden = !m;
  if (!m) { fill(el); return; }
  if (!el.firstChild) {
    fill(el, h("header", null, h("h2", null, "Thread"), h("button", { type: "button", class: "quiet", "aria-label": "Close the thread", onclick: closeThread }, "✕")),
      h("div", { class: "timeline", tabindex: "0" }));
  }
  const line = (x) => ({ key: x.ts, sign: JSON.stringify([x.edited, x.blocks, x.fallback]), make: () => shown(x, room, false) });
  if (sync(el.lastChild, [m, ...(m.thread || [])].map(line))) el.lastChild.scrollTop = el.lastChild.scrollHeight;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && ui.thread && !document.querySelector("dialog[open]")) closeThread();
});

function tick() {
  if (!pic) return;
  const t = now();
  $("day").textContent = longDay(t);
  $("time").textContent = timeSeconds(t);
  $("zone").textContent = zoneName();
}

function deadlines() {
  const list = pic.deadlines.slice(0, 3);
  const items = list.map((d) => ({ key: d.at + d.what, sign: away(new Date(d.at)), make: () => h("li", null,
    h("time", null, time(new Date(d.at))), h("span", null, d.what), h("small", null, away(new Date(d.at)))) }));
  sync($("deadlines"), items.length ? items : [{ key: "none", sign: pic.trouble || "", make: () => h("li", { class: "none" }, pic.trouble || "Nothing is due.") }]);
}

for (const button of document.querySelectorAll(".moves button")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const answer = await call("/clock", { to: button.dataset.to || "", minutes: Number(button.dataset.minutes || 0) });
    if (answer.error) toast(answer.error);
    await refresh();
    button.disabled = false;
    button.focus();
  });
}

function side() {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === ui.tab));
    tab.tabIndex = tab.dataset.tab === ui.tab ? 0 : -1;
  }
  const panel = $("panel");
  panel.setAttribute("aria-labelledby", "tab-" + ui.tab);
  if (panel.dataset.tab !== ui.tab) { fill(panel); panel.dataset.tab = ui.tab; }
  if (ui.tab === "aws") holdings(panel);
  else if (ui.tab === "terminal") showTerminal(panel, pic, timeSeconds, avatarOf, copy);
  else showLog(panel, ui.tab === "calls" ? ["aws"] : ["envelope", "slack"], pic.version, time);
}

const avatarOf = (name) => avatar(personOf(name));

/** copy puts a line where a terminal takes it from. */
async function copy(line) {
  try {
    await navigator.clipboard.writeText(line);
    toast("Copied: paste it into a terminal of this computer.");
  } catch {
    toast("The browser lets nothing be copied: select the line, and copy it by hand.");
  }
}

const whereOf = (a) => `${a.accountName} · ${a.account}`;
const personOf = (name) => pic.people.find((p) => p.name === name)?.id || name;

function holdings(panel) {
  const { assignments, operations } = pic.aws;
  const held = assignments.map((a) => ({ key: "has " + a.who + a.account + a.permissionSet, sign: a.since, make: () => h("div", { class: "card has" },
    avatar(personOf(a.who)), h("div", null, h("p", null, h("b", null, a.who), " has ", h("b", null, a.permissionSet)),
      h("p", { class: "where" }, whereOf(a)), h("p", { class: "since" }, "since " + time(new Date(a.since))))) }));
  const busy = operations.map((o) => ({ key: "op " + o.who + o.account + o.permissionSet + o.removal, sign: "", make: () => h("div", { class: "card busy" },
    avatar(personOf(o.who)), h("div", null, h("p", null, o.removal ? "Removing " : "Creating ", h("b", null, o.permissionSet)),
      h("p", { class: "where" }, `${o.who} · ${whereOf(o)}`), h("div", { class: "progress" }))) }));
  const through = pic.held.map((g) => ({ key: "through " + g.grant, sign: g.until, make: () => h("div", { class: "card has" },
    avatarOf(g.who), h("div", null, h("p", null, h("b", null, g.who), " calls AWS through Sesame"),
      h("p", { class: "where" }, `${g.target} · no key of AWS, nothing in AWS`), h("p", { class: "since" }, "until " + time(new Date(g.until))))) }));
  const none = { key: "none", sign: "", make: () => h("div", { class: "card none" }, h("p", null, h("b", null, "Nobody has anything")),
    h("p", { class: "where" }, "There is no account assignment in the organisation, and nobody may call through Sesame.")) };
  const all = [...busy, ...through, ...held];
  sync(panel, all.length ? all : [none]);
}

for (const tab of document.querySelectorAll("[role=tab]")) {
  tab.addEventListener("click", () => { ui.tab = tab.dataset.tab; side(); });
}
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...event.currentTarget.children];
  const next = tabs[(tabs.findIndex((t) => t.dataset.tab === ui.tab) + step + tabs.length) % tabs.length];
  ui.tab = next.dataset.tab;
  side();
  next.focus();
});

/** pane chooses what a narrow window shows. */
function pane(name) {
  document.querySelector(".stage").dataset.pane = name;
  for (const b of document.querySelectorAll(".panes button")) b.setAttribute("aria-pressed", String(b.dataset.pane === name));
}
for (const b of document.querySelectorAll(".panes button")) b.addEventListener("click", () => pane(b.dataset.pane));

/** barred says that this window was not opened with the printed address. */
function barred(why) {
  fill(document.body, h("main", { class: "barred" }, h("span", { class: "mark", "aria-hidden": "true" }), h("h1", null, "This is the Sesame demo"), h("p", null, why)));
}

async function start() {
  const answer = await enter();
  if (answer.error) { barred(answer.error); return; }
  pane("talk");
  startComposer(() => pic.hints, (typed) => {
    const slash = typed.startsWith("/");
    return perform({ do: slash ? "command" : "say", channel: ui.room, text: typed });
  });
  await refresh();
  if (!pic) return;
  watch(refresh, (lost) => document.body.classList.toggle("ended", lost));
  setInterval(tick, 1000);
  setInterval(() => pic && deadlines(), 15000);
}

start();
