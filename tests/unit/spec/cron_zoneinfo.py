"""src/spec/zone.c and cron.c against Python's zoneinfo: offsets of all zones at random moments and beside every change of the clock,
and thousands of schedules, most of them near such a change. What a schedule means is written here a second time, minute by
minute. Usage: cron_zoneinfo.py MOMENTS-PROGRAM. TAP on stdout."""
import os
import random
import subprocess
import sys
import zoneinfo
from datetime import datetime, timedelta, timezone

ROOT = "/usr/share/zoneinfo"
SEED = int(os.environ.get("CALLGATE_SEED", "20261123"))
rng = random.Random(SEED)
UTC = timezone.utc


def ask(program, lines):
    out = subprocess.run([program], input="".join(l + "\n" for l in lines), capture_output=True, text=True, timeout=300)
    if out.returncode != 0:
        raise SystemExit(f"Bail out! {program}: {out.returncode} {out.stderr}")
    return out.stdout.splitlines()


def offset(zone, t):
    return int(datetime.fromtimestamp(t, UTC).astimezone(zone).utcoffset().total_seconds())


def changes(zone, start, end):
    """Moments between start and end at which the offset changes, by bisection between points a week apart."""
    found, step = [], 7 * 86400
    for t in range(start, end, step):
        if offset(zone, t) != offset(zone, t + step):
            low, high, old = t, t + step, offset(zone, t)
            while high - low > 1:
                mid = (low + high) // 2
                low, high = (mid, high) if offset(zone, mid) == old else (low, mid)
            found.append(high)
    return found


# --- what an expression means, the slow way: sets of numbers ---
def field(text, least, most):
    values = set()
    for part in text.split(","):
        base, _, step = part.partition("/")
        if base == "*":
            low, high = least, most
        elif "-" in base:
            low, high = map(int, base.split("-"))
        else:
            low = int(base)
            high = most if step else low
        values |= set(range(low, high + 1, int(step or 1)))
    return values


class Cron:
    def __init__(self, text):
        m, h, d, mo, w = text.split()
        self.minutes, self.hours = field(m, 0, 59), field(h, 0, 23)
        self.days, self.months = field(d, 1, 31), field(mo, 1, 12)
        self.weekdays = {n % 7 for n in field(w, 0, 7 if "7" in w else 6)}
        self.elapsed = len(self.hours) == 24

    def has(self, local):
        return (local.minute in self.minutes and local.hour in self.hours and local.day in self.days and
                local.month in self.months and local.isoweekday() % 7 in self.weekdays)


def brute(cron, zone, t, limit):
    """The first moment after t, or None when there is none within `limit` seconds."""
    for at in range((t // 60 + 1) * 60, t + limit, 60):
        local = datetime.fromtimestamp(at, UTC).astimezone(zone)
        if cron.has(local) and (cron.elapsed or local.fold == 0):
            return at
        before = offset(zone, at - 1)
        now = int(local.utcoffset().total_seconds())
        if not cron.elapsed and now > before:
            # what the clock skips, as times without a zone
            wall = datetime.fromtimestamp(at + before, UTC)
            for _ in range((now - before) // 60):
                if cron.has(wall):
                    return at
                wall += timedelta(minutes=1)
    return None


def expression():
    def some(least, most, stars):
        kind = rng.random()
        if kind < stars:
            return "*"
        a = rng.randint(least, most)
        if kind < stars + (1 - stars) / 3:
            return str(a)
        if kind < stars + (1 - stars) / 2:
            return f"{a}-{rng.randint(a, most)}"
        if kind < stars + (1 - stars) * 2 / 3:
            return f"*/{rng.randint(1, max(1, most // 2))}"
        return ",".join(str(rng.randint(least, most)) for _ in range(rng.randint(2, 4)))
    hours = rng.choice(["*", "2", "1", "0", "3", "1-3", "2,3", "23", some(0, 23, 0.2)])
    return " ".join([some(0, 59, 0.2), hours, some(1, 31, 0.85), some(1, 12, 0.9), some(0, 7, 0.85)])


def main(program):
    names = sorted(n for n in zoneinfo.available_timezones() if os.path.isfile(f"{ROOT}/{n}"))
    if not names:
        print("1..0 # SKIP there is no time zone data on this host")
        return 0
    print("1..3")
    zones = {n: zoneinfo.ZoneInfo(n) for n in names}
    start, end = 0, 4102444800  # 1970 to 2100
    moving = {}
    for n in rng.sample(names, min(len(names), 150)):
        moving[n] = changes(zones[n], 946684800, 2145916800)  # 2000 to 2038
    questions = [(n, rng.randrange(start, end)) for n in names for _ in range(20)]
    questions += [(n, t + d) for n, ts in moving.items() for t in ts for d in (-1, 0, 1)]
    answers = ask(program, [f"offset {ROOT}/{n} {t}" for n, t in questions])
    bad = [(n, t, a, offset(zones[n], t)) for (n, t), a in zip(questions, answers) if int(a) != offset(zones[n], t)]
    print("not " * bool(bad) + f"ok 1 - {len(questions)} offsets in {len(names)} zones")
    for n, t, a, e in bad[:5]:
        print(f"# {n} at {t}: {a}, expected {e}")

    nearby, anywhere = [n for n in moving if moving[n]], names
    cases = []
    for i in range(2400):
        if i % 4 and nearby:
            n = rng.choice(nearby)
            t = rng.choice(moving[n]) + rng.randint(-30, 30) * 600 + rng.randint(-1, 61)
        else:
            n = rng.choice(anywhere)
            t = rng.randrange(946684800, end)
        cases.append((n, t, expression()))
    answers = ask(program, [f"next {ROOT}/{n} {t} {x}" for n, t, x in cases])
    wrong, limit, exact = [], 2 * 86400, 0
    for (n, t, x), a in zip(cases, answers):
        expected = brute(Cron(x), zones[n], t, limit)
        exact += expected is not None
        never = a == "-" or a.startswith("no day matches it")  # February 30
        if a != str(expected) if expected is not None else not never and (not a.isdigit() or int(a) < t + limit - 60):
            wrong.append((n, t, x, a, expected))
    print("not " * bool(wrong or exact < 1000) + f"ok 2 - {len(cases)} schedules, {exact} with their moment within two days")
    for row in wrong[:5]:
        print("# %s after %d '%s': %s, expected %s" % row)
    print(f"# CALLGATE_SEED={SEED}")

    # A chain over two years misses no day and repeats none.
    late = []
    for n in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Europe/Dublin", "Asia/Gaza"):
        if n not in zones:
            continue
        chain = ask(program, [f"chain {ROOT}/{n} 1704067200 30 2 * * *"])[0].split()
        days = [datetime.fromtimestamp(int(t), UTC).astimezone(zones[n]).date() for t in chain]
        if len(days) != 800 or any((b - a).days != 1 for a, b in zip(days, days[1:])):
            late.append(n)
    print("not " * bool(late) + "ok 3 - a daily schedule runs once a day" + "".join(f"\n# {n}" for n in late))
    return 0


sys.exit(main(sys.argv[1]))
