"""Where alerts go: the addresses of an owner, and sending to them.

Belongs here: reading addresses from where the settings say that they are, and handing an alert to apprise. Does not
belong here: whether an alert has to be sent (``rounds``).

An apprise URL (``mailtos://…``, ``jsons://…``) holds passwords and addresses. Settings therefore name an environment
variable or a file of the owner's alone, and the URL is in no argument, log, error or ``repr``. https://appriseit.com/
"""

import logging
import os
import stat
from pathlib import Path

from rod_pipeline.alerts.alert import Alert
from rod_pipeline.errors import PermanentError
from rod_pipeline.settings import AlertsSection, RouteSection

_PATIENCE = 30.0


class RouteUnusable(PermanentError):
    """The address of a route can't be read, or is no address that apprise knows."""

    code = "ROD-ALERT-01"


class UnknownOwner(PermanentError):
    """An owner was named that has no route."""

    code = "ROD-ALERT-03"


def takes(route: RouteSection, alert: Alert) -> bool:
    """Whether an alert goes this way."""
    return not route.kinds or alert.kind in route.kinds


def of_owner(settings: AlertsSection, owner: str) -> RouteSection:
    """The route of an owner. Raises ``UnknownOwner``."""
    for route in settings.routes:
        if route.owner == owner:
            return route
    raise UnknownOwner("The settings have no route for that owner.", "Add it under alerts.routes, or see its name.")


def secret(reference: str) -> str:
    """What ``env:NAME`` or ``file:PATH`` refers to. Raises ``RouteUnusable``, which names the reference alone."""
    where, name = reference.split(":", 1)
    text = os.environ.get(name, "") if where == "env" else _in_file(Path(name))
    if not text.strip():
        raise RouteUnusable(
            f"The address {reference} of an alert isn't there.",
            "Set that variable for daemon and runs, or write that file (chmod 600); see docs/how-to/alerts.md.",
        )
    return text.strip()


def send(route: RouteSection, title: str, body: str) -> bool:
    """Send to every address of a route; whether each took it. Waits for at most half a minute.

    Raises ``RouteUnusable``.
    """
    import apprise

    # It logs what it sends to, and its libraries log addresses when they are asked to.
    for name in ("apprise", "urllib3", "requests", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    to = apprise.Apprise(asset=apprise.AppriseAsset(app_id="rod", async_mode=False))
    for reference in route.urls:
        for url in secret(reference).split():
            if not to.add(url):
                raise RouteUnusable(
                    f"What {reference} holds is no address that apprise knows.",
                    "Write one apprise URL a line; see docs/how-to/alerts.md, and try it with `rod alert test`.",
                )
    return bool(to.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, timeout=_PATIENCE))


def _in_file(file: Path) -> str:
    try:
        mode, text = file.stat().st_mode, file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    if stat.S_IMODE(mode) & 0o077:
        raise RouteUnusable(
            "A file with the address of an alert can be read by others.", "Take their rights: chmod 600."
        )
    return text
