"""From what DUO sent to a table of strings: archive, dialect, file kinds, direct identifiers, typing.

Belongs here: everything between the raw bytes and the table that the checks judge. Does not belong here: how a file
should look (``contracts``), judging values (``quality``, ``expectations``), keeping anything (``store``).
"""
