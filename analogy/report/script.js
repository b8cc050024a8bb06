const data = JSON.parse(document.getElementById("data").textContent);

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const LEAP = 10; // samples, with Shift
const PATCH_SIDE = 31; // pixels of the images; odd, so that one is the middle

for (const slider of document.querySelectorAll(".compare input")) followSplit(slider);
followLevels(document.getElementById("level"));
for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", copyCommand);
setPoints();
await explore();

// Levels.

function followLevels(slider) {
  const text = document.getElementById("level-text");
  const show = () => {
    const level = data.levels[slider.value];
    for (const [name, { source, alt }] of Object.entries(level.pictures)) {
      Object.assign(document.getElementById(`level-${name}`), { src: source, alt });
    }
    text.textContent = level.text;
    slider.setAttribute("aria-valuetext", `level ${level.level}`);
  };
  slider.addEventListener("input", show);
  // A browser may come back to the page with the slider where it was left.
  show();
}

// Matches.

async function explore() {
  const status = document.getElementById("match");
  if (!("DecompressionStream" in window)) {
    status.textContent = "This browser is too old to unpack the matches.";
    return;
  }
  const flows = {};
  for (const [key, packed] of Object.entries(data.flows)) flows[key] = await unpackFlow(packed);
  const pickers = Object.fromEntries(
    [...document.querySelectorAll(".picker")].map((box) => [box.dataset.key, makePicker(box)]),
  );
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));

  let shown = null;
  let held = false;

  const show = (key, row, column) => {
    const here = pickers[key];
    const there = pickers[here.other];
    const match = matchAt(flows[key], row, column, there);
    shown = { key, row, column };
    placeMarker(here, match.from, "source");
    placeMarker(there, match.to, "match");
    drawThread(here, there, match);
    drawPatches(key === "a" ? match.from : match.to, key === "a" ? match.to : match.from);
    status.textContent = describe(here.name, there.name, match);
  };

  for (const [key, picker] of Object.entries(pickers)) {
    const flow = flows[key];
    const showUnderPointer = (event) => show(key, ...gridPlace(picker, flow, event));
    const hold = (now) => {
      held = now;
      for (const { box } of Object.values(pickers)) box.classList.toggle("held", held);
    };
    picker.box.addEventListener("pointermove", (event) => held || showUnderPointer(event));
    picker.box.addEventListener("click", (event) => {
      hold(true);
      showUnderPointer(event);
    });
    picker.box.addEventListener("keydown", (event) => {
      const [down, right] = STEPS[event.key] ?? [0, 0];
      if (event.key === "Escape") hold(false);
      if (!down && !right) return;
      event.preventDefault();
      hold(true);
      const leap = event.shiftKey ? LEAP : 1;
      const from = shown.key === key ? shown : nearestToMarker(picker, flow);
      show(key, clamp(from.row + down * leap, flow.rows), clamp(from.column + right * leap, flow.columns));
    });
  }

  const again = () => show(shown.key, shown.row, shown.column);
  window.addEventListener("resize", again);
  show("a", Math.floor(flows.a.rows / 2), Math.floor(flows.a.columns / 2));
  document.documentElement.dataset.ready = "true";
}

