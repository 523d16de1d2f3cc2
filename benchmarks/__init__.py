"""Measurements, run by hand from the repository: ``python -m benchmarks.NAME``, of which ``--help`` tells the rest.

Two of the modules have the names of packages that they measure, so none is run as a file: its folder would come first.
"""
