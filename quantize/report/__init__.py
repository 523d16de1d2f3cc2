"""A page that shows what an encoding lost: original, result and error side by side, in one self-contained file.

`error_map` measures, `page` shows, `decoder` hands out the decoder for browsers. What the browser gets is in `assets/`.
"""

from quantize.report.page import report_page, report_place

__all__ = ["report_page", "report_place"]
