"""Many recordings: each one a task, on this machine or on a cluster, with all state in files of the output folder.

From the bottom up: `tasks` (what is handed to a worker and what comes back), `recordings` (which recordings there are
and where their results go), `claims` (who works on a recording), `states` (what is known of it), `sources` (where the
recordings lie), `coresets` (a recording reduced to weighted rows), `budget` (one number of frames spent over all of
them) and `predicted_budget` (the same by predictions), `own_files` (how the files of the batch are called),
`task_files` (what they tell of a task, and whether it is done), `work` (what a worker does with a recording), `scene`
(and with several cameras of one scene), `processes` and `cluster` (who works), `watching` (what a run reports),
`dividing` (the budget, once for all), `index` (the page of all reports), `checks` (what is refused at once) and `run`
(all of it).
"""

from keyframes.batch.recordings import describe_left_out
from keyframes.batch.run import Batch, run_batch
from keyframes.batch.sources import videos_of

__all__ = ["Batch", "describe_left_out", "run_batch", "videos_of"]
