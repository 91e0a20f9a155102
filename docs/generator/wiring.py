"""The assets and checks as Dagster sees them.

Belongs here: the page made from the definitions. Does not belong here: what happens in an asset.
"""

import warnings

import dagster as dg

from docs.generator.markdown import code, table
from rod_pipeline.settings import Settings


def assets() -> str:
    """Every asset and check, and what starts them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rod_pipeline.definitions import build_defs
        from rod_pipeline.orchestration.jobs import DELIVERED

        defs = build_defs(Settings())
    graph = defs.resolve_asset_graph()
    lines = ["# Assets", ""]
    for what, those in (("Job", defs.jobs), ("Sensor", defs.sensors), ("Schedule", defs.schedules)):
        lines += [text for one in those or () for text in (f"{what} `{one.name}`. {one.description}", "")]
    order = {group: number for number, group in enumerate(("decree", *DELIVERED, "publishing", "retention"))}
    keys = sorted(graph.toposorted_asset_keys, key=lambda key: order[graph.get(key).group_name])
    # The decree's moments are an asset that nothing makes.
    made = [one for one in (*(defs.assets or ()), *(defs.asset_checks or ())) if isinstance(one, dg.AssetsDefinition)]
    checks = {check.key: check for one in made for check in one.check_specs}
    retried = {key for one in made if one.op.retry_policy for key in one.keys}
    for key in keys:
        node = graph.get(key)
        facts = [
            ("group", node.group_name),
            ("kinds", ", ".join(sorted(node.kinds))),
            (
                "made from",
                ", ".join(code(parent.to_user_string()) for parent in sorted(node.parent_keys))
                or ("nothing here: PLEIO, or files handed over" if node.group_name == "landing" else "the ledger"),
            ),
            ("partitions", _partitions(node.partitions_def)),
            ("pool", ", ".join(sorted(node.pools or ())) or "none"),
            ("retried", "on transient errors" if key in retried else "no"),
        ]
        for check_key in sorted(node.check_keys, key=lambda each: each.name):
            spec = checks[check_key]
            blocking = "blocking" if spec.blocking else "not blocking"
            facts.append((f"check `{spec.name}`", f"{blocking}. {spec.description}"))
        lines += [
            f"## {key.to_user_string()}",
            "",
            paragraphs(node.description or ""),
            "",
            table(("", ""), facts),
            "",
        ]
    return "\n".join(lines)


def _partitions(definition: object) -> str:
    name = getattr(definition, "name", None)
    known = {None: "none: one for all deliveries", "delivery": "one per delivery"}
    return known.get(name, f"`{name}`, one per delivery")


def paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
