# SPDX-License-Identifier: Apache-2.0
"""The pipelines of the soak, and whoever changes them while they are in force.

A source is a place that pipelines come from: `put` and `remove` change it, and each returns when the daemon can see
that. What they have put there at any time is in `texts`; `now` is what must be in force in the end.
"""
import ledger

SCHEDULED, HOOKED, ASKING, STARTED, FOLLOWING, CHANGING = "tick", "hook", "ask", "start", "follow", "changing"
SCHEDULES = 5          # of each pipeline that has some: once a minute each, spread over it by chance
CATCHUP = {"tick0": "all", "tick1": "none", "tick2": "all, overlap: queue", "tick3": "one, overlap: skip", "ask": "all"}
RETRY = "retry: {attempts: 5, delay: 20ms, on: [failure, lost]}"
HEAD = """\
name: {name}
env: {{LEDGER: "{folder}/ledger", STORE: "{store}", SAID: "{folder}/said"}}
"""
STEP = """\
  {id}:
    {more}
    run: |
{begin}
      {say}
      sleep {seconds}
{end}
"""
# A line of its own word for what a run is about, synced before the step goes on.
SAY = 'echo "$SLUICE_ATTEMPT" >> "$SAID/${{{{ params.id }}}}"; sync "$SAID/${{{{ params.id }}}}"'


def indented(text):
    return "\n".join("      " + line for line in text.splitlines())


def step(name, more="", say=":", seconds="0.05"):
    return STEP.format(id=name, more=more or RETRY, say=say.format(), seconds=seconds, begin=indented(ledger.BEGIN),
                       end=indented(ledger.END))


class Pipelines:
    """Their texts, for a home."""

    def __init__(self, home):
        self.head = {"folder": home.folder, "store": home.database}

    def text(self, name, on, steps, params=""):
        on = f"on:\n{on}" if on else ""
        return HEAD.format(name=name, **self.head) + on + params + "steps:\n" + steps

    def schedules(self, name):
        lines = [f"    - {{id: s{n}, cron: '* * * * *', jitter: 50s, catchup: {CATCHUP[name]}}}"
                 for n in range(SCHEDULES)]
        return "  schedule:\n" + "\n".join(lines) + "\n"

    def all(self):
        """{name: text}"""
        ids = "params: {id: {type: string}}\n"
        found = {name: self.text(name, self.schedules(name), step("one") + step("two", f"needs: [one]\n    {RETRY}"))
                 for name in CATCHUP if name != ASKING}
        found[HOOKED] = self.text(
            HOOKED, "  webhook:\n    verify: github\n    secret: ${{ secrets.HOOK }}\n"
            "    if: event.body.wanted\n    params: {id: '${{ event.body.id }}'}\n", step("take", say=SAY), ids)
        found[FOLLOWING] = self.text(FOLLOWING, "  pipeline: {name: hook}\n", step("after", seconds="0.01"))
        found[STARTED] = self.text(STARTED, "", step("take", say=SAY), ids)
        asks = "  sign: {needs: [make], uses: approve}\n"
        found[ASKING] = self.text(ASKING, self.schedules(ASKING), step("make", seconds="0.01") + asks
                                  + step("use", f"needs: [sign]\n    {RETRY}"))
        return found

    def changing(self, version):
        """One whose text is another one each time; its step says which. It is due often, since it may be away or dead
        when it is."""
        lines = [f"    - {{id: s{n}, cron: '* * * * *', jitter: 50s}}\n" for n in range(SCHEDULES)]
        on = "  schedule:\n" + "".join(lines)
        return self.text(CHANGING, on, step("one", f"env: {{VERSION: 'v{version}'}}\n    {RETRY}",
                                            say='echo "v$VERSION" > /dev/null'))


class FolderSource:
    """The folder of `sluice serve --pipelines`."""

    def __init__(self, home):
        self.folder, self.texts, self.now = home.folder / "pipelines", {}, {}
        self.folder.mkdir()

    def options(self):
        return ["--pipelines", str(self.folder)]

    def put(self, name, text, good=True):
        """A text that does not validate leaves in force what was."""
        new = self.folder / f".{name}.new"
        new.write_text(text, encoding="utf-8")
        new.rename(self.folder / f"{name}.yaml")
        self.texts.setdefault(name, []).append(text) if good else None
        self.now[name] = text if good else self.now.get(name)

    def remove(self, name):
        (self.folder / f"{name}.yaml").unlink(missing_ok=True)
        self.now.pop(name, None)


CHANGES = {"other": 6, "bad": 2, "gone": 1}  # how often each: mostly another version, now and then a bad one, or none


def change_one(source, pipelines, kind, version):
    """Something happens to the pipeline that changes."""
    if kind == "other":
        source.put(CHANGING, pipelines.changing(version))
    elif kind == "bad":
        source.put(CHANGING, pipelines.changing(version) + "  two: {needs: [nobody], run: 'true'}\n", good=False)
    else:
        source.remove(CHANGING)
