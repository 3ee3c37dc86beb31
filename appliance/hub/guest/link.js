/* The guest link: its secret lives in the address's fragment and goes to the hub in a request body, never in a URL. */

const SECRET = /^#([A-Za-z0-9_-]{22})$/;
const KEPT = "salon.link";
const ANSWER_WITHIN_MS = 10_000;

/** What the hub, or the way to it, answered instead of a token. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Return the link's secret or null. It leaves the address bar (screens get shared) and stays with this tab for a reload. */
export function takeLink() {
  const found = SECRET.exec(location.hash);
  if (!found) return location.hash.length > 1 ? null : remembered();
  try {
    sessionStorage.setItem(KEPT, found[1]);
    history.replaceState(null, "", location.pathname);
  } catch {
    // No storage in this browser: the fragment stays where it is, so that a reload works.
  }
  return found[1];
}

function remembered() {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Exchange the link for `{url, token, room, title, expires}`; throws Refused with a sentence for the guest. */
export async function exchange(link, name) {
  const response = await ask(link, name);
  const answer = await response.json().catch(() => ({}));
  if (response.ok && typeof answer.token === "string" && typeof answer.url === "string") return answer;
  throw new Refused(response.status, typeof answer.error === "string" ? answer.error : "");
}

async function ask(link, name) {
  try {
    return await fetch("api/exchange", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ link, name }),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch {
    throw new Refused(0, "");
  }
}
