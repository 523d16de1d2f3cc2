"""A local page to review a choice and to change it: swap, drop, add, undo, note, export again.

From the bottom up: `changes` (from one manifest to the next), `pictures` (frames fetched exactly), `folder` (what is
on disk, saved atomically), `session` (one review: what the page asks for), `guard` (who may ask), `serving` (a page for
this machine alone), `server` (the addresses of the review's). What the browser gets is in `assets/`.
"""

from keyframes.review.server import serve
from keyframes.review.session import Session

__all__ = ["Session", "serve"]
