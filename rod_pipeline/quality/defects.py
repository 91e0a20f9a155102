"""What is wrong with a delivery before any rule can be counted: defects of DUO's that stop the reading of it.

Belongs here: which errors are such defects, and the sentence of Dutch that the notice tells of each. Does not belong
here: the errors (``intake``), the notice (``notifying``, ``notice``), what may not be kept (``RefusedData``).

Voorschrift 3e of the decree wants every problem of quality told at once, and a file that is missing, damaged or written
otherwise than agreed is one. An error that isn't in this table is no defect of the delivery, or may be ours: a
connection, a store, an access code, the password of an archive, a limit of the settings, a contract that names one file
twice. A new error of reading has to be put here or among those in ``tests/unit/test_defects.py``.
"""

from collections.abc import Mapping
from typing import Final

from rod_pipeline.errors import RodError

WHOLE: Final = "delivery"
"""What a defect is about that isn't about one kind of file."""

DEFECTS: Mapping[str, str] = {
    "ROD-ARCHIVE-01": "het archief is afgebroken of beschadigd",
    "ROD-ARCHIVE-05": "het archief bevat een bestandsnaam die niet veilig is",
    "ROD-ARCHIVE-06": "twee bestanden in het archief dragen dezelfde naam",
    "ROD-ARCHIVE-07": "het archief bevat een verwijzing of een bijzonder bestand",
    "ROD-ARCHIVE-08": "het archief is veel groter dan bij een levering past",
    "ROD-ARCHIVE-09": "het archief bevat geen bestand",
    "ROD-ARCHIVE-10": "een bestand in het archief is leeg",
    "ROD-ARCHIVE-11": "het archief is ingepakt of versleuteld op een wijze die niet is afgesproken",
    "ROD-ARCHIVE-12": "een bestand in het archief is beschadigd",
    "ROD-ARCHIVE-13": "er kwam een webpagina in plaats van een bestand",
    "ROD-ARCHIVE-14": "wat kwam is geen archief en geen tekstbestand",
    "ROD-ARCHIVE-15": "het bestand is leeg",
    "ROD-FILE-01": "het bestand is leeg",
    "ROD-FILE-02": "het bestand bevat geen rijen",
    "ROD-FILE-03": "het bestand is geschreven in een andere tekencodering dan is afgesproken",
    "ROD-FILE-04": "het bestand begint anders dan is afgesproken (byte order mark)",
    "ROD-FILE-05": "het bestand bevat tekens die in een tekstbestand niet thuishoren (NUL)",
    "ROD-FILE-06": "een rij heeft meer of minder waarden dan er kolommen zijn, of het bestand is afgebroken",
    "ROD-FILE-07": "een aanhalingsteken is niet gesloten of niet verdubbeld",
    "ROD-FILE-08": "een rij of een waarde is veel langer dan mogelijk is",
    "ROD-FILE-09": "het bestand bevat een lege regel",
    "ROD-FILE-10": "het bestand bevat een losse regelterugloop",
    "ROD-FILE-11": "het sluitrecord ontbreekt of telt andere rijen dan er zijn",
    "ROD-FILE-13": "de kopregel ontbreekt of is een andere dan is afgesproken",
    "ROD-FILE-14": "kolommen ontbreken, staan er dubbel of heten anders dan is afgesproken",
    "ROD-FILE-21": "een bestand ontbreekt",
    "ROD-FILE-22": "van een soort bestand is er meer dan een",
    "ROD-FILE-24": "een bestand ontbreekt, en een ander draagt een naam die niet is afgesproken",
    "ROD-PLEIO-13": "PLEIO geeft het bestand niet af: tegengehouden of verloren",
    "ROD-PLEIO-25": "het bestand in PLEIO is niet zo lang als daar staat",
    "ROD-PLEIO-26": "onder de link staat geen archief en geen tabel",
    "ROD-PLEIO-27": "het bestand in PLEIO is leeg",
    "ROD-PLEIO-31": "twee bestanden in PLEIO dragen dezelfde naam",
}

_AT_A_ROW = frozenset(f"ROD-FILE-{number}" for number in ("03", "05", "06", "07", "08", "09", "10"))


def is_defect(error: RodError) -> bool:
    """Whether DUO is to hear of this error."""
    return error.code in DEFECTS


def explanation(error: RodError) -> str:
    """What the system said, as far as a notice may hold it: empty where it points at a row."""
    return "" if error.code in _AT_A_ROW else error.happened
