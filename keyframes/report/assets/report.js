(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const overview = readOverview(data);
  const keyframes = data.keyframes;
  const view = { tied: null, selected: null, cursor: null, doubt: false };
  const list = document.getElementById("cards");
  const told = document.getElementById("told");
  const cards = new Map([...list.querySelectorAll(".card")].map((card) => [Number(card.dataset.frame), card]));
  const timeline = new Timeline(document.getElementById("timeline"), overview, view);
  const map = new MapView(document.getElementById("map"), overview, view);
  const redraw = once(() => {
    timeline.draw(keyframes);
    map.draw(keyframes);
  });

  function show() {
    const shown = view.tied;
    document.body.classList.toggle("tying", shown !== null);
    for (const [frame, card] of cards) {
      card.classList.toggle("tied", Number(card.dataset.cluster) === shown);
      card.setAttribute("aria-pressed", String(frame === view.selected));
    }
    redraw();
  }

  // `spot` is {time, cluster, keyframe} or null; what was clicked stays until something else is.
  function tell(spot) {
    const keyframe = spot && spot.keyframe;
    const pinned = keyframes.find((one) => one.frame === view.selected);
    view.tied = spot ? spot.cluster : pinned ? pinned.cluster : null;
    told.replaceChildren();
    const frame = keyframe || (!spot && pinned);
    if (frame) {
      const link = document.createElement("a");
      link.href = frame.file;
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = "full size";
      const size = `represents ${frame.size.toLocaleString("en")} ${frame.size === 1 ? "frame" : "frames"}`;
      // The reason may be that.
      const words = new Set([frameAt("Frame", frame.frame, frame.time, " · "), size, frame.reason || size]);
      told.append(...[...words].map((part) => `${part} · `), link);
    } else if (spot) {
      told.append(`${moment(spot.time)} · ${spot.frame === undefined || !hasTimes ? "" : `frame ${spot.frame} · `}cluster ${spot.cluster}`);
    }
    show();
  }

  function pin(keyframe, scroll) {
    view.selected = keyframe && keyframe.frame !== view.selected ? keyframe.frame : null;
    tell(null);
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
    if (scroll && view.selected !== null) cards.get(view.selected).scrollIntoView({ block: "center", behavior });
  }

  // Clicking on a frame that is not chosen shows the one that represents it.
  function standIn(spot) {
    return spot && (spot.keyframe || keyframes.find((one) => one.cluster === spot.cluster) || null);
  }

  for (const part of [timeline, map]) {
    part.canvas.addEventListener("pointermove", (event) => tell(part.at(event, keyframes)));
    part.canvas.addEventListener("pointerleave", () => tell(null));
    part.canvas.addEventListener("click", (event) => pin(standIn(part.at(event, keyframes)), true));
    new ResizeObserver(redraw).observe(part.canvas);
  }
  for (const keyframe of keyframes) {
    const card = cards.get(keyframe.frame);
    const spot = { time: keyframe.time, cluster: keyframe.cluster, keyframe };
    card.addEventListener("pointerenter", () => tell(spot));
    card.addEventListener("pointerleave", () => tell(null));
    card.addEventListener("focus", () => tell(spot));
    card.addEventListener("blur", () => tell(null));
    card.addEventListener("click", () => pin(keyframe, false));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null, false);
  });
  arrowKeys(list);
  predictionSwitches(view, redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  show();
})();
