"use strict";

// The list of the chosen frames. A card is kept as long as its frame is chosen, so that nothing flickers and the focus remains.
class Gallery {
  // What the page does: `tie` shows what belongs to a cluster, or to none, `select` shows a frame, and `drop` drops it.
  constructor(list, { tie, select, drop }) {
    Object.assign(this, { list, tie, select, drop });
    arrowKeys(list);
  }

  show(state, hues) {
    const kept = new Map([...this.list.children].map((item) => [Number(item.firstElementChild.dataset.frame), item]));
    const items = state.keyframes.map((one) => kept.get(one.frame) || this.make(one, hues[one.cluster], state));
    const same = items.length === kept.size && items.every((item, place) => item === this.list.children[place]);
    if (!same) this.list.replaceChildren(...items);
    state.keyframes.forEach((one, place) => this.fill(items[place].firstElementChild, one));
  }

  make(one, hue, state) {
    const item = frameCard(one, one.size, hue, state);
    const card = item.firstElementChild;
    const tie = () => this.tie(one.cluster);
    card.addEventListener("pointerenter", tie);
    // What a click leaves the focus on is not pointed at.
    card.addEventListener("focus", () => card.matches(":focus-visible") && tie());
    card.addEventListener("pointerleave", () => this.tie(null));
    card.addEventListener("blur", () => this.tie(null));
    card.addEventListener("click", () => this.select(one.frame));
    card.addEventListener("keydown", (event) => {
      // The key that a Mac calls delete is Backspace. Held down, it does not go on to the next frame.
      if (["Delete", "Backspace"].includes(event.key) && !event.repeat) this.drop(one.frame);
    });
    return item;
  }

  fill(card, one) {
    const [note, reason] = [".note", ".reason"].map((part) => card.querySelector(part));
    note.textContent = one.note;
    note.hidden = !one.note;
    reason.textContent = one.reason;
    reason.hidden = !one.reason;
    reason.classList.toggle("doubt", one.chosen_for === "doubt");
    card.setAttribute("aria-label", labelOf(one));
  }

  mark({ tied, selected }) {
    for (const card of this.list.querySelectorAll(".card")) {
      card.classList.toggle("tied", Number(card.dataset.cluster) === tied);
      card.setAttribute("aria-pressed", String(Number(card.dataset.frame) === selected));
    }
  }

  // Null where this frame is not chosen.
  card(frame) {
    return this.list.querySelector(`[data-frame="${frame}"]`);
  }
}
