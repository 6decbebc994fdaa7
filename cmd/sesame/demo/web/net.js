// Talking to the demo's server.

/** call sends a body, or asks for something, and returns the answer. */
export async function call(path, body) {
  const how = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", redirect: "error", ...how });
  } catch {
    return { error: "The demo does not answer: is it still running?", gone: true };
  }
  const read = await answer.json().catch(() => ({ error: `The demo answered ${answer.status}.` }));
  return answer.status === 401 ? { ...read, barred: true } : read;
}

/** enter exchanges the token behind the # for a cookie, and hides it. */
export async function enter() {
  const token = location.hash.slice(1);
  if (!token) return {};
  const answer = await call("/session", { token });
  if (!answer.error) history.replaceState(null, "", "/");
  return answer;
}

/** watch calls changed whenever something has, and lost when the demo does not answer, or does again. */
export function watch(changed, lost) {
  const events = new EventSource("/events");
  events.onmessage = changed;
  events.onerror = () => lost(true);
  events.onopen = () => lost(false);
}
