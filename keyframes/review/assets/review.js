(() => {
  const POLL_MS = 2000;
  const FRAMES_APART = 25; // where there are no seconds
  const view = { tied: null, selected: null, cursor: null, doubt: false };
  const inspector = byId("inspector");
  let state = null;
  let overview = null;
  let timeline = null;
  let map = null;
  let looked = null; // the frame in the inspector that is not chosen
  let candidate = null; // the candidate beside the chosen one
  let nLooks = 0; // times that a frame was asked for
  let shownLook = 0; // the last of them that is shown: what answers an earlier one comes too late
  let nLists = 0; // times that candidates were asked for
  let busy = false;
  let nAsked = 0; // changes that were asked for so far
  let line = Promise.resolve(); // they are made one after another

  const keyframes = () => (state ? state.keyframes : []);
  const chosen = () => keyframes().find((one) => one.frame === view.selected) || null;
  const gallery = new Gallery(byId("cards"), { tie: tieTo, select, drop });
  const note = noteField(chosen, (frame, words) => change({ action: "note", frame, note: words }, "Note saved."));

  function show() {
    Object.assign(byId("title"), { textContent: state.video, title: state.video });
    document.title = `${state.video} – keyframes review`;
    byId("counts").textContent = `${count(state.keyframes.length, "frame")} chosen · ${state.n_changes ? `${count(state.n_changes, "change")}, all saved` : "no changes yet"}`;
    byId("undo").disabled = !state.n_changes || busy;
    byId("undo").title = state.last ? `Undo the ${state.last}` : "";
    gallery.show(state, overview.hues);
    showInspector();
    showTies();
  }

  function showTies() {
    document.body.classList.toggle("tying", view.tied !== null);
    gallery.mark(view);
    redraw();
  }

  function tieTo(cluster) {
    if (view.tied === cluster) return;
    view.tied = cluster;
    showTies();
  }

  const redraw = once(() => {
    if (!overview || !state) return;
    timeline.draw(keyframes());
    map.draw(keyframes());
  });

  function showInspector() {
    const one = chosen();
    inspector.hidden = !one && !looked;
    byId("steps").hidden = !looked;
    byId("of-chosen").hidden = !one;
    byId("actions").hidden = !one;
    byId("pictures").classList.toggle("two", Boolean(one && candidate));
    for (const id of ["other", "swap"]) byId(id).hidden = !(one && candidate);
    for (const id of ["add", "swap", "drop"]) byId(id).disabled = busy;
    if (looked) {
      byId("inspector-name").textContent = frameAt("Frame", looked.frame, looked.time);
      putPicture("one-picture", picture(looked.frame, "large"), `Frame ${looked.frame}, not chosen`, looked.points, state);
      byId("one-caption").textContent = `Not chosen · cluster ${looked.cluster}`;
    } else if (one) {
      byId("inspector-name").textContent = frameAt("Frame", one.frame, one.time);
      putPicture("one-picture", picture(one.frame, "large"), `Frame ${one.frame}, chosen`, one.points, state);
      byId("one-caption").textContent = candidate ? `Chosen: ${one.frame}` : `Represents ${count(one.size, "frame")} of cluster ${one.cluster}`;
      if (candidate) {
        putPicture("other-picture", picture(candidate.frame, "large"), `Frame ${candidate.frame}, candidate`, candidate.points, state);
        byId("other-caption").textContent = frameAt("Candidate:", candidate.frame, candidate.time);
        byId("swap").textContent = `Swap ${one.frame} for ${candidate.frame}`;
      }
      note.fill(one);
    }
    for (const button of byId("candidates").querySelectorAll(".card")) {
      button.setAttribute("aria-pressed", String(Boolean(candidate) && Number(button.dataset.frame) === candidate.frame));
    }
  }

  async function loadCandidates(frame, start) {
    const place = byId("candidates");
    nLists += 1;
    const turn = nLists;
    if (start === 0) place.replaceChildren();
    place.setAttribute("aria-busy", "true");
    byId("more").hidden = true;
    try {
      const apart = byId("apart").checked;
      const found = await ask(`candidates?frame=${frame}&start=${start}&apart=${apart ? (hasTimes ? 1 : FRAMES_APART) : 0}`);
      if (view.selected !== frame || turn !== nLists) return;
      const items = found.candidates.map((other) => {
        const item = frameCard(other, 0, overview.hues[other.cluster], state);
        item.firstElementChild.setAttribute("aria-label", frameAt("Candidate", other.frame, other.time));
        item.firstElementChild.addEventListener("click", () => {
          candidate = candidate && candidate.frame === other.frame ? null : other;
          showInspector();
          setCursor(candidate);
        });
        return item;
      });
      place.append(...items);
      const n = start + items.length;
      byId("more").hidden = !found.more;
      byId("more").onclick = () => loadCandidates(frame, n);
      const others = `Other frames in its cluster, ${apart ? `${byId("apart-label").textContent}, ` : ""}nearest first`;
      const none = apart && found.n ? `No other frame in its cluster is ${byId("apart-label").textContent}` : "No other frame in its cluster was scanned";
      byId("candidates-name").textContent = !n ? none : apart ? others : `${others} (${found.n.toLocaleString("en")})`;
    } catch (error) {
      say(error.message, true);
    } finally {
      if (turn === nLists) place.setAttribute("aria-busy", "false");
    }
  }

  function setCursor(frame) {
    view.cursor = frame && {
      time: frame.time,
      x: (frame.map[0] - overview.origin[0]) / overview.side,
      y: (frame.map[1] - overview.origin[1]) / overview.side,
    };
    const slider = byId("timeline");
    const at = frame || chosen();
    if (at) {
      slider.setAttribute("aria-valuenow", at.time.toFixed(2));
      slider.setAttribute("aria-valuetext", frameAt("Frame", at.frame, at.time));
    }
    redraw();
  }

  function select(frame) {
    note.flush();
    const before = view.selected;
    nLooks += 1;
    shownLook = nLooks;
    looked = null;
    candidate = null;
    view.selected = frame;
    setCursor(null);
    byId("candidates").replaceChildren();
    inspector.scrollTop = 0;
    show();
    keepFocus(frame ?? before);
    if (frame !== null) loadCandidates(frame, 0);
  }

  // Who works by the keyboard goes on from the card, and not from the top of the page.
  function keepFocus(frame) {
    const [here, card] = [document.activeElement, gallery.card(frame)];
    if (inspector.contains(here) || (card && here === document.body)) (card || byId("timeline")).focus({ preventScroll: true });
  }

  async function lookAt(address) {
    nLooks += 1;
    const turn = nLooks;
    try {
      const found = await ask(address);
      if (turn < shownLook) return undefined;
      if (keyframes().some((one) => one.frame === found.frame)) return select(found.frame);
      note.flush();
      shownLook = turn;
      view.selected = null;
      candidate = null;
      looked = found;
      setCursor(found);
      show();
    } catch (error) {
      say(error.message, true);
    }
    return undefined;
  }

  function change(wish, told) {
    nAsked += 1;
    const turn = line.then(() => make(wish, told));
    line = turn.catch(() => {});
    return turn;
  }

  async function make(wish, told, again = false) {
    // A note is saved beside whatever else is done.
    busy = wish.action !== "note";
    show();
    try {
      // It is made even if the page is closed meanwhile.
      state = await ask("change", { revision: state.revision, ...wish }, { keepalive: true });
      say(told);
      return true;
    } catch (error) {
      if (error.status === 409) {
        state = await ask("state");
        // Words that were written are not lost because another page was quicker.
        if (wish.action === "note" && !again) return make(wish, told, true);
      }
      say(error.message, true);
      return false;
    } finally {
      busy = false;
      if (view.selected !== null && !chosen()) view.selected = null;
      if (looked && keyframes().some((one) => one.frame === looked.frame)) looked = null;
      show();
    }
  }

  async function drop(frame) {
    const place = keyframes().findIndex((one) => one.frame === frame);
    if (await change({ action: "drop", frame }, `Dropped frame ${frame}. Saved.`)) {
      select(null);
      const next = keyframes()[Math.min(place, keyframes().length - 1)];
      gallery.card(next.frame).focus();
    }
  }

  async function swap() {
    const [old, by] = [view.selected, candidate.frame];
    if (await change({ action: "swap", frame: old, by }, `Swapped frame ${old} for ${by}. Saved.`)) select(by);
  }

  async function add() {
    const frame = looked.frame;
    if (await change({ action: "add", frame }, `Added frame ${frame}. Saved.`)) select(frame);
  }

  async function undo() {
    const last = state.last;
    if (!state.n_changes) return;
    if (await change({ action: "undo" }, `Undid the ${last}. Saved.`)) select(view.selected);
  }

  async function refresh() {
    const before = nAsked;
    try {
      await line;
      const seen = await ask("revision");
      if (seen.scan !== state.scan) location.reload();
      if (seen.revision === state.revision) return;
      const now = await ask("state");
      // What a change meanwhile gave is newer.
      if (nAsked !== before) return;
      state = now;
      if (view.selected !== null && !chosen()) view.selected = null;
      show();
    } catch (error) {
      if (error.status === 0) say(error.message, true);
    }
  }

  function listen() {
    for (const part of [timeline, map]) {
      part.canvas.addEventListener("pointermove", (event) => {
        const spot = part.at(event, keyframes());
        tieTo(spot ? spot.cluster : null);
        if (spot) byId("told").textContent = `${moment(spot.time)} · cluster ${spot.cluster}${spot.keyframe ? ` · chosen frame ${spot.keyframe.frame}` : ""}`;
      });
      part.canvas.addEventListener("pointerleave", () => tieTo(null));
      part.canvas.addEventListener("click", (event) => {
        const spot = part.at(event, keyframes());
        if (!spot) return;
        if (spot.keyframe) select(spot.keyframe.frame);
        else lookAt(spot.frame === undefined ? `frame?time=${spot.time}` : `frame?frame=${spot.frame}`);
      });
      new ResizeObserver(redraw).observe(part.canvas);
    }
    timeline.canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageUp: 25, PageDown: -25 };
      if (event.key === "Enter" && looked) return add();
      if (!(event.key in steps)) return undefined;
      event.preventDefault();
      const from = looked || chosen() || keyframes()[0];
      return lookAt(`frame?frame=${from.frame}&step=${steps[event.key]}`);
    });
    for (const button of document.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => lookAt(`frame?frame=${looked.frame}&step=${button.dataset.step}`));
    }
    byId("add").addEventListener("click", add);
    byId("swap").addEventListener("click", swap);
    byId("drop").addEventListener("click", () => drop(view.selected));
    byId("undo").addEventListener("click", undo);
    byId("close").addEventListener("click", () => select(null));
    byId("apart").addEventListener("change", () => {
      candidate = null;
      setCursor(null);
      showInspector();
      loadCandidates(view.selected, 0);
    });
    listenToExport(() => state);
    document.addEventListener("keydown", (event) => {
      if (byId("export").open) return;
      const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
      if (event.key === "Escape") select(null);
      if (/^s$/i.test(event.key) && candidate && !busy && !writing && !event.ctrlKey && !event.metaKey) swap();
      if (/^z$/i.test(event.key) && (event.ctrlKey || event.metaKey) && !event.shiftKey && !writing) {
        event.preventDefault();
        undo();
      }
    });
    document.addEventListener("visibilitychange", () => document.hidden || refresh());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    arrowKeys(byId("candidates"));
  }

  async function poll() {
    if (!document.hidden) await refresh();
    setTimeout(poll, POLL_MS);
  }

  async function start() {
    try {
      const [shown, now] = await Promise.all([ask("overview"), ask("state")]);
      state = now;
      overview = Object.assign(readOverview(shown), { origin: shown.origin, side: shown.side });
      timeline = new Timeline(byId("timeline"), overview, view);
      map = new MapView(byId("map"), overview, view);
      byId("start").textContent = moment(overview.first);
      byId("end").textContent = moment(overview.last);
      if (!hasTimes) byId("apart-label").textContent = `${FRAMES_APART} frames apart`;
      byId("timeline").setAttribute("aria-valuemin", overview.first.toFixed(2));
      byId("timeline").setAttribute("aria-valuemax", overview.last.toFixed(2));
      byId("pictures").style.setProperty("--shape", state.width / state.height);
      byId("tool").replaceChildren(...state.tools.map((tool) => new Option(tool, tool)));
      byId("switches").hidden = !state.predictions;
      if (state.predictions) {
        if (!state.predictions.by_pictures) byId("mapped").textContent = "the predicted poses";
        byId("colours").textContent = "Red frames have doubtful predictions. Without “Colour by doubt”, frames";
        predictionSwitches(view, redraw);
      }
      listen();
      show();
      setTimeout(poll, POLL_MS);
    } catch (error) {
      // There is nothing else to look at.
      byId("counts").textContent = error.message;
    }
  }

  start();
})();
