"""``rod`` for the commands that a page shows, with the stages of a delivery run in this process instead of by Dagster.

``rod rerun`` asks the Dagster that runs for a run of the job. Here the same stages follow each other without it, and
what they say is told as the command tells it. Everything else is ``rod`` itself.
"""

import sys

from rod_pipeline.cli import main as rod


def main() -> None:
    """Run the command in ``sys.argv``."""
    if sys.argv[1:2] != ["rerun"]:
        return rod()
    # Only now: a command that needs none of it shouldn't wait for it.
    from rod_pipeline.deliveries import DeliveryKey
    from rod_pipeline.settings import Settings
    from rod_pipeline.system import System
    from tests.support.pipeline import walk
    from tests.support.remembering import remember_always

    remember_always()
    key = DeliveryKey.parse(sys.argv[2])
    with System.open(Settings.load()) as system:
        told = walk(system, key)
    for text in told:
        sys.stderr.write(f"{text}\n")
    if told:
        sys.exit(1)
    sys.stdout.write(f"Delivery {key} went through.\n")
