"""Which mounts a service needs, in view of those that it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorws.compose.mounts import Checkouts, Mode, Mount, Wanted, mounts_for
from vendorws.compose.services import BaseMount, Build, Service

BUILD = Build(None, None, None, {}, None)
OURS = Mount("app", "billing", "./vendor/billing", "/site/vendor/billing")


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    (tmp_path / "vendor" / "billing").mkdir(parents=True)
    return Checkouts(tmp_path / "vendor", "./vendor", ("billing",))


def _wanted(checkouts: Checkouts, *mounts: BaseMount) -> Wanted:
    return mounts_for(Service("app", None, BUILD, mounts), "/site/vendor", checkouts, Mode.BIND)


def test_one_mount_for_each_checkout_in_the_order_of_their_names(checkouts: Checkouts) -> None:
    many = Checkouts(checkouts.folder, "../vendor", ("theme", "billing"))
    found = mounts_for(Service("app", None, BUILD, ()), "/site/vendor", many, Mode.BIND)
    assert [(mount.source, mount.target) for mount in found.mounts] == [
        ("../vendor/billing", "/site/vendor/billing"),
        ("../vendor/theme", "/site/vendor/theme"),
    ]


def test_mounts_elsewhere_do_not_matter(checkouts: Checkouts) -> None:
    beside = BaseMount("/site/proj", checkouts.folder.parent)
    assert _wanted(checkouts, beside, BaseMount("/site/vendor/billing-2", None)) == Wanted((OURS,), ())


@pytest.mark.parametrize("target", ["/site/vendor", "/site/vendor/", "/site/vendor/billing", "/site"])
def test_a_checkout_that_is_seen_already_needs_no_mount(target: str, checkouts: Checkouts) -> None:
    depth = "/site/vendor/billing".removeprefix(target.rstrip("/")).count("/")
    source = [checkouts.folder / "billing", checkouts.folder, checkouts.folder.parent][depth]
    found = _wanted(checkouts, BaseMount(target, source))
    assert found.mounts == ()
    assert found.notes == (f"The service app sees vendor/ already: it mounts {source} on {target.rstrip('/')}.",)


def test_another_mount_on_the_same_target_is_replaced_in_its_own_spelling(checkouts: Checkouts) -> None:
    found = _wanted(checkouts, BaseMount("/site/vendor/billing/", Path("/elsewhere")))
    assert found.mounts == (Mount("app", "billing", "./vendor/billing", "/site/vendor/billing/"),)
    assert found.notes == (
        "The service app mounts something else on /site/vendor/billing; the checkout takes its place.",
    )


def test_what_is_mounted_after_ours_stays(checkouts: Checkouts) -> None:
    service = Service("app", None, BUILD, (BaseMount("/site/vendor/billing/", Path("/elsewhere")),))
    winning = {"/site/vendor/billing": "local.yml"}
    assert mounts_for(service, "/site/vendor", checkouts, Mode.BIND, winning) == Wanted(
        (),
        (
            "local.yml of yours mounts something else on /site/vendor/billing in the service app. "
            "Take that out to have ./vendor/billing there.",
        ),
    )


def test_a_volume_above_is_no_obstacle(checkouts: Checkouts) -> None:
    assert _wanted(checkouts, BaseMount("/site/vendor", None)) == Wanted((OURS,), ())


def test_a_folder_that_docker_would_make_is_announced(checkouts: Checkouts, tmp_path: Path) -> None:
    other = tmp_path / "other"
    found = _wanted(checkouts, BaseMount("/site", other))
    assert found.mounts == (OURS,)
    assert found.notes == (f"Docker will make the empty folder {other}/vendor/billing, because app mounts {other}.",)
    (other / "vendor" / "billing").mkdir(parents=True)
    assert _wanted(checkouts, BaseMount("/site", other)) == Wanted((OURS,), ())


def test_the_nearest_mount_above_counts(checkouts: Checkouts, tmp_path: Path) -> None:
    found = _wanted(checkouts, BaseMount("/site", tmp_path / "other"), BaseMount("/site/vendor", checkouts.folder))
    assert found.mounts == ()


def test_watch_needs_a_build(checkouts: Checkouts) -> None:
    found = mounts_for(Service("app", "x", None, ()), "/site/vendor", checkouts, Mode.WATCH)
    assert found.mounts == ()
    assert "has no build" in found.notes[0]
    assert mounts_for(Service("app", "x", BUILD, ()), "/site/vendor", checkouts, Mode.WATCH).mounts == (OURS,)
