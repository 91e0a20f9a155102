"""The letters about incidents and changed circumstances, in Dutch.

Belongs here: what a letter says, from what the ledger knows, and where a person writes on. Does not belong here: how a
letter looks as text and PDF (``quality.notice``, whose form these share), recording that one was sent (``keeping``).

The letter to the supervisor follows AVG 33(3), a to d, and 33(4) where it comes in phases; what isn't known is said. A
person's own account (``story``) stands in the letter alone: it may hold what the ledger may not.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rod_pipeline.decree import Decree
from rod_pipeline.incidents import words
from rod_pipeline.ledger.overseen import CircumstanceState, IncidentState
from rod_pipeline.ledger.oversight import IncidentDescribed, Told
from rod_pipeline.ledger.oversight_rules import SUPERVISOR_TERM
from rod_pipeline.quality.notice import Letter, Part
from rod_pipeline.retention.evidence.words import day_of, instant

_OFFICER = "[in te vullen: naam en contactgegevens van de functionaris gegevensbescherming of een ander contactpunt]"
_UNDESCRIBED = "Nog niet bekend. Deze melding wordt aangevuld zodra meer bekend is."


def incident_letter(incident: IncidentState, to: Told, decree: Decree, story: str | None, now: datetime) -> Letter:
    """The letter that tells ``to`` of an incident. ``story`` is what a person adds in words of their own."""
    opened = incident.opened
    kind = words.KINDS[opened.what]
    first = incident.first_told(to)
    known = incident.described
    if to == "supervisor":
        addressee = "Autoriteit Persoonsgegevens"
        opening = (
            f"Op grond van artikel 33 van de Algemene verordening gegevensbescherming (AVG) melden wij een {kind}. De "
            "opbouw volgt het derde lid van dat artikel."
        )
    elif to == "data_subjects":
        addressee = "De betrokkenen"
        opening = f"Op grond van artikel 34 van de AVG delen wij u mee dat zich een {kind} heeft voorgedaan."
    elif to == "processor":
        addressee = decree.processor.name
        opening = (
            f"Wij stellen u op de hoogte van een {kind}. De voorschriften van besluit {decree.reference} gelden ook "
            "voor u (voorschrift 3, onder f)."
        )
    else:
        addressee = f"De {decree.issuer}, en Dienst Uitvoering Onderwijs"
        opening = (
            f"Op grond van voorschrift 3, onder e, van besluit {decree.reference} van {day_of(decree.issued)} stellen "
            f"wij u onmiddellijk op de hoogte van een {kind}. Dienst Uitvoering Onderwijs ontvangt deze melding ook "
            "(onderdeel 6 van het besluit, Gegevensbescherming)."
        )
    return Letter(
        subject=f"{'Aanvulling op de melding' if first is not None else 'Melding'} van een {kind}",
        head=(
            ("Aan", addressee),
            ("Van", decree.recipient),
            ("Kenmerk", f"{incident.incident}, versie {known.version if known is not None else 0}"),
        ),
        opening=opening,
        facts=tuple(_facts(incident, to, now)),
        parts=tuple(_parts(known, to, story)),
        closing="Aantallen van personen zijn in deze brief klassen, geen tellingen.",
        signed_for=f"Namens de {decree.recipient}",
    )


def circumstance_letter(circumstance: CircumstanceState, decree: Decree, story: str | None) -> Letter:
    """The letter that tells the minister of a changed circumstance."""
    noted = circumstance.noted
    duo = noted.change == "direct_provision"
    also = " Dienst Uitvoering Onderwijs ontvangt deze melding ook (voorschrift 3, onder g)." if duo else ""
    parts = [Part(title="Wat er verandert", says=(f"{_sentence(words.CHANGES[noted.change])}.",))]
    parts.append(_told_in_words(story))
    parts.append(
        Part(
            title="Wat wij u vragen",
            says=("Wij verzoeken u te laten weten of dit gevolgen heeft voor het besluit of voor de verstrekkingen.",),
        )
    )
    return Letter(
        subject="Melding van nieuwe feiten of veranderde omstandigheden",
        head=(("Aan", f"De {decree.issuer}"), ("Van", decree.recipient), ("Kenmerk", noted.circumstance)),
        opening=(
            f"Op grond van voorschrift 3, onder h, van besluit {decree.reference} van {day_of(decree.issued)} doen wij "
            f"u onverwijld melding van een omstandigheid die van invloed kan zijn op wat daarin is bepaald.{also}"
        ),
        facts=(("Bekend sinds", instant(noted.known_at)),),
        parts=tuple(parts),
        closing="Bij vragen staan wij u graag te woord.",
        signed_for=f"Namens de {decree.recipient}",
    )


def _facts(incident: IncidentState, to: Told, now: datetime) -> Iterator[tuple[str, str]]:
    opened, known = incident.opened, incident.described
    yield "Soort", _sentence(words.KINDS[opened.what])
    yield "Moment van ontdekking", instant(opened.discovered_at)
    yield "Ontdekt door", words.SOURCES[opened.source]
    if to == "supervisor":
        due = opened.discovered_at + SUPERVISOR_TERM
        yield "Einde van de 72 uur", instant(due)
        if incident.first_told(to) is None:
            left = due - now
            state = "nog" if left > timedelta() else "overschreden met"
            yield "Bij het opstellen", f"{state} {_span(abs(left))}"
    if known is not None and known.began_at is not None:
        ended = instant(known.ended_at) if known.ended_at is not None else "nog niet geëindigd"
        yield "Begin en einde", f"{instant(known.began_at)}; {ended}"
    if known is not None and known.deliveries:
        yield "Leveringen die het betreft", ", ".join(known.deliveries)
    for earlier in incident.told:
        yield "Eerder gemeld", f"aan {words.PARTIES[earlier.to]}, {instant(earlier.sent_at)}"


def _parts(known: IncidentDescribed | None, to: Told, story: str | None) -> Iterator[Part]:
    letters = to == "supervisor"

    def title(text: str, letter: str) -> str:
        return f"{text} (art. 33, derde lid, onder {letter})" if letters else text

    if known is None:
        yield Part(title=title("Aard van de inbreuk" if letters else "Wat er gebeurde", "a"), says=(_UNDESCRIBED,))
    else:
        yield Part(
            title=title("Aard van de inbreuk" if letters else "Wat er gebeurde", "a"),
            items=(
                (f"Oorzaak: {words.CAUSES[known.cause]}",),
                *(((f"Geraakt: {words.NATURES[nature]}",)) for nature in known.nature),
                (f"Betrokkenen, bij benadering: {words.SIZES[known.persons]}",),
                ("Categorieën van betrokkenen: (oud-)studenten in het middelbaar beroepsonderwijs, onder pseudoniem",),
                (f"Categorieën van gegevens: {_listed(words.CATEGORIES[one] for one in known.categories)}",),
                (f"Records, bij benadering: {words.SIZES[known.records]}",),
            ),
        )
    yield _told_in_words(story)
    if to in ("supervisor", "data_subjects"):
        yield Part(title=title("Contactpunt", "b"), says=(_OFFICER,))
    consequences = known.consequences if known is not None else ()
    measures = known.measures if known is not None else ()
    yield Part(
        title=title("Waarschijnlijke gevolgen", "c"),
        says=(
            f"{_sentence(_listed(words.CONSEQUENCES[one] for one in consequences))}." if consequences else _UNDESCRIBED,
            *((f"Ingeschat risico: {words.RISKS[known.risk]}.",) if known is not None else ()),
        ),
    )
    yield Part(
        title=title("Maatregelen, genomen of voorgesteld", "d"),
        says=(f"{_sentence(_listed(words.MEASURES[one] for one in measures))}." if measures else _UNDESCRIBED,),
    )


def _told_in_words(story: str | None) -> Part:
    paragraphs = tuple(part.strip() for part in (story or "").split("\n\n") if part.strip())
    return Part(title="Toelichting", says=paragraphs or ("[in te vullen door wie deze brief verzendt]",))


def _listed(some: Iterator[str]) -> str:
    return "; ".join(some) or "geen"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _span(span: timedelta) -> str:
    hours, minutes = divmod(int(span.total_seconds()) // 60, 60)
    return f"{hours} uur en {minutes} {'minuut' if minutes == 1 else 'minuten'}"
