"use strict";

// The pictures of frames, with the predicted points over them, and the cards that show them.
const picture = (frame, size = "small") => `picture/${frame}?size=${size}`;

// Predicted points over a picture, in place of those of another frame; with their names where there is room to point at them.
function drawPoints(over, points, state, named = false) {
  over.querySelector(".points")?.remove();
  if (!points || !points.length) return;
  const make = (tag, values) => {
    const found = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(values)) found.setAttribute(name, value);
    return found;
  };
  const { keypoints, skeleton } = state.predictions;
  const drawing = make("svg", {
    class: "points",
    viewBox: `0 0 ${state.width} ${state.height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const animal of points) {
    for (const [one, other] of skeleton) {
      if (!animal[one] || !animal[other]) continue;
      const [[x1, y1], [x2, y2]] = [animal[one], animal[other]];
      drawing.append(make("line", { x1, y1, x2, y2, "stroke-width": 0.005 * state.width }));
    }
    animal.forEach((point, node) => {
      if (!point) return;
      const circle = make("circle", { cx: point[0], cy: point[1], r: 0.009 * state.width });
      circle.style.setProperty("--node", Math.floor((360 * node) / keypoints.length));
      if (named) circle.append(Object.assign(make("title", {}), { textContent: keypoints[node] }));
      drawing.append(circle);
    });
  }
  over.append(drawing);
}

function putPicture(id, address, words, points, state) {
  const image = byId(id);
  drawPoints(image.parentElement, points, state, true);
  if (image.getAttribute("src") !== address) image.src = address;
  image.alt = words;
  image.width = state.width;
  image.height = state.height;
}

// A list item with the button that shows a frame; `hue` is that of its cluster.
function frameCard({ frame, cluster, time, points }, size, hue, state) {
  const image = element("img", "", { src: picture(frame), alt: "", loading: "lazy", decoding: "async" });
  image.width = state.width;
  image.height = state.height;
  const caption = element("span", "caption");
  caption.append(element("b", "", { textContent: frame }), element("span", "", { textContent: hasTimes ? clock(time) : "" }));
  if (size) caption.append(element("span", "size", { textContent: size.toLocaleString("en"), title: "frames in its cluster" }));
  const button = element("button", "card", { type: "button" });
  Object.assign(button.dataset, { frame, cluster });
  button.style.setProperty("--hue", hue);
  button.setAttribute("aria-pressed", "false");
  const shown = element("span", "picture");
  shown.append(image);
  drawPoints(shown, points, state);
  button.append(shown, caption, element("span", "reason", { hidden: true }), element("span", "note", { hidden: true }));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

// What a screen reader says of a chosen frame.
function labelOf({ frame, time, size, cluster, reason, note }) {
  const told = `${frameAt("Frame", frame, time)}, represents ${count(size, "frame")} of cluster ${cluster}`;
  // The reason may be how many frames it represents.
  return [told, told.includes(reason) ? "" : reason, note].filter(Boolean).join("; ");
}
