"""What people see in Dagster's UI of publishing: a blocking audit that fails, and the report of a release."""

from pathlib import Path
from unittest import mock

import dagster as dg
import pytest

from rod_pipeline.definitions import build_defs
from rod_pipeline.publishing import disclosing
from rod_pipeline.publishing.release import NoSuchRelease, get
from tests.support.browser import Ui
from tests.support.fixtures_ui import RECIPIENT
from tests.support.live import Live


def published(installation: Live) -> dg.ExecuteInProcessResult:
    job = build_defs(installation.settings).resolve_job_def("publish_tables")
    return job.execute_in_process(instance=installation.instance, raise_on_error=False)


def test_without_a_clean_audit_nothing_is_handed_out_and_with_one_the_report_is_there(
    ui: Ui, installation: Live, pictures: Path, tmp_path: Path
) -> None:
    with mock.patch.object(disclosing, "audited", lambda *_: ("studenten|instellingscode|schooljaar",)):
        assert not published(installation).success
    ui.open("/assets/publishing/published?view=checks", "Execution history", "Failed")
    ui.sees(
        "[ROD-PUBLISH-02] The audit found counts that some reader can work out",
        "studenten x instellingscode x schooljaar",
    )
    ui.picture(pictures / "audit unclean.png")
    with pytest.raises(NoSuchRelease):
        get(installation.system, tmp_path)

    assert published(installation).success
    release, _ = get(installation.system, tmp_path)
    assert (tmp_path / "published.duckdb").exists() and (tmp_path / "afscherming.html").exists()
    ui.open(
        "/assets/publishing/published?view=checks", "Execution history", "Passed", "Every reader was found harmless"
    )
    ui.picture(pictures / "audit clean.png")
    ui.asset("publishing/published", release.event.release, "report: tables", "report: levels", "report: not offered")
    ui.sees("tables not offered", "figures hidden since an earlier release")


def test_a_package_that_was_made_stands_with_its_recipient(ui: Ui, installation: Live, pictures: Path) -> None:
    published(installation)
    ui.open(f"/assets/packages/{RECIPIENT}", "Never materialized", "make_packages")
    job = build_defs(installation.settings).resolve_job_def("make_packages")
    config = {"ops": {"packages_for_recipients": {"config": {"purpose": "verantwoording", "recipients": [RECIPIENT]}}}}
    assert job.execute_in_process(run_config=config, instance=installation.instance).success
    ui.asset(f"packages/{RECIPIENT}", "own_rows", "the recipient erases it before", "what is in it")
    ui.picture(pictures / "package.png")
