"use strict";

// The field with the note on the chosen frame that is shown. A note is saved when it is left, when there was a pause in
// writing, or when the page is closed; `save` says whether that went well.
function noteField(chosen, save) {
  const PAUSE_MS = 1200;
  const field = byId("note");
  let noted = { frame: null, words: "" }; // as it was: another page may have changed it since
  let timer = 0;

  // What is being written stays, whatever other pages do.
  function fill({ frame, note }) {
    const isWritten = field.value.trim() !== noted.words;
    if (noted.frame === frame && (isWritten || note === noted.words)) return;
    field.value = note;
    noted = { frame, words: note };
  }

  async function flush() {
    clearTimeout(timer);
    const [words, before] = [field.value.trim(), noted];
    if (!chosen() || words === before.words) return;
    if (await save(before.frame, words)) before.words = words;
  }

  field.addEventListener("blur", flush);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(flush, PAUSE_MS);
  });
  addEventListener("pagehide", flush);
  return { fill, flush };
}
