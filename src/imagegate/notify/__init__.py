"""Telling a webhook what came of a run: off unless ``--notify`` asks for it.

``hooks`` reads what was asked for, ``payload`` and ``slack`` say what is told (pure), ``delivery`` sends it, ``run``
puts them together. The URL of a hook is a secret: it comes from the environment, and stands in no output, exception,
log or report.
"""
