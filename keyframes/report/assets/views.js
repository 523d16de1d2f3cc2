"use strict";
// The timeline and the map, as the report and the review page show them. A page has one `view`:
//   tied      cluster that the pointer is on, or null
//   selected  frame index that was clicked, or null
//   cursor    {time, x, y, label} of a frame that is looked at and not chosen, or null
//   doubt     whether colours show the doubt of predictions, not the clusters

function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Kind(bytes.buffer);
}

// Images without a rate have no times: then the timeline counts frames.
let hasTimes = true;

function readOverview(shown) {
  hasTimes = !shown.no_times;
  const dots = shown.dots;
  return {
    first: shown.first_s,
    last: shown.last_s,
    hues: shown.hues,
    bins: unpack(shown.bins, Int32Array),
    x: unpack(dots.x, Float32Array),
    y: unpack(dots.y, Float32Array),
    label: unpack(dots.label, Int32Array),
    frame: unpack(dots.frame, Int32Array),
    time: unpack(dots.time, Float32Array),
    // Shares of the most doubt there is, where there are predictions.
    doubtOfBins: shown.doubt ? unpack(shown.doubt.bins, Float32Array) : null,
    doubtOfDots: shown.doubt ? unpack(shown.doubt.dots, Float32Array) : null,
  };
}

function clock(seconds) {
  const hundredths = Math.round(seconds * 100);
  const pad = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(hundredths / 6000);
  const rest = `${pad(minutes % 60)}:${pad(Math.floor(hundredths / 100) % 60)}.${pad(hundredths % 100)}`;
  return minutes >= 60 ? `${Math.floor(minutes / 60)}:${rest}` : rest;
}

// A place on the timeline.
function moment(time) {
  return hasTimes ? clock(time) : `frame ${Math.round(time)}`;
}

