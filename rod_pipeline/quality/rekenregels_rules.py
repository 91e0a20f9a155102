"""The rules about identities of the rekenregels: who they are.

Belongs here: id, severity, sentences, cause, remedy and source of each rule that recomputes what DUO derived, and the
bands of the results. Does not belong here: counting what breaks them (``rekenregels``), results to read (``marts``).

All of them warn: marts take DUO's indicaties as they are, and what is held against them here is a public definition or
our own reading of the annex. A breach means that the two differ, which a person and DUO must look at.
"""

from dataclasses import dataclass

from rod_pipeline.quality.suite import Rule

INSPECTIE = "Inspectie, 'Definitie indicatoren en toelichting bestanden onderwijsresultaten bekostigd MBO' (31-05-2024)"
_ASK = "Ask DUO with the notice how it derives the indicatie; until then name the difference beside the results."
_OTHER_DEFINITION = "DUO derives the indicatie in another way than the published definition, or from a later state."

EXPECTED_LEVEL = {0: 2, 1: 1, 2: 2, 3: 4, 5: 2, 6: 3, 7: 4, 8: 4, 9: 4, 11: 2, 12: 3, 13: 4, 14: 4, 15: 2}
"""Expected level of the diploma by category of the highest vooropleiding: the norm table of passend diploma
(informatie-encyclopedie.nl, 4fcb1f37)."""

LEAST = 12
"""A denominator below this is not judged (Inspectie)."""


def _rule(id_: str, sentence: str, zin: str, rubrieken: tuple[str, ...], source: str, cause: str = "") -> Rule:
    return Rule(
        id=f"rekenregels.{id_}",
        severity="warning",
        layer="rekenregels",
        sentence=sentence,
        zin=zin,
        cause=cause or _OTHER_DEFINITION,
        remedy=_ASK,
        rubrieken=rubrieken,
        source=source,
    )


FLOW = _rule(
    "stroom",
    "The students of a school year without those who left (U) and with those who came (I) are those of the next year.",
    "De studenten van een schooljaar min de uitstroom (U) plus de instroom (I) zijn de studenten van het jaar erna.",
    ("29.54.13",),
    "annex 29.54.13, read as: stock(J) - U(J) + I(J+1) = stock(J+1); T counts in no stock (own reading)",
    "Doorstroom's school years were derived from different states of the register, or T and the letters mean "
    "something else than they are read as.",
)
NEXT_LEVEL = _rule(
    "niveau_jaar2",
    "The level that a row tells for the next school year is a level that the student has in that year.",
    "Het niveau in jaar 2 van een rij is een niveau dat de student in het volgende schooljaar heeft.",
    ("29.54.32",),
    "annex 29.54.32 held against the rows of the next school year in the same file",
)
STARTER = _rule(
    "populatie_starter",
    "In the population of starters is who is in view and was not at the institution a year earlier, nobody else.",
    "Tot de populatie starters hoort wie meetelt en een jaar eerder niet bij de instelling stond, niemand anders.",
    ("29.54.17",),
    f"{INSPECTIE}: startersresultaat; informatie-encyclopedie.nl, 4fcb1f2b; in view: level 2-4, bol, bol-dt, bbl or ex",
)
STARTER_RESULT = _rule(
    "startersresultaat",
    "Of the starters, those who stay at the institution or have a diploma have the indicatie, nobody else.",
    "Van de starters hebben zij die bij de instelling blijven of een diploma hebben de indicatie, en niemand anders.",
    ("29.74.11",),
    f"{INSPECTIE}: startersresultaat; informatie-encyclopedie.nl, 4fcb1f2b",
)
LEAVERS = _rule(
    "populatie_diplomaresultaat",
    "In the population of the diplomaresultaat is who is in view and leaves the institution, nobody else.",
    "Tot de populatie diplomaresultaat hoort wie meetelt en de instelling verlaat, en niemand anders.",
    ("29.74.10",),
    f"{INSPECTIE}: diplomaresultaat; verlater: informatie-encyclopedie.nl, 74c8bbd1",
)
JAAR = _rule(
    "populatie_jaarresultaat",
    "In the population of the jaarresultaat is who is in view and leaves or has a diploma, nobody else.",
    "Tot de populatie jaarresultaat hoort wie meetelt en vertrekt of een diploma heeft, en niemand anders.",
    ("29.74.11",),
    f"{INSPECTIE}: jaarresultaat; informatie-encyclopedie.nl, 05cf1d63",
)
CLIMB = _rule(
    "opstroom",
    "Of the population opstroom (levels 2 and 3), those with a higher level next year have the indicatie, no other.",
    "Van de populatie opstroom (niveau 2 en 3) heeft wie in jaar 2 een hoger niveau heeft de indicatie, anderen niet.",
    ("29.54.17", "29.54.32"),
    "informatie-encyclopedie.nl, 4fcb1f33: to a higher level, of the students on level 2 and 3 on 1 October",
)
FITTING = _rule(
    "passend_diploma",
    "A diploma is passend where its level is at least the level expected by the vooropleiding, and nowhere else.",
    "Een diploma is passend als het niveau ten minste het bij de vooropleiding verwachte niveau is, en anders niet.",
    ("29.74.07", "29.54.30"),
    "informatie-encyclopedie.nl, 4fcb1f37 (norm table by category); level by the programme of the diploma",
    "DUO uses another norm table or another vooropleiding, or a programme has another level than the files tell.",
)
GAIN = _rule(
    "kwalificatiewinst",
    "Of leavers with a diploma it can be told which level was expected and which was reached, but for one in twenty.",
    "Van verlaters met een diploma is op een op twintig na vast te stellen welk niveau was verwacht en is bereikt.",
    ("29.74.07", "29.54.30", "29.74.13"),
    "informatie-encyclopedie.nl, 20ea7ba3 (denominator: for whom it can be established); the share is own judgement",
    "The category of the vooropleiding or the programme of the diploma is missing or unknown for many.",
)
ESTABLISHED = 0.95
"""The part of the graduated leavers for whom the kwalificatiewinst must be established."""


@dataclass(frozen=True)
class Band:
    """Where a result may lie per level and school year: ``low`` to ``high``, as parts of one, both included."""

    rule: Rule
    low: float
    high: float


def _band(name: str, low: float, high: float, rubriek: str, source: str) -> Band:
    rule = _rule(
        f"band.{name}",
        f"The {name} of each level (2 to 4) and school year lies between {low:.0%} and {high:.0%}, but for chance.",
        f"Het {name} van elk niveau (2 tot en met 4) en schooljaar ligt tussen {low:.0%} en {high:.0%}, op toeval na.",
        (rubriek,),
        f"{source}; the width of the band is own judgement",
        "The population or the diploma indicatie is filled in another way than before, or for part of the students.",
    )
    return Band(rule, low, high)


JR = _band(
    "jaarresultaat",
    0.55,
    0.90,
    "29.74.11",
    "onderwijsincijfers.nl: 70 to 79 % per level, 2012-13 to 2016-17; norms of the Inspectie 67 to 85 %",
)
DR = _band(
    "diplomaresultaat",
    0.50,
    0.92,
    "29.74.10",
    "national 74.3 to 75.2 % (2015, 2016); norms of the Inspectie 61 to 89 %",
)
SR = _band(
    "startersresultaat",
    0.60,
    0.97,
    "29.74.11",
    "no national figure is public; norms of the Inspectie for voldoende 79 and 82 %",
)
