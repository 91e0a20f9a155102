"""A stand-in for disclosure control, and a look into what was published.

``disclose`` counts the tables of one delivery and hides what is under five: nothing that is safe, only something of the
right shape. ``Said`` is what an audit says.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from rod_pipeline.ledger.state import IntakeState
from rod_pipeline.publishing.cost import Cost
from rod_pipeline.publishing.proposal import Proposal, Table, digest_of
from rod_pipeline.publishing.register import Told
from rod_pipeline.system import System


@dataclass(frozen=True)
class Said:
    clean: bool
    digest: str
    failing: tuple[str, ...] = ()


TABLES = (
    Table("studentaantallen_landelijk", "studenten", ("schooljaar", "niveau", "leerweg")),
    Table("studentaantallen_totaal", "studenten", ("schooljaar",)),
    Table("studentaantallen_instelling", "studenten", ("schooljaar", "instellingscode")),
    Table("studentaantallen_instelling_niveau", "studenten", ("schooljaar", "instellingscode", "niveau")),
    Table("studentaantallen_niveau", "studenten", ("schooljaar", "niveau")),
    Table("studentaantallen_instelling_leerweg", "studenten", ("schooljaar", "instellingscode", "leerweg")),
    Table("studentaantallen_leerweg", "studenten", ("schooljaar", "leerweg")),
    Table("studentaantallen_sectorkamer", "studenten", ("schooljaar", "sectorkamer", "niveau")),
    Table("studentaantallen_bedrijfstakgroep", "studenten", ("schooljaar", "bedrijfstakgroep")),
    Table("jaarresultaat_landelijk_niveau", "jaarresultaat", ("schooljaar", "niveau", "succes"), "succes"),
    Table("jaarresultaat_instelling", "jaarresultaat", ("schooljaar", "instellingscode", "niveau", "succes"), "succes"),
    Table("jaarresultaat_sectorkamer", "jaarresultaat", ("schooljaar", "sectorkamer", "succes"), "succes"),
    Table("stromen_landelijk", "stromen", ("schooljaar", "van", "naar")),
)


def leaves_of(system: System, intake: IntakeState) -> Mapping[str, pl.DataFrame]:
    """The leaves of each measure, from the validated tables of one delivery."""
    yes = pl.lit("J")
    with system.vault.scan_table(intake.marts["studentaantallen"].copy_id) as frame:
        students = frame.rename({"studenten": "n"}).drop("studenten_instelling", "status").collect()
    group = pl.when(pl.col("sectorkamer") == "03").then(pl.lit("zorg")).otherwise(pl.lit("anders"))
    students = students.with_columns(group.alias("bedrijfstakgroep"))
    with system.vault.scan_table(intake.tables["doorstroom"]) as frame:
        moved = frame.filter(pl.col("niveau").is_not_null()).collect()
    results = moved.filter("populatie_jaarresultaat").select(
        pl.col("schooljaar", "instellingscode", "niveau").cast(pl.String),
        pl.col("sector_inschrijving").cast(pl.String).alias("sectorkamer"),
        pl.when("heeft_diploma").then(yes).otherwise(pl.lit("N")).alias("succes"),
    )
    left = pl.when("heeft_diploma").then(pl.lit("uit mbo, met diploma")).otherwise(pl.lit("uit mbo, zonder diploma"))
    flows = moved.select(
        pl.col("schooljaar").cast(pl.String),
        pl.format("niveau {}", pl.col("niveau").cast(pl.String)).alias("van"),
        pl.coalesce(pl.format("niveau {}", pl.col("niveau_jaar2").cast(pl.String)), left).alias("naar"),
    )
    return {
        "studenten": students,
        "jaarresultaat": results.group_by(pl.all()).len("n"),
        "stromen": flows.group_by(pl.all()).len("n"),
    }


def proposal_of(
    leaves: Mapping[str, pl.DataFrame], deliveries: Iterable[str], speaks: pl.DataFrame, audited: bool = True
) -> Proposal:
    """Tables of ``leaves`` in which all that is under five is hidden, with an audit that likes them."""
    counted = {}
    declared = tuple(table for table in TABLES if set(table.by) <= set(leaves[table.measure].columns))
    for table in declared:
        frame = leaves[table.measure].group_by(table.by).agg(pl.col("n").sum().cast(pl.Int64)).sort(table.by)
        counted[table.name] = frame.with_columns(
            pl.when(pl.col("n") >= 5).then("n").alias("n"), (pl.col("n") < 5).alias("afgeschermd")
        )
    cells = []
    for table in declared:
        parts = [pl.format(f"|{dim}={{}}", pl.col(dim).fill_null("onbekend")) for dim in sorted(table.by)]
        cells.append(counted[table.name].select(pl.concat_str(pl.lit(table.measure), *parts).alias("cell"), "n"))
    printed = pl.concat(cells).unique("cell").sort("cell")
    audit = Said(True, digest_of(printed)) if audited else None
    whole = printed.filter(pl.col("cell").str.contains("^studenten")).head(2)["cell"]
    sums = pl.DataFrame({"equation": [0, 0], "cell": whole, "sign": [1, -1]})
    return Proposal(declared, counted, printed, sums, speaks, tuple(deliveries), "1.0", 1, audit, Cost())


def disclosing(
    key: str, change: Callable[[Proposal], Proposal] = lambda same: same
) -> Callable[[System, Told | None], Proposal]:
    """Disclosure control over one delivery, and what is done to its proposal."""

    def disclose(system: System, earlier: Told | None) -> Proposal:
        intake = system.ledger.state().deliveries[key]
        leaves = leaves_of(system, intake)
        years = leaves["studenten"]["schooljaar"].unique().sort()
        others = leaves["jaarresultaat"]["schooljaar"].unique().sort()
        every = pl.concat([years, others]).unique().sort()
        speaks = pl.DataFrame({"schooljaar": every}).with_columns(
            pl.lit("V").alias("status"), pl.lit(key).alias("levering")
        )
        speaks = pl.concat(speaks.with_columns(pl.lit(measure).alias("measure")) for measure in leaves)
        return change(proposal_of(leaves, (intake.delivery_id,), speaks))

    return disclose
