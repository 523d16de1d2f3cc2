"""Pages to look at a choice: one self-contained HTML file beside each result, and the index of a batch.

`thumbnails` makes small pictures of a bounded size, `overview` reduces any number of frames to what a screen can show,
`page` puts HTML together and escapes what comes from outside; upon them `report` and `batch_index` make the files.
What the browser gets is in `assets/`.
"""

from keyframes.report.batch_index import index_page
from keyframes.report.overview import Overview, make_overview, map_square, timeline
from keyframes.report.page import asset
from keyframes.report.report import manifest_digest, mark, report_page, reported_digest, write_report
from keyframes.report.thumbnails import bytes_of_each, thumbnail

__all__ = [
    "Overview",
    "asset",
    "bytes_of_each",
    "index_page",
    "make_overview",
    "manifest_digest",
    "map_square",
    "mark",
    "report_page",
    "reported_digest",
    "thumbnail",
    "timeline",
    "write_report",
]
