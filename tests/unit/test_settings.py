"""Settings are read once, at start; whatever is wrong in them is told at once, by variable and without its value."""

from collections.abc import Callable

import pytest
from pydantic_settings import BaseSettings

from labelwright.errors import SettingsError
from labelwright.settings import LabelwrightSettings, from_environment
from services.dispatch.settings import DispatchSettings
from services.gateway.settings import Settings as GatewaySettings
from services.publish.settings import Settings as PublishSettings


@pytest.mark.parametrize("kind", [LabelwrightSettings, GatewaySettings, DispatchSettings, PublishSettings])
def test_every_default_works(kind: type[BaseSettings]) -> None:
    assert from_environment(kind) == kind()


def test_all_faults_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "PARTITIONS", "BATCH", "CLAIM_AFTER_S", "ATTEMPTS"):
        monkeypatch.setenv(f"LABELWRIGHT_{name}", "s3cret")

    with pytest.raises(SettingsError) as caught:
        from_environment(LabelwrightSettings)

    told = str(caught.value)
    for name in ("PORT", "PARTITIONS", "BATCH", "CLAIM_AFTER_S", "ATTEMPTS"):
        assert f"LABELWRIGHT_{name}: Input should be a valid " in told
    assert told.endswith("; correct them and start again")
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        ("LABELWRIGHT_GATEWAY_BURST", GatewaySettings),
        ("LABELWRIGHT_DISPATCH_LEASE", DispatchSettings),
        ("LABELWRIGHT_PUBLISH_EVERY_S", PublishSettings),
    ],
)
def test_a_service_names_its_own_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, kind: type[BaseSettings]
) -> None:
    monkeypatch.setenv(variable, "-1")

    with pytest.raises(SettingsError, match=f"settings are wrong: {variable}: Input should be"):
        from_environment(kind)


def test_a_service_reads_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.publish import settings as module

    read: Callable[[], PublishSettings] = module.settings.__wrapped__
    monkeypatch.setenv("LABELWRIGHT_PUBLISH_TRIM", "7")

    assert read().trim == 7
    assert module.settings() is module.settings()
