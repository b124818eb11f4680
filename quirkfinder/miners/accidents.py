"""What works only because of where the guest put its BARs: 1:1 BARs, and BARs on another BAR's host address."""

from collections.abc import Iterator

from quirkfinder.card.model import Bar
from quirkfinder.findings import Finding
from quirkfinder.miners.claims import Scene, claim, hexadecimal
from quirkfinder.miners.placed import placement_evidence


def identity_findings(scene: Scene) -> Iterator[Finding]:
    """BARs that the guest has at their host address: a leaked address hits, for this guest and not for others."""
    for bar in scene.card.bars:
        if not _placed(bar) or bar.guest != bar.host:
            continue
        yield claim(
            scene,
            "identity-mapped-bar",
            f"bar{bar.index}",
            verdict="confirmed",
            confidence=0.99,
            needs_quirk=False,
            summary=f"BAR{bar.index} lies at 0x{bar.guest:x} for the host and for the guest",
            parameters={
                "bar": bar.index,
                "address": hexadecimal(bar.guest or 0),
                "size": hexadecimal(bar.size) if bar.size else None,
            },
            evidence=placement_evidence(scene, bar),
            evidence_count=1,
            reason="an accident: a leaked host address works here, and fails wherever the guest's map differs",
            doubt="it would be false if the host inventory was taken inside the guest",
        )


def collision_findings(scene: Scene) -> Iterator[Finding]:
    """BARs that the guest placed where another BAR of the card lives on the host."""
    for guest_bar in scene.card.bars:
        for host_bar in scene.card.bars:
            if guest_bar.index == host_bar.index or not (_placed(guest_bar) and _placed(host_bar)):
                continue
            if (guest_bar.kind == "io") != (host_bar.kind == "io") or host_bar.host == host_bar.guest:
                continue
            start = max(guest_bar.guest or 0, host_bar.host or 0)
            end = min((guest_bar.guest or 0) + (guest_bar.size or 0), (host_bar.host or 0) + (host_bar.size or 0))
            if start >= end:
                continue
            yield claim(
                scene,
                "address-collision",
                f"bar{guest_bar.index}/bar{host_bar.index}",
                verdict="confirmed",
                confidence=0.99,
                needs_quirk=False,
                summary=(
                    f"the guest has BAR{guest_bar.index} at 0x{start:x}, where BAR{host_bar.index} lives on the host: "
                    f"a leaked address of BAR{host_bar.index} hits BAR{guest_bar.index}"
                ),
                parameters={"guest_bar": guest_bar.index, "host_bar": host_bar.index, "address": hexadecimal(start)},
                evidence=placement_evidence(scene, guest_bar),
                evidence_count=1,
                reason="nothing is logged when it happens, because something is mapped there",
                doubt="it would be false if the host inventory is of another boot",
            )


def _placed(bar: Bar) -> bool:
    return bar.index < 6 and bool(bar.host) and bool(bar.guest) and bool(bar.size)
