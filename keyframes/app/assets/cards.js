"use strict";

// The cards of the recordings: a picture, figures, how far each one is.
const STATUS = {
  new: "New",
  waiting: "Waiting",
  running: "Running",
  stopped: "Stopped",
  failed: "Failed",
  empty: "No frames",
  chosen: "Chosen",
  reviewed: "Reviewed",
  exported: "Exported",
};
const TOOLS = {
  deeplabcut: "DeepLabCut",
  sleap: "SLEAP",
  "lightning-pose": "Lightning Pose",
  coco: "COCO",
  cvat: "CVAT",
  "label-studio": "Label Studio",
};
const DOING = {
  scan: "Scanning",
  choose: "Choosing",
  cluster: "Choosing",
  write: "Writing images",
  reduce: "Summarizing",
  compile: "Compiling, once",
};

function clockOf(seconds) {
  const whole = Math.round(seconds);
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

function figuresOf(figures) {
  if (!figures) return "…";
  if (figures.unreadable) return "";
  // Some files, such as bare H.264, do not say how long they are.
  const length = !figures.frames ? "" : figures.seconds === null ? count(figures.frames, "image") : clockOf(figures.seconds);
  const rate = figures.rate ? `${Number(figures.rate.toFixed(2))} fps` : "";
  return [length, `${figures.width} × ${figures.height}`, rate].filter(Boolean).join(" · ");
}

// What a status says beside its name.
function wordsOf(one) {
  if (one.status === "running") return `${DOING[one.doing.split(" ").pop()] || "Starting"}…`;
  if (one.status === "chosen" || one.status === "reviewed") return `${count(one.frames, "frame")}${one.status === "reviewed" ? " reviewed" : " chosen"}`;
  if (one.status === "exported") {
    const tool = TOOLS[one.exported_to] || one.exported_to;
    return one.since ? `Changed since the export to ${tool}` : `Exported to ${tool}`;
  }
  return STATUS[one.status];
}

class Card {
  constructor(one, app) {
    this.item = element("li", "recording");
    this.item.dataset.id = one.id;
    const label = element("label", "");
    this.pick = element("input", "pick", { type: "checkbox" });
    this.pick.setAttribute("aria-label", `Select ${one.name}`);
    this.pick.addEventListener("click", (event) => app.pick(one.id, this.pick.checked, event.shiftKey));
    this.still = element("span", "still", { textContent: "…" });
    this.still.setAttribute("aria-hidden", "true");
    this.image = element("img", "", { src: `picture/${one.id}/small`, alt: "", loading: "lazy", decoding: "async" });
    this.image.addEventListener("error", () => this.still.replaceChildren("no picture"));
    this.still.replaceChildren(this.image);
    label.append(this.pick, this.still);
    const [folder, name] = [one.name.slice(0, one.name.lastIndexOf("/") + 1), one.name.slice(one.name.lastIndexOf("/") + 1)];
    const title = element("h2", "title");
    if (folder) title.append(element("span", "where", { textContent: folder }));
    title.append(name === "." ? "This folder" : name);
    this.figures = element("p", "figures");
    this.state = element("div", "state");
    this.extra = element("div", "extra");
    const about = element("div", "about");
    this.note = new Note(one, app);
    about.append(title, this.figures, this.state, this.extra, this.note.place);
    this.item.append(label, about);
    this.told = "";
  }

  // A file that is copied here has no picture until it is whole.
  showPicture({ id, figures }) {
    if (!figures || figures.unreadable || figures.bytes === this.bytes) return;
    if (this.bytes !== undefined || !this.still.contains(this.image)) {
      this.image.src = `picture/${id}/small?bytes=${figures.bytes}`;
      this.still.replaceChildren(this.image);
    }
    this.bytes = figures.bytes;
  }

  // Only what changed is drawn again, so that nothing flickers and an open list stays open.
  show(one, round) {
    const told = JSON.stringify(one);
    if (told === this.told) return;
    this.told = told;
    this.note.show(one.note);
    this.showPicture(one);
    this.figures.textContent = figuresOf(one.figures);
    this.figures.hidden = !this.figures.textContent;
    const badge = element("span", "badge", { textContent: wordsOf(one) });
    badge.dataset.status = one.status;
    badge.dataset.since = Boolean(one.since);
    this.state.replaceChildren(badge);
    if (one.frames) {
      const link = element("a", "", { href: `round/${round}/review/${one.id}/`, textContent: "Review" });
      link.setAttribute("aria-label", `Review ${one.name}`);
      this.state.append(link);
    }
    this.extra.replaceChildren();
    if (one.status === "running") {
      const bar = element("progress", "", { max: 1, value: one.share });
      bar.setAttribute("aria-label", `Share of the work on ${one.name} that is done`);
      this.extra.append(bar);
    }
    const reason = one.reason || (one.figures && one.figures.unreadable) || "";
    if (reason) this.extra.append(element("p", "reason", { textContent: reason, title: reason }));
    if (one.warnings && one.warnings.length) {
      const list = element("details", "");
      const items = element("ul", "");
      items.append(...one.warnings.map((warning) => element("li", "", { textContent: warning })));
      list.append(element("summary", "", { textContent: count(one.warnings.length, "warning") }), items);
      this.extra.append(list);
    }
  }
}
