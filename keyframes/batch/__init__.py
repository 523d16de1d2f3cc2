"""Many recordings: each one a task, on this machine or on a cluster, with all state in files of the output folder.

From the bottom up:

- `tasks`: what is handed to a worker, and what comes back
- `recordings`: which recordings there are, and where their results go
- `text_files`: small files, written whole and read
- `claims`: who works on a recording
- `states`: what is known of each recording, and the summaries
- `sources`: where the recordings lie
- `coresets`: a recording reduced to weighted rows
- `budget`, `predicted_budget`: a total of frames spent over all recordings, by pictures or by predictions
- `own_files`: the names of the batch's own files
- `task_files`: what these tell of a task, and whether it is done
- `work`, `scene`: what a worker does with a recording, or with several cameras of one scene
- `processes`, `cluster`: who works
- `watching`: what a run reports
- `dividing`: the budget, divided once for all recordings
- `index`: the page of all reports
- `checks`: what is refused at once
- `run`: all of it
"""

from keyframes.batch.recordings import describe_left_out
from keyframes.batch.run import Batch, run_batch
from keyframes.batch.sources import videos_of

__all__ = ["Batch", "describe_left_out", "run_batch", "videos_of"]
