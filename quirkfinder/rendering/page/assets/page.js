"use strict";
for (const timeline of document.querySelectorAll(".timeline")) {
  const scroll = timeline.querySelector(".scroll");
  const picture = scroll.querySelector("svg");
  const said = timeline.querySelector("output");
  const marks = [...picture.querySelectorAll("circle.mark")].map((mark) => parseFloat(mark.getAttribute("cx")) / 100);
  const padding = parseFloat(getComputedStyle(scroll).paddingLeft);
  let zoom = 1;
  // Puts the place at a share of the log under a point of the view, `at` pixels from its left.
  const show = (next, share, at) => {
    zoom = Math.min(64, Math.max(1, next));
    picture.style.width = zoom * 100 + "%";
    scroll.scrollLeft = share * picture.getBoundingClientRect().width + padding - at;
    said.textContent = zoom === 1 ? "whole log" : (zoom < 10 ? +zoom.toFixed(1) : Math.round(zoom)) + " times";
  };
  const set = (next, at) => {
    const box = picture.getBoundingClientRect();
    show(next, (scroll.getBoundingClientRect().left + at - box.left) / box.width, at);
  };
  const middle = () => scroll.clientWidth / 2;
  const evidence = () => {
    const first = Math.min(...marks), last = Math.max(...marks);
    show(0.8 / Math.max(last - first, 0.0001), (first + last) / 2, middle());
  };
  timeline.querySelector(".controls").hidden = false;
  timeline.querySelector(".in").addEventListener("click", () => set(zoom * 2, middle()));
  timeline.querySelector(".out").addEventListener("click", () => set(zoom / 2, middle()));
  timeline.querySelector(".whole").addEventListener("click", () => set(1, 0));
  timeline.querySelector(".evidence").addEventListener("click", evidence);
  timeline.querySelector(".evidence").hidden = !marks.length;
  scroll.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") set(zoom * 2, middle());
    else if (event.key === "-") set(zoom / 2, middle());
    else if (event.key === "0") set(1, 0);
    else if (event.key === "e" && marks.length) evidence();
    else return;
    event.preventDefault();
  });
  scroll.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    set(event.deltaY < 0 ? zoom * 2 : zoom / 2, event.clientX - scroll.getBoundingClientRect().left);
  }, { passive: false });
}
