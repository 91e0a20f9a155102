"""Publishing: tables that may be read by everybody, as immutable releases.

Belongs here: what a release consists of, refusing what wasn't audited, the register of what was printed, handing the
files out. Does not belong here: which figures are safe (``rod_pipeline.disclosure``), formulas
(``rod_pipeline.marts``), packages for one recipient (``rod_pipeline.packages``).

A release holds figures that were protected by disclosure control and audited for every reader (besluit 55352791,
voorschrift 3b): they are no personal data. It rests sealed in the EEA store like everything else, under a key of its
own, and stays as it is when a delivery that it rests on is erased (DESIGN 14.12).
"""
