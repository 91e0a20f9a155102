"""What can be wrong with contracts and value lists.

Belongs here: the errors of this part, so that each has its code in one place. Does not belong here: errors about data
that a contract judges (``intake``, ``quality``).
"""

from rod_pipeline.errors import BlockedError, PermanentError


class BadContract(PermanentError):
    """Base of all: a contract or a value list can't be used."""

    code = "ROD-CONTRACT-00"


class UnreadableContract(BadContract):
    """The file can't be read or is no TOML in UTF-8."""

    code = "ROD-CONTRACT-01"


class MalformedContract(BadContract):
    """The file doesn't say what a contract or a value list must say."""

    code = "ROD-CONTRACT-02"


class UnknownRubriek(BadContract):
    """A column cites a rubriek, or a field of it, that the decree doesn't have."""

    code = "ROD-CONTRACT-03"


class ForbiddenColumn(BadContract):
    """A column's name says that it holds a direct identifier; no contract can allow that."""

    code = "ROD-CONTRACT-04"


class UnknownValueList(BadContract):
    """A column names a value list that isn't there, or a list is asked for that isn't there."""

    code = "ROD-CONTRACT-05"


class ContractOutOfPlace(BadContract):
    """The place of the file contradicts its content, or a version or a list stands twice."""

    code = "ROD-CONTRACT-06"


class NoSuchContract(BadContract):
    """No contract of this kind of file or of this version."""

    code = "ROD-CONTRACT-07"


class NoDraft(BadContract):
    """A draft is asked for that isn't there."""

    code = "ROD-CONTRACT-08"


class NotReviewed(BlockedError):
    """A draft was to be put in force in which something is left for a person to say."""

    code = "ROD-CONTRACT-09"
