// The page: a form, the job that is shown, and a list of all.

import { followPoints } from "./again.js";
import { checkedFiles, followChoices } from "./chosen.js";
import { isUnfinished, jobs, keep, onOthers, recall, update } from "./jobs.js";
import { complain, settle } from "./problem.js";
import { drawResults, followLarge } from "./results.js";
import { ask, onService } from "./service.js";

const BETWEEN_QUESTIONS = 400; // ms
const QUIET_TURNS = 6; // of those in which nothing is asked while no job runs

const at = (id) => document.getElementById(id);
let shown = null; // identifier
let drawn = ""; // identifier and state of the job whose results are on the page
let isLost = false; // the service does not answer

followChoices();
followLarge();
followPoints(take);
at("form").addEventListener("change", () => settle("form"));
at("form").addEventListener("input", () => settle("form"));
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
at("cancel").addEventListener("click", cancel);
// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
onService((isThere) => {
  isLost = !isThere;
  at("gone").hidden = isThere;
});
onOthers(showNewest);
await recall();
showNewest();
document.documentElement.dataset.ready = "true";
for (let turn = 1; ; turn++) {
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_QUESTIONS));
  await follow(turn);
}

async function start() {
  at("start").disabled = true;
  complain("");
  try {
    if (!(await checkedFiles())) return;
    take(await ask("jobs", { method: "POST", body: new FormData(at("form")) }));
  } catch (error) {
    // That the service is gone is said above.
    if (!error.lost) complain(error.message, error.status === 503 ? "queue" : "form");
  } finally {
    at("start").disabled = false;
  }
}

function take(job) {
  keep(job);
  show(job.id);
  at("job-title").focus({ preventScroll: true });
  at("job").scrollIntoView({ block: "start" });
}

async function cancel() {
  at("cancel").disabled = true;
  await update(shown, { method: "DELETE" });
  at("cancel").disabled = false;
  draw();
}

async function follow(turn) {
  const asked = [...jobs.values()].filter((job) => isUnfinished(job) || job.state === "unknown");
  const wasLost = isLost;
  if ((isLost || !asked.length) && turn % QUIET_TURNS === 0) await ask("alive").catch(() => {});
  if (isLost) return;
  // A service that is back may be another one, which knows of none of them.
  for (const { id } of wasLost ? [...jobs.values()] : asked) await update(id);
  if (asked.length || wasLost) draw();
}

// What is shown.

function show(id) {
  shown = id;
  draw();
}

function showNewest() {
  show(shown ?? [...jobs.keys()].pop() ?? null);
}

function draw() {
  drawJob(jobs.get(shown));
  drawList();
}

function drawJob(job) {
  at("job").hidden = !job;
  if (!job) return;
  setText(at("job-title"), nameOf(job));
  setText(at("state"), sentence(job));
  at("state").classList.toggle("problem", job.state === "failed");
  at("running").hidden = !isUnfinished(job);
  if (isUnfinished(job)) drawProgress(job);
  if (drawn === job.id + job.state) return;
  drawn = job.id + job.state;
  at("results").hidden = job.state !== "done";
  if (job.state === "done") drawResults(job);
}

function drawProgress(job) {
  at("progress").value = job.fraction;
  setText(at("percent"), percent(job));
  setText(at("left"), timeLeft(job.seconds_left));
  const image = at("so-far");
  const source = job.preview ? `jobs/${job.id}/previews/${job.preview}_a_prime.png` : null;
  image.hidden = !source;
  if (source && image.getAttribute("src") !== source) image.setAttribute("src", source);
}

function percent(job) {
  // All of it is done when it is done.
  return `${Math.min(Math.floor(100 * job.fraction), 99)} %`;
}

function timeLeft(seconds) {
  if (seconds === null) return "";
  if (seconds > 90) return `about ${Math.round(seconds / 60)} min left`;
  if (seconds > 10) return `about ${10 * Math.ceil(seconds / 10)} s left`;
  return "a few seconds left";
}

function nameOf(job) {
  const count = job.points?.length ?? 0;
  const points = count ? `, with ${count} ${count === 1 ? "point" : "points"}` : "";
  return `${job.a} and ${job.b_prime}${points}`;
}

function sentence(job) {
  switch (job.state) {
    case "waiting":
      return job.ahead ? `Waiting; ${job.ahead} before it.` : "Waiting.";
    case "running":
      return `Running: ${job.doing || "starting"}.`;
    case "done":
      return `Done in ${job.seconds.toFixed(1)} s.`;
    case "failed":
      return `Failed: ${job.error}`;
    case "cancelled":
      return "Cancelled.";
    case "unknown":
      return "What became of it is not known: the program does not answer.";
    default:
      return "Removed, as newer jobs came or the program was started anew.";
  }
}

function setText(element, text) {
  // What is set anew is read aloud anew.
  if (element.textContent !== text) element.textContent = text;
}

function drawList() {
  at("others").hidden = jobs.size < 2;
  const buttons = at("jobs").querySelectorAll("button");
  const newestFirst = [...jobs.values()].reverse();
  // Made anew only when there are others, so that the focus stays where it is.
  if (buttons.length !== newestFirst.length) {
    at("jobs").replaceChildren(...newestFirst.map(entry));
    return;
  }
  newestFirst.forEach((job, index) => fill(buttons[index], job));
}

function entry(job) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.append(document.createElement("span"), document.createElement("span"));
  button.lastChild.className = "note";
  fill(button, job);
  item.append(button);
  return item;
}

function fill(button, job) {
  setText(button.firstChild, nameOf(job));
  setText(button.lastChild, job.state === "running" ? `running, ${percent(job)}` : job.state);
  button.setAttribute("aria-current", String(job.id === shown));
  button.onclick = () => show(job.id);
}
