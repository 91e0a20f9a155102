"""The rules across deliveries: who they are.

Belongs here: id, severity, sentences, cause, remedy and source of each rule that holds a delivery against the stored
ones before it, with its threshold. Does not belong here: counting what breaks them (``deliveries``).

That DUO keeps the pseudonyms is law (BRO 29a); how much of a delivery comes back in the next is not. The thresholds are
own judgement: the blocking ones lie where no register changes by itself, the others were set on synthetic deliveries,
which give no alarm on ten seeds and at any scale.
"""

from rod_pipeline.quality.suite import Rule

_ASK = "Put the question to DUO with the notice: rule, file and counts. The page of the delivery shows what changed."
_REFUSE = "Do not use this delivery before DUO has explained it; ask for a corrected set with the notice."

LOST, LOW = 0.5, 0.95
"""The parts of the students of an earlier school year that must be found again: below the first, pseudonyms have lost
their link; below the second, more are gone than late corrections explain (half a per cent in synthetic deliveries)."""
BAND, OPEN_BAND, COLLAPSE = (0.9, 1.1), (0.9, 1.6), (0.5, 2.0)
"""Rows of a file and school year as a part of what the delivery before had: of a year that was over by then, of one
that was not, and the blocking bounds of both. Diplomas of a year that was not over have no upper bound."""
ENOUGH = 100
"""Rows of a file and school year below which its growth says nothing."""
DRIFT = 0.05
"""Total variation that is natural from one school year to the next."""
CHANCE = 3.0
"""How many times the distance that chance alone gives two samples of this size is allowed on top of ``DRIFT``."""

OVERLAP_LOST = Rule(
    id="deliveries.students.linked",
    severity="blocking",
    layer="deliveries",
    sentence=f"At least {LOST:.0%} of a school year's students in the delivery before are found again in that year.",
    zin=f"Van de studenten van een schooljaar in de vorige levering is ten minste {LOST:.0%} er in dat jaar weer.",
    cause="DUO made new pseudonyms for this delivery, or it is about other students.",
    remedy="Do not use this delivery: students can't be followed over the years. Ask DUO for the lasting pseudonyms.",
    rubrieken=("29.02.10",),
    source="BRO 29a, second paragraph: one sectornummer, kept over deliveries; the share is own judgement",
)
OVERLAP_LOW = Rule(
    id="deliveries.students.found_again",
    severity="warning",
    layer="deliveries",
    sentence=f"At least {LOW:.0%} of a school year's students in the delivery before are found again in that year.",
    zin=f"Van de studenten van een schooljaar in de vorige levering is ten minste {LOW:.0%} er in dat jaar weer.",
    cause="Enrolments were withdrawn after the delivery before, or some students got another pseudonym.",
    remedy=_ASK,
    rubrieken=("29.02.10",),
    source="BRO 29a, second paragraph; the share is own judgement",
)
ROWS_COLLAPSED = Rule(
    id="deliveries.rows.collapsed",
    severity="blocking",
    layer="deliveries",
    sentence="A file has not under half and not over double the rows of the delivery before in the same school year.",
    zin="Een bestand heeft in een schooljaar niet minder dan de helft en niet meer dan het dubbele van de vorige keer.",
    cause="Part of the file is missing, or rows were delivered twice under another key.",
    remedy=_REFUSE,
    source="own judgement: a school year that comes back is the same students, with corrections",
)
ROWS_PLAUSIBLE = Rule(
    id="deliveries.rows.plausible",
    severity="warning",
    layer="deliveries",
    sentence="A file has about as many rows in a school year as in the delivery before (10 % once it is over).",
    zin="Een bestand heeft in een schooljaar ongeveer evenveel rijen als de vorige keer (na afloop 10 % verschil).",
    cause="Late registrations, a change of what counts as a row, or a part that was left out.",
    remedy=_ASK,
    source="own judgement; provisional and final counts differ by some per cents (OCW newsletter, November 2022)",
)
DRIFTED = Rule(
    id="deliveries.columns.drift",
    severity="warning",
    layer="deliveries",
    sentence=f"From one school year to the next no column moved by over {DRIFT:.0%} (total variation) and chance.",
    zin=f"Van geen kolom is de verdeling tussen twee schooljaren meer dan {DRIFT:.0%} (en toeval) verschoven.",
    cause="A definition or a list of values changed, a column is filled for other students than before, or less often.",
    remedy=_ASK,
    source="total variation distance of the newest school year that was over in each; the threshold is own judgement",
)
FINAL_STAYS = Rule(
    id="deliveries.status.final",
    severity="warning",
    layer="deliveries",
    sentence="A school year of a file that was delivered as final does not come back as provisional.",
    zin="Een schooljaar van een bestand dat definitief is geleverd, komt niet als voorlopig terug.",
    cause="An older extraction was delivered by mistake, or the status was filled for the delivery as a whole.",
    remedy=_ASK,
    source="own assumption that the status is that of a school year; annex 1 calls it the status of the delivery",
)
YEARS_KEPT = Rule(
    id="deliveries.schooljaar.kept",
    severity="blocking",
    layer="deliveries",
    sentence="A school year that the delivery before had, and that belongs to this moment too, is there.",
    zin="Een schooljaar dat de vorige levering had en dat ook bij dit verstrekkingsmoment hoort, is er.",
    cause="The school year was left out of the extraction.",
    remedy="Do not use this delivery; ask DUO for a complete set, with the notice.",
    source="Besluit 55352791, section 6: actuele en voorafgaande schooljaar; doorstroom the five before it too",
)
EVERY = (OVERLAP_LOST, OVERLAP_LOW, ROWS_COLLAPSED, ROWS_PLAUSIBLE, DRIFTED, FINAL_STAYS, YEARS_KEPT)
