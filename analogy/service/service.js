// The service: what is asked of it, and whether it is there.

const AWAY = new Set([502, 503, 504]); // what a proxy answers for a service that is gone

let isThere = true;

/** Ask for JSON. Errors have the answer's status, or are `lost` where none came. */
export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw lost();
  }
  const said = await response.json().catch(() => null);
  if (!said && AWAY.has(response.status)) throw lost();
  tell(true);
  if (response.ok) return said;
  const text = said?.error ?? `The service answered ${response.status}.`;
  throw Object.assign(new Error(text), { status: response.status });
}

/** Have a function called whenever the service has gone, or is back. */
export function onService(call) {
  document.addEventListener("service", ({ detail }) => call(detail));
}

function lost() {
  tell(false);
  return Object.assign(new Error("The program behind this page does not answer."), { lost: true });
}

function tell(now) {
  if (now === isThere) return;
  isThere = now;
  document.dispatchEvent(new CustomEvent("service", { detail: now }));
}
