"""What is known beforehand: QEMU's own quirks, releases and tracing options.  It explains findings and makes none.

`explain_known`, `explain_all` and `audit` relate findings to QEMU's quirks; `handled_rows` and `guest_values` tell what
the guest got where a quirk was at work, `settle` what that leaves of the findings; `infer_version` tells the QEMU of a
log; `examine` says what a capture cannot show; `recipe` and `collect` help to make a better one; `trap_cost` counts
what a quirk would trap.
"""

from quirkfinder.knowledge.activity import (
    Activity,
    ActivityReader,
    Sightings,
    guest_values,
    handled_rows,
    quirk_activity,
    quirk_config_rows,
)
from quirkfinder.knowledge.audit import AuditEntry, audit, audit_statistics
from quirkfinder.knowledge.catalogue import Catalogue, Mechanism, Name, Need, Quirk, Target
from quirkfinder.knowledge.catalogue_file import CatalogueError, catalogue, load_catalogue
from quirkfinder.knowledge.command_line import CommandLine, DeviceOptions, read_command_line
from quirkfinder.knowledge.cost import trap_cost, trap_costs
from quirkfinder.knowledge.doctor import ReadingInfo, examine
from quirkfinder.knowledge.explanation import explain_all, explain_known
from quirkfinder.knowledge.handling import settle
from quirkfinder.knowledge.host import Collected, CollectionError, collect
from quirkfinder.knowledge.inference import infer_version, version_facts
from quirkfinder.knowledge.recipe import recipe
from quirkfinder.knowledge.versions import Version, VersionRange

__all__ = [
    "Activity",
    "ActivityReader",
    "AuditEntry",
    "Catalogue",
    "CatalogueError",
    "Collected",
    "CollectionError",
    "CommandLine",
    "DeviceOptions",
    "Mechanism",
    "Name",
    "Need",
    "Quirk",
    "ReadingInfo",
    "Sightings",
    "Target",
    "Version",
    "VersionRange",
    "audit",
    "audit_statistics",
    "catalogue",
    "collect",
    "examine",
    "explain_all",
    "explain_known",
    "guest_values",
    "handled_rows",
    "infer_version",
    "load_catalogue",
    "quirk_activity",
    "quirk_config_rows",
    "read_command_line",
    "recipe",
    "settle",
    "trap_cost",
    "trap_costs",
    "version_facts",
]
