"""A network's predictions: in goes the file that a tool wrote, out come poses in pixels of the whole picture.

`reading` recognizes the format, `finding` looks in a folder by the video's name, `checks` compares with the video. Each
format has a module: `deeplabcut`, `lightning_pose`, `sleap_project`, `sleap_analysis`, `sleap_csv` and `own_csv`. They
share `assembly` (rows in order, missing points), `tables` (numbers in CSV), `hdf5`, `pandas_hdf5`,
`plain_pickle` (plain data alone), `recorded_videos` (which of a file's videos is wanted) and `slots` (tracks on few
animals).

What a choice needs of them: `dense` (a row for every frame), `cleaning` (poses that can be compared) and `doubt`.
"""

from keyframes.predictions.predictions import Predictions
from keyframes.predictions.reading import read_predictions

__all__ = ["Predictions", "read_predictions"]
