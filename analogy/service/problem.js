// The line beside Start that says what keeps a job from being started; it goes with its cause.

let cause = null;

/** Say what is wrong, and whether "form" or "queue" has to change for it to be right. */
export function complain(text, because) {
  document.getElementById("problem").textContent = text;
  cause = text ? because : null;
}

/** Something has changed: what was wrong by it may be right now. */
export function settle(changed) {
  if (cause === changed) complain("");
}
