"""The definitions as a running installation of the tests loads them: its runs remember (``remembering``)."""

from rod_pipeline.definitions import defs
from tests.support.remembering import remember_always

__all__ = ["defs"]
remember_always()
