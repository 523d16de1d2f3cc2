"""SLEAP: `export` writes suggestions and packages or adds to a project, `project` reads it."""
