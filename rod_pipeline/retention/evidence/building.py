"""From the ledger to a record: a pure function of its entries, the decree, the contracts and the log's name.

Belongs here: deriving each group of fields. Does not belong here: the schema (``record``), writing ``Attested``
(``attesting``).

No clock is asked and no setting but the log's origin is read, so the same entries give the same bytes for ever; that is
why a record needn't be kept. Whoever changes what is derived here makes a new schema version.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain

from rod_pipeline.contracts import ContractBook
from rod_pipeline.decree import Decree
from rod_pipeline.deliveries import DeliveryKey
from rod_pipeline.ledger.erasure import Counted, Ground, Place, Subject, What
from rod_pipeline.ledger.events import Parsed
from rod_pipeline.ledger.purges import PLACES, HandoverState, PurgeState, Seen
from rod_pipeline.ledger.state import CopyState, IntakeState
from rod_pipeline.retention.evidence import record as r
from rod_pipeline.retention.evidence.history import History
from rod_pipeline.retention.evidence.verifieer import is_simulation

_DAY = timedelta(days=1)
_REASONS: dict[Ground, r.Reason] = {
    "term": "termijn_verstreken",
    "withdrawal": "intrekking",
    "superseded": "vervangen",
    "order": "bevel",
    "restored": "hervernietiging_na_herstel",
}
_SCHOOL_YEAR_BEGINS = 8


def build_record(
    history: History,
    purge_id: str,
    *,
    decree: Decree,
    book: ContractBook,
    origin: str,
    software: str | None,
    rules: str | None,
) -> r.Record:
    """The next record of a purge, of which there is a late inventory of each delivery.

    ``origin`` is the name of the log, ``software`` the version at work, ``rules`` the digest of the decree as data.
    Raises ``KeyError`` when there is no such purge, ``NoSuchContract`` when a contract that was in use is gone.
    """
    purge = history.state.purges[purge_id]
    serial = 1 if purge.attested is None else purge.attested.serial + 1
    deliveries = tuple(_delivery(subject, purge, history, decree) for subject in purge.plan.subjects)
    keys = _keys(purge, history)
    packages, processor = tuple(_packages(purge, history)), _processor(purge, history)
    built = r.Record(
        record_id=f"{purge_id}-{serial}",
        purge_id=purge_id,
        serial=serial,
        previous=None if serial == 1 else f"{purge_id}-{serial - 1}",
        origin=origin,
        simulation=is_simulation(origin),
        software=software,
        deliveries=deliveries,
        fields=_fields(deliveries, book),
        ground=_ground(purge, history, decree, rules),
        time=_time(purge),
        stores=tuple(_stores(purge, history)),
        places=tuple(_places(purge)),
        category=_category(purge, keys),
        keys=r.KeysRecord(keys=keys),
        check=r.CheckRecord(),
        packages=packages,
        processor=processor,
        outcome=purge.outcome,
        late=any(delivery.days_late is not None for delivery in deliveries),
        remaining=tuple(_remaining(purge)),
        limits=(),
    )
    limits = (*_limits(built), *_unseen(history))
    return built.model_copy(update={"limits": limits})


def _delivery(subject: Subject, purge: PurgeState, history: History, decree: Decree) -> r.DeliveryErased:
    intakes = [history.state.intakes[intake] for intake in subject.intakes]
    copies = [copy for copy in history.state.copies.values() if copy.scope in subject.intakes]
    gone = None if purge.late[subject.key].left else purge.gone_at(subject.key)
    before, late = _days(subject.deadline, gone, purge.late[subject.key].at)
    return r.DeliveryErased(
        key=subject.key,
        intakes=subject.intakes,
        sources=tuple(sorted({intake.channel for intake in intakes})),
        school_years=_school_years(subject.key, decree),
        files=_files(intakes),
        rows=sum(sum(_rows(intake).values()) for intake in intakes),
        bytes=sum(copy.size or 0 for copy in copies if copy.zone == "landing"),
        copies=len(copies),
        moment=subject.moment,
        moment_basis=subject.moment_basis,
        deadline=subject.deadline,
        tombstoned_at=history.state.tombstones[subject.key].at,
        gone_at=gone,
        days_before=before,
        days_late=late,
    )


def _days(deadline: datetime | None, gone: datetime | None, seen: datetime) -> tuple[int | None, int | None]:
    """Whole days before the deadline, or days after it of which the last one is counted in full."""
    if deadline is None:
        return None, None
    if (gone or seen) > deadline:
        return None, -((deadline - (gone or seen)) // _DAY)
    return (None if gone is None else (deadline - gone) // _DAY), None


def _school_years(key: str, decree: Decree) -> tuple[int, int]:
    """As wide as the intake allows them: from the decree's first year to the year in which the moment lies."""
    year, month = (int(part) for part in DeliveryKey.parse(key).moment.split("-"))
    return decree.scope.first_year, year if month >= _SCHOOL_YEAR_BEGINS else year - 1


