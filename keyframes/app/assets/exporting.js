"use strict";

// The dialog that exports: first it shows what would change, then it does it.
class Exporting {
  constructor(app) {
    this.app = app;
    this.planned = false;
    this.turn = 0; // changes of what is asked for: an answer that comes after the next one is about something else
    byId("open-export").addEventListener("click", () => this.open());
    byId("tool").addEventListener("change", () => this.showTool());
    byId("project").addEventListener("change", () => this.showPlace());
    byId("export-form").addEventListener("input", () => this.forget());
    byId("export-form").addEventListener("submit", (event) => this.submit(event));
  }

  async open() {
    const chosen = this.app.selected().filter((one) => one.frames);
    this.chosen = chosen.map((one) => one.id);
    const frames = chosen.reduce((sum, one) => sum + one.frames, 0);
    byId("export-name").textContent = `Export ${count(frames, "frame")} of ${count(chosen.length, "recording")}`;
    if (!byId("tool").options.length) byId("tool").append(...this.app.about.tools.map((tool) => new Option(TOOLS[tool] || tool, tool)));
    this.forget();
    byId("export").showModal();
    this.files = await this.app.near();
    const predictions = this.files.filter((one) => one.use === "predictions");
    byId("prelabels-set").hidden = !predictions.length;
    byId("prelabels").replaceChildren(new Option("None", ""), ...predictions.map((one) => new Option(one.name, one.id)));
    this.showTool();
  }

  showTool() {
    const tool = byId("tool").value;
    const projects = (this.files || []).filter((one) => one.use === tool);
    byId("project").replaceChildren(new Option("A new export", ""), ...projects.map((one) => new Option(one.name, one.id)));
    for (const part of document.querySelectorAll("#export [data-of]")) part.hidden = !part.dataset.of.split(" ").includes(tool);
    this.showPlace();
  }

  showPlace() {
    byId("of-new").hidden = Boolean(byId("project").value);
    this.forget();
  }

  forget() {
    this.planned = false;
    this.turn += 1;
    byId("plan").hidden = true;
    byId("export-told").textContent = "";
    byId("run-export").textContent = "Preview changes";
  }

  wish() {
    const texts = ["tool", "project", "task", "scorer", "bodyparts", "individuals", "skeleton", "prelabels"];
    const given = Object.fromEntries(texts.map((id) => [id, byId(id).value]));
    if (given.project) for (const id of ["task", "scorer", "bodyparts", "individuals", "skeleton"]) given[id] = "";
    return { recordings: this.chosen, copy_videos: byId("copy_videos").checked, ...given };
  }

  // The fields that a new project cannot do without; the body parts may be those of predictions.
  missing() {
    if (byId("project").value) return [];
    const needed = [...document.querySelectorAll("#export [data-needed]")].filter((input) => input.dataset.needed.split(" ").includes(byId("tool").value));
    return needed.filter((input) => !input.value.trim() && !(input.id === "bodyparts" && byId("prelabels").value));
  }

  async submit(event) {
    event.preventDefault();
    const missing = this.missing();
    if (missing.length) {
      const names = missing.map((input) => input.labels[0].textContent.trim());
      const listed = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
      byId("export-told").textContent = `Fill in ${listed}, or choose an existing project.`;
      missing[0].focus();
      return;
    }
    const [button, planned, turn] = [byId("run-export"), this.planned, this.turn];
    button.disabled = true;
    button.textContent = planned ? "Exporting…" : "Looking…";
    byId("export-told").textContent = "";
    try {
      const done = await this.app.post(planned ? "export" : "plan", this.wish());
      if (turn === this.turn) {
        this.show(done, planned);
        this.planned = !planned;
      } else if (planned) say(`Done: ${count(done.frames, "frame")} added to ${done.place}`);
      if (planned) this.app.refresh();
    } catch (error) {
      if (turn === this.turn) byId("export-told").textContent = error.message;
      else if (planned) say(error.message, true);
    }
    button.textContent = this.planned ? "Export" : "Preview changes";
    button.disabled = false;
  }

  show(done, made) {
    const plan = byId("plan");
    const title = made ? `Done: ${count(done.frames, "frame")} added` : `${count(done.frames, "frame")} would be added`;
    plan.replaceChildren(element("h3", "", { textContent: title }), element("p", "quiet", { textContent: done.place }));
    const list = element("ul", "");
    for (const [what, name] of this.grouped(done.changes)) {
      const item = element("li", "");
      item.append(element("b", "", { textContent: what }), element("span", "", { textContent: name }));
      list.append(item);
    }
    plan.append(list);
    for (const change of done.changes.filter((one) => one.added.length)) {
      plan.append(element("pre", "", { textContent: [`+ in ${change.path}`, ...change.added].join("\n") }));
    }
    for (const note of done.notes) plan.append(element("p", "note", { textContent: note }));
    if (!made && !done.changes.length) plan.append(element("p", "", { textContent: "Nothing would change: all of these frames are there already." }));
    plan.hidden = false;
    plan.scrollIntoView({ block: "nearest" });
  }

  // Files of one folder and kind as one line.
  grouped(changes) {
    const groups = new Map();
    for (const { path, is_new: isNew } of changes) {
      const cut = path.lastIndexOf("/");
      const ending = path.slice(path.lastIndexOf(".") + 1);
      const key = `${isNew ? "new" : "changed"} ${path.slice(0, cut + 1)} ${ending}`;
      if (!groups.has(key)) groups.set(key, { isNew, folder: path.slice(0, cut + 1), ending, paths: [] });
      groups.get(key).paths.push(path);
    }
    return [...groups.values()].map(({ isNew, folder, ending, paths }) => [
      isNew ? "new" : "changes",
      paths.length === 1 ? paths[0] : `${folder || "in the folder itself: "}${folder ? " " : ""}${paths.length.toLocaleString("en")} .${ending} files`,
    ]);
  }
}
