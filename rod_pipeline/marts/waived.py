"""What a mart says about the waivers that it rests on, so that whoever uses its figures sees them.

Belongs here: the table ``toelichting_waivers`` of the mart database, and the same in words for an asset. Does not
belong here: giving waivers, whether they still stand (``quality.waivers``).

A mart of a delivery names the waivers that stood when it was built. When one ends afterwards, no new mart is built from
that delivery; in a later generation of the database its figures stay, and the table says that the waiver has ended.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl

from rod_pipeline.ledger.findings import WaiverState
from rod_pipeline.ledger.intakes import IntakeState
from rod_pipeline.ledger.quality import Reason
from rod_pipeline.ledger.state import LedgerState

TABLE = "toelichting_waivers"
ABOUT = "Gebreken die voor een levering zijn aanvaard: de cijfers van die levering berusten er mede op. Leeg: geen."
REASONS: Mapping[Reason, str] = {
    "duo_confirmed": "DUO heeft bevestigd dat de gegevens kloppen",
    "correction_coming": "een gecorrigeerde levering is toegezegd",
    "known_exception": "bekende uitzondering die de regel niet kent",
    "no_effect": "raakt niets dat wordt gebruikt",
    "rule_wrong": "de regel klopt niet en wordt hersteld",
}
COLUMNS: Mapping[str, tuple[pl.DataType | type[pl.DataType], str]] = {
    "levering": (pl.String, "De levering"),
    "bestand": (pl.String, "Bestand waarin het gebrek is gevonden"),
    "regel": (pl.String, "Regel die niet klopt; zie het rapport van de levering"),
    "gebroken": (pl.Int64, "Hoeveel rijen (of totalen) ten hoogste zijn aanvaard"),
    "reden": (pl.String, "Waarom het gebrek is aanvaard"),
    "tot": (pl.Datetime("us", "UTC"), "Tot wanneer"),
    "ingetrokken_op": (
        pl.Datetime("us", "UTC"),
        "Wanneer iemand de aanvaarding eerder introk; leeg als niemand dat deed",
    ),
    "afgelopen": (pl.Boolean, "Of zij was afgelopen toen deze database werd gebouwd"),
}


def waivers_table(state: LedgerState, deliveries: Iterable[IntakeState], now: datetime) -> pl.DataFrame:
    """One row per delivery and waiver that its marts rest on."""
    rows = [
        (
            delivery.key,
            waiver.waived.file,
            waiver.waived.rule,
            waiver.waived.failed,
            REASONS[waiver.waived.reason],
            waiver.waived.until,
            waiver.withdrawn_at,
            not waiver.stands(now),
        )
        for delivery in deliveries
        for waiver in of(state, named_by(delivery))
    ]
    return pl.DataFrame(rows, schema={name: dtype for name, (dtype, _) in COLUMNS.items()}, orient="row")


def named_by(delivery: IntakeState) -> frozenset[str]:
    """The ids of the waivers that the delivery's marts rest on."""
    return frozenset(waiver for mart in delivery.marts.values() for waiver in mart.waivers)


def of(state: LedgerState, waiver_ids: Iterable[str]) -> Sequence[WaiverState]:
    """The waivers of these ids, in the order in which they were given."""
    wanted = set(waiver_ids)
    return [waiver for waiver_id, waiver in state.waivers.items() if waiver_id in wanted]


def in_words(waivers: Iterable[WaiverState]) -> list[str]:
    """Each waiver in one line: rule, file, reason, until when."""
    return [
        f"{waiver.waived.rule} in {waiver.waived.file}, up to {waiver.waived.failed:,} ({waiver.waived.reason}), "
        f"until {waiver.waived.until:%Y-%m-%d %H:%M} UTC"
        + (f", withdrawn {waiver.withdrawn_at:%Y-%m-%d %H:%M} UTC" if waiver.withdrawn_at else "")
        for waiver in waivers
    ]
