"use strict";
(() => {
  const MOST = 32;
  const panes = [...document.querySelectorAll(".pane")];
  const images = panes.map((pane) => pane.firstElementChild);
  // Share of the picture that is to the left and above of what is seen, and how large it is shown.
  const seen = { x: 0, y: 0, zoom: 1 };
  const fingers = new Map();

  function show() {
    seen.zoom = Math.min(MOST, Math.max(1, seen.zoom));
    const most = 1 - 1 / seen.zoom;
    seen.x = Math.min(most, Math.max(0, seen.x));
    seen.y = Math.min(most, Math.max(0, seen.y));
    for (const image of images) {
      image.style.transform = `scale(${seen.zoom}) translate(${-100 * seen.x}%, ${-100 * seen.y}%)`;
    }
    const dots = (images[0].clientWidth * seen.zoom) / images[0].naturalWidth;
    document.getElementById("panes").classList.toggle("near", dots >= 2);
    document.getElementById("panes").classList.toggle("zoomed", seen.zoom > 1);
    document.getElementById("zoom").textContent = `${Math.round(100 * seen.zoom)} %`;
  }

  // The place of the picture that is at (across, down) of a pane, 0 to 1, stays there.
  function zoomBy(factor, across = 0.5, down = 0.5) {
    const zoom = Math.min(MOST, Math.max(1, seen.zoom * factor));
    seen.x += across * (1 / seen.zoom - 1 / zoom);
    seen.y += down * (1 / seen.zoom - 1 / zoom);
    seen.zoom = zoom;
    show();
  }

  function place(pane, event) {
    const box = pane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function spread() {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one[0] - other[0], one[1] - other[1]);
  }

  for (const pane of panes) {
    pane.addEventListener("wheel", (event) => {
      // Until there is something to move, the wheel scrolls the page.
      if (!event.ctrlKey && seen.zoom === 1) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 400), ...place(pane, event));
    }, { passive: false });
    pane.addEventListener("pointerdown", (event) => {
      pane.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(pane, event));
    });
    pane.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const [was, now] = [fingers.get(event.pointerId), place(pane, event)];
      const before = fingers.size === 2 ? spread() : 0;
      fingers.set(event.pointerId, now);
      if (fingers.size === 2) {
        zoomBy(spread() / Math.max(before, 1e-3), ...now);
      } else {
        seen.x -= (now[0] - was[0]) / seen.zoom;
        seen.y -= (now[1] - was[1]) / seen.zoom;
        show();
      }
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      pane.addEventListener(kind, (event) => fingers.delete(event.pointerId));
    }
    pane.addEventListener("keydown", (event) => {
      const step = 0.1 / seen.zoom;
      const keys = {
        ArrowLeft: () => { seen.x -= step; },
        ArrowRight: () => { seen.x += step; },
        ArrowUp: () => { seen.y -= step; },
        ArrowDown: () => { seen.y += step; },
        "+": () => zoomBy(1.5),
        "=": () => zoomBy(1.5),
        "-": () => zoomBy(1 / 1.5),
        0: () => { seen.zoom = 1; },
      };
      if (!(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
      show();
    });
  }
  document.getElementById("more").addEventListener("click", () => zoomBy(1.5));
  document.getElementById("less").addEventListener("click", () => zoomBy(1 / 1.5));
  document.getElementById("whole").addEventListener("click", () => {
    seen.zoom = 1;
    show();
  });
  window.addEventListener("resize", show);
  show();
})();
