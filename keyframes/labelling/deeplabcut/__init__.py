"""DeepLabCut: `export` writes a project or adds to one, `project` reads it."""
