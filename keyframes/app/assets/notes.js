"use strict";

// The note on a recording: a button that shows it, and in its place a field while it is written.
class Note {
  constructor(one, app) {
    this.one = one;
    this.app = app;
    this.isOpen = false;
    this.place = element("div", "remark");
    this.button = element("button", "words", { type: "button" });
    this.button.addEventListener("click", () => this.open());
    this.field = element("textarea", "", { rows: 2, maxLength: 2000 });
    this.field.setAttribute("aria-label", `Note on ${one.name}`);
    // A list that is put in another order takes the focus away for a moment.
    this.field.addEventListener("blur", () => setTimeout(() => document.activeElement === this.field || this.save()));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.place.append(this.button);
    this.show("");
  }

  show(words) {
    if (this.isOpen) return;
    this.words = words;
    this.place.classList.toggle("unwritten", !words);
    this.button.textContent = words || "Add a note";
    this.button.setAttribute("aria-label", words ? `Note on ${this.one.name}: ${words}. Change it` : `Add a note on ${this.one.name}`);
  }

  open() {
    this.isOpen = true;
    this.field.value = this.words;
    this.place.replaceChildren(this.field);
    this.field.focus();
  }

  close(words) {
    const here = document.activeElement === this.field;
    this.isOpen = false;
    this.show(words);
    this.place.replaceChildren(this.button);
    if (here) this.button.focus();
  }

  key(event) {
    if (event.key === "Escape") this.close(this.words);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.save();
  }

  // What was written stays in the field until it is saved.
  async save() {
    const words = this.field.value.trim();
    if (!this.isOpen || this.isSaving) return;
    if (words === this.words) {
      this.close(words);
      return;
    }
    this.isSaving = true;
    let failure = null;
    try {
      await ask("note", { recording: this.one.id, note: words, before: this.words }, { keepalive: true });
      this.close(words);
      await this.app.refresh();
    } catch (error) {
      failure = error;
      if (error.status === 409) {
        await this.app.refresh();
        this.words = this.app.rows.find((one) => one.id === this.one.id)?.note ?? "";
      }
    } finally {
      this.isSaving = false;
    }
    // Whoever reads this can save again.
    if (failure) say(failure.message, true);
  }
}
