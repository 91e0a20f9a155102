"""The certificate: a record as a Dutch *verklaring van vernietiging* on paper.

Belongs here: what the certificate says, as data for its template (``certificate.typ``), and setting it. Does not belong
here: the words for codes (``words``), the record itself, signatures of persons: those are written on the print.

It is PDF/A-2a (kept for years) and PDF/UA-1 (readable by everybody), and the same record gives the same bytes: fonts
are those of the compiler, its date is that of the attestation.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import typst

from rod_pipeline.decree import Decree
from rod_pipeline.ledger.erasure import OUTSIDE
from rod_pipeline.retention.evidence import words
from rod_pipeline.retention.evidence.attesting import Evidence
from rod_pipeline.retention.evidence.record import Declared, PlaceRecord, Record
from rod_pipeline.retention.evidence.verifieer import PLACES

_TEMPLATE = Path(__file__).with_name("certificate.typ")


class Seal(NamedTuple):
    """What the certificate shows of the proof: the verifying key, and the tree that the entry stands in."""

    vkey: str
    size: int
    root: bytes


def fingerprint(vkey: str) -> str:
    """SHA-256 of a verifying key as text, in groups of four, to be read aloud."""
    digest = sha256(vkey.encode()).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def certificate(evidence: Evidence, decree: Decree, seal: Seal) -> bytes:
    """The certificate as a PDF."""
    pdf: bytes = typst.compile(
        _TEMPLATE,
        root=_TEMPLATE.parent,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        timestamp=int(evidence.entry.at.timestamp()),
        sys_inputs={"content": json.dumps(content(evidence, decree, seal), ensure_ascii=False)},
    )
    return pdf


def content(evidence: Evidence, decree: Decree, seal: Seal) -> dict[str, Any]:
    """Everything that the certificate says, in words."""
    record = evidence.record
    return {
        "title": "Verklaring van vernietiging",
        "record": record.record_id,
        "simulation": record.simulation,
        "holder": decree.recipient,
        "decree": f"Besluit {decree.reference} van {words.day_of(decree.issued)} van de {decree.issuer}",
        "drawn_up": words.day(evidence.entry.at),
        "previous": record.previous or "",
        "outcome": words.OUTCOMES[record.outcome],
        "good": record.outcome == "VOLLEDIG",
        "verdict": words.verdict(record),
        "remaining": [list(row) for row in _remaining(record)],
        "ground": list(_ground(record, decree)),
        "deliveries": [
            {
                "key": delivery.key,
                "ids": ", ".join(delivery.intakes),
                "moment": words.day(delivery.moment),
                "basis": words.BASES[delivery.moment_basis] if delivery.moment_basis else "niets ontvangen",
                "source": " en ".join(words.SOURCES[source] for source in delivery.sources),
                "years": f"{delivery.school_years[0]}/{delivery.school_years[0] + 1} t/m "
                f"{delivery.school_years[1]}/{delivery.school_years[1] + 1}",
                "rows": words.number(delivery.rows),
                "size": words.size(delivery.bytes),
                "copies": words.number(delivery.copies),
                "deadline": words.day(delivery.deadline),
                "gone": words.day(delivery.gone_at) if delivery.gone_at else "nog niet",
                "margin": words.margin(delivery),
                "late": delivery.days_late is not None,
            }
            for delivery in record.deliveries
        ],
        "steps": [list(step) for step in _steps(record)],
        "places": [
            [
                PLACES[place.place],
                _how(place),
                # What others hold isn't ours to erase: there it says what was found, not what is gone.
                "–" if place.place in OUTSIDE else words.counts(place.erased),
                words.counts(place.second),
                words.counts(place.late),
            ]
            for place in record.places
        ],
        "category": words.CATEGORIES[record.category],
        "stores": [
            f"{store.host}, regio {store.region}, {words.COUNTRIES.get(store.country, store.country)} "
            f"({words.PROOFS_OF_PLACE[store.basis]})"
            for store in record.stores
        ],
        "keys": _keys(record),
        "parties": [list(row) for row in _parties(record, decree)],
        "limits": [words.LIMITS[limit] for limit in record.limits],
        "fields": [
            {"file": fields.file, "contract": fields.contract, "names": ", ".join(fields.fields)}
            for fields in record.fields
        ],
        "proof": [
            ["Logboek", record.origin],
            ["Boeking", f"nummer {evidence.entry.seq} van {seal.size}"],
            ["Wortel van het logboek", seal.root.hex()],
            ["Vingerafdruk van de verklaring (SHA-256)", record.digest()],
            ["Openbare sleutel", seal.vkey],
            ["Vingerafdruk van de sleutel (SHA-256)", fingerprint(seal.vkey)],
            ["Regels van het besluit als gegevens (SHA-256)", record.ground.rules or "onbekend"],
            ["Software", f"rod-pipeline {record.software or 'van onbekende versie'}"],
        ],
    }


def _ground(record: Record, decree: Decree) -> Iterator[str]:
    ground = record.ground
    text = decree.withdrawal.text if ground.article == decree.withdrawal.code else decree.retention.text
    where = (
        f"onderdeel {ground.article}"
        if ground.article == decree.withdrawal.code
        else (f"onderdeel {ground.article[:-1]}, onder {ground.article[-1]}")
    )
    yield f"{words.REASONS[ground.reason]} Besluit {ground.decree}, {where}: „{text}”"
    if ground.order is not None:
        yield f"Kenmerk van de opdracht: {ground.order}."
    if ground.successors:
        yield f"Daarvoor in de plaats kwam: {', '.join(ground.successors)}."
    if ground.earlier_purges:
        yield f"Eerder gewist onder: {', '.join(ground.earlier_purges)}."
    for hold in ground.holds:
        ended = f"opgeheven op {words.day(hold.lifted_at)}" if hold.lifted_at else f"tot {words.day(hold.until)}"
        beyond = ", ook na het einde van de termijn" if hold.beyond_term else ""
        yield (
            f"Op levering {hold.key} lag een bewaaropdracht ({hold.order}), ingesteld op {words.day(hold.set_at)}, "
            f"{ended}{beyond}."
        )


def _steps(record: Record) -> Iterator[tuple[str, str]]:
    time = record.time
    yield "Plan vastgelegd", words.instant(time.planned_at)
    yield "Onbruikbaar gemaakt: niet meer te lezen, te schrijven of te herstellen", words.instant(time.tombstoned_at)
    yield "Lopend werk beëindigd", words.instant(time.drained_at)
    yield "Laatste plaats gewist", words.instant(time.erased_at)
    yield "Volledige controle: in eigen huis niets meer gevonden", words.instant(time.verified_at)
    yield "Late controle", words.instant(time.swept_at)
    if time.clock_offset is not None:
        yield "Verschil tussen onze klok en die van de opslag", f"{words.number(abs(time.clock_offset))} s"


def _how(place: PlaceRecord) -> str:
    """The way in which a place was erased; nobody was asked and nothing expires where others had nothing."""
    found = (*place.erased, *place.second, *place.late)
    if place.place in OUTSIDE and not any(each.n for each in found):
        return "niets, volgens het register"
    return words.METHODS[place.method]


def _keys(record: Record) -> str:
    keys = record.keys.keys
    if not keys:
        return "Er zijn geen sleutels gemaakt."
    gone = [key.destroyed_at for key in keys if key.destroyed_at is not None]
    early = sum(key.from_first_byte for key in keys)
    last = f"; de laatste op {words.instant(max(gone))}" if gone else ""
    return (
        f"{len(gone)} van {len(keys)} sleutels vernietigd{last}. {early} van {len(keys)} bestonden voordat de eerste "
        "kopie werd geschreven."
    )


def _remaining(record: Record) -> Iterator[tuple[str, str, str, str]]:
    """What is left, deliveries of which the same is left together."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for left in record.remaining:
        until = words.day(left.until) if left.until else "geen einddatum bekend"
        alike.setdefault((PLACES[left.place], words.counts(left.counts), until), []).append(left.key)
    for (place, found, until), keys in alike.items():
        yield ", ".join(keys), place, found if len(keys) == 1 else f"elk {found}", until


def _parties(record: Record, decree: Decree) -> Iterator[tuple[str, str, str, str]]:
    processor = record.processor
    yield (
        f"Verwerker: {decree.processor.name}",
        "–",
        words.day(processor.asked_at),
        "had volgens het register geen kopie" if processor.status == "geen_kopie" else _declared(processor.declared),
    )
    for package in record.packages:
        yield (
            f"Ontvanger van pakket {package.package_id}",
            f"{', '.join(package.keys)}; verstrekt op {words.day(package.handed_over_at)}",
            words.day(package.asked_at),
            _declared(package.declared),
        )


def _declared(declared: Declared | None) -> str:
    if declared is None:
        return "uitstaand"
    return f"verklaart gewist te hebben op {words.day(declared.erased_at)} (kenmerk {declared.reference})"
