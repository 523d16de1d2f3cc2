"use strict";

// What every part of the page needs: its elements, its messages, and the server.
const byId = (id) => document.getElementById(id);
const picture = (frame, size = "small") => `picture/${frame}?size=${size}`;
const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
let hush = 0;

function element(tag, className, properties = {}) {
  return Object.assign(document.createElement(tag), { className, ...properties });
}

function say(words, failed = false) {
  clearTimeout(hush);
  byId("status").textContent = words;
  byId("status").classList.toggle("failed", failed);
  if (words) hush = setTimeout(() => say(""), failed ? 9000 : 4000);
}

async function ask(address, wish) {
  const options = wish === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  };
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", ...options });
  } catch {
    throw Object.assign(new Error("keyframes has stopped; start it again to continue."), { status: 0 });
  }
  const content = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(content.error), { status: answer.status });
  return content;
}

// Predicted points over a picture; those of another frame that were there go.
function drawPoints(over, points, state) {
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
      drawing.append(circle);
    });
  }
  over.append(drawing);
}

function putPicture(id, address, words, points, state) {
  const image = byId(id);
  drawPoints(image.parentElement, points, state);
  if (image.getAttribute("src") !== address) image.src = address;
  image.alt = words;
  image.width = state.width;
  image.height = state.height;
}
