/** Points: which pixel of A corresponds to which of B′, set by hand. The report and the page share it. */

const POINT_COLUMNS = ["ax", "ay", "bx", "by"];
const POINT_STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const POINT_LEAP = 10; // pixels, with Shift
const POINT_SIDES = ["a", "b"];

/**
 * Let points be set in two images.
 *
 * `images` has of `a` and of `b` a name, a source, what it is described by, and its width and height in pixels.
 * `points` are those to begin with, each [ax, ay, bx, by]. `changed` is called with their number when it may be another.
 * Returns a function that gives the points as a CSV file has them.
 */
export function editPoints(box, { images, points, changed = () => {} }) {
  const pair = make("div", { className: "two pair points-pair" });
  const list = make("ol", { className: "points-list" });
  const status = make("p", { className: "note" });
  status.setAttribute("role", "status");
  const problem = make("p", { className: "points-problem" });
  problem.setAttribute("role", "alert");
  const boxes = Object.fromEntries(POINT_SIDES.map((side) => [side, imageBox(side)]));
  let all = []; // each has its ends by side, null where one is not set yet, and what shows it

  box.replaceChildren(pair, status, list, problem, buttons());
  all = points.map(pointOf);
  show();
  return csv;

  function make(tag, properties) {
    return Object.assign(document.createElement(tag), properties);
  }

  function imageBox(side) {
    const { name, source, alt, width, height } = images[side];
    const card = make("div", { className: "card" });
    const frame = make("div", { className: "points-image" });
    frame.dataset.side = side;
    const image = make("img", { src: source, alt, width, height, draggable: false });
    frame.append(image);
    frame.addEventListener("click", (event) => {
      if (!event.target.closest(".points-marker")) click(side, placeUnder(side, event));
    });
    card.append(make("h3", { textContent: `Points in ${name}` }), frame);
    pair.append(card);
    return frame;
  }

  function buttons() {
    const row = make("div", { className: "points-actions" });
    const add = make("button", { type: "button", textContent: "Add a point" });
    add.addEventListener("click", addInTheMiddle);
    const save = make("button", { type: "button", textContent: "Save points" });
    save.addEventListener("click", saveFile);
    const load = make("label", { className: "points-load", textContent: "Load points" });
    const file = make("input", { type: "file", className: "unseen", accept: ".csv,text/csv,text/plain" });
    file.addEventListener("change", () => loadFile(file));
    load.append(file);
    row.append(add, save, load);
    return row;
  }

  // Setting points.

  function click(side, place) {
    let point = all.at(-1);
    if (point && POINT_SIDES.some((one) => !point.ends[one])) point.ends[side] = place;
    else all.push((point = pointOf(null, { [side]: place })));
    show();
    // Keys go on from where the pointer was.
    point.markers[side].focus({ preventScroll: true });
  }

  function addInTheMiddle() {
    dropUnfinished();
    const middle = ({ width, height }) => ({ x: Math.floor(width / 2), y: Math.floor(height / 2) });
    const point = pointOf(null, { a: middle(images.a), b: middle(images.b) });
    all.push(point);
    show();
    point.markers.a.focus();
  }

  function pointOf(numbers, ends) {
    const [ax, ay, bx, by] = numbers ?? [];
    const point = { ends: numbers ? { a: { x: ax, y: ay }, b: { x: bx, y: by } } : { a: null, b: null, ...ends } };
    point.markers = Object.fromEntries(POINT_SIDES.map((side) => [side, marker(point, side)]));
    point.entry = entry(point);
    return point;
  }

  function marker(point, side) {
    const button = make("button", { type: "button", className: `points-marker points-${side}` });
    button.append(make("span", {}));
    button.addEventListener("keydown", (event) => pressed(point, side, event));
    let held = { x: 0, y: 0 }; // from the pointer to the point, in pixels of the image
    button.addEventListener("pointerdown", (event) => {
      const { x, y } = placeUnder(side, event);
      held = { x: point.ends[side].x - x, y: point.ends[side].y - y };
      button.setPointerCapture(event.pointerId);
    });
    button.addEventListener("pointermove", (event) => {
      if (!button.hasPointerCapture(event.pointerId)) return;
      const { x, y } = placeUnder(side, event);
      move(point, side, inside(side, x + held.x, y + held.y));
    });
    return button;
  }

  function entry(point) {
    const item = make("li", {});
    const removing = make("button", { type: "button", textContent: "Remove" });
    removing.addEventListener("click", () => remove(point));
    item.append(make("span", {}), removing);
    return item;
  }

  function pressed(point, side, event) {
    const [right, down] = POINT_STEPS[event.key] ?? [0, 0];
    if (event.key === "Delete" || event.key === "Backspace") remove(point);
    else if (event.key === "Escape") dropUnfinished();
    else if (right || down) {
      const { x, y } = point.ends[side];
      const leap = event.shiftKey ? POINT_LEAP : 1;
      move(point, side, inside(side, x + right * leap, y + down * leap));
    } else return;
    event.preventDefault();
  }

  function move(point, side, place) {
    point.ends[side] = place;
    show();
  }

  function remove(point) {
    const index = all.indexOf(point);
    all = all.filter((one) => one !== point);
    show();
    // Where the next one is now, so that the keyboard goes on from there.
    const next = all[Math.min(index, all.length - 1)];
    (next ? (next.markers.a.isConnected ? next.markers.a : next.markers.b) : box.querySelector("button")).focus();
  }

  function dropUnfinished() {
    all = finished();
    show();
  }

  function finished() {
    return all.filter(({ ends }) => ends.a && ends.b);
  }

  function placeUnder(side, event) {
    const frame = boxes[side].getBoundingClientRect();
    const { width, height } = images[side];
    return inside(
      side,
      Math.round(((event.clientX - frame.left) / frame.width) * width - 0.5),
      Math.round(((event.clientY - frame.top) / frame.height) * height - 0.5),
    );
  }

  function inside(side, x, y) {
    const { width, height } = images[side];
    return { x: Math.min(Math.max(x, 0), width - 1), y: Math.min(Math.max(y, 0), height - 1) };
  }

  // What is seen of them.

  function show() {
    const shown = new Set();
    all.forEach((point, index) => {
      for (const side of POINT_SIDES) if (point.ends[side]) shown.add(placeMarker(point, side, index + 1));
      if (point.ends.a && point.ends.b) shown.add(describeEntry(point, index + 1));
    });
    for (const old of box.querySelectorAll(".points-marker, .points-list li")) if (!shown.has(old)) old.remove();
    say();
    changed(finished().length);
  }

  function placeMarker(point, side, number) {
    const element = point.markers[side];
    const { x, y } = point.ends[side];
    const { name, width, height } = images[side];
    element.style.left = `${((x + 0.5) / width) * 100}%`;
    element.style.top = `${((y + 0.5) / height) * 100}%`;
    element.firstChild.textContent = number;
    element.setAttribute("aria-label", `Point ${number} in ${name}: ${placeText(point.ends[side])}`);
    if (!element.isConnected) boxes[side].append(element);
    return element;
  }

  function describeEntry(point, number) {
    const { a, b } = point.ends;
    const text = `${images.a.name} ${placeText(a)} is ${images.b.name} ${placeText(b)}`;
    point.entry.firstChild.textContent = text;
    point.entry.lastChild.setAttribute("aria-label", `Remove point ${number}`);
    if (!point.entry.isConnected) list.append(point.entry);
    return point.entry;
  }

  function placeText({ x, y }) {
    return `(${+x.toFixed(1)}, ${+y.toFixed(1)})`;
  }

  function say() {
    const count = finished().length;
    const open = all.find(({ ends }) => !ends.a || !ends.b);
    const text = open
      ? `Now click where it belongs in ${open.ends.a ? images.b.name : images.a.name}; Escape drops it.`
      : count
        ? `${count} ${count === 1 ? "point" : "points"}. Drag one, or move it by the arrow keys, with Shift in leaps; Delete removes it.`
        : `Click something in ${images.a.name}, then where it belongs in ${images.b.name}.`;
    // What is set anew is read aloud anew.
    if (status.textContent !== text) status.textContent = text;
  }

  // Files.

  function csv() {
    const rows = finished().map(({ ends: { a, b } }) => [a.x, a.y, b.x, b.y].join(","));
    return [POINT_COLUMNS.join(","), ...rows, ""].join("\n");
  }

  function saveFile() {
    const link = make("a", { href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })), download: "points.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  async function loadFile(input) {
    const [file] = input.files;
    if (!file) return;
    problem.textContent = "";
    try {
      const read = readPoints(await file.text(), file.name);
      all = read.map((numbers) => pointOf(numbers));
      show();
    } catch (error) {
      problem.textContent = error.message;
    }
    // The same file can be chosen again when it was mended.
    input.value = "";
  }

  function readPoints(text, name) {
    const read = [];
    text.split(/\r\n|\r|\n/).forEach((line, index) => {
      const cells = line.replace(/^\ufeff/, "").replace(/#.*/, "").trim();
      if (!cells) return;
      const words = cells.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1").trim());
      if (!read.length && words.join().toLowerCase() === POINT_COLUMNS.join()) return;
      read.push(numbersOf(words, `${name}: line ${index + 1}`));
    });
    if (!read.length) throw new Error(`${name}: holds no points; give ${POINT_COLUMNS.join(", ")} of each on a line`);
    return read;
  }

  function numbersOf(words, name) {
    const numbers = words.map((word) => (word ? Number(word) : NaN));
    if (words.length !== POINT_COLUMNS.length || !numbers.every(Number.isFinite))
      throw new Error(`${name}: give four numbers, ${POINT_COLUMNS.join(", ")}`);
    POINT_SIDES.forEach((side, index) => {
      const [x, y] = numbers.slice(2 * index, 2 * index + 2);
      const { width, height } = images[side];
      if (x < -0.5 || y < -0.5 || x >= width - 0.5 || y >= height - 0.5)
        throw new Error(`${name}: (${x}, ${y}) is outside ${images[side].name}, which has ${width} × ${height} px`);
    });
    return numbers;
  }
}
