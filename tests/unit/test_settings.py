from pathlib import Path

import pytest

from rod_pipeline.settings import BadSettings, MissingSecret, Settings, UnsafeSecretFile


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ROD_HOME", "ROD_SETTINGS", "ROD_KEK"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_defaults_need_no_file(home: Path) -> None:
    settings = Settings.load(home)
    assert settings.home == home
    assert settings.store.endpoint is None
    assert settings.ledger() == f"sqlite:///{home / 'ledger.db'}"


def test_the_file_is_read_and_the_environment_wins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "rod.toml").write_text('owner = "a@b.example"\n[store]\nbucket = "from-file"\nregion = "eu-central-1"\n')
    monkeypatch.setenv("ROD_STORE__BUCKET", "from-environment")
    monkeypatch.setenv("ROD_PLEIO__HOSTS", "a.example,b.example")
    settings = Settings.load(home)
    assert (settings.owner, settings.store.bucket, settings.store.region) == (
        "a@b.example",
        "from-environment",
        "eu-central-1",
    )
    assert settings.pleio.hosts == ("a.example", "b.example")


def test_an_unknown_key_is_refused_by_name(home: Path) -> None:
    (home / "rod.toml").write_text('[store]\nbuket = "x"\n')
    with pytest.raises(BadSettings, match=r"store\.buket"):
        Settings.load(home)


def test_an_unknown_variable_is_refused_by_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_STORE__ADEQACY", "true")
    with pytest.raises(BadSettings, match=r"store\.adeqacy"):
        Settings.load(home)


def test_a_secret_in_the_file_is_refused_and_not_echoed(home: Path) -> None:
    (home / "rod.toml").write_text('[store]\nsecret_key = "do-not-echo-me"\n')
    with pytest.raises(BadSettings, match=r"store\.secret_key") as refused:
        Settings.load(home)
    assert "do-not-echo-me" not in str(refused.value)


def test_a_value_that_does_not_fit_is_not_echoed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_PLEIO__MAX_BYTES", "do-not-echo-me")
    with pytest.raises(BadSettings, match=r"pleio\.max_bytes") as refused:
        Settings.load(home)
    assert "do-not-echo-me" not in str(refused.value)


def test_broken_toml_is_told_plainly(home: Path) -> None:
    (home / "rod.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(BadSettings, match="not valid TOML"):
        Settings.load(home)


def test_the_key_encryption_key_comes_from_a_file_of_the_owner_alone(home: Path) -> None:
    file = home / "secrets" / "kek"
    file.parent.mkdir()
    file.write_text("00" * 32)
    file.chmod(0o640)
    with pytest.raises(UnsafeSecretFile):
        Settings.load(home).key_encryption_key()
    file.chmod(0o600)
    assert Settings.load(home).key_encryption_key().get_secret_value() == bytes(32)


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32])
def test_what_is_no_key_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ROD_KEK", text)
    with pytest.raises(MissingSecret):
        Settings.load(home).key_encryption_key()


def test_no_key_at_all_is_told(home: Path) -> None:
    with pytest.raises(MissingSecret, match="rod init"):
        Settings.load(home).key_encryption_key()


def test_nothing_secret_shows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROD_KEK", "ab" * 32)
    monkeypatch.setenv("ROD_LEDGER_URL", "postgresql+psycopg2://rod:hidden@127.0.0.1/rod")
    settings = Settings.load(home)
    assert "ab" * 32 not in repr(settings) + str(settings.key_encryption_key())
    assert "hidden" not in repr(settings)
