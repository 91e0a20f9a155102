"""What the UI shows about an erasure: counts, places, days early or late, what comes next and when.

Belongs here: purges and certificates put into Dagster's metadata; it stays there longer than the delivery. Does not
belong here: the evidence itself (``retention.evidence``), which somebody outside can check; this page is no proof.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import dagster as dg

from rod_pipeline.ledger.erasure import Counted, Ground, Method, Place, Subject
from rod_pipeline.ledger.events import Entry
from rod_pipeline.ledger.purges import PLACES, PurgeState, Seen
from rod_pipeline.ledger.state import LedgerState
from rod_pipeline.orchestration.describe import instant
from rod_pipeline.retention.due import ripe_at

_GROUNDS: Mapping[Ground, str] = {
    "term": "its term has ended (voorschrift 3j)",
    "withdrawal": "the decree was withdrawn (section 5)",
    "superseded": "a correction took its place",
    "order": "an order to erase it earlier",
    "restored": "it came back from a backup after its erasure",
}
_METHODS: Mapping[Method, str] = {
    "key_destroyed": "key destroyed",
    "all_versions_deleted": "all versions deleted",
    "rebuilt_and_deleted": "rebuilt without it, the old one deleted",
    "file_deleted": "deleted",
    "asked": "asked to erase",
    "expires": "ends by itself",
}
_OUTCOMES = {
    "VOLLEDIG": "VOLLEDIG: nothing is left, and it was gone in time",
    "TE_LAAT": "TE LAAT: nothing is left, but a copy existed after the deadline",
    "ONVOLLEDIG": "ONVOLLEDIG: something is left, or nobody has declared that it is gone",
}
PURGE, CERTIFIED = "purge", "certificate"
"""Names in the metadata of the two evidence assets that say which purge, and which certificate, they show."""

_Shown = dict[str, dg.MetadataValue]


def certificate_id(purge: PurgeState) -> str:
    """The name of the newest record of a purge."""
    assert purge.attested is not None
    return f"{purge.purge_id}-{purge.attested.serial}"


def erased(purge: PurgeState, key: str, state: LedgerState, sweep: timedelta) -> _Shown:
    """A delivery that was found gone: why, by when it had to be, what was erased where, what is left, what comes next.

    ``sweep`` is how long after the second inventory everything is looked through once more.
    """
    stone, ripe = state.tombstones[key], ripe_at(purge, sweep)
    assert ripe is not None and purge.verified_at is not None
    return _text(
        {
            "delivery": key,
            PURGE: purge.purge_id,
            "ground": _GROUNDS[purge.plan.ground] + ("" if purge.plan.order is None else f": {purge.plan.order}"),
            "in time": _punctual(_subject(purge, key), purge.first_clean[key], "out of the house"),
            "tombstone": f"since {instant(stone.at)}, purge {stone.purge_id}",
            "second inventory": f"{instant(purge.second[key].at)}: {_found(purge.second[key])}",
            "what comes next": (
                f"certificate {certificate_id(purge)} was drawn up: see retention/certificate"
                if purge.attested is not None
                else f"late sweep and certificate from {instant(ripe)}; the sensor due_purges sees to it"
            ),
        }
    ) | {"table of what was erased and what is left": _places(purge, key, purge.second[key])}


def certificate(purge: PurgeState, key: str, entry: Entry, bundle: str) -> _Shown:
    """The evidence of an erasure: outcome, the record's digest, where it stands in the log, what is outstanding.

    ``entry`` is the entry of the ledger that attests it, ``bundle`` says where the bundle for an outsider lies.
    """
    assert purge.attested is not None
    outstanding = list(_outstanding(purge, key))
    digest = purge.attested.record
    return _text(
        {
            "delivery": key,
            CERTIFIED: certificate_id(purge),
            "outcome": _OUTCOMES[purge.attested.outcome],
            "in time": _punctual(_subject(purge, key), None if purge.late[key].left else purge.gone_at(key), "gone"),
            "late sweep": f"{instant(purge.late[key].at)}: {_found(purge.late[key])}",
            "outstanding": "; ".join(outstanding) or "nothing",
            "sha-256 of the record": " ".join(digest[at : at + 16] for at in range(0, len(digest), 16)),
            "place in the log": f"leaf {entry.seq - 1} (entry {entry.seq} of the ledger), {instant(entry.at)}",
            "deliveries on it": ", ".join(purge.keys),
            "bundle": bundle,
            "to hand it over": f"rod evidence bundle {purge.purge_id} --out FILE",
        }
    ) | {"table of what was erased and what is left": _places(purge, key, purge.late[key])}


def generation(state: LedgerState) -> _Shown:
    """The mart database as it is after an erasure."""
    now = state.generation
    return _text(
        {
            "generation": "none" if now is None else now.generation,
            "why": "built anew because a delivery was erased",
            "deliveries": "none is left"
            if now is None
            else ", ".join(sorted(state.intakes[delivery].key for delivery in now.deliveries)) or "none is left",
        }
    )


def _text(shown: Mapping[str, str]) -> _Shown:
    return {name: dg.MetadataValue.text(value) for name, value in shown.items()}


def _subject(purge: PurgeState, key: str) -> Subject:
    return next(subject for subject in purge.plan.subjects if subject.key == key)


def _punctual(subject: Subject, gone: datetime | None, how: str) -> str:
    if subject.deadline is None:
        return "nothing had come in, so no term ran"
    until = instant(subject.deadline)
    if gone is None:
        return f"not known yet, because of what is outstanding; deadline {until}"
    if gone > subject.deadline:
        # A day that has begun counts.
        return f"TE LAAT: {how} {-((subject.deadline - gone) // timedelta(days=1))} days after the deadline, {until}"
    return f"yes: {how} {(subject.deadline - gone).days} days before the deadline, {until}"


def _found(seen: Seen) -> str:
    if not seen.left:
        return "nothing is left anywhere"
    return f"nothing is left in house, {seen.left} elsewhere" if not seen.left_in_house else f"{seen.left} left"


def _places(purge: PurgeState, key: str, seen: Seen) -> dg.TableMetadataValue:
    left = {place.place: place for place in seen.inventory.places}
    records = []
    for place in PLACES:
        done = purge.erased.get((key, place))
        until = left[place].until
        records.append(
            dg.TableRecord(
                {
                    "place": place,
                    "how": "" if done is None else _METHODS[done.method],
                    "found and erased": _counts(() if done is None else done.counts),
                    "left": _counts(left[place].counts) + ("" if until is None else f" until {until:%Y-%m-%d}"),
                }
            )
        )
    columns = [dg.TableColumn(name=name, type="string") for name in ("place", "how", "found and erased", "left")]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _counts(counts: Iterable[Counted]) -> str:
    return ", ".join(f"{counted.what.replace('_', ' ')}: {counted.n}" for counted in counts if counted.n) or "nothing"


def _outstanding(purge: PurgeState, key: str) -> Iterable[str]:
    waited: set[Place] = {place.place for place in purge.late[key].inventory.places if place.left}
    for asked in purge.asked:
        if not purge.declared_by(asked.party, asked.package_id):
            yield (
                "the processor's declaration"
                if asked.package_id is None
                else f"an answer on package {asked.package_id}"
            )
    for place in purge.late[key].inventory.places:
        if place.place in waited and place.until is not None:
            yield f"{place.place} until {place.until:%Y-%m-%d}"
