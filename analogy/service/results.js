// The results of a job: each before its original, enlarged, and as files.

import { followSplit } from "./compare.js";

// By file: what it is of, what it is called, and what the picture shows.
const RESULTS = [
  ["a_prime_refined.png", "a", "Your picture in the new colours, with its own detail (A′ refined)"],
  ["b_refined.png", "b_prime", "Style picture in your colours, with its own detail (B refined)"],
  ["a_prime.png", "a", "Your picture in the look of the style picture (A′)"],
  ["b.png", "b_prime", "Style picture in the look of yours (B)"],
];
const ORIGINALS = [["a", "Your picture", "A"], ["b_prime", "Style picture", "B′"]];
const FILES = {
  "a_prime.png": "Your picture in the look of the style picture.",
  "b.png": "The style picture in the look of yours.",
  "a_prime_refined.png": "The same as a_prime.png, with your picture's own detail.",
  "b_refined.png": "The same as b.png, with the style picture's own detail.",
  "flow_ab.npy":
    "Which place of the style picture each pixel of yours was given: so many pixels to the right and down, as an array for programs (dx, dy).",
  "flow_ba.npy": "The same for each pixel of the style picture, in yours.",
  "confidence_a.png": "How sure that is, for each pixel of your picture: white is sure.",
  "confidence_b.png": "The same for the style picture.",
  "report.html": "A page to look through the run: what was matched with what, step by step.",
  "report.json": "What was done, with all settings, for programs.",
};
const TAP = 6; // pixels that a pointer may move in a click

const at = (id) => document.getElementById(id);

export function followLarge() {
  at("large-close").addEventListener("click", () => at("large").close());
  // What is outside of the picture is the dialog itself.
  at("large").addEventListener("click", (event) => event.target === at("large") && at("large").close());
  at("large").addEventListener("close", () => at("large-picture").replaceChildren());
}

export function drawResults(job) {
  const place = (name) => `jobs/${job.id}/results/${encodeURIComponent(name)}`;
  const original = (key) => `jobs/${job.id}/originals/${key}`;
  const found = RESULTS.filter(([name]) => job.results.includes(name));
  at("pictures").replaceChildren(
    ...found.map(([name, key, text]) =>
      figure({ text, source: place(name), original: original(key), savedAs: savedAs(job, name) }),
    ),
  );
  at("originals").replaceChildren(
    ...ORIGINALS.map(([key, title, letter]) => figure({ text: `${title} (${letter}): ${job[key]}`, source: original(key) })),
  );
  giveOneHeight(at("pictures"));
  Object.assign(at("all"), { href: `jobs/${job.id}/all.zip`, download: savedAs(job, "all.zip") });
  at("report").href = place("report.html");
  at("files").replaceChildren(
    ...job.results.flatMap((name) => {
      const term = element("dt");
      term.append(download(place(name), name, savedAs(job, name)));
      return [term, element("dd", { textContent: FILES[name] ?? "" })];
    }),
  );
  // For scripts that add to what is shown of a job.
  document.dispatchEvent(new CustomEvent("results", { detail: job }));
}

function savedAs(job, name) {
  const stem = (file) => file.replace(/\.[^.]*$/, "");
  return `${stem(job.a)}__${stem(job.b_prime)}_${name}`;
}

async function giveOneHeight(pictures) {
  const two = [...pictures.querySelectorAll(".compare > img")].slice(0, 2);
  await Promise.all(two.map((image) => image.decode().catch(() => {})));
  const widths = two.map((image) => Math.min(Math.max(ratioOf(image), 0.5), 2));
  pictures.style.setProperty("--columns", widths.map((width) => `minmax(0, ${width}fr)`).join(" "));
}

function ratioOf(image) {
  return image.naturalWidth / image.naturalHeight || 1;
}

// Figures.

function figure(picture) {
  const shown = element("figure", { className: "card" });
  const caption = element("figcaption");
  const enlarge = element("button", { type: "button", className: "plain", textContent: "Enlarge" });
  enlarge.setAttribute("aria-label", `Enlarge: ${picture.text}`);
  enlarge.addEventListener("click", () => showLarge(picture));
  const links = element("span", { className: "links" });
  links.append(enlarge);
  if (picture.savedAs) links.append(download(picture.source, "Download", picture.savedAs));
  caption.append(element("span", { textContent: picture.text }), links);
  shown.append(content(picture, () => showLarge(picture)), caption);
  return shown;
}

/** The picture, before its original where it has one; a click on it calls a function, if one is given. */
function content(picture, onTap) {
  if (picture.original) return compared(picture, onTap);
  const image = element("img", { src: picture.source, alt: picture.text });
  if (onTap) image.addEventListener("click", onTap);
  return image;
}

function compared({ text, source, original }, onTap) {
  const box = element("div", { className: "compare" });
  const after = element("div", { className: "after" });
  after.append(element("img", { src: source, alt: text, draggable: false }));
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50 });
  slider.setAttribute("aria-label", `How much of the original is shown: ${text}`);
  Object.assign(slider.dataset, { before: "original", after: "result" });
  box.append(
    element("img", { src: original, alt: "The original", draggable: false }),
    after,
    badge("left", "original"),
    badge("right", "result"),
    slider,
    element("span", { className: "handle", ariaHidden: "true" }),
  );
  followSplit(slider);
  if (onTap) followTaps(slider, onTap);
  return box;
}

function badge(side, text) {
  return element("span", { className: `badge ${side}`, textContent: text, ariaHidden: "true" });
}

/** A slider that was pressed and let go at one place was clicked, and stays where it was. */
function followTaps(slider, onTap) {
  let began = null;
  slider.addEventListener("pointerdown", ({ clientX, clientY }) => {
    began = { x: clientX, y: clientY, value: slider.value };
  });
  slider.addEventListener("click", ({ clientX, clientY }) => {
    if (!began || Math.hypot(clientX - began.x, clientY - began.y) > TAP) return;
    slider.value = began.value;
    slider.dispatchEvent(new Event("input"));
    onTap();
  });
}

async function showLarge(picture) {
  const shown = content(picture);
  at("large-text").textContent = picture.text;
  at("large-full").href = picture.source;
  at("large-picture").replaceChildren(shown);
  at("large").showModal();
  const image = shown.matches("img") ? shown : shown.querySelector("img");
  await image.decode().catch(() => {});
  shown.style.setProperty("--ratio", ratioOf(image));
}

function download(source, text, name) {
  const link = element("a", { href: source, download: name, textContent: text });
  if (text === "Download") link.setAttribute("aria-label", `Download ${name}`);
  return link;
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
