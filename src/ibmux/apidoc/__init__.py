"""Writes docs/api.md from the messages, topics and errors themselves: `python -m ibmux.apidoc > docs/api.md`.

The sentences about each method, type and error are their docstrings.
"""

from ibmux.apidoc.document import render
from ibmux.apidoc.hearing import channels
from ibmux.apidoc.notation import type_name

__all__ = ["channels", "render", "type_name"]
