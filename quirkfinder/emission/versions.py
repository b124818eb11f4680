"""What differs between the QEMU versions that C is written for. Read from the sources of the releases named."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """A QEMU release line as far as a quirk notices.

    `mirror_has_config_offset`: VFIOConfigMirrorQuirk.config_offset exists (10.0).  `separate_file`: window and mirror
    types and operations are declared in pci-quirks.h (10.0), so that a quirk may be a file of its own.
    """

    name: str
    mirror_has_config_offset: bool
    separate_file: bool


VERSIONS = {
    "qemu-7.2": Version("qemu-7.2", mirror_has_config_offset=False, separate_file=False),
    "qemu-10.0": Version("qemu-10.0", mirror_has_config_offset=True, separate_file=True),
    "qemu-11.1": Version("qemu-11.1", mirror_has_config_offset=True, separate_file=True),
}
