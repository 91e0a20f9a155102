"""Columns that several marts have: declared once, so that they are called and explained alike.

Belongs here: the programme of a student, whatever the file. Does not belong here: columns of one mart.
"""

from rod_pipeline.marts.definition import MartColumn, dimension

STATUS = dimension("status", "V provisional, D final")
_CLUSTERS = {"code_bc": "Occupation cluster (BC)", "code_sg": "Subgroup (SG)", "code_hg": "Main group (HG)"}
LEERWEG = dimension("leerweg", "BOL, BBL and others")


def at_programme(code: str = "opleidingscode", sectorkamer: str = "sectorkamer") -> tuple[MartColumn, ...]:
    """Institution, programme with its clusters and sector chamber, level and leerweg, of a file that has them all.

    ``code``, ``sectorkamer``: what the file calls them.
    """
    return (
        dimension("instellingscode", "BRIN of the institution"),
        dimension("opleidingscode", "Recognised programme (crebo)", code),
        *(dimension(name, about) for name, about in _CLUSTERS.items()),
        dimension("sectorkamer", "Sector chamber of SBB", sectorkamer),
        dimension("niveau", "Level of the programme"),
        LEERWEG,
    )


IN_DOORSTROOM = at_programme("kwalificatiecode_inschrijving", "sector_inschrijving")
"""The same, as doorstroom calls them."""
CLUSTERS_LOOKED_UP = tuple(
    dimension(name, about, f"doorstroom.{name}", "doorstroom.kwalificatiecode_inschrijving")
    for name, about in _CLUSTERS.items()
)
"""Of a file that has only the programme: its clusters by ``lookups.with_programme``."""
