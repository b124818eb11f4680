"use strict";
for (const timeline of document.querySelectorAll(".timeline")) {
  const scroll = timeline.querySelector(".scroll");
  const picture = scroll.querySelector("svg");
  const said = timeline.querySelector("output");
  let zoom = 1;
  const set = (next, at) => {
    next = Math.min(64, Math.max(1, next));
    const share = (scroll.scrollLeft + at) / picture.getBoundingClientRect().width;
    zoom = next;
    picture.style.width = zoom * 100 + "%";
    scroll.scrollLeft = share * picture.getBoundingClientRect().width - at;
    said.textContent = zoom === 1 ? "whole log" : zoom + " times";
  };
  const middle = () => scroll.clientWidth / 2;
  timeline.querySelector(".controls").hidden = false;
  timeline.querySelector(".in").addEventListener("click", () => set(zoom * 2, middle()));
  timeline.querySelector(".out").addEventListener("click", () => set(zoom / 2, middle()));
  timeline.querySelector(".whole").addEventListener("click", () => set(1, 0));
  scroll.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") set(zoom * 2, middle());
    else if (event.key === "-") set(zoom / 2, middle());
    else if (event.key === "0") set(1, 0);
    else return;
    event.preventDefault();
  });
  scroll.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    set(event.deltaY < 0 ? zoom * 2 : zoom / 2, event.clientX - scroll.getBoundingClientRect().left);
  }, { passive: false });
}
