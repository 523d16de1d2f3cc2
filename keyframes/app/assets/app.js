"use strict";

// The page of recordings: it asks how everything stands, and shows what changed.
class App {
  constructor() {
    this.round = 1;
    this.cards = new Map();
    this.rows = [];
    this.note = "";
    this.picked = new Set();
    this.lastPicked = null;
    this.hidden = 0; // when the run began whose strip was closed
    this.timer = 0;
  }

  async start() {
    try {
      this.about = await ask("about");
      const asked = Number(new URLSearchParams(location.search).get("round"));
      // The folder of a round may have been removed.
      this.round = this.about.rounds[asked - 1] ? asked : this.about.rounds.length;
      byId("folder").textContent = this.about.folder;
      byId("folder").title = this.about.folder;
      this.showRounds();
      this.choosing = new Choosing(this);
      this.choosing.makeFields(this.about.fields);
      this.exporting = new Exporting(this);
      this.listen();
      this.restore();
      await this.refresh();
    } catch (error) {
      say(error.message, true);
    }
  }

  // What is shown and selected is so again after a review.
  keep() {
    const shown = ["search", "filter", "sort"].map((id) => byId(id).value);
    sessionStorage.setItem(`round-${this.round}`, JSON.stringify([...shown, [...this.picked]]));
  }

  restore() {
    const [search, filter, sort, picked] = JSON.parse(sessionStorage.getItem(`round-${this.round}`)) ?? ["", "", "name", []];
    byId("filter").append(new Option("", filter));
    Object.entries({ search, filter, sort }).forEach(([id, value]) => { byId(id).value = value; });
    this.picked = new Set(picked);
  }

  post(what, wish) {
    return ask(`round/${this.round}/${what}`, wish);
  }

  async near() {
    return (await ask("near")).files;
  }

  showRounds() {
    const { rounds } = this.about;
    byId("rounds").replaceChildren(...rounds.map((one) => new Option(`${one.number}`, one.number)));
    byId("rounds").value = this.round;
    const { output } = rounds[this.round - 1];
    byId("rounds").title = `Results in ${output}`;
  }

  async refresh() {
    clearTimeout(this.timer);
    const turn = (this.turn = (this.turn ?? 0) + 1);
    try {
      const found = await ask(`round/${this.round}/recordings`);
      // An earlier answer may come later, and knows nothing of what was saved in between.
      if (turn !== this.turn) return;
      this.rows = found.recordings;
      this.run = found.run;
      byId("left-out").textContent = this.rows.length ? found.note : "";
      this.note = found.note;
      // What else failed stays to be read.
      if (this.isLost) say("");
      this.isLost = false;
      this.show();
    } catch (error) {
      if (turn !== this.turn) return;
      this.isLost = true;
      say(error.message, true);
    }
    const busy = this.run && (this.run.active || this.rows.some((one) => one.status === "running" || !one.figures));
    this.timer = setTimeout(() => this.poll(), busy ? 1000 : 5000);
  }

  poll() {
    if (!document.hidden) this.refresh();
    else this.timer = setTimeout(() => this.poll(), 1000);
  }

  shown() {
    const words = byId("search").value.trim().toLocaleLowerCase();
    const status = byId("filter").value;
    const order = Object.keys(STATUS);
    const compare = {
      name: () => 0,
      length: (one, other) => ((other.figures || {}).seconds || 0) - ((one.figures || {}).seconds || 0),
      status: (one, other) => order.indexOf(one.status) - order.indexOf(other.status),
    }[byId("sort").value];
    return this.rows
      .filter((one) => (!status || one.status === status) && `${one.name}\n${one.note}`.toLocaleLowerCase().includes(words))
      .sort(compare);
  }

  show() {
    this.showFilter();
    const rows = this.shown();
    const items = rows.map((one) => {
      if (!this.cards.has(one.id)) this.cards.set(one.id, new Card(one, this));
      const card = this.cards.get(one.id);
      card.show(one, this.round);
      card.pick.checked = this.picked.has(one.id);
      return card.item;
    });
    const list = byId("recordings");
    const same = items.length === list.children.length && items.every((item, place) => item === list.children[place]);
    if (!same) {
      const here = document.activeElement;
      list.replaceChildren(...items);
      if (list.contains(here)) here.focus({ preventScroll: true });
    }
    byId("empty").hidden = rows.length > 0;
    byId("empty-title").textContent = this.rows.length ? "Nothing matches" : "No recordings here yet";
    const none = `${(this.note[0] || "").toUpperCase()}${this.note.slice(1)}. Copy recordings into this folder, and they appear here.`;
    byId("empty-words").textContent = this.rows.length ? "Search for something else, or show all." : none;
    this.showSelected();
    this.showRun();
    if (byId("choose").open) this.choosing.draw();
  }

  showFilter() {
    const counts = new Map();
    for (const one of this.rows) counts.set(one.status, (counts.get(one.status) || 0) + 1);
    const before = byId("filter").value;
    const options = [["", `All (${this.rows.length})`], ...Object.keys(STATUS).filter((name) => counts.has(name) || name === before).map((name) => [name, `${STATUS[name]} (${counts.get(name) || 0})`])];
    const told = JSON.stringify(options);
    if (byId("filter").dataset.told === told) return;
    byId("filter").dataset.told = told;
    byId("filter").replaceChildren(...options.map(([value, words]) => new Option(words, value)));
    byId("filter").value = before;
  }

  selected() {
    return this.rows.filter((one) => this.picked.has(one.id));
  }

