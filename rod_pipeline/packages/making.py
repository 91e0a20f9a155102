"""Making a package: from the rows and figures of one recipient to one encrypted file, on record before it is written.

Belongs here: what stands in a package, its end, the hand-over. Does not belong here: rows (``rows``), figures
(``comparison``), how a report looks (``pages``), asking a recipient to erase (``retention.places.outside``).

The plain package exists in memory alone. What rests is the file for the recipient in the ``outbox``, which nobody here
can open; a purge of a delivery in it removes that file too, and asks the recipient. The end of a package is the
earliest deadline of the deliveries in it, so no copy of them outlives the decree's seven years.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import polars as pl

from rod_pipeline.deliveries import DeliveryKey, new_id
from rod_pipeline.errors import BlockedError, PermanentError
from rod_pipeline.ledger.erasure import HandedOver
from rod_pipeline.ledger.publication import AggregatesShared, Description, Purpose
from rod_pipeline.ledger.publications import PermissionState, ReleaseState
from rod_pipeline.ledger.state import IntakeState, LedgerState
from rod_pipeline.packages import rows, texts
from rod_pipeline.packages.comparison import Subject, comparisons, listed
from rod_pipeline.packages.outbox import outbox, put
from rod_pipeline.packages.pages import as_page, as_pdf
from rod_pipeline.packages.permitting import no_chamber
from rod_pipeline.packages.pseudonyms import key_of
from rod_pipeline.packages.recipients import encrypted, recipient
from rod_pipeline.packages.report import About, report
from rod_pipeline.publishing.files import as_csv
from rod_pipeline.publishing.release import find, read_tables
from rod_pipeline.publishing.zipping import zipped
from rod_pipeline.settings import RecipientSection

if TYPE_CHECKING:
    from rod_pipeline.system import System


class NoFigures(PermanentError):
    """A package was to be made for a sector chamber or bedrijfstakgroep of which nothing is published."""

    code = "ROD-PACKAGE-07"


class NotPermitted(BlockedError):
    """Counts under five were asked for a recipient to whom nobody allowed them."""

    code = "ROD-PACKAGE-05"


@dataclass(frozen=True)
class Made:
    """A package that was made: its id, the encrypted file, what is in it, and its end (None: it has none)."""

    package_id: str
    file: Path
    description: Description
    deliveries: tuple[str, ...]
    until: datetime | None


def make(
    system: System,
    name: str,
    purpose: Purpose,
    keys: Sequence[DeliveryKey] = (),
    *,
    small: bool = False,
) -> Made:
    """Make the package of one recipient, by default of the newest living delivery, and record the hand-over.

    ``small``: with counts under five, for a sector chamber to which they are allowed. Raises ``NoSuchRecipient``,
    ``RecipientOutside``, ``BadRecipientKey``, ``NoSuchRelease``, ``NothingLiving``, ``NotPermitted``, ``NoChamber``,
    ``Busy``.
    """
    to = recipient(system, name)
    if small and to.chamber is None:
        raise no_chamber(name)
    release = find(system)
    if to.institution is not None:
        return _for_institution(system, to, to.institution, release, purpose, keys)
    if small:
        return _with_small_counts(system, to, str(to.chamber), release, purpose, keys)
    return _of_published(system, to, release, purpose)


def _for_institution(
    system: System,
    to: RecipientSection,
    institution: str,
    release: ReleaseState,
    purpose: Purpose,
    keys: Sequence[DeliveryKey],
) -> Made:
    key = key_of(system, to.name)
    with rows.living(system, keys) as intakes:
        own = rows.own_rows(system, intakes, institution, key, purpose)
        until = _end(system, intakes)
        what = _Contents(system, Subject("instellingscode", institution, f"instelling {institution}"), release, until)
        tables = {f"eigen/{file}": frame for file, frame in own.items()}
        return _handed_over(system, to, what, tables, intakes, until, "own_rows", purpose)


def _with_small_counts(
    system: System,
    to: RecipientSection,
    chamber: str,
    release: ReleaseState,
    purpose: Purpose,
    keys: Sequence[DeliveryKey],
) -> Made:
    permission = standing_permission(system.ledger.state(), to.name, system.clock.now())
    if permission is None:
        raise NotPermitted(
            f"Counts under five are not allowed to recipient {to.name}.",
            "They are personal data: have a legal ground recorded first (`rod package allow-small`), or make the "
            "package without them.",
        )
    with rows.living(system, keys) as intakes:
        counts = rows.small_counts(system, intakes, chamber, purpose)
        until = min(_end(system, intakes), permission.event.until)
        what = _Contents(system, _sector(system, to, release), release, until)
        return _handed_over(
            system,
            to,
            what,
            {"restricted/studentaantallen": counts},
            intakes,
            until,
            "small_counts",
            purpose,
            permission.event.permission,
        )


def _of_published(system: System, to: RecipientSection, release: ReleaseState, purpose: Purpose) -> Made:
    package_id = new_id()
    what = _Contents(system, _sector(system, to, release), release, None)
    sealed = encrypted(zipped(what.members(package_id, {}, (), "aggregates")), to)
    system.ledger.append(
        AggregatesShared(
            package_id=package_id,
            release=release.event.release,
            recipient=to.name,
            purpose=purpose,
            sha256=sha256(sealed).hexdigest(),
            size=len(sealed),
            actor=system.actor(),
        )
    )
    return Made(package_id, put(outbox(system), package_id, sealed), "aggregates", (), None)


def _handed_over(
    system: System,
    to: RecipientSection,
    what: _Contents,
    tables: Mapping[str, pl.DataFrame],
    intakes: Sequence[IntakeState],
    until: datetime,
    description: Description,
    purpose: Purpose,
    permission: str | None = None,
) -> Made:
    package_id, keys = new_id(), tuple(intake.key for intake in intakes)
    sealed = encrypted(zipped(what.members(package_id, tables, keys, description)), to)
    # First on record, so that no package is anywhere that no purge would ask about.
    system.ledger.append(
        HandedOver(
            package_id=package_id,
            keys=keys,
            recipient=to.name,
            purpose=purpose,
            until=until,
            actor=system.actor(),
            description=description,
            release=what.release.event.release,
            permission=permission,
            sha256=sha256(sealed).hexdigest(),
            size=len(sealed),
        )
    )
    return Made(package_id, put(outbox(system), package_id, sealed), description, keys, until)


def _end(system: System, intakes: Sequence[IntakeState]) -> datetime:
    """The earliest deadline of these deliveries."""
    from rod_pipeline.retention.deadline import deadline

    years = system.decree.retention.years
    state = system.ledger.state()
    known = [provided for intake in intakes if (provided := state.provided(intake.key))]
    return min(deadline(moment, years) for moment, _ in known)


def standing_permission(state: LedgerState, name: str, now: datetime) -> PermissionState | None:
    """The permission for counts under five that stands for a recipient, the one that ends last; None without any."""
    stand = [one for one in state.permissions.values() if one.event.recipient == name and one.stands(now)]
    return max(stand, key=lambda one: one.event.until, default=None)


def _sector(system: System, to: RecipientSection, release: ReleaseState) -> Subject:
    """Whose figures they are. Raises ``NoFigures`` when the release has none of them."""
    column: Literal["sectorkamer", "bedrijfstakgroep"] = "bedrijfstakgroep" if to.chamber is None else "sectorkamer"
    code = str(to.group if to.chamber is None else to.chamber)
    published = read_tables(system, release)
    by = (frame for frame in published.values() if {column, "aantal"} <= set(frame.columns))
    if all(frame.filter(pl.col(column) == code).is_empty() for frame in by):
        raise NoFigures(
            f"Nothing is published of {column} {code}.",
            "See the codes in the tables codes and indelingen of the release (`rod published get`); mend the recipient "
            "in the settings.",
        )
    return Subject(column, code, f"{column} {labels_in(published).get(column, {}).get(code, code)}")


def labels_in(published: Mapping[str, pl.DataFrame]) -> Mapping[str, Mapping[str, str]]:
    """The labels of codes by column, as a release has them."""
    labels: dict[str, dict[str, str]] = {}
    for column, code, label in published["codes"].iter_rows():
        labels.setdefault(column, {})[code] = label
    return labels


@dataclass(frozen=True)
class _Contents:
    """What stands in a package apart from its own rows or counts. ``until``: None when it has no end."""

    system: System
    subject: Subject
    release: ReleaseState
    until: datetime | None

    def members(
        self, package_id: str, tables: Mapping[str, pl.DataFrame], keys: Sequence[str], description: Description
    ) -> Iterator[tuple[str, bytes]]:
        """Every file of the package: name and content, in the order in which they are read."""
        published = read_tables(self.system, self.release)
        labels, decree = labels_in(published), self.system.decree
        found = comparisons(published, self.subject)
        until = None if self.until is None else self.until.astimezone(ZoneInfo("Europe/Amsterdam")).date()
        about = About(
            decree.recipient,
            decree.reference,
            self.release.event.release,
            self.release.at.astimezone(ZoneInfo("Europe/Amsterdam")).date(),
            self.release.event.policy,
            until,
        )
        said = report(self.subject, found, labels, about)
        benchmark = listed(found)
        own = {**tables, "vergelijking/vergelijking": benchmark, **self._published(published)}
        yield "LEESMIJ.txt", texts.readme(self.subject, about, package_id, keys, description, own).encode()
        yield "rapport.html", as_page(said)
        yield "rapport.pdf", as_pdf(said, self.release.at)
        yield "gegevensboek.csv", as_csv(texts.dictionary(own, published["gegevensboek"], self.system.book))
        yield "codes.csv", as_csv(published["codes"])
        for name, frame in own.items():
            yield f"{name}.csv", as_csv(frame)

    def _published(self, published: Mapping[str, pl.DataFrame]) -> Mapping[str, pl.DataFrame]:
        """The published tables of a sector chamber or bedrijfstakgroep: its own rows of each.

        An institution finds its own figures beside others' only in the comparison, which names none.
        """
        column, code = self.subject.column, self.subject.code
        if column == "instellingscode":
            return {}
        names = published["tabellen"].filter(pl.col("indeling").str.split(",").list.contains(column))["tabel"]
        return {f"gepubliceerd/{name}": published[name].filter(pl.col(column) == code) for name in names}
