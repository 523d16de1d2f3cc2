"use strict";

// What a review has around it in the app: the way back, the recordings before and after it, and its mark.
(() => {
  const place = byId("around");
  const [, round, name] = location.pathname.match(/\/round\/(\d+)\/review\/([^/]+)\/$/);

  function link(words, address, label, key) {
    const found = element("a", "", { href: address, textContent: words });
    found.setAttribute("aria-label", label);
    found.title = `${label} (${key})`;
    found.dataset.key = key;
    return found;
  }

  const back = link("← Recordings", `../../../../?round=${round}`, "Back to the recordings", "r");
  place.append(back);

  function show(told) {
    const before = told.before ? [link("‹ Previous", `../${told.before}/`, "Previous recording", "[")] : [];
    const after = told.after ? [link("Next ›", `../${told.after}/`, "Next recording", "]")] : [];
    const where = element("span", "quiet", { textContent: `${told.place} of ${told.n} · ${told.n_reviewed} reviewed` });
    const mark = element("button", told.reviewed ? "plain small" : "main small", { type: "button" });
    mark.textContent = told.reviewed ? "✓ Reviewed" : "Mark as reviewed";
    mark.title = `${told.reviewed ? "No longer reviewed" : "Mark as reviewed"} (m)`;
    mark.dataset.key = "m";
    mark.setAttribute("aria-pressed", String(told.reviewed));
    mark.addEventListener("click", async () => {
      try {
        show(await ask("../../mark", { recording: name, reviewed: !told.reviewed }));
        say(told.reviewed ? "No longer marked as reviewed." : "Marked as reviewed.");
      } catch (error) {
        say(error.message, true);
      }
    });
    place.replaceChildren(back, ...before, ...after, where, mark);
  }

  document.addEventListener("keydown", (event) => {
    const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    place.querySelector(`[data-key="${CSS.escape(event.key)}" i]`)?.click();
  });
  ask(`../../around/${name}`).then(show, (error) => say(error.message, true));
})();