  // What a request says of the selection.
  named() {
    const chosen = this.selected();
    return chosen.length === this.rows.length ? "all" : chosen.map((one) => one.id);
  }

  clear() {
    this.picked.clear();
    this.show();
  }

  pick(id, on, range) {
    const ids = this.shown().map((one) => one.id);
    const [from, to] = [ids.indexOf(this.lastPicked), ids.indexOf(id)].sort((one, other) => one - other);
    const all = range && from >= 0 ? ids.slice(from, to + 1) : [id];
    for (const one of all) {
      if (on) this.picked.add(one);
      else this.picked.delete(one);
    }
    this.lastPicked = id;
    this.show();
  }

  showSelected() {
    const chosen = this.selected();
    const withFrames = chosen.filter((one) => one.frames);
    const rows = this.shown();
    const frames = withFrames.reduce((sum, one) => sum + one.frames, 0);
    byId("selected").textContent = chosen.length
      ? `${count(chosen.length, "recording")} selected${frames ? ` · ${count(frames, "frame")} chosen` : ""}`
      : "Select recordings to choose frames from";
    byId("open-choose").disabled = !chosen.length || Boolean(this.run && this.run.active);
    byId("open-choose").title = this.run && this.run.active ? "Frames are being chosen; stop that first, or wait" : "";
    byId("open-review").disabled = !withFrames.length;
    byId("open-export").disabled = !withFrames.length;
    const n = rows.filter((one) => this.picked.has(one.id)).length;
    byId("select-all").disabled = !rows.length;
    byId("select-all").checked = rows.length > 0 && n === rows.length;
    byId("select-all").indeterminate = n > 0 && n < rows.length;
    const these = rows.length === 1 ? "Select this one" : `Select these ${rows.length.toLocaleString("en")}`;
    byId("select-all-words").textContent = rows.length === this.rows.length ? "Select all" : these;
  }

  showRun() {
    const { run } = this;
    const told = run.n > 0 && run.begun_s !== this.hidden && (run.active || !run.finished || run.notes.length > 0 || this.watched === run.begun_s);
    if (run.active) this.watched = run.begun_s;
    byId("run").hidden = !told;
    if (!told) return;
    const left = run.left_s === null ? "" : run.left_s < 90 ? ` · about ${Math.max(1, Math.round(run.left_s))} s left` : ` · about ${Math.round(run.left_s / 60)} min left`;
    const begun = run.share > 0 || run.n_ended > 0;
    byId("run-words").textContent = run.active && !begun
      ? "Starting…"
      : run.active
      ? `Choosing frames: ${run.n_ended} of ${count(run.n, "recording")} done${left}`
      : run.finished
        ? `Done with ${count(run.n, "recording")}${run.n_failed ? ` · ${run.n_failed} failed, see below` : ""}`
        : `${run.stopped ? "Stopped" : "Ended early"} after ${run.n_ended} of ${count(run.n, "recording")}. Finished results are kept; “Resume” continues.`;
    byId("run-bar").value = run.active || !run.finished ? run.share : 1;
    byId("run-bar").hidden = !run.active && run.finished;
    byId("stop").hidden = !run.active;
    byId("go-on").hidden = run.active || run.finished;
    byId("hide-run").hidden = run.active;
    byId("run-notes").hidden = !run.notes.length;
    const notes = run.notes.map((note) => element("li", "", { textContent: note }));
    if (byId("run-notes").textContent !== run.notes.join("")) byId("run-notes").replaceChildren(...notes);
  }

  listen() {
    for (const id of ["search", "filter", "sort"]) byId(id).addEventListener("input", () => this.show());
    byId("select-all").addEventListener("change", (event) => {
      for (const one of this.shown()) {
        if (event.target.checked) this.picked.add(one.id);
        else this.picked.delete(one.id);
      }
      this.show();
    });
    byId("open-review").addEventListener("click", () => {
      const one = this.selected().find((row) => row.frames && !row.reviewed) || this.selected().find((row) => row.frames);
      location.href = `round/${this.round}/review/${one.id}/`;
    });
    byId("rounds").addEventListener("change", () => this.goTo(Number(byId("rounds").value)));
    byId("new-round").addEventListener("click", () => {
      const { rounds } = this.about;
      byId("round-place").textContent = `Results of round ${rounds.length + 1} go into a folder of their own, beside ${rounds[0].output}; those of the earlier rounds stay.`;
      byId("round").showModal();
    });
    byId("round-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        this.goTo((await ask("round", {})).number);
      } catch (error) {
        say(error.message, true);
      }
    });
    byId("stop").addEventListener("click", () => this.act("stop", {}, byId("stop")));
    byId("go-on").addEventListener("click", () => this.act("start", this.run.wish, byId("go-on")));
    byId("hide-run").addEventListener("click", () => {
      this.hidden = this.run.begun_s;
      this.show();
    });
    for (const button of document.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    arrowKeys(byId("recordings"));
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    addEventListener("pagehide", () => {
      this.cards.forEach((card) => card.note.save());
      this.keep();
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  goTo(round) {
    location.search = `?round=${round}`;
  }

  async act(what, wish, button) {
    button.disabled = true;
    try {
      await this.post(what, wish);
      await this.refresh();
    } catch (error) {
      say(error.message, true);
    }
    button.disabled = false;
  }

  // "/" searches.
  key(event) {
    const writing = document.activeElement.matches("input:not([type=checkbox]), select, textarea");
    if (event.key !== "/" || writing || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    byId("search").focus();
  }
}

const app = new App();
app.start();
