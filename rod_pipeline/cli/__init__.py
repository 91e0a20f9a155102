"""The command ``rod``.

Belongs here: one thin module per subject: arguments in, a call into the domain, words out. Does not belong here: logic.
"""

import gc
import sys

import typer

from rod_pipeline.errors import RodError

_PANELS = {
    "The installation": "init up demo simulate backup restore recover rights keys",
    "A delivery comes": "announce drop zip-password status rerun synthetic moment decree",
    "Something is red": "rerun-failed runbook doctor watch heartbeat rows alert",
    "Its quality": "waive refuse accept contract notice waiver",
    "Its figures": "open handover declare published package",
    "It is erased": "purge withdraw retention hold suspension evidence",
    "For auditors": "dossier ledger incident circumstance",
}
"""What ``rod --help`` shows together, in the order in which people come to it. A command without a heading fails."""


def application() -> typer.Typer:
    """All commands of ``rod``."""
    from rod_pipeline.cli import (
        alert,
        backup,
        contract,
        decisions,
        decree,
        delivery,
        dossier,
        evidence,
        incident,
        installation,
        keys,
        ledger,
        moment,
        notice,
        on_call,
        packages,
        retention,
        simulate,
        status,
        synthetic,
        waivers,
    )

    app = typer.Typer(
        name="rod",
        help="The ROD deliveries of the MBO Raad: intake, validation, EEA storage, marts, erasure.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
        add_completion=False,
    )
    app.add_typer(decree.app, name="decree", help="The decree as data: moments, duties, the 94 rubrieken.")
    app.add_typer(contract.app, name="contract", help="How files should look: check what came, draft a next version.")
    app.add_typer(synthetic.app, name="synthetic", help="Synthetic deliveries, whole and broken.")
    app.add_typer(evidence.app, name="evidence", help="The evidence of erasures: list it, hand it over, check it.")
    app.add_typer(
        dossier.app, name="dossier", help="What an auditor gets (voorschrift 3i), and what was held on a day."
    )
    app.add_typer(keys.app, name="keys", help="Replace the keys of this installation.")
    app.add_typer(ledger.app, name="ledger", help="Sign and publish the ledger, verify it, have an old copy catch up.")
    app.add_typer(notice.app, name="notice", help="What is told to DUO and the minister, and for how long it waits.")
    status.register(app)
    incident.register(app)
    backup.register(app)
    app.add_typer(moment.app, name="moment", help="What the decree plans, and which delivery is asked about.")
    alert.register(app)
    delivery.register(app)
    on_call.register(app)
    waivers.register(app)
    installation.register(app)
    retention.register(app)
    decisions.register(app)
    packages.register(app)
    simulate.register(app)
    _arrange(app)
    return app


def _arrange(app: typer.Typer) -> None:
    """Put every command under its heading, in that order."""
    panel_of = {name: panel for panel, names in _PANELS.items() for name in names.split()}
    order = list(panel_of)
    for command in app.registered_commands:
        assert command.callback is not None
        command.name = command.name or command.callback.__name__.replace("_", "-")
        command.rich_help_panel = panel_of[command.name]
    for group in app.registered_groups:
        group.rich_help_panel = panel_of[str(group.name)]
    app.registered_commands.sort(key=lambda command: order.index(str(command.name)))
    app.registered_groups.sort(key=lambda group: order.index(str(group.name)))


def main() -> None:
    """Run ``rod``: a domain error is told in two sentences, without a traceback, and exits with 1."""
    # A third of the time until a command begins is looking for garbage in what has just been imported.
    gc.disable()
    commands = application()
    gc.freeze()
    gc.enable()
    try:
        commands()
    except RodError as error:
        sys.stderr.write(f"{error}\nRunbook: rod runbook {error.code}\n")
        sys.exit(1)