def _files(intakes: list[IntakeState]) -> tuple[r.FileRead, ...]:
    read = {(parsed.file, parsed.contract) for intake in intakes for parsed in intake.parsed.values()}
    return tuple(r.FileRead(file=file, contract=contract) for file, contract in sorted(read))


def _rows(intake: IntakeState) -> dict[str, int]:
    """Rows per file: of the typed table, or of the table of strings where there is no typed one."""
    parsed: dict[str, Parsed] = dict(intake.parsed)
    return {file: table.rows for file, table in parsed.items()} | dict(intake.rows)


def _fields(deliveries: tuple[r.DeliveryErased, ...], book: ContractBook) -> tuple[r.FileFields, ...]:
    read = sorted({(file.file, file.contract) for delivery in deliveries for file in delivery.files})
    return tuple(
        r.FileFields(
            file=file,
            contract=contract,
            fields=tuple(column.name for column in book.get(file, contract).columns),
        )
        for file, contract in read
    )


def _ground(purge: PurgeState, history: History, decree: Decree, rules: str | None) -> r.GroundRecord:
    state, plan = history.state, purge.plan
    stones = [state.tombstones[key] for key in purge.keys]
    withdrawn = any(stone.ground == "withdrawal" for stone in stones)
    holds = [hold for hold in state.holds.values() if hold.hold.key in purge.keys]
    return r.GroundRecord(
        decree=decree.reference,
        article=decree.withdrawal.code if withdrawn else decree.retention.code,
        rules=rules,
        reason=_REASONS[plan.ground],
        order=plan.order,
        successors=tuple(
            sorted({new for key in purge.keys if (new := state.deliveries[key].corrected_by) is not None})
            if plan.ground == "superseded"
            else ()
        ),
        earlier_purges=tuple(sorted({stone.purge_id for stone in stones} - {purge.purge_id})),
        holds=tuple(
            r.HoldRecord(
                hold_id=hold.hold.hold_id,
                key=hold.hold.key,
                order=hold.hold.order,
                set_at=hold.set_at,
                until=hold.hold.until,
                lifted_at=hold.lifted_at,
                beyond_term=hold.hold.beyond_term,
            )
            for hold in holds
        ),
    )


def _time(purge: PurgeState) -> r.TimeRecord:
    if purge.drained_at is None or purge.erased_at is None:
        raise ValueError("the purge was not carried out")
    return r.TimeRecord(
        planned_at=purge.planned_at,
        tombstoned_at=max(purge.tombstoned.values()),
        drained_at=purge.drained_at,
        erased_at=purge.erased_at,
        verified_at=purge.verified_at,
        swept_at=max(seen.at for seen in purge.late.values()),
        clock_offset=purge.plan.clock_offset,
    )


def _scopes(purge: PurgeState, history: History) -> tuple[str, ...]:
    """The intakes of the purge, and the mart generations that hold one of them."""
    intakes = [intake for subject in purge.plan.subjects for intake in subject.intakes]
    generations = (g.generation for g in history.state.generations.values() if set(g.deliveries) & set(intakes))
    return (*intakes, *generations)


def _keys(purge: PurgeState, history: History) -> tuple[r.ScopeKey, ...]:
    state = history.state
    return tuple(
        r.ScopeKey(
            scope=scope,
            keyring=state.keyrings[scope],
            from_first_byte=history.key_created[scope] < history.first_copy.get(scope, state.seq + 1),
            destroyed_at=history.key_destroyed.get(scope) if state.keys[scope] == "destroyed" else None,
        )
        for scope in _scopes(purge, history)
        # An intake of which nothing was ever fetched never had a key, though it can't get one any more either.
        if scope in history.key_created
    )


def _category(purge: PurgeState, keys: tuple[r.ScopeKey, ...]) -> r.Category:
    """Cryptographic erase counts when every byte was sealed, every key is gone, and no backup may still hold one."""
    sealed = all(key.from_first_byte and key.destroyed_at is not None for key in keys)
    backups = any(place.place == "backups" and place.left for s in purge.late.values() for place in s.inventory.places)
    return "purge-CE" if keys and sealed and not backups else "clear"


