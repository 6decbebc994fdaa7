// Times as Slack shows them, in the time zone of the workspace.

let zone = "UTC";
let clock = () => new Date();

/** setZone says where the workspace is, and what time it is there. */
export function setZone(name, now) { zone = name; clock = now; }

const formats = new Map();

function format(date, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return formats.get(key).format(date);
}

export const time = (d) => format(d, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const timeSeconds = (d) => format(d, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const longDay = (d) => format(d, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
export const zoneName = () => zone.replace("_", " ");

const dayOf = (d) => format(d, { year: "numeric", month: "2-digit", day: "2-digit" });

/** pretty is a day as people say it today. */
function pretty(d, otherwise) {
  const now = clock().getTime();
  const names = [["today", 0], ["yesterday", -1], ["tomorrow", 1]];
  for (const [name, days] of names) if (dayOf(d) === dayOf(new Date(now + days * 864e5))) return name;
  return otherwise;
}

/** dated writes a moment in Slack's own format, such as "{date_short_pretty} at {time}". */
export function dated(seconds, pattern) {
  const d = new Date(seconds * 1000);
  const short = format(d, { day: "numeric", month: "short", year: "numeric" });
  const long = longDay(d);
  const words = {
    date_num: format(d, { year: "numeric", month: "2-digit", day: "2-digit" }),
    date: format(d, { day: "numeric", month: "long", year: "numeric" }),
    date_short: short, date_long: long, date_pretty: pretty(d, short), date_short_pretty: pretty(d, short),
    date_long_pretty: pretty(d, long), time: time(d), time_secs: timeSeconds(d), ago: away(d),
  };
  const text = pattern.replace(/\{(\w+)\}/g, (all, name) => words[name] ?? all);
  return text;
}

/** away says how far off a moment is: "in 49 min". */
export function away(d) {
  const minutes = Math.round((d.getTime() - clock().getTime()) / 60000);
  const n = Math.abs(minutes);
  const words = n < 1 ? "less than a minute" : n < 60 ? `${n} min` : `${Math.floor(n / 60)} h ${n % 60 ? `${n % 60} min` : ""}`.trim();
  return minutes < 0 ? `${words} ago` : `in ${words}`;
}
