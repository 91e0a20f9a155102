"""The decree that the pipeline carries out, as data.

Belongs here: decrees (TOML, one file each), their typed model and the loader. Does not belong here: what the pipeline
does with a decree. Another decree of the same kind is another file, no code.
"""

import tomllib
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from rod_pipeline.decree.model import Ambiguity, Decree, Moment, Rubriek
from rod_pipeline.errors import PermanentError

__all__ = ["Ambiguity", "BadDecree", "Decree", "Moment", "Rubriek", "decree_digest", "load_decree"]

_PACKAGED = Path(__file__).with_name("besluit-55352791.toml")


class BadDecree(PermanentError):
    """The file of a decree can't be read, is no TOML, or doesn't say what a decree must say."""

    code = "ROD-DECREE-01"


def load_decree(path: Path | None = None) -> Decree:
    """The decree in ``path``, or the one that comes with the package; raises ``BadDecree``."""
    return _load(path or _PACKAGED)


def decree_digest(path: Path | None = None) -> str:
    """SHA-256 of the file of a decree: evidence names by it the rules that were carried out. Raises ``BadDecree``."""
    load_decree(path)
    return sha256((path or _PACKAGED).read_bytes()).hexdigest()


@cache
def _load(path: Path) -> Decree:
    try:
        return Decree.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise BadDecree(f"The decree {path.name} can't be read.", "Name an existing file.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadDecree(f"The decree {path.name} is no valid TOML in UTF-8: {error}.", "Mend the file.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise BadDecree(
            f"The decree {path.name} has {error.error_count()} fault(s), the first in {where}: {first['msg']}.",
            "Compare the file with the packaged decree and mend it.",
        ) from None
