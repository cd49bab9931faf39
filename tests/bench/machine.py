# SPDX-License-Identifier: Apache-2.0
"""What a benchmark says of the machine that it ran on."""
import datetime
import os
import pathlib
import platform
import subprocess
import time

from timing import ENV


def last_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)
    return (done.stdout.strip().splitlines() or ["?"])[-1]


def busy_percent(seconds=3):
    """How much of the processors somebody else uses, while we do nothing."""
    def read():
        first = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        ticks = [int(word) for word in first.split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]
    total, idle = read()
    time.sleep(seconds)
    total_after, idle_after = read()
    return 100 - 100 * (idle_after - idle) / max(1, total_after - total)


def of(folder):
    """What figures of speed mean nothing without; the disk is that of the folder."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text(encoding="ascii").split()[1])
    version_of_make = last_line("make", "-f", "/dev/null", "--eval", "all: ; @echo $(MAKE_VERSION)")
    revision = last_line("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short=10", "HEAD")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "model": model,
        "processors": os.cpu_count(), "memory": f"{memory_kib / (1 << 20):.0f} GiB",
        "disk": last_line("df", "--output=fstype", str(folder)), "system": f"Linux {platform.release().split('-')[0]}",
        "ninja": "ninja " + last_line("ninja", "--version"), "make": f"GNU make {version_of_make}",
        "revision": f"revision {revision}", "load_before": os.getloadavg()[0], "busy": busy_percent(),
    }


def words(m):
    return (f"Measured on {m['date']} at {m['revision']}, with {m['processors']} processors ({m['model']}), "
            f"{m['memory']} of memory, homes on {m['disk']}, {m['system']}. Before it began the processors were "
            f"{m['busy']:.0f} % busy with something else, and the load was {m['load_before']:.1f}")
