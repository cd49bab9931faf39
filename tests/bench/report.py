# SPDX-License-Identifier: Apache-2.0
"""What was measured, as the part of docs/performance.md between its two marks."""
import pathlib

import machine
from timing import NotMeasured, median

OURS = {"sluice": "**sluice**, `run: [\"true\"]`", "lua": "**sluice**, `lua: return`", "plugin": "**sluice**, a plugin"}
PROGRAMS = {"ninja": "ninja", "make": "GNU make", **OURS}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio_of(samples, beside):
    """The median of the ratios of each round: what slowed one round slowed both of it."""
    return median([a / b for a, b in zip(samples, beside)])


class Report:
    def __init__(self, results):
        self.results = results
        self.missing = results["missing"]

    # ---- beside the floor and the peers ----

    def floor(self, n):
        return [round_[n] for round_ in self.results["floors"]]

    def machine(self):
        m = self.results["machine"]
        return (f"{machine.words(m)}; at the end it was {m['load_after']:.1f} (of its own steps, too). "
                f"{self.results['rounds']} rounds; {m['ninja']}, {m['make']}.\n")

    def floors(self):
        if not self.results["floors"]:
            return ""
        names = ("`posix_spawn` of `/bin/true`, and waiting for it", "overwriting 4 KiB, and `fdatasync`",
                 "both, one after the other: **the floor**")
        rows = [(name, number(median(self.floor(n))), self.spread(self.floor(n))) for n, name in enumerate(names)]
        return table(("the machine itself", "ms", "least – most"), rows)

    @staticmethod
    def spread(samples):
        return f"{number(min(samples))} – {number(max(samples))}"

    def shape(self, shape, title):
        taken = self.results["shapes"].get(shape)
        if not taken:
            return ""
        steps, rows = self.results["steps"], []
        for name, samples in taken.items():
            each = [ms / steps for ms in samples]
            rows.append((PROGRAMS[name], f"{steps:,}", number(median(samples)), number(median(each)), self.spread(each),
                         number(ratio_of(samples, taken["ninja"])), number(ratio_of(each, self.floor(2)))))
        reference, floor = median(taken["ninja"]) / steps, median(self.floor(2))
        for name, peer in self.results["peers"].items():
            if "missing" not in peer:
                each = peer[shape]
                ms = median(each)
                rows.append((name.capitalize(), str(peer["steps"]), number(ms * peer["steps"]), number(ms),
                             self.spread(each), number(ms / reference), number(ms / floor)))
        head = (title, "steps", "ms", "ms a step", "least – most", "× ninja", "× floor")
        return table(head, rows)

    def peers(self):
        lines = []
        for name, peer in self.results["peers"].items():
            times = f"{len(peer['chain'])} times each"
            said = f"left out: {peer['missing']}" if "missing" in peer else f"{peer['how']}; {times}"
            lines.append(f"- {name.capitalize()} (`{peer['package']}`): {said}.")
        return "\n".join(lines) + "\n" if lines else ""

    # ---- the targets ----

    def verdict(self, value, most, aim=None):
        met = "yes" if value <= most else "**no**"
        return met if aim is None else met + (", and the aim" if value <= aim else ", the aim not")

    def against_ninja(self, shape, name, what, most, aim=None):
        taken = self.results["shapes"][shape]
        value = ratio_of(taken[name], taken["ninja"])
        target = f"{most} × ninja" + (f", aim {aim} ×" if aim else "")
        return what, target, f"{value:.2f} × ({number(median(taken[name]))} ms)", self.verdict(value, most, aim)

    def chains(self):
        yield self.against_ninja("chain", "sluice", "chain of 1,000 commands", 1.5, 1.3)
        yield self.against_ninja("wide", "sluice", "1,000 commands wide, 2 slots", 1.5)
        yield self.against_ninja("chain", "lua", "chain of 1,000 Lua steps", 1.0, 0.8)
        yield self.against_ninja("chain", "plugin", "chain of 1,000 steps of a plugin", 1.0, 0.8)

    def order(self):
        taken = self.results["order"]
        good = taken["steps"] - 1 - len(taken["failures"])
        yield ("a data sync between the exit of a step and the start of the next (strace)", "each",
               f"{good} of {taken['steps'] - 1}", "yes" if not taken["failures"] else "**no**")

    def one(self):
        taken = self.results["one"]
        there, new = median(taken["there"]), median(taken["new"])
        yield ("`sluice run` of one step, start to exit", "30 ms", f"{there:.1f} ms ({self.spread(taken['there'])}; "
               f"median of {len(taken['there'])}), {taken['peak_kib'] / 1024:.1f} MB at most; in a new home "
               f"{new:.1f} ms", self.verdict(there, 30))

    def validate(self):
        taken = self.results["validate"]
        ours = {count: median(values["sluice"]) for count, values in taken.items()}
        floor = {count: median(values["events"]) for count, values in taken.items()}
        yield ("`sluice validate` of 10,000 steps", "60 ms", f"{ours['10000']:.1f} ms; libyaml's events alone "
               f"{floor['10000']:.1f} ms", self.verdict(ours["10000"], 60))
        growth = ours["100000"] / ours["10000"]
        yield ("linear: 1,000, 10,000, 100,000 steps", "at most 13 × from the second to the third",
               " ms, ".join(number(ours[count]) for count in ("1000", "10000", "100000")) + f" ms: {growth:.1f} × (the "
               f"events alone {floor['100000'] / floor['10000']:.1f} ×)", self.verdict(growth, 13))

    def memory(self):
        taken = self.results["memory"]
        yield ("memory for each step that waits", "1 KB", f"{number(taken['slope'])} bytes (slope of " + ", ".join(
            f"{total / 1048576:.1f} MB at {int(count):,}" for count, (total, _) in taken["pending"].items()) + ")",
            self.verdict(taken["slope"], 1024))

    def long_run(self):
        taken = self.results["long"]
        yield ("most memory in a run of 10,000 steps", "40 MB", f"{taken['peak_kib'] / 1024:.1f} MB, and its runner "
               f"{taken['runner_kib'] / 1024:.1f} MB (a chain; {taken['seconds']:.1f} s)",
               self.verdict(taken["peak_kib"] / 1024, 40))

    def recovery(self):
        for kind, words in (("ready", "2 that ran and others that were ready"),
                            ("waiting", "that wait for an approval")):
            taken = self.results["recovery"][kind]
            yield (f"recovery of a home with 10,000 open steps, {words}", "200 ms",
                   f"{number(median(taken))} ms ({self.spread(taken)}; {len(taken)} times)" + self.ran(kind),
                   self.verdict(median(taken), 200))

    def ran(self, kind):
        taken = self.results.get("recovery_ran", {}).get(kind)
        return f", {number(median(taken))} ms of them on a processor" if taken else ""

    def metrics(self):
        taken = self.results["metrics"]
        million = f"{taken['points']:,} metric points through a journal into the store"
        for name, took in taken["shapes"].items():
            parts = ", ".join(f"{part} {took[part]:.2f}" for part in ("step", "runner", "engine"))
            yield (f"{million}, {name}", "0.7 s", f"{took['wall']:.2f} s ({self.spread(took['walls'])}; processor "
                   f"time: {parts}); floor {took['floor']:.2f} s", self.verdict(took["wall"], 0.7))
        sizes = {name: took["store"] / taken["points"] for name, took in taken["shapes"].items()}
        yield ("a point on disk, in series of 1,000 and more", "12 bytes",
               ", ".join(f"{size:.1f} ({name})" for name, size in sizes.items()), self.verdict(max(sizes.values()), 12))
        yield ("a point on disk, single ones", "60 bytes", f"{taken['single']:.1f}",
               self.verdict(taken["single"], 60))

    def targets(self):
        rows = []
        for part in ("chains", "order", "one", "validate", "memory", "long", "recovery", "metrics"):
            try:
                rows += list(getattr(self, {"long": "long_run"}.get(part, part))())
            except (KeyError, IndexError):
                if part in self.missing:
                    rows.append((part, "", f"not measured: {self.missing[part]}", "**no**"))
        return table(("what", "at most", "measured", "met"), rows)

    def text(self):
        return "\n".join(part for part in (
            self.machine(), "### The targets\n", self.targets(), "### Beside the floor and the peers\n", self.floors(),
            self.shape("chain", "a chain"), self.shape("wide", "wide, 2 at once"), self.peers()) if part)


def write(path, text, name="bench"):
    """Puts the text between the marks of that name in the page."""
    begin_mark, end_mark = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    path = pathlib.Path(path)
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise NotMeasured(f"{path} has no part between '{begin_mark}' and '{end_mark}'")
    path.write_text(f"{before}{begin_mark}\n{text.strip()}\n{end_mark}{after}", encoding="utf-8")
