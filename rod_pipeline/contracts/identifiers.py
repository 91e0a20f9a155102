"""Names of columns that say that a direct identifier stands in them.

Belongs here: the vocabulary, and the question whether a column's name belongs to it. Does not belong here: recognising
identifiers by their values (``intake``).

Source: WRO article 23, fourth paragraph, as the decree quotes it (section 6): no surname, first names, address or date
of birth; and BRO article 29a, second paragraph: the personal number is replaced. Nothing in a contract can overrule it.
The annex has lawful names that come close (``Postcodecijfers hoogste vooropl. VO``, ``Geboren in Nederland``).
"""

import re
import unicodedata

_WHOLE_WORDS = frozenset(
    {"bsn", "pgn", "sofi", "adres", "address", "straat", "postcode", "postalcode", "woonplaats"}
    | {"email", "telefoon", "phone", "mobiel", "initialen", "iban"}
)
_PARTS = re.compile(
    "burgerservice|persoonsgebonden|persoonsnummer|onderwijsnummer|sofinummer|bsnnummer|pgnnummer|"
    "geslachtsnaam|achternaam|voornaam|voornamen|roepnaam|voorletter|voorvoegsel|tussenvoegsel|meisjesnaam|"
    "volledigenaam|naam(van)?(de)?(student|deelnemer|leerling|persoon)|(student|deelnemer|leerling|persoon)s?naam|"
    "surname|lastname|firstname|fullname|"
    "straatnaam|huisnummer|huisletter|woonadres|adresregel|mailadres|telefoonnummer|mobielnummer|"
    "gebdat|geboortedat|geboortedag|geboortemaand|geboortejaar|birthdate|dateofbirth|birthday"
)
_ALONE = frozenset({"naam", "name", "email", "mail", "tel"})


def names_identifier(name: str) -> bool:
    """Whether a column of this name would hold a direct identifier; ``name`` is a header or a technical name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    words = re.findall(r"[a-z]+|[0-9]+", plain)
    joined = "".join(words)
    return joined in _ALONE or not _WHOLE_WORDS.isdisjoint(words) or _PARTS.search(joined) is not None
