// The two pictures: dropped, chosen or the sample's, and looked at by the service when they are chosen.

import { ask } from "./service.js";
import { complain } from "./problem.js";

const SAMPLE = { a: "castle.jpg", b_prime: "church.jpg" };
const SAMPLE_PRESET = "photo2style";

const at = (id) => document.getElementById(id);
const form = at("form");
const most = Number(form.dataset.uploadBytes);
const checks = { a: null, b_prime: null }; // by field: a promise of what is wrong with it, "" for nothing

export function followChoices() {
  for (const zone of document.querySelectorAll(".drop")) followZone(zone);
  at("sample").addEventListener("click", useSample);
}

/** The files that can be sent, or null; what keeps them from it is said. */
export async function checkedFiles() {
  const keys = Object.keys(checks);
  const files = keys.map((key) => form.elements[key].files[0]);
  if (!files.every(Boolean)) return refuse("Choose two pictures first.");
  const wrong = (await Promise.all(keys.map((key) => checks[key]))).filter(Boolean);
  if (wrong.length) return refuse("Choose another picture first.");
  if (tooLarge()) return refuse(tooLarge());
  for (const file of files) {
    if (!(await isReadable(file))) return refuse(`${file.name} cannot be read any more; choose it again.`);
  }
  return files;
}

function refuse(text) {
  complain(text, "form");
  return null;
}

function followZone(zone) {
  const input = zone.querySelector("input");
  const hold = (over) => zone.classList.toggle("over", over);
  zone.addEventListener("dragover", () => hold(true));
  zone.addEventListener("dragleave", () => hold(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    hold(false);
    if (event.dataTransfer.files.length) put(zone, event.dataTransfer.files[0]);
  });
  input.addEventListener("change", () => take(zone, input.files[0]));
  // A browser may come back to the page with the files that were chosen.
  if (input.files.length) take(zone, input.files[0]);
}

function put(zone, file) {
  const one = new DataTransfer();
  one.items.add(file);
  const input = zone.querySelector("input");
  input.files = one.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function take(zone, file) {
  preview(zone, file);
  const { key } = zone.dataset;
  say(key, "");
  const check = file ? wrongWith(file) : Promise.resolve("");
  checks[key] = check;
  check.then((text) => {
    // Another may have been chosen while this one was looked at.
    if (checks[key] !== check) return;
    say(key, text);
    if (!text && tooLarge()) refuse(tooLarge());
  });
}

function say(key, text) {
  at(`${key}-wrong`).textContent = text;
}

function preview(zone, file) {
  const image = zone.querySelector("img");
  const chosen = zone.querySelector(".chosen");
  const invitation = zone.querySelector(".invitation");
  URL.revokeObjectURL(image.src);
  image.hidden = true;
  zone.classList.remove("shown");
  chosen.textContent = file ? file.name : "None chosen";
  invitation.textContent = file ? "No preview of this kind of file" : "Drop a picture here, or click to choose one";
  if (!file) return;
  image.onload = () => {
    image.hidden = false;
    zone.classList.add("shown");
    chosen.textContent = `${file.name}, ${image.naturalWidth} × ${image.naturalHeight} px`;
  };
  image.src = URL.createObjectURL(file);
}

/** What is wrong with a file, by the service's own reader; nothing where that cannot be told now. */
async function wrongWith(file) {
  if (!file.size) return `${file.name} is empty; choose another.`;
  if (file.size > most) return `${file.name} has ${megabytes(file.size)} MB; ${megabytes(most)} MB are taken, of both together.`;
  if (!(await isReadable(file))) return `${file.name} cannot be read; choose another.`;
  const body = new FormData();
  body.append("image", file);
  try {
    await ask("check", { method: "POST", body });
  } catch (error) {
    if (!error.lost && error.status !== 503) return error.message;
  }
  return "";
}

/** What is wrong with both files together. */
function tooLarge() {
  const files = Object.keys(checks).map((key) => form.elements[key].files[0]);
  const size = files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
  return size > most ? `The files have ${megabytes(size)} MB; ${megabytes(most)} MB are taken.` : "";
}

function megabytes(bytes) {
  return String(Number((bytes / 1e6).toFixed(1)));
}

/** Whether a file that was chosen is still there as it was. */
async function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

async function useSample() {
  for (const [key, name] of Object.entries(SAMPLE)) {
    const picture = await fetch(`pictures/${name}`).catch(() => null);
    if (!picture?.ok) return refuse("The sample pair cannot be had: the program does not answer.");
    const file = new File([await picture.blob()], name, { type: "image/jpeg" });
    put(document.querySelector(`.drop[data-key=${key}]`), file);
  }
  form.elements.preset.value = SAMPLE_PRESET;
  at("start").focus();
}
