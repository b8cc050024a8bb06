// Before and after: of the report and of the service's page.

export function followSplit(slider) {
  const box = slider.closest(".compare");
  const { before, after } = slider.dataset;
  const show = () => {
    const share = Number(slider.value);
    box.style.setProperty("--split", `${share}%`);
    slider.setAttribute("aria-valuetext", `${share} % ${before}, ${100 - share} % ${after}`);
  };
  slider.addEventListener("input", show);
  show();
}
