# SPDX-License-Identifier: Apache-2.0
"""Compares this host's schedules with croniter's, over a year of eight zones.

croniter says which minutes of the calendar an expression means, Python's zoneinfo when those are.
Days around a change of the clocks are left out: there every cron has a rule of its own, and ours
(cronie's) is checked minute by minute in host/schedule/cron_oracle_test.cpp.

Usage: croniter_peer.py PROGRAM   (cron_year). Exit status 77: croniter is not installed.
"""

import datetime
import random
import subprocess
import sys
import zoneinfo

try:
    import croniter
except ImportError:
    print("skipped: python3-croniter is not installed")
    sys.exit(77)

ZONES = [
    ("UTC", 2028),
    ("America/New_York", 2025),
    ("Europe/Berlin", 2026),
    ("Australia/Lord_Howe", 2026),
    ("America/Havana", 2026),
    ("Asia/Kathmandu", 2024),
    ("Africa/Casablanca", 2025),
    ("Pacific/Chatham", 2027),
]
FIXED = ["30 2 * * *", "0 0 29 2 *", "0 0 1 1 0", "*/20 9-17 * * mon-fri", "5 4 1,15 * 5", "0 12 */9 * 2"]
EXPRESSIONS_A_ZONE = 12


def field(dice, low, high, star):
    if dice.random() < star:
        return "*"
    items = []
    for _ in range(dice.randint(1, 3)):
        first = dice.randint(low, high)
        last = dice.randint(first, high)
        items.append(dice.choice([f"{first}", f"{first}-{last}", f"{first}-{last}/{dice.randint(1, min(9, high))}"]))
    return ",".join(items)


def expression(dice):
    return " ".join([
        f"{dice.randint(0, 59)}" if dice.random() < 0.8 else field(dice, 0, 59, 0.1),
        field(dice, 0, 23, 0.05),
        field(dice, 1, 28, 0.4),
        field(dice, 1, 12, 0.5),
        # Not all seven: croniter takes those for a star, which then does not join the days of the month.
        field(dice, 0, 5, 0.4),
    ])


def quiet_days(zone, year):
    """The days of a year on which, and next to which, the clocks do not change."""
    day, days = datetime.date(year, 1, 1), set()
    while day.year == year:
        around = [
            datetime.datetime.combine(day, datetime.time(), zone).astimezone(datetime.timezone.utc)
            + datetime.timedelta(days=offset)
            for offset in (-1, 0, 1, 2)
        ]
        if len({moment.astimezone(zone).utcoffset() for moment in around}) == 1:
            days.add(day)
        day += datetime.timedelta(days=1)
    return days


def expected(text, zone, year, days):
    start = datetime.datetime(year, 1, 1) - datetime.timedelta(minutes=1)
    instants = []
    for local in croniter.croniter(text, start).all_next(datetime.datetime):
        if local.year > year:
            break
        if local.date() in days:
            instants.append(int(local.replace(tzinfo=zone).timestamp()) // 60)
    return instants


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 20260101
    dice = random.Random(seed)
    cases = [
        (name, year, text)
        for name, year in ZONES
        for text in FIXED + [expression(dice) for _ in range(EXPRESSIONS_A_ZONE)]
    ]
    lines = "".join(f"{name} {year} {text}\n" for name, year, text in cases)
    answer = subprocess.run([sys.argv[1]], input=lines, stdout=subprocess.PIPE, text=True, check=True)
    days_of = {name: quiet_days(zoneinfo.ZoneInfo(name), year) for name, year in ZONES}
    wrong = fired = 0
    for (name, year, text), line in zip(cases, answer.stdout.splitlines(), strict=True):
        zone, days = zoneinfo.ZoneInfo(name), days_of[name]
        ours = [
            minute
            for minute in map(int, line.split())
            if datetime.datetime.fromtimestamp(minute * 60, zone).date() in days
        ]
        theirs = expected(text, zone, year, days)
        fired += len(theirs)
        if ours != theirs:
            wrong += 1
            print(f"{text} in {name}, {year}: only here {sorted(set(ours) - set(theirs))[:5]},"
                  f" only there {sorted(set(theirs) - set(ours))[:5]} (minutes since the epoch)")
    print(f"seed {seed}: {len(cases)} expressions, {fired} instants, {wrong} differ")
    return 1 if wrong or fired < 10000 else 0


if __name__ == "__main__":
    sys.exit(main())
