"""What the command line does, a module a task: encode images, decode or describe files, train codebooks."""
