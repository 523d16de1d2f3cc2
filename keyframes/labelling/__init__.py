"""From an earlier result into a labelling tool, and what the tools' projects have labelled already.

`exporting` chooses the tool's module, which writes the export, whole or not at all; `known_frames` reads projects for
``--unlike``. DeepLabCut, SLEAP and Lightning Pose have a folder each.
"""

from keyframes.labelling.exporting import check_export, export, options_for, uses_of

__all__ = ["check_export", "export", "options_for", "uses_of"]