def _stores(purge: PurgeState, history: History) -> Iterator[r.StoreSeen]:
    scopes = set(_scopes(purge, history))
    copies: list[CopyState] = [copy for copy in history.state.copies.values() if copy.scope in scopes]
    seen: dict[r.StoreSeen, None] = {}
    for store in sorted({copy.store for copy in copies}):
        for proof in history.approvals[store]:
            at = r.StoreSeen(
                store=store, host=proof.host, region=proof.region, country=proof.country, basis=proof.basis
            )
            seen.setdefault(at)
    yield from seen


def _places(purge: PurgeState) -> Iterator[r.PlaceRecord]:
    for place in PLACES:
        erased = [purge.erased[key, place] for key in purge.keys]
        yield r.PlaceRecord(
            place=place,
            method=erased[0].method,
            erased=_sum(event.counts for event in erased),
            second=_sum(_found(purge.second[key], place) for key in purge.keys),
            late=_sum(_found(purge.late[key], place) for key in purge.keys),
        )


def _found(seen: Seen, place: Place) -> tuple[Counted, ...]:
    return next(left.counts for left in seen.inventory.places if left.place == place)


def _sum(counts: Iterable[tuple[Counted, ...]]) -> tuple[Counted, ...]:
    total: Counter[What] = Counter()
    for counted in chain.from_iterable(counts):
        total[counted.what] += counted.n
    return tuple(Counted(what=what, n=n) for what, n in sorted(total.items()) if n)


def _packages(purge: PurgeState, history: History) -> Iterator[r.PackageRecord]:
    for package_id, handover in history.state.handovers.items():
        keys = tuple(key for key in handover.event.keys if key in purge.keys)
        if not keys:
            continue
        declared = _declared(purge, package_id, history) or _declared_before(handover)
        yield r.PackageRecord(
            package_id=package_id,
            keys=keys,
            purpose=handover.event.purpose,
            handed_over_at=handover.at,
            until=handover.event.until,
            asked_at=history.asked.get((purge.purge_id, package_id)),
            status="uitstaand" if declared is None else "verklaard",
            declared=declared,
        )


def _processor(purge: PurgeState, history: History) -> r.ProcessorRecord:
    declared, asked = _declared(purge, None, history), history.asked.get((purge.purge_id, None))
    open_ = asked is not None or any(
        place.place == "processor" and place.left for seen in purge.late.values() for place in seen.inventory.places
    )
    status: r.ProcessorStatus = "verklaard" if declared else "uitstaand" if open_ else "geen_kopie"
    return r.ProcessorRecord(asked_at=asked, status=status, declared=declared)


def _declared(purge: PurgeState, package_id: str | None, history: History) -> r.Declared | None:
    if (found := history.declared.get((purge.purge_id, package_id))) is None:
        return None
    event, at = found
    return r.Declared(reference=event.reference, erased_at=event.erased_at, recorded_at=at)


def _declared_before(handover: HandoverState) -> r.Declared | None:
    if handover.erased is None or handover.told_at is None:
        return None
    event = handover.erased
    return r.Declared(reference=event.reference, erased_at=event.erased_at, recorded_at=handover.told_at)


def _remaining(purge: PurgeState) -> Iterator[r.Remaining]:
    for key in purge.keys:
        seen = purge.late[key]
        for place in seen.inventory.places:
            if place.left:
                counts = tuple(counted for counted in place.counts if counted.n)
                yield r.Remaining(key=key, place=place.place, counts=counts, found_at=seen.at, until=place.until)


def _limits(record: r.Record) -> Iterator[r.Limit]:
    yield from ("alleen_kopieregister", "geen_fysieke_vernietiging", "zelfde_installatie", "eigen_klok")
    if record.stores:
        yield "plaats_zoals_opgegeven"
    if any(store.basis == "local_declaration" for store in record.stores):
        yield "plaats_lokaal_verklaard"
    if record.keys.keys:
        yield "sleutelkopieen"
    if any(delivery.moment_basis in ("first_download", "ingestion") for delivery in record.deliveries):
        yield "moment_onzeker"
    parties = {record.processor.status, *(package.status for package in record.packages)}
    if "verklaard" in parties:
        yield "verklaring_van_derden"
    if "uitstaand" in parties:
        yield "derden_uitstaand"
    if any(left.place == "backups" for left in record.remaining):
        yield "back_ups_lopen_af"


def _unseen(history: History) -> Iterator[r.Limit]:
    if not all(history.state.dagsters.values()):
        yield "opslag_weg_verklaard"
    if history.clock_set:
        yield "klok_liep_voor"
