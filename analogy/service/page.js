import { editPoints } from "./points.js";

const BETWEEN_QUESTIONS = 400; // ms
const UNFINISHED = new Set(["waiting", "running"]);
const PICTURES = [
  ["results", "a_prime_refined.png", "A′ refined: the new colours, with A's own detail"],
  ["results", "b_refined.png", "B refined: the new colours, with B′'s own detail"],
  ["results", "a_prime.png", "A′: A in the look of B′"],
  ["results", "b.png", "B: B′ in the look of A"],
  ["inputs", "a", "A"],
  ["inputs", "b_prime", "B′"],
];

const at = (id) => document.getElementById(id);
const jobs = new Map(); // identifier -> what the service last said of it; the newest is last
let shown = null; // identifier
let lost = false; // the service does not answer
let previewed = ""; // identifier and number of the preview that is on the page
let pointsOnPage = () => ""; // the points that are set, as a file has them
let drawn = ""; // identifier and state of the job whose results are on the page

for (const zone of document.querySelectorAll(".drop")) followDrops(zone);
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
at("cancel").addEventListener("click", cancel);
at("again").addEventListener("click", again);
// A file that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
await recall();
document.documentElement.dataset.ready = "true";
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_QUESTIONS));
  await follow();
}

// Images.

function followDrops(zone) {
  const input = zone.querySelector("input");
  const hold = (over) => zone.classList.toggle("over", over);
  zone.addEventListener("dragover", () => hold(true));
  zone.addEventListener("dragleave", () => hold(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    hold(false);
    if (!event.dataTransfer.files.length) return;
    const first = new DataTransfer();
    first.items.add(event.dataTransfer.files[0]);
    input.files = first.files;
    preview(zone, input.files[0]);
  });
  input.addEventListener("change", () => preview(zone, input.files[0]));
  // A browser may come back to the page with the files that were chosen.
  preview(zone, input.files[0]);
}

function preview(zone, file) {
  const image = zone.querySelector("img");
  const chosen = zone.querySelector(".chosen");
  const invitation = zone.querySelector(".invitation");
  URL.revokeObjectURL(image.src);
  image.hidden = true;
  zone.classList.remove("shown");
  chosen.textContent = file ? file.name : "None chosen";
  invitation.textContent = file ? "No preview of this kind of file" : "Drop an image here, or click to choose one";
  if (!file) return;
  image.onload = () => {
    image.hidden = false;
    zone.classList.add("shown");
    chosen.textContent = `${file.name}, ${image.naturalWidth} × ${image.naturalHeight} px`;
  };
  image.src = URL.createObjectURL(file);
}

// Jobs.

async function start() {
  const form = at("form");
  const files = ["a", "b_prime"].map((name) => form.elements[name].files[0]);
  if (!files.every(Boolean)) return complain("Choose two images first.");
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (size > Number(form.dataset.uploadBytes)) {
    const most = Number(form.dataset.uploadBytes) / 1e6;
    return complain(`The files have ${(size / 1e6).toFixed(1)} MB; ${most} MB are taken.`);
  }
  complain("");
  at("start").disabled = true;
  try {
    take(await ask("jobs", { method: "POST", body: new FormData(form) }));
  } catch (error) {
    complain(error.message);
  } finally {
    at("start").disabled = false;
  }
}

function take(job) {
  jobs.set(job.id, job);
  remember();
  show(job.id);
  at("job-title").focus();
}

async function again() {
  setText(at("again-problem"), "");
  at("again").disabled = true;
  try {
    take(await ask(`jobs/${shown}/again`, { method: "POST", body: pointsOnPage(), headers: { "Content-Type": "text/csv" } }));
  } catch (error) {
    setText(at("again-problem"), error.message);
    at("again").disabled = false;
  }
}

async function cancel() {
  at("cancel").disabled = true;
  await update(shown, { method: "DELETE" });
  at("cancel").disabled = false;
}

async function follow() {
  for (const job of [...jobs.values()]) {
    if (UNFINISHED.has(job.state)) await update(job.id);
  }
}

async function update(id, options) {
  try {
    jobs.set(id, await ask(`jobs/${id}`, options));
    if (lost) complain("");
    lost = false;
  } catch (error) {
    if (error.status === 404) jobs.set(id, { ...jobs.get(id), state: "gone", results: [] });
    else {
      lost = true;
      complain(error.message);
    }
  }
  draw();
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The service does not answer; was it stopped?");
  }
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({ error: `The service answered ${response.status}.` }));
  throw Object.assign(new Error(said.error), { status: response.status });
}

function complain(text) {
  at("problem").textContent = text;
}

// The identifiers of a browser's own jobs are known to it alone.

function remember() {
  localStorage.setItem("analogy-jobs", JSON.stringify([...jobs.keys()]));
}

async function recall() {
  for (const id of JSON.parse(localStorage.getItem("analogy-jobs") ?? "[]")) {
    try {
      jobs.set(id, await ask(`jobs/${id}`));
    } catch {
      // Removed by now.
    }
  }
  remember();
  const newest = [...jobs.keys()].pop();
  if (newest) show(newest);
}

// What is shown.

function show(id) {
  shown = id;
  draw();
}

function draw() {
  drawJob(jobs.get(shown));
  drawList();
}

