"""The rules across the files of one delivery: who they are.

Belongs here: id, severity, sentences, cause, remedy and source of each rule that holds files beside each other. Does
not belong here: counting what breaks them (``files``).

Only what would make marts wrong blocks: files whose students are not each other's, and institutions that a count of
students would miss. The rest are readings of our own of what DUO derived, and warn.
"""

from rod_pipeline.quality.suite import Rule

_ASK = "Put the question to DUO with the notice, rule and counts; until it is answered, name it beside the figures."
_WINDOW = (
    "The indicatie and the file were extracted at different times, or the indicatie is about more than one year: the "
    "annex doesn't say over which period a diploma counts."
)
LINKED = 0.9
"""The part of a file's students that must be found in another file. In files of one extraction it is all of them; a
tenth is more than any correction between two extractions, and far less than what other pseudonyms would leave."""
FEW = 10
"""Rows of an institution below which its absence from another file says nothing, as in ``delivery_rules``."""

FLAG_KNOWN = Rule(
    id="files.diploma.known",
    severity="warning",
    layer="files",
    sentence="Who has a diploma by doorstroom has one of that school year in the file diplomas.",
    zin="Wie volgens doorstroom een diploma heeft, staat met een diploma van dat schooljaar in het diplomabestand.",
    cause=_WINDOW,
    remedy=_ASK,
    rubrieken=("29.74.09", "07.05.10"),
    source="annex 29.74.09 and 07.05.10; opbrengstjaar: informatie-encyclopedie.nl, dc606a27",
)
DIPLOMA_FLAGGED = Rule(
    id="files.diploma.flagged",
    severity="warning",
    layer="files",
    sentence="Who has a main diploma in the file diplomas has one by doorstroom too, where that has them.",
    zin="Wie in het diplomabestand een hoofddiploma heeft, heeft er in doorstroom in dat schooljaar ook een.",
    cause=_WINDOW,
    remedy=_ASK,
    rubrieken=("29.74.09", "29.74.12"),
    source="annex 29.74.09 and 29.74.12; jaarresultaat and diplomaresultaat count by this indicatie",
)
LEAVERS_GRADUATED = Rule(
    id="files.mbo_hbo.diploma",
    severity="warning",
    layer="files",
    sentence="Who leaves mbo for hbo by level-4 diploma has that diploma in the file diplomas by then.",
    zin="Wie het mbo volgens mbo-hbo met een diploma op niveau 4 verlaat, heeft dat diploma in het diplomabestand.",
    cause="The diploma was earned before the first school year of the file diplomas, or extracted at another time.",
    remedy=_ASK,
    rubrieken=("29.64.01", "07.05.10"),
    source="annex: mbo-hbo fields of the highest mbo diploma; informatie-encyclopedie.nl, 004117df",
)
ENROLLED_THERE = Rule(
    id="files.doorstroom.enrolled",
    severity="warning",
    layer="files",
    sentence="An mbo student in doorstroom has an enrolment at that institution in that school year in inschrijvingen.",
    zin="Een mbo-student in doorstroom heeft in dat schooljaar bij die instelling een inschrijving in inschrijvingen.",
    cause="Doorstroom was derived from another state of the register than inschrijvingen.",
    remedy=_ASK,
    rubrieken=("05.01.10", "29.54.13"),
    source="annex: 29.54.13 is derived from the enrolments of 05.*; own reading",
)
SAME_STUDENTS = Rule(
    id="files.students.linked",
    severity="blocking",
    layer="files",
    sentence=f"At least {LINKED:.0%} of a file's students have an enrolment in inschrijvingen in that school year.",
    zin=f"Ten minste {LINKED:.0%} van de studenten van een bestand staat in dat schooljaar in inschrijvingen.",
    cause="The files have pseudonyms of different runs, or one of them is about other students.",
    remedy="Do not use this delivery: nothing in it can be joined. Ask DUO for a complete set from one run.",
    rubrieken=("29.02.10",),
    source="BRO 29a, second paragraph: one sectornummer per student; the share is own judgement",
)
INSTITUTIONS_ENROL = Rule(
    id="files.instelling.enrolled",
    severity="blocking",
    layer="files",
    sentence=f"An institution with {FEW} or more rows in another file has enrolments in the school years of both.",
    zin=f"Een instelling met {FEW} of meer rijen in een ander bestand heeft inschrijvingen in dezelfde schooljaren.",
    cause="Its enrolments were left out, or the files write the code of a merged institution differently.",
    remedy="Do not use this delivery: counts of students would miss the institution. Ask DUO for a corrected set.",
    rubrieken=("05.01.10",),
    source="annex 05.01.10; the least number of rows is own judgement",
)


def one_per_programme(attribute: str, english: str, dutch: str, rubrieken: tuple[str, ...]) -> Rule:
    """The rule that a programme has one value of an attribute, whichever file tells it."""
    return Rule(
        id=f"files.opleiding.{attribute}",
        severity="warning",
        layer="files",
        sentence=f"A programme has one {english} in a school year, whichever file tells it.",
        zin=f"Een opleiding heeft in een schooljaar één {dutch}, in welk bestand het ook staat.",
        cause="The files were derived with different versions of the table of programmes (S-BB, RIO), or a code on the "
        "level of a dossier stands for several programmes.",
        remedy="Look which programmes are meant, and ask DUO which version holds; marts take it from inschrijvingen.",
        rubrieken=rubrieken,
        source="S-BB koppeltabel: one value for each code and school year; RIO",
    )


LEVEL = one_per_programme("niveau", "level", "niveau", ("06.05.30", "07.05.10"))
SECTOR = one_per_programme("sectorkamer", "sector chamber", "sectorkamer", ("29.64.02", "29.74.06"))
HG = one_per_programme("hoofdgroep", "main group (HG)", "hoofdgroep (HG)", ("29.54.27", "29.74.16"))
SG = one_per_programme("subgroep", "subgroup (SG)", "subgroep (SG)", ("29.54.28", "29.74.17"))
BC = one_per_programme("beroepsopleiding", "occupation cluster (BC)", "beroepsopleiding (BC)", ("29.54.26", "29.74.15"))
PROGRAMME = {"niveau": LEVEL, "sector": SECTOR, "hg": HG, "sg": SG, "bc": BC}
