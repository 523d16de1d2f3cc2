"""The whole way in the browser: recordings, choosing frames, looking the choice over, exporting, the next round.

From the bottom up: `rounds` (where results go), `library` (which recordings there are), `kept_pictures` (in bounded
memory), `previews` (a picture and the figures of each recording), `kept_files` (what files hold, read once), `marks`
(what was reviewed and exported), `notes` (what people write about recordings), `files` (projects and predictions near
the recordings), `choosing` (what is asked for, as a command), `running` (that command as a process), `statuses` (how
far each recording is), `reviews` (the review pages that are open), `exports`, `app` (all of it) and `server` (the
page's addresses). What the browser gets is in `assets/`. All work is that of `keyframes batch`, and all state is in its
files.
"""

from keyframes.app.app import App
from keyframes.app.server import serve

__all__ = ["App", "serve"]
