"use strict";

// The dialog that brings the choice into a labelling tool.
function listenToExport(current) {
  const told = byId("export-told");

  function showTool() {
    const tool = byId("tool").value;
    for (const field of document.querySelectorAll(".of-deeplabcut")) field.hidden = tool !== "deeplabcut";
    byId("export-place").textContent = current().with_project.includes(tool)
      ? `Adds to the project ${current().project}; what is in it stays as it is.`
      : "Makes a new export beside the result or, for DeepLabCut, in the folder where you started keyframes review.";
  }

  async function runExport(event) {
    event.preventDefault();
    const button = byId("run-export");
    button.disabled = true;
    told.className = "";
    told.textContent = "Exporting…";
    try {
      const [tool, bodyparts, task, scorer] = ["tool", "bodyparts", "task", "scorer"].map((id) => byId(id).value);
      const done = await ask("export", { tool, bodyparts, task, scorer });
      told.textContent = [`${count(done.frames, "frame")} in ${done.place}`, ...done.notes].join("\n");
    } catch (error) {
      told.className = "failed";
      told.textContent = error.message;
    }
    button.disabled = false;
  }

  byId("open-export").addEventListener("click", () => {
    told.textContent = "";
    showTool();
    byId("export").showModal();
  });
  byId("cancel-export").addEventListener("click", () => byId("export").close());
  byId("tool").addEventListener("change", showTool);
  byId("export-form").addEventListener("submit", runExport);
}
