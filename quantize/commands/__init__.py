"""What the command line does, a module a task.

They encode images, decode or describe files, train codebooks, and write what web pages need to show .vqi files.
"""
