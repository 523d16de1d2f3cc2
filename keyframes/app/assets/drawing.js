"use strict";

// The picture and the strip that a crop and a stretch of time are drawn on; the fields hold what was drawn.
class Drawing {
  constructor(changed) {
    this.changed = changed;
    this.figures = null;
    this.drag(byId("canvas"), (from, to) => this.drawCrop(from, to));
    this.drag(byId("strip"), (from, to) => this.drawRange(from, to));
    for (const id of ["crop", "start_s", "stop_s"]) byId(id).addEventListener("input", () => this.show());
    byId("large").addEventListener("load", () => this.show());
  }

  // Shares of the part's width and height, where the pointer went down and where it is.
  drag(part, draw) {
    const at = (event) => {
      const box = part.getBoundingClientRect();
      const share = (value) => Math.min(1, Math.max(0, value));
      return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
    };
    part.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      part.setPointerCapture(event.pointerId);
      const from = at(event);
      const ended = new AbortController();
      for (const kind of ["pointermove", "pointerup"]) {
        part.addEventListener(kind, (moved) => draw(from, at(moved)), { signal: ended.signal });
      }
      // After the pointer is up, or where the system takes a touch away.
      part.addEventListener("lostpointercapture", () => ended.abort(), { signal: ended.signal });
    });
  }

  use(one, words) {
    this.figures = one.figures && !one.figures.unreadable ? one.figures : null;
    byId("drawn-on").textContent = words;
    const address = `picture/${one.id}/large`;
    if (byId("large").getAttribute("src") !== address) byId("large").src = address;
    const seconds = this.figures && this.figures.seconds;
    byId("strip").hidden = !seconds;
    byId("strip-start").textContent = "0:00";
    byId("strip-end").textContent = seconds ? clockOf(seconds) : "";
    this.show();
  }

  drawCrop([x1, y1], [x2, y2]) {
    if (!this.figures) return;
    const { width, height } = this.figures;
    const [left, right] = [Math.min(x1, x2) * width, Math.max(x1, x2) * width].map(Math.round);
    const [top, bottom] = [Math.min(y1, y2) * height, Math.max(y1, y2) * height].map(Math.round);
    // A click takes the crop away.
    const drawn = right - left > 4 && bottom - top > 4;
    byId("crop").value = drawn ? `${left},${top},${right - left},${bottom - top}` : "";
    this.show();
    this.changed();
  }

  drawRange([x1], [x2]) {
    const { seconds } = this.figures;
    const [from, to] = [Math.min(x1, x2), Math.max(x1, x2)];
    const drawn = to - from > 0.005;
    const written = (share) => String(Number((share * seconds).toFixed(seconds > 600 ? 0 : 1)));
    byId("start_s").value = drawn && from > 0 ? written(from) : "";
    byId("stop_s").value = drawn && to < 1 ? written(to) : "";
    this.show();
    this.changed();
  }

  show() {
    const box = byId("crop-box");
    const numbers = byId("crop").value.split(",").map(Number);
    box.hidden = !(this.figures && numbers.length === 4 && numbers.every((number) => number >= 0) && numbers[2] > 0);
    if (!box.hidden) {
      const { width, height } = this.figures;
      const [x, y, w, h] = numbers;
      Object.assign(box.style, {
        left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%`, width: `${(100 * w) / width}%`, height: `${(100 * h) / height}%`,
      });
    }
    const seconds = this.figures && this.figures.seconds;
    if (!seconds) return;
    const share = (text, otherwise) => {
      const parts = text.trim().split(":").map(Number);
      const time = parts.reduce((sum, part) => 60 * sum + part, 0);
      return text.trim() && Number.isFinite(time) ? Math.min(1, time / seconds) : otherwise;
    };
    const [from, to] = [share(byId("start_s").value, 0), share(byId("stop_s").value, 1)];
    Object.assign(byId("range-box").style, { left: `${100 * from}%`, width: `${100 * Math.max(0, to - from)}%` });
  }
}
