// The jobs of this browser. Their identifiers are known to it alone, and are kept in its storage, each
// by itself: pages that are open at the same time then add to it and take nothing from one another.

import { ask } from "./service.js";
import { settle } from "./problem.js";

const PREFIX = "analogy-job-";
const UNFINISHED = new Set(["waiting", "running"]);

/** What the service last said of each job, by identifier; the newest is last. */
export const jobs = new Map();

export const isUnfinished = (job) => UNFINISHED.has(job.state);

/** Keep a job that the service has just taken. */
export function keep(job) {
  jobs.set(job.id, job);
  const kept = { since: Date.now(), a: job.a, b_prime: job.b_prime };
  localStorage.setItem(PREFIX + job.id, JSON.stringify(kept));
}

/** Take up what this browser's pages have kept; true where there was something new. */
export async function recall() {
  const added = Object.entries(localStorage)
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => ({ id: key.slice(PREFIX.length), ...JSON.parse(text) }))
    .filter(({ id }) => !jobs.has(id))
    .sort((one, other) => one.since - other.since);
  for (const { id, a, b_prime } of added) jobs.set(id, { id, a, b_prime, state: "unknown", results: [] });
  for (const { id } of added) await update(id);
  // What was removed before this page was opened is not worth a word.
  for (const { id } of added) if (jobs.get(id).state === "gone") jobs.delete(id);
  return added.length > 0;
}

/** Ask how a job is doing, or to end it. */
export async function update(id, options) {
  const before = jobs.get(id);
  try {
    jobs.set(id, await ask(`jobs/${id}`, options));
  } catch (error) {
    if (error.status !== 404) return;
    jobs.set(id, { ...before, state: "gone", results: [] });
    localStorage.removeItem(PREFIX + id);
  }
  if (jobs.get(id).state !== before.state) settle("queue");
}

/** Have a function called when another page of this browser has added a job. */
export function onOthers(call) {
  window.addEventListener("storage", async () => {
    if (await recall()) call();
  });
}