function drawJob(job) {
  at("job").hidden = !job;
  if (!job) return;
  setText(at("job-title"), title(job));
  setText(at("state"), sentence(job));
  at("state").classList.toggle("problem", job.state === "failed");
  at("running").hidden = !UNFINISHED.has(job.state);
  at("progress").value = job.fraction;
  setText(at("percent"), `${Math.floor(100 * job.fraction)} %`);
  drawPreview(job);
  if (drawn === job.id + job.state) return;
  drawn = job.id + job.state;
  at("results").hidden = job.state !== "done";
  if (job.state === "done") drawResults(job);
}

function title(job) {
  const count = job.points.length;
  const points = count ? `, with ${count} ${count === 1 ? "point" : "points"}` : "";
  return `${job.a} and ${job.b_prime}${points}`;
}

/** What the results are going to look like, until they are there. */
function drawPreview(job) {
  at("previews").hidden = !(UNFINISHED.has(job.state) && job.preview);
  if (at("previews").hidden || previewed === `${job.id} ${job.preview}`) return;
  previewed = `${job.id} ${job.preview}`;
  const place = (name) => `jobs/${job.id}/previews/${job.preview}_${name}.png`;
  at("previews").replaceChildren(
    picture(place("a_prime"), "Preview of A′: A in the look of B′"),
    picture(place("b"), "Preview of B: B′ in the look of A"),
  );
  giveOneHeight(at("previews"));
}

function sentence(job) {
  switch (job.state) {
    case "waiting":
      return job.ahead ? `Waiting; ${job.ahead} before it.` : "Waiting.";
    case "running":
      return job.stage ? `Running: ${job.stage}.` : "Running: starting.";
    case "done":
      return `Done in ${job.seconds.toFixed(1)} s.`;
    case "failed":
      return `Failed: ${job.error}`;
    case "cancelled":
      return "Cancelled.";
    default:
      return "Removed, as newer jobs came.";
  }
}

function setText(element, text) {
  // What is set anew is read aloud anew.
  if (element.textContent !== text) element.textContent = text;
}

function drawResults(job) {
  const place = (folder, name) => `jobs/${job.id}/${folder}/${encodeURIComponent(name)}`;
  const pictures = PICTURES.filter(([folder, name]) => folder === "inputs" || job.results.includes(name));
  at("pictures").replaceChildren(
    ...pictures.map(([folder, name, text]) =>
      folder === "inputs"
        ? picture(place(folder, job[name]), `${text}: ${job[name]}`)
        : picture(place(folder, name), text, savedAs(job, name)),
    ),
  );
  giveOneHeight(at("pictures"));
  drawPoints(job);
  at("report").href = place("results", "report.html");
  at("files").replaceChildren(
    ...job.results.map((name) => {
      const item = document.createElement("li");
      item.append(download(place("results", name), name, savedAs(job, name)));
      return item;
    }),
  );
}

/** Points can be set where the browser shows both images. */
async function drawPoints(job) {
  const id = job.id;
  at("points").replaceChildren();
  at("again").disabled = true;
  const images = {};
  for (const [side, key, name] of [["a", "a", "A"], ["b", "b_prime", "B′"]]) {
    const source = `jobs/${id}/inputs/${encodeURIComponent(job[key])}`;
    const image = Object.assign(new Image(), { src: source });
    await image.decode().catch(() => {});
    images[side] = { name, source, alt: `${name}: ${job[key]}`, width: image.naturalWidth, height: image.naturalHeight };
  }
  // Another job may be shown by now.
  if (id !== shown) return;
  if (!images.a.width || !images.b.width) {
    at("points").textContent = "This browser cannot show images of this kind, so no points can be set in them.";
    return;
  }
  const changed = (count) => { at("again").disabled = count === 0; };
  pointsOnPage = editPoints(at("points"), { images, points: job.points, changed });
  giveOneHeight(at("points"));
}

async function giveOneHeight(pictures) {
  const two = [...pictures.querySelectorAll("img")].slice(0, 2);
  await Promise.all(two.map((image) => image.decode().catch(() => {})));
  const widths = two.map((image) => Math.min(Math.max(image.naturalWidth / image.naturalHeight || 1, 0.5), 2));
  pictures.style.setProperty("--columns", widths.map((width) => `minmax(0, ${width}fr)`).join(" "));
}

function savedAs(job, name) {
  const stem = (file) => file.replace(/\.[^.]*$/, "");
  return `${stem(job.a)}__${stem(job.b_prime)}_${name}`;
}

function picture(source, text, name) {
  const figure = document.createElement("figure");
  figure.className = "card";
  const image = Object.assign(document.createElement("img"), { src: source, alt: text });
  const caption = document.createElement("figcaption");
  caption.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (name) caption.append(download(source, "Download", name));
  figure.append(image, caption);
  return figure;
}

function download(source, text, name) {
  const link = Object.assign(document.createElement("a"), { href: source, download: name, textContent: text });
  if (text === "Download") link.setAttribute("aria-label", `Download ${name}`);
  return link;
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
  setText(button.firstChild, title(job));
  setText(button.lastChild, job.state === "running" ? `running, ${Math.floor(100 * job.fraction)} %` : job.state);
  button.setAttribute("aria-current", String(job.id === shown));
  button.onclick = () => show(job.id);
}
