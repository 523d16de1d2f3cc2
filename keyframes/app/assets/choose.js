"use strict";

// The dialog in which frames are asked for, and the command that does the same.
class Choosing {
  constructor(app) {
    this.app = app;
    this.drawing = new Drawing(() => this.tell());
    this.turn = 0;
    this.wait = 0;
    byId("open-choose").addEventListener("click", () => this.open());
    byId("choose-form").addEventListener("submit", (event) => this.start(event));
    byId("choose-form").addEventListener("input", () => this.tell());
    byId("views").addEventListener("change", () => this.showViews());
    byId("copy").addEventListener("click", () => this.copy());
    for (const [id, how] of [["each", "each"], ["total", "total"], ["at-least", "total"]]) {
      // By a click or by writing: the Tab key only passes.
      for (const kind of ["click", "input"]) {
        byId(id).addEventListener(kind, () => {
          document.querySelector(`[name="how"][value="${how}"]`).checked = true;
          this.tell();
        });
      }
    }
  }

  // All options of the command, but those that have a place of their own.
  makeFields(fields) {
    const groups = new Map();
    for (const field of fields) {
      if (byId(field.name)) continue;
      if (!groups.has(field.group)) groups.set(field.group, []);
      groups.get(field.group).push(this.makeField(field));
    }
    for (const [name, items] of groups) {
      byId("fields").append(element("h3", "", { textContent: name }), ...items);
    }
  }

  makeField(field) {
    const item = element("div", "");
    const hint = element("p", "hint", { textContent: field.help, id: `help-${field.name}` });
    const id = `option-${field.name}`;
    let input;
    if (field.kind === "choice") {
      input = element("select", "", { id });
      input.append(...field.choices.map((choice) => new Option(choice, choice)));
      input.value = field.default;
    } else {
      input = element("input", "", { id, type: field.kind === "switch" ? "checkbox" : "text", autocomplete: "off" });
      if (field.kind !== "switch") input.placeholder = field.default;
    }
    input.dataset.option = field.name;
    input.setAttribute("aria-describedby", hint.id);
    const label = element("label", field.kind === "switch" ? "check" : "field");
    const words = field.flag.replace(/^-+/, "").replaceAll("-", " ");
    const name = element("span", "", { textContent: words[0].toUpperCase() + words.slice(1) });
    label.append(...(field.kind === "switch" ? [input, name] : [name, input]));
    item.append(label, hint);
    return item;
  }

  async open() {
    const chosen = this.app.selected();
    byId("views-set").hidden = chosen.length < 2;
    if (chosen.length < 2) byId("views").checked = false;
    byId("choose-name").textContent = `Choose frames from ${count(chosen.length, "recording")}`;
    this.draw();
    const mended = chosen.filter((one) => one.reviewed || one.changed);
    byId("replaces").hidden = !mended.length;
    byId("replaces").textContent = `${mended.length} of these recordings ${mended.length === 1 ? "was" : "were"} reviewed or changed. Choosing with other options replaces that choice, and your changes to it. Begin the next round to keep it.`;
    byId("choose-told").textContent = "";
    byId("command").textContent = "";
    byId("choose").showModal();
    byId("each").focus();
    byId("each").select();
    await this.offer();
    this.tell();
  }

  // The picture that is drawn on: of the first recording that can be read, as far as that is known.
  draw() {
    const chosen = this.app.selected();
    const drawnOn = chosen.find((one) => one.figures && !one.figures.unreadable) || chosen[0];
    if (drawnOn) this.drawing.use(drawnOn, chosen.length > 1 ? `drawn on ${drawnOn.name}, used for all` : "");
  }

  // Projects, earlier rounds, predictions and networks, as they are now.
  async offer() {
    const files = await this.app.near();
    const taken = new Set([...document.querySelectorAll("#unlike input:checked")].map((input) => input.value));
    const first = !byId("unlike").childElementCount;
    const earlier = this.app.about.rounds.filter((one) => one.number < this.app.round);
    const choices = [
      ...earlier.map((one) => [`round-${one.number}`, `Round ${one.number}`, "chosen earlier", true]),
      ...files.filter((one) => this.app.about.with_project.includes(one.use)).map((one) => [one.id, one.name, one.use, false]),
    ];
    this.nUnlike = choices.length;
    this.showViews();
    byId("unlike").replaceChildren(...choices.map(([value, name, what, usual]) => {
      const label = element("label", "");
      const input = element("input", "", { type: "checkbox", value, checked: taken.has(value) || (first && usual) });
      label.append(input, element("span", "", { textContent: name }), element("span", "quiet", { textContent: TOOLS[what] || what }));
      return label;
    }));
    this.fill("predictions", files, "predictions", "Not used");
    this.fill("encoder", files, "network", "None: compare the pictures");
  }

  // The frames of a scene are chosen by what all its cameras show, and so many of each.
  showViews() {
    const views = byId("views").checked;
    for (const id of ["total", "at-least"]) byId(id).disabled = views;
    document.querySelector('[name="how"][value="total"]').disabled = views;
    if (views) document.querySelector('[name="how"][value="each"]').checked = true;
    byId("unlike-set").hidden = views || !this.nUnlike;
    byId("views-again").hidden = !(views && this.nUnlike);
  }

  fill(id, files, use, none) {
    const found = files.filter((one) => one.use === use);
    const before = byId(id).value;
    byId(`${id}-set`).hidden = !found.length;
    byId(id).replaceChildren(new Option(none, ""), ...found.map((one) => new Option(one.name, one.id)));
    byId(id).value = found.some((one) => one.id === before) ? before : "";
  }

  wish() {
    const together = document.querySelector('[name="how"]:checked').value === "total";
    const options = {};
    for (const input of document.querySelectorAll("#choose [data-option]")) {
      options[input.dataset.option] = input.type === "checkbox" ? input.checked : input.value;
    }
    const views = byId("views").checked;
    const unlike = views ? [] : [...document.querySelectorAll("#unlike input:checked")].map((input) => input.value);
    return {
      recordings: this.app.named(),
      number: byId(together ? "total" : "each").value,
      together,
      at_least: byId("at-least").value,
      options,
      views,
      unlike: unlike.map((value) => (value.startsWith("round-") ? Number(value.slice(6)) : value)),
      predictions: byId("predictions").value,
      encoder: byId("encoder").value,
    };
  }

  // Shows the command, a moment after the last change.
  tell() {
    clearTimeout(this.wait);
    this.wait = setTimeout(async () => {
      // It may have been closed since, and its recordings unselected.
      if (!byId("choose").open) return;
      this.turn += 1;
      const turn = this.turn;
      let told = { command: "", problem: "" };
      try {
        told.command = (await this.app.post("command", this.wish())).command;
      } catch (error) {
        told.problem = error.message;
      }
      if (turn !== this.turn) return;
      if (told.command) byId("command").textContent = told.command;
      byId("choose-told").textContent = told.problem;
    }, 150);
  }

  async copy() {
    const range = document.createRange();
    range.selectNodeContents(byId("command"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    try {
      await navigator.clipboard.writeText(byId("command").textContent);
      say("The command is copied.");
    } catch {
      say("Press Ctrl-C to copy the command.");
    }
  }

  async start(event) {
    event.preventDefault();
    byId("start").disabled = true;
    try {
      await this.app.post("start", this.wish());
      byId("choose").close();
      this.app.clear();
      await this.app.refresh();
    } catch (error) {
      byId("choose-told").textContent = error.message;
    }
    byId("start").disabled = false;
  }
}