async function unpackFlow(packed) {
  const bytes = Uint8Array.from(atob(packed.values), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const steps = new Int16Array(await new Response(inflated).arrayBuffer());
  for (let i = 0; i < steps.length; i++) {
    // Sums wrap in 16 bits, as the differences did.
    if (i % packed.columns) steps[i] += steps[i - 1];
  }
  return { ...packed, steps };
}

function makePicker(box) {
  const { key, other, name } = box.dataset;
  const image = pictureOf(key).cloneNode();
  image.removeAttribute("data-image");
  box.prepend(image);
  return {
    box, key, other, name,
    marker: box.querySelector(".marker"),
    width: Number(image.getAttribute("width")),
    height: Number(image.getAttribute("height")),
  };
}

/** Place of a grid's sample and of its match, (x, y) in pixels of the images. */
function matchAt(flow, row, column, there) {
  const from = { x: flow.first + column * flow.step, y: flow.first + row * flow.step };
  const index = row * flow.columns + column;
  const to = {
    x: clamp(Math.round(from.x + flow.steps[index] / flow.unit), there.width),
    y: clamp(Math.round(from.y + flow.steps[index + flow.rows * flow.columns] / flow.unit), there.height),
  };
  return { from, to };
}

function gridPlace(picker, flow, event) {
  const frame = picker.box.getBoundingClientRect();
  const x = ((event.clientX - frame.left) / frame.width) * picker.width - 0.5;
  const y = ((event.clientY - frame.top) / frame.height) * picker.height - 0.5;
  return nearestOnGrid(flow, x, y);
}

function nearestOnGrid(flow, x, y) {
  return [
    clamp(Math.round((y - flow.first) / flow.step), flow.rows),
    clamp(Math.round((x - flow.first) / flow.step), flow.columns),
  ];
}

function nearestToMarker(picker, flow) {
  const [row, column] = nearestOnGrid(flow, picker.place.x, picker.place.y);
  return { row, column };
}

function placeMarker(picker, place, role) {
  const { marker, width, height } = picker;
  picker.place = place;
  marker.className = `marker ${role}`;
  marker.style.left = `${((place.x + 0.5) / width) * 100}%`;
  marker.style.top = `${((place.y + 0.5) / height) * 100}%`;
  marker.style.width = `${(PATCH_SIDE / width) * 100}%`;
  marker.style.height = `${(PATCH_SIDE / height) * 100}%`;
}

function drawThread(here, there, match) {
  const svg = document.querySelector(".thread");
  const frame = svg.getBoundingClientRect();
  const ends = [[here, match.from], [there, match.to]].map(([picker, place]) => {
    const box = picker.box.getBoundingClientRect();
    return {
      x: box.left - frame.left + ((place.x + 0.5) / picker.width) * box.width,
      y: box.top - frame.top + ((place.y + 0.5) / picker.height) * box.height,
    };
  });
  const line = svg.querySelector("line");
  ends.forEach(({ x, y }, i) => {
    line.setAttribute(`x${i + 1}`, x);
    line.setAttribute(`y${i + 1}`, y);
  });
}

function drawPatches(placeA, placeB) {
  const places = { a: placeA, a_prime: placeA, b: placeB, b_prime: placeB };
  for (const [key, place] of Object.entries(places)) {
    drawPatch(document.getElementById(`patch-${key}`), pictureOf(key), place);
  }
}

function drawPatch(canvas, image, place) {
  // The picture in the page may be smaller than the image that was given.
  const scale = image.naturalWidth / Number(image.getAttribute("width"));
  const side = PATCH_SIDE * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(
    image,
    (place.x + 0.5) * scale - side / 2, (place.y + 0.5) * scale - side / 2, side, side,
    0, 0, canvas.width, canvas.height,
  );
}

function describe(here, there, { from, to }) {
  const across = difference(to.x - from.x, "right", "left");
  const along = difference(to.y - from.y, "down", "up");
  return `${here} (${from.x}, ${from.y}) matches ${there} (${to.x}, ${to.y}): ${across}, ${along}`;
}

function difference(pixels, forward, backward) {
  return `${Math.abs(pixels)} px ${pixels < 0 ? backward : forward}`;
}

function pictureOf(key) {
  return document.querySelector(`[data-image=${key}]`);
}

function clamp(index, extent) {
  return Math.min(Math.max(index, 0), extent - 1);
}

// Points.

function setPoints() {
  const named = { a: "a", b: "b_prime" };
  const images = Object.entries(named).map(([side, key]) => {
    const picture = pictureOf(key);
    const size = { width: Number(picture.getAttribute("width")), height: Number(picture.getAttribute("height")) };
    return [side, { name: side === "a" ? "A" : "B′", source: picture.src, alt: picture.alt, ...size }];
  });
  editPoints(document.getElementById("points"), { images: Object.fromEntries(images), points: data.points });
}

// The commands.

async function copyCommand({ currentTarget }) {
  const command = document.getElementById(currentTarget.dataset.copies);
  const status = currentTarget.nextElementSibling;
  try {
    await navigator.clipboard.writeText(command.textContent.trim());
    status.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(command);
    status.textContent = "Selected: copy it with the keyboard.";
  }
}
