"""The time machine: living through the decree, from the first delivery to the last certificate, in a minute or two.

Belongs here: a clock that is moved, an installation that lives by it, the story that it lives through, and looking at
the end whether everything is as it should be. Does not belong here: anything that a real installation runs. Nothing
outside this package knows of it: the simulation brings its own clock and its own parts, and goes through the same code
as everybody else (DESIGN, 14.9).
"""
