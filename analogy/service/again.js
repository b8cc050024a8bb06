// Points on the images of a job that is done, and the job again by them.

import { editPoints } from "./points.js";
import { ask } from "./service.js";

const SIDES = [["a", "a", "A"], ["b", "b_prime", "B′"]];

const at = (id) => document.getElementById(id);
let edited = null; // identifier of the job whose points are on the page
let pointsOnPage = () => ""; // the points that are set, as a file has them

/** Let points be set on results as they are drawn; `take` is called with each job that they make. */
export function followPoints(take) {
  document.addEventListener("results", ({ detail }) => drawPoints(detail));
  at("again").addEventListener("click", () => again(take));
}

async function again(take) {
  at("again-problem").textContent = "";
  at("again").disabled = true;
  const options = { method: "POST", body: pointsOnPage(), headers: { "Content-Type": "text/csv" } };
  try {
    take(await ask(`jobs/${edited}/again`, options));
  } catch (error) {
    at("again-problem").textContent = error.message;
    at("again").disabled = false;
  }
}

async function drawPoints(job) {
  edited = job.id;
  at("points").replaceChildren();
  at("again").disabled = true;
  at("again-problem").textContent = "";
  const images = {};
  for (const [side, key, name] of SIDES) images[side] = await described(job, key, name);
  // Another job may be shown by now.
  if (job.id !== edited) return;
  if (!images.a.width || !images.b.width) {
    at("points").textContent = "The job's images are not here, so no points can be set in them.";
    return;
  }
  const changed = (count) => { at("again").disabled = count === 0; };
  pointsOnPage = editPoints(at("points"), { images, points: job.points, changed });
  giveOneHeight(images);
}

async function described(job, key, name) {
  const source = `jobs/${job.id}/originals/${key}`;
  const image = Object.assign(new Image(), { src: source });
  await image.decode().catch(() => {});
  return { name, source, alt: `${name}: ${job[key]}`, width: image.naturalWidth, height: image.naturalHeight };
}

function giveOneHeight(images) {
  const widths = Object.values(images).map(({ width, height }) => Math.min(Math.max(width / height, 0.5), 2));
  at("points").style.setProperty("--columns", widths.map((width) => `minmax(0, ${width}fr)`).join(" "));
}
