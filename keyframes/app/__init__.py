"""The whole way in the browser: recordings, choosing frames, reviewing the choice, exporting, the next round.

All work is that of `keyframes batch`, and all state is in its files. What the browser gets is in `assets/`. From the
bottom up:

- `rounds`: where results go
- `library`: which recordings there are
- `kept_pictures`, `previews`: a picture and the figures of each recording, in bounded memory
- `kept_files`: what files hold, read again only after a change
- `marks`: what was reviewed and exported
- `notes`: what people write about recordings
- `files`: projects and predictions near the recordings
- `choosing`: what the page asks for, as a command
- `running`: that command as a process
- `statuses`: how far each recording is
- `reviews`: the review pages that are open
- `exports`: to a labelling tool
- `app`: all of it
- `server`: the addresses of the page
"""

from keyframes.app.app import App
from keyframes.app.server import serve

__all__ = ["App", "serve"]
