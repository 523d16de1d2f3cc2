"""The program FFmpeg, which reads what OpenCV cannot: in goes a file, out come its pictures, their times and sizes.

`process` starts it, `log` turns what it writes into a record for each picture, and `capture` is the file with the
methods of OpenCV's capture that the reader calls.
"""