function frameAt(name, frame, time, between = " at ") {
  return hasTimes ? `${name} ${frame}${between}${clock(time)}` : `${name} ${frame}`;
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function clusterColor(hue, opacity) {
  return `oklch(${token("--cluster-l")} ${token("--cluster-c")} ${hue} / ${opacity})`;
}

// From gray to red, in a few steps.
const DOUBTS = 8;

function doubtStep(share) {
  return Math.min(DOUBTS - 1, Math.floor(share * DOUBTS));
}

function doubtColor(step, opacity) {
  const share = step / (DOUBTS - 1);
  return `oklch(${token("--cluster-l")} ${0.2 * share} 28 / ${opacity * (0.35 + 0.65 * share)})`;
}

// Draws in units of CSS pixels, sharp on every screen.
function sized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

const MARKS = 18;

class Timeline {
  constructor(canvas, overview, view) {
    Object.assign(this, { canvas, overview, view });
  }

  across(time, width) {
    const { first, last } = this.overview;
    return last > first ? ((time - first) / (last - first)) * (width - 2) + 1 : width / 2;
  }

  draw(keyframes) {
    const { pen, width, height } = sized(this.canvas);
    const { bins, hues } = this.overview;
    const { tied, selected, cursor } = this.view;
    const step = width / bins.length;
    const doubts = this.view.doubt ? this.overview.doubtOfBins : null;
    const alike = (one, other) => bins[one] === bins[other] && (!doubts || doubtStep(doubts[one]) === doubtStep(doubts[other]));
    for (let from = 0; from < bins.length; ) {
      let to = from + 1;
      while (to < bins.length && alike(from, to)) to += 1;
      const opacity = tied === null || tied === bins[from] ? 1 : 0.16;
      pen.fillStyle = doubts ? doubtColor(doubtStep(doubts[from]), opacity) : clusterColor(hues[bins[from]], opacity);
      // Where no frame was looked at, nothing is drawn.
      if (bins[from] >= 0) pen.fillRect(from * step, MARKS, (to - from) * step + 0.5, height - MARKS);
      from = to;
    }
    const ink = token("--ink");
    for (const keyframe of keyframes) {
      const x = this.across(keyframe.time, width);
      const chosen = keyframe.frame === selected;
      const bold = chosen || tied === keyframe.cluster;
      pen.globalAlpha = bold || tied === null ? 1 : 0.25;
      pen.fillStyle = chosen ? token("--accent") : ink;
      pen.fillRect(x - (bold ? 1 : 0.5), bold ? 2 : 8, bold ? 2 : 1, bold ? height - 2 : MARKS - 8);
      pen.beginPath();
      pen.arc(x, bold ? 4 : 7, bold ? 3.5 : 2.2, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (cursor) {
      pen.strokeStyle = token("--accent");
      pen.lineWidth = 2;
      const x = this.across(cursor.time, width);
      pen.strokeRect(x - 2, MARKS - 3, 4, height - MARKS + 2);
    }
  }

  // What the pointer is on: a time, its cluster, and a chosen frame where a mark is near.
  at(event, keyframes) {
    const box = this.canvas.getBoundingClientRect();
    const { first, last, bins } = this.overview;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    let near = null;
    let nearest = 6;
    for (const keyframe of keyframes) {
      const away = Math.abs(this.across(keyframe.time, box.width) - (event.clientX - box.left));
      if (away < nearest) [near, nearest] = [keyframe, away];
    }
    const bin = Math.min(bins.length - 1, Math.floor(share * bins.length));
    if (!near && bins[bin] < 0) return null;
    return { time: first + share * (last - first), cluster: near ? near.cluster : bins[bin], keyframe: near };
  }
}

class MapView {
  constructor(canvas, overview, view) {
    Object.assign(this, { canvas, overview, view });
    // The dots alone take time to draw: they are kept until the cluster or the size changes.
    this.layer = document.createElement("canvas");
    this.drawn = "";
    const order = new Map();
    overview.frame.forEach((frame, dot) => order.set(frame, dot));
    this.dotOf = order;
  }

  place(dot, width, height) {
    const margin = 10;
    const { x, y } = this.overview;
    return [margin + x[dot] * (width - 2 * margin), height - margin - y[dot] * (height - 2 * margin)];
  }

  drawDots(width, height) {
    const { label, hues } = this.overview;
    const { tied } = this.view;
    const radius = label.length > 6000 ? 1.1 : label.length > 1500 ? 1.6 : 2.4;
    const doubts = this.view.doubt ? this.overview.doubtOfDots : null;
    const groups = new Map();
    for (let dot = 0; dot < label.length; dot += 1) {
      const of = doubts ? `${label[dot] === tied ? 1 : 0}${doubtStep(doubts[dot])}` : label[dot];
      if (!groups.has(of)) groups.set(of, []);
      groups.get(of).push(dot);
    }
    // What matters lies on top: the most doubtful dots, or the cluster that the pointer is on.
    const order = [...groups.keys()].sort((one, other) => (doubts ? one - other : (one === tied) - (other === tied)));
    const { pen } = sizedLike(this.layer, this.canvas);
    for (const of of order) {
      const first = groups.get(of)[0];
      const opacity = tied === null ? 0.75 : label[first] === tied ? 1 : 0.1;
      pen.fillStyle = doubts ? doubtColor(doubtStep(doubts[first]), opacity) : clusterColor(hues[label[first]], opacity);
      pen.beginPath();
      for (const dot of groups.get(of)) {
        const [x, y] = this.place(dot, width, height);
        pen.moveTo(x + radius, y);
        pen.arc(x, y, radius, 0, 7);
      }
      pen.fill();
    }
  }

  draw(keyframes) {
    const { pen, width, height } = sized(this.canvas);
    const drawn = [this.view.tied, this.view.doubt, this.canvas.width, this.canvas.height, token("--cluster-l")].join();
    if (drawn !== this.drawn) {
      this.drawDots(width, height);
      this.drawn = drawn;
    }
    pen.drawImage(this.layer, 0, 0, width, height);
    const { tied, selected, cursor } = this.view;
    for (const keyframe of keyframes) {
      const dot = this.dotOf.get(keyframe.frame);
      if (dot === undefined) continue;
      const chosen = keyframe.frame === selected;
      const bold = chosen || keyframe.cluster === tied;
      const [x, y] = this.place(dot, width, height);
      pen.globalAlpha = bold || tied === null ? 1 : 0.3;
      ring(pen, x, y, bold ? 6 : 3.4, token("--sheet"), bold ? 4.5 : 3);
      ring(pen, x, y, bold ? 6 : 3.4, chosen ? token("--accent") : token("--ink"), bold ? 2.4 : 1.3);
    }
    pen.globalAlpha = 1;
    if (cursor && cursor.x !== undefined) {
      const margin = 10;
      const x = margin + cursor.x * (width - 2 * margin);
      const y = height - margin - cursor.y * (height - 2 * margin);
      ring(pen, x, y, 7, token("--sheet"), 5);
      ring(pen, x, y, 7, token("--accent"), 2.4);
    }
  }

  // The dot nearest to the pointer, or null; a chosen frame counts as nearer than it is.
  at(event, keyframes) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const chosen = new Map(keyframes.map((keyframe) => [keyframe.frame, keyframe]));
    let near = -1;
    let nearest = 24 ** 2;
    for (let dot = 0; dot < this.overview.frame.length; dot += 1) {
      const [left, top] = this.place(dot, box.width, box.height);
      const away = (left - x) ** 2 + (top - y) ** 2;
      const counted = chosen.has(this.overview.frame[dot]) ? away - 36 : away;
      if (counted < nearest) [near, nearest] = [dot, counted];
    }
    if (near < 0) return null;
    const { frame, label, time } = this.overview;
    return { frame: frame[near], time: time[near], cluster: label[near], keyframe: chosen.get(frame[near]) || null };
  }
}

// Switches of a page with predictions: whether points are drawn, and what the colours mean.
function predictionSwitches(view, redraw) {
  const [points, doubt] = ["show-points", "show-doubt"].map((id) => document.getElementById(id));
  if (!points || !doubt) return;
  const apply = () => {
    document.body.classList.toggle("without-points", !points.checked);
    view.doubt = doubt.checked;
    redraw();
  };
  points.addEventListener("change", apply);
  doubt.addEventListener("change", apply);
  apply();
}

function ring(pen, x, y, radius, color, width) {
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.stroke();
}

function sizedLike(layer, canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  layer.width = canvas.width;
  layer.height = canvas.height;
  const pen = layer.getContext("2d");
  pen.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
  return { pen };
}

// Several requests to draw within one frame of the screen are one.
function once(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// Tab reaches one item of a list, and what is in it; arrow keys, Home and End go on to the others, as they lie on the screen.
function arrowKeys(list) {
  const controls = "a, button, input, summary, textarea";
  const items = () => [...list.children];
  let current = null;

  function reach() {
    if (!items().includes(current)) current = items()[0];
    for (const item of items()) {
      for (const control of item.querySelectorAll(controls)) control.tabIndex = item === current ? 0 : -1;
    }
  }

  list.addEventListener("focusin", (event) => {
    const item = items().find((one) => one.contains(event.target));
    if (item === current) return;
    current = item;
    reach();
  });
  list.addEventListener("keydown", (event) => {
    const [all, here] = [items(), items().indexOf(current)];
    if (here < 0 || document.activeElement !== current.querySelector(controls)) return;
    const columns = all.filter((item) => item.offsetTop === all[0].offsetTop).length || 1;
    const places = {
      ArrowLeft: here - 1, ArrowRight: here + 1, ArrowUp: here - columns, ArrowDown: here + columns, Home: 0, End: all.length - 1,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    all[places[event.key]]?.querySelector(controls).focus();
  });
  new MutationObserver(reach).observe(list, { childList: true, subtree: true });
  reach();
}
