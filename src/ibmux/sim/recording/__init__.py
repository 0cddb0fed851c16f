"""A day at a real gateway, written to a file and played again: for what went wrong where nobody could look.

`recorder` writes, `replayer` plays; between them `file` has the format, `mask` what is left out, `reading` the sense.
"""
