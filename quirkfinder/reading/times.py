"""Times of prefixes in nanoseconds."""

from collections.abc import Mapping

MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
LAST_YEAR = 2261
MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: A year for stamps that have none; it has a 29 February.
SOME_YEAR = 1972
#: Prefixes without a date (or year): their times count from the first event of the input.
RELATIVE = frozenset({"syslog", "ftrace_mark", "ftrace", "perf", "dmesg"})


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date in the Gregorian calendar (year 1 and later)."""
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = era_year * 365 + era_year // 4 - era_year // 100 + day_of_year
    return year // 400 * 146097 + day_of_era - 719468


def civil_nanoseconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    """Nanoseconds since the epoch, None where there is no such time or 64 bits do not hold it."""
    possible = (
        1970 <= year <= LAST_YEAR
        and 1 <= month <= 12
        and 1 <= day <= MONTH_DAYS[month - 1]
        and hour < 24
        and minute < 60
        and second <= 60
    )
    if not possible:
        return None
    return ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60_000_000_000 + second * 1_000_000_000


def zone_nanoseconds(zone: str) -> int | None:
    """The offset of a time zone written as `+0100`, `+01:00` or `+01`; None for anything else."""
    digits = zone[1:].replace(":", "")
    if zone[:1] not in {"+", "-"} or len(digits) not in {2, 4} or not digits.isdecimal() or not digits.isascii():
        return None
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return (minutes if zone[0] == "+" else -minutes) * 60_000_000_000


def nanoseconds(values: Mapping[str, int | str]) -> int | None:
    """The time that a prefix's fields give, by role (a FRACTION already in nanoseconds); None: impossible."""
    number = {role: value for role, value in values.items() if isinstance(value, int)}
    fraction = number.get("MICROSECONDS", 0) * 1000 + number.get("NANOSECONDS", 0) + number.get("FRACTION", 0)
    if "MONTHNAME" in values:
        name = str(values["MONTHNAME"]).lower()[:3]
        if name not in MONTH_NAMES:
            return None
        number |= {"YEAR": SOME_YEAR, "MONTH": MONTH_NAMES.index(name) + 1}
    if "YEAR" in number:
        whole = civil_nanoseconds(*(number[role] for role in ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")))
        zone = zone_nanoseconds(str(values["ZONE"])) if "ZONE" in values else 0
        return None if whole is None or zone is None else whole + fraction - zone
    return number.get("SECONDS", 0) * 1_000_000_000 + fraction
