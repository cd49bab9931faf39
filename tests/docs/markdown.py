# SPDX-License-Identifier: Apache-2.0
"""The pages of the documents: their fenced blocks, headings and links."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOBS = ("README.md", "docs/**/*.md", "plugins/*/README.md", "lua/README.md", "examples/README.md",
         "examples/*/README.md", "pipelines/README.md")
DIRECTIVE = re.compile(r"<!-- test: (.*?) -->\s*$")


class Block:
    """One fenced block, with what the comments right above it tell the tests."""

    def __init__(self, page, line, language, text, directives):
        self.page, self.line, self.language, self.text, self.directives = page, line, language, text, directives

    def directive(self, word):
        """What stands behind `word` in a comment above the block, "" when the word stands alone, else None."""
        for directive in self.directives:
            first, _, rest = directive.partition(" ")
            if first == word:
                return rest
        return None

    def __str__(self):
        return f"{self.page}:{self.line}"


def pages():
    found = []
    for glob in GLOBS:
        found += sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(glob))
    return found


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, text=None):
    """The fenced blocks of a page, in order."""
    found, directives, fence = [], [], None
    for number, line in enumerate((read(page) if text is None else text).splitlines(), 1):
        opening = re.match(r"( *)```([a-z]*)\s*$", line)
        if fence is not None:
            if line.strip() == "```":
                found.append(Block(page, fence[0], fence[1], "\n".join(fence[3]) + "\n", directives))
                fence, directives = None, []
            else:
                fence[3].append(line[fence[2]:] if line[:fence[2]].strip() == "" else line)
        elif opening:
            fence = (number, opening.group(2), len(opening.group(1)), [])
        elif (directive := DIRECTIVE.match(line.strip())):
            directives.append(directive.group(1))
        elif line.strip():
            directives = []
    assert fence is None, f"{page}:{fence[0]}: this block does not end"
    return found


def prose(page):
    """The page without its fenced blocks; the lines keep their numbers."""
    lines, inside = [], False
    for line in read(page).splitlines():
        if re.match(r" *```", line):
            inside = not inside
            line = ""
        lines.append("" if inside else line)
    return lines


def anchors(page):
    """The names that GitHub gives to the headings of a page."""
    found = set()
    for line in prose(page):
        heading = re.match(r"#+ (.*)", line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            count = 1
            while (name if count == 1 else f"{name}-{count - 1}") in found:
                count += 1
            found.add(name if count == 1 else f"{name}-{count - 1}")
    return found


def links(page):
    """(line, target) of each link that is no address on the web."""
    for number, line in enumerate(prose(page), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if not re.match(r"[a-z]+:", target):
                yield number, target
