# SPDX-License-Identifier: Apache-2.0
"""Links between pages lead somewhere, and each page can be reached from the README."""
import posixpath

from markdown import ROOT, anchors, links, pages


def test_links_lead_to_files_and_headings_that_exist():
    problems = []
    for page in pages():
        for line, target in links(page):
            path, _, anchor = target.partition("#")
            there = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
            if not (ROOT / there).exists():
                problems.append(f"{page}:{line}: there is no '{there}'")
            elif anchor and anchor not in anchors(there):
                problems.append(f"{page}:{line}: '{there}' has no heading '#{anchor}'")
    assert not problems, "\n".join(problems)


def test_each_page_can_be_reached_from_the_readme():
    seen, ahead = set(), ["README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen or not page.endswith(".md"):
            continue
        seen.add(page)
        for _, target in links(page):
            path = target.partition("#")[0]
            if path:
                ahead.append(posixpath.normpath(posixpath.join(posixpath.dirname(page), path)))
    assert {page for page in pages() if page.startswith("docs/")} <= seen
