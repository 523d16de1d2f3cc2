"""What a person does on the page of the app, for tests in a browser."""

import json
from pathlib import Path

BATCH = "reach-keyframes"


def statuses(page):
    return page.eval_on_selector_all(".badge", "badges => badges.map(badge => badge.dataset.status)")


def until(page, condition, arg=None):
    page.wait_for_function(condition, arg=arg, timeout=600_000)


def has_status(page, *wanted):
    until(
        page,
        "wanted => [...document.querySelectorAll('.badge')].map(one => one.dataset.status).join() === wanted.join()",
        list(wanted),
    )


def choose(page, number):
    """Ask for this number of frames of each selected recording; return the command that the page shows."""
    if page.locator("#choose").is_hidden():
        page.click("#open-choose")
    page.fill("#each", str(number))
    until(page, "number => document.getElementById('command').textContent.includes(`-k ${number} `)", number)
    command = page.inner_text("#command")
    page.click("#start")
    page.wait_for_selector("#choose", state="hidden")
    return command


def chosen_in(output):
    return {
        path.parent.relative_to(output).as_posix(): [
            entry["frame_index"] for entry in json.loads(path.read_text(encoding="utf-8"))["keyframes"]
        ]
        for path in output.rglob("manifest.json")
    }


def results():
    """List what stands in the output; hidden files come and go while a review keeps its contact sheet up to date."""
    return sorted(path for path in Path(BATCH).rglob("*") if not path.name.startswith("."))


def export(page, tool, **texts):
    """Fill in an export, look at what it would change, and make it; return what was shown before and after."""
    page.click("#open-export")
    page.select_option("#tool", tool)
    for name, text in texts.items():
        page.fill(f"#{name}", text)
    told = []
    for word in ("would be added", "Done"):
        page.click("#run-export")
        until(
            page,
            """word => {
                const [plan, told] = ["plan", "export-told"].map(id => document.getElementById(id));
                return told.textContent || (!plan.hidden && plan.textContent.includes(word));
            }""",
            word,
        )
        assert page.inner_text("#export-told") == ""
        told.append(page.inner_text("#plan"))
        if word != "Done":
            told.append(results())
    page.click("#export [data-close] >> nth=0")
    return told
