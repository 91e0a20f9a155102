"""The tables of a dossier about what left the house, what was kept back, and what is gone.

Belongs here: which columns and rows. Does not belong here: what came and where it lies (``deliveries``).
"""

from collections.abc import Iterator

from rod_pipeline.audit.account import Account
from rod_pipeline.audit.deliveries import KEY, Row, column
from rod_pipeline.audit.tables import Column, Table

_KEYS = Column("leveringen", "string", "Sleutels van de leveringen, door spaties gescheiden.")


def leaving_tables(account: Account) -> tuple[Table, ...]:
    """All of them."""
    return (
        _releases(account),
        _packages(account),
        _permissions(account),
        _holds(account),
        _erasures(account),
        _inventories(account),
    )


def _releases(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for release in account.state.releases.values():
            event = release.event
            keys = tuple(account.state.intakes[one].key for one in event.deliveries)
            for table in event.tables:
                yield (
                    event.release, release.at, keys, table.name, table.rows, table.hidden, table.sha256, event.policy,
                    event.audited, len(release.kept_by),
                )  # fmt: skip

    return Table.of(
        "publicaties",
        "Publicaties",
        "Beschermde tabellen die openbaar mochten worden. Zij bevatten geen persoonsgegevens (voorschrift 3b).",
        (
            column("publicatie", "Kenmerk."),
            column("op", "Wanneer.", "datetime"),
            _KEYS,
            column("tabel", "Naam van de tabel."),
            column("rijen", "Aantal cellen; dat zijn geen personen.", "integer"),
            column("verborgen", "Waarvan verborgen.", "integer"),
            column("sha256", "Afdruk van de tabel."),
            column("beleid", "Versie van de beschermingsregels."),
            column("controle", "Afdruk van wat de onthullingscontrole heeft goedgekeurd."),
            column("gebleven_na_wissing", "Bij hoeveel wissingen zij bleef, want geen persoonsgegeven.", "integer"),
        ),
        rows(),
    )


def _packages(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        state = account.state
        for package_id, handover in state.handovers.items():
            event = handover.event
            purges = [purge for purge in state.purges.values() if set(purge.keys) & set(event.keys)]
            said = [d.erased_at for purge in purges for d in purge.declared if d.package_id == package_id]
            said += [] if handover.erased is None else [handover.erased.erased_at]
            asked = any(purge.asked_of("recipient", package_id) for purge in purges)
            erased = min(said, default=None)
            yield (
                package_id, handover.at, event.recipient, event.description, event.purpose, event.keys, event.release,
                event.permission, event.until, asked, erased, event.sha256,
            )  # fmt: skip
        for package_id, shared in state.shared.items():
            one = shared.event
            yield (
                package_id, shared.at, one.recipient, "aggregates", one.purpose, (), one.release, None, None, None,
                None, one.sha256,
            )  # fmt: skip

    return Table.of(
        "pakketten",
        "Verstrekte pakketten",
        "Ieder pakket dat het huis verliet. Wie de ontvanger is, staat buiten het grootboek.",
        (
            column("pakket_id", "Kenmerk."),
            column("op", "Wanneer.", "datetime"),
            column("ontvanger", "Ondoorzichtige naam van de ontvanger."),
            column("inhoud", "own_rows, small_counts of aggregates (geen persoonsgegevens)."),
            column("doel", "onderzoek of verantwoording (voorschrift 3a)."),
            _KEYS,
            column("publicatie", "Publicatie waaruit cijfers komen."),
            column("toestemming", "Toestemming voor aantallen onder de vijf."),
            column("te_wissen_voor", "Uiterlijk dan wist de ontvanger.", "datetime"),
            column("om_wissing_gevraagd", "Of om wissing is gevraagd.", "boolean"),
            column("gewist_verklaard_op", "Wanneer de ontvanger verklaarde te hebben gewist.", "datetime"),
            column("sha256", "Afdruk van het versleutelde bestand."),
        ),
        rows(),
    )


def _permissions(account: Account) -> Table:
    return Table.of(
        "toestemmingen_kleine_aantallen",
        "Toestemmingen voor aantallen onder de vijf",
        "Op welke grond aantallen onder de vijf naar één ontvanger mochten (onderdeel 6, overweging c).",
        (
            column("toestemming", "Kenmerk."),
            column("ontvanger", "Ondoorzichtige naam."),
            column("grond", "consideration_6c of further_decision."),
            column("document", "Kenmerk van het document met de grond."),
            column("van", "Wanneer gegeven.", "datetime"),
            column("tot", "Einde.", "datetime"),
            column("beeindigd_op", "Eerder beëindigd.", "datetime"),
            column("persoon", "Ondoorzichtig kenmerk van wie het deed."),
        ),
        (
            (e.permission, e.recipient, e.ground, e.reference, one.at, e.until, one.ended_at, e.actor)
            for one in account.state.permissions.values()
            for e in (one.event,)
        ),
    )


def _holds(account: Account) -> Table:
    return Table.of(
        "bewaaropdrachten",
        "Bewaaropdrachten",
        "Opdrachten om een levering vooralsnog niet te wissen.",
        (
            column("opdracht_id", "Kenmerk."),
            KEY,
            column("document", "Kenmerk van de opdracht."),
            column("sinds", "Wanneer ingesteld.", "datetime"),
            column("tot", "Einde.", "datetime"),
            column("opgeheven_op", "Eerder opgeheven.", "datetime"),
            column("na_termijn", "Of zij ook na de bewaartermijn geldt.", "boolean"),
            column("ingesteld_door", "Ondoorzichtig kenmerk."),
            column("goedgekeurd_door", "Ondoorzichtig kenmerk van een ander."),
        ),
        (
            (h.hold_id, h.key, h.order, one.set_at, h.until, one.lifted_at, h.beyond_term, h.set_by, h.approved_by)
            for one in account.state.holds.values()
            for h in (one.hold,)
        ),
    )


def _erasures(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for purge in account.state.purges.values():
            for subject in purge.plan.subjects:
                gone = purge.gone_at(subject.key) if subject.key in purge.first_clean else None
                attested = purge.attested
                yield (
                    purge.purge_id, subject.key, purge.plan.ground, purge.plan.order, purge.phase, purge.planned_at,
                    purge.tombstoned.get(subject.key), purge.first_clean.get(subject.key), gone, subject.deadline,
                    attested.outcome if attested else None, attested.serial if attested else None,
                    attested.record if attested else None, purge.attested_at,
                )  # fmt: skip

    return Table.of(
        "vernietigingen",
        "Vernietigingen (voorschrift 3j, onderdeel 5)",
        "Iedere wissing per levering. De bewijsbundels liggen in de map bewijs, voor zover zij zijn opgeslagen.",
        (
            column("wissing_id", "Kenmerk."),
            KEY,
            column("grond", "term, withdrawal, superseded, order of restored."),
            column("opdracht", "Kenmerk van de opdracht."),
            column("stand", "Hoe ver de wissing is."),
            column("gepland_op", "Wanneer gepland.", "datetime"),
            column("onbruikbaar_sinds", "Grafsteen.", "datetime"),
            column("eigen_huis_leeg_op", "Eerste volledige controle die in eigen huis niets vond.", "datetime"),
            column("alles_weg_op", "Met ontvangers, verwerker en reservekopieën.", "datetime"),
            column("uiterste_datum", "Wanneer alles weg moest zijn.", "datetime"),
            column("uitkomst", "VOLLEDIG, TE_LAAT of ONVOLLEDIG volgens de nieuwste verklaring."),
            column("volgnummer", "Volgnummer van de nieuwste verklaring.", "integer"),
            column("verklaring", "SHA-256 van de verklaring (record.json in de bundel)."),
            column("verklaard_op", "Wanneer.", "datetime"),
        ),
        rows(),
    )


def _inventories(account: Account) -> Table:
    def rows() -> Iterator[Row]:
        for purge in account.state.purges.values():
            for seen_of, round_ in ((purge.second, "second"), (purge.late, "late")):
                for key, seen in seen_of.items():
                    for place in seen.inventory.places:
                        yield purge.purge_id, key, round_, seen.at, place.place, place.left, place.until

    return Table.of(
        "controles_na_wissing",
        "Controles na het wissen",
        "De nieuwste volledige controle van iedere plaats, per ronde: aantallen objecten, sleutels of bestanden.",
        (
            column("wissing_id", "Kenmerk."),
            KEY,
            column("ronde", "second of late."),
            column("op", "Wanneer.", "datetime"),
            column("plaats", "Soort plaats."),
            column("gevonden", "Hoeveel er nog was.", "integer"),
            column("tot", "Wanneer het vanzelf eindigt.", "datetime"),
        ),
        rows(),
    )
