#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the pages that say again what the programs know: docs/cli.md from the help of each command,
docs/plugin-reference.md from what `sluice plugins show` says of the bundled plugins, and docs/rest-reference.md from
`sluice openapi`.

    generate.py [--check] [BUILD]        --check: exit 1 when a page is not what would be written
"""
import difflib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTE = "<!-- Written by tests/docs/generate.py (make docs) from what the program says: change it there. -->\n"
FLAGS = {"repeatable": "may be repeated", "gate": "may refuse", "cacheable": "may be cached"}


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"NO_COLOR": "1", "LANG": "C.UTF-8"},
                          cwd="/").stdout


def cell(text):
    return re.sub(r"<([^<>]*)>", r"`<\1>`", text).replace("|", "\\|")


# ---- commands ----

def command_groups(listing):
    """[(group, [(command, summary)])] of `sluice --help`."""
    groups = []
    for line in listing.splitlines():
        row = re.match(r"  (\S+(?: \S+)*?) {2,}(.*)|  (\S{18,}) (.*)", line)
        if re.match(r"\S+$", line) and line != "Usage":
            groups.append((line, []))
        elif row and groups:
            groups[-1][1].append((row.group(1) or row.group(3), row.group(2) or row.group(4)))
    return groups


def sections(text):
    """The help of a command, cut at its headings: {heading: lines}; the usage is all up to the first options."""
    found, heading = {"Usage": []}, "Usage"
    for line in text.splitlines()[2:]:
        if line in ("Usage", "Options", "Options of every command", "Examples", "See also"):
            heading = line
            found[heading] = []
        else:
            found[heading].append(line)
    return found


def option_rows(lines):
    rows = []
    for line in lines:
        match = re.match(r"  (?:(-\w), |    )(--[\w-]+)(?: ([A-Z|:=]+(?:\.\.\.)?))? +(.*)", line)
        if match:
            letter, name, argument, doc = match.groups()
            spelling = ", ".join(f"`{word}{' ' + argument if argument else ''}`" for word in (letter, name) if word)
            rows.append(f"| {spelling} | {cell(doc)} |")
        elif line.strip():
            raise ValueError(f"an option that cannot be read: {line!r}")
    return rows


def table(head, rows):
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *rows]) + "\n"


def with_fences(lines):
    """Lines that begin with a blank or a mark of Markdown's are shown as they are."""
    text, inside = "", False
    for line in lines:
        plain = line.startswith((" ", "#"))
        if plain != inside:
            text += "```text\n" if plain else "```\n"
            inside = plain
        text += line + "\n"
    return text + ("```\n" if inside else "")


def command_section(sluice, name, summary):
    parts = sections(output_of(sluice, *name.split(), "--help"))
    usage, *details = "\n".join(parts["Usage"]).strip("\n").split("\n")
    text = f"### sluice {name}\n\n{summary[0].upper()}{summary[1:]}{'' if summary[-1] in '.?!' else '.'}\n\n"
    text += f"```text\n{usage.strip()}\n```\n\n"
    body = with_fences(details).strip()
    text += f"{body}\n\n" if body else ""
    rows = option_rows(parts.get("Options", []))
    text += table("| option | |", rows) + "\n" if rows else ""
    examples = "\n".join(line[2:] for line in parts["Examples"] if line.strip())
    return text + f"```text\n{examples}\n```\n"


def command_page(build):
    sluice = str(build / "sluice")
    groups = command_groups(output_of(sluice, "--help"))
    common = sections(output_of(sluice, groups[0][1][0][0], "--help"))["Options of every command"]
    text = f"# Commands\n\n{NOTE}\nEvery command has `--help`; `sluice man COMMAND` prints the same as a man page.\n\n"
    text += table("| command | |", [f"| [`{name}`](#sluice-{name.replace(' ', '-')}) | {cell(summary)} |"
                                    for _, rows in groups for name, summary in rows])
    text += "\n## Of every command\n\n" + table("| option | |", option_rows(common))
    text += "\nStandard output is data, standard error is messages. RUN is a number (`12`), a pipeline and a number "
    text += "(`wine/12`), `latest`, or a run id.\n\n" + table("| exit code | meaning |", exit_codes(sluice))
    for group, rows in groups:
        text += f"\n## {group}\n"
        for name, summary in rows:
            text += "\n" + command_section(sluice, name, summary)
    return text


def exit_codes(sluice):
    text = re.search(r"\.SH EXIT STATUS\n(.*?)\n\.SH", output_of(sluice, "man"), re.S).group(1).replace("\\-", "-")
    if ".TP\n" in text:
        pairs = [item.strip().split("\n", 1) for item in text.split(".TP\n") if item.strip()]
    else:
        pairs = re.findall(r"(\d+) ([^,]+)", text.replace("\n", " ").rstrip("."))
    return [f"| {code} | {cell(meaning)} |" for code, meaning in pairs]


# ---- plugins ----

def plugin_rules(row):
    said = ["required"] if row["required"] else []
    if "default" in row:
        said.append(f"default `{row['default'] if isinstance(row['default'], str) else json.dumps(row['default'])}`")
    if "choices" in row:
        said.append("one of " + ", ".join(f"`{choice}`" for choice in row["choices"]))
    if "items" in row:
        said.append(f"its items {row['items']}")
    if "format" in row:
        said.append(f"format [`{row['format']}`](plugins.md#writing-one)")
    for keys in row.get("keys", []):
        said.append(f"keys{' with ' if keys['with'] else ''}{keys['with']}: {keys['keys']}".replace("*", "\\*"))
    said += [f"{word} {row[key]:g}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in row]
    return "; ".join(said + (["a secret"] if row["secret"] else []))


def plugin_section(about):
    flags = [words for key, words in FLAGS.items() if about[key]]
    more = f"[More, with an example](../plugins/{about['name']}/README.md)."
    text = f"## {about['name']}\n\n{about['summary']} {more}\n\n"
    text += f"Version {about['version']}" + (f"; {' and '.join(flags)}" if flags else "") + ".\n\n"
    text += table("| input | type | | |", [f"| `{row['name']}` | {row['type']} | {cell(plugin_rules(row))} | "
                                           f"{cell(row['doc'])} |" for row in about["inputs"]])
    return text + "\n" + table("| output | type | |", [f"| `{row['name']}` | {row['type']} | {cell(row['doc'])} |"
                                                       for row in about["outputs"]])


def plugin_page(build):
    names = sorted(path.stem for path in (build / "plugins").glob("*.so"))
    shown = [json.loads(output_of(str(build / "sluice"), "plugins", "show", name, "--json")) for name in names]
    text = f"# The bundled plugins\n\n{NOTE}\nWhat `sluice plugins show` says of each. "
    text += "[Plugins](plugins.md) tells how they work and how to write one.\n\n"
    text += " · ".join(f"[{name}](#{name})" for name in names) + "\n"
    return text + "".join("\n" + plugin_section(about) for about in shown)


# ---- the REST interface ----

def rest_type(schema):
    """A field's type in few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(rest_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return "list of " + rest_type(schema["items"])
    kind = schema.get("type", "any")
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"] if word is not None) + (
            " or null" if None in schema["enum"] else "")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    return "time" + words[6:] if schema.get("format") == "date-time" else words


def rest_bounds(schema):
    said = []
    if "minimum" in schema:
        said.append(f"{schema['minimum']} to {schema['maximum']}")
    return "".join(f" ({words})" for words in said)


def rest_rows(fields):
    """Rows of (name, where, required, schema)."""
    return [f"| `{name}` | {where}{', required' if required else ''} | "
            f"{cell(rest_type(schema) + rest_bounds(schema))} | {cell(schema.get('description', ''))} |"
            for name, where, required, schema in fields]


def rest_answers(operation):
    shown = []
    for status, response in sorted(operation["responses"].items()):
        kinds = [rest_type(one["schema"]) if kind == "application/json" and "$ref" in one["schema"] else f"`{kind}`"
                 for kind, one in response.get("content", {}).items()]
        if int(status) < 300:
            shown.append(f"{status}: {' or '.join(kinds) or 'nothing'}")
    errors = ", ".join(status for status in sorted(operation["responses"]) if int(status) >= 300)
    return f"Answers {'; '.join(shown)}. Errors: {errors}.\n"


def rest_operation(method, path, operation):
    text = f"### {operation['operationId']}\n\n`{method.upper()} {path}`\n\n{operation['summary']}."
    text += "\n\n" + cell(operation["description"].replace("\n\n", " ")).replace("\\|", "|") + "\n"
    fields = [(one["name"], one["in"], one.get("required", False), {**one["schema"], "description": one["schema"].get(
        "description", one.get("description", ""))}) for one in operation["parameters"]]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields += [(name, "body", name in body["required"], schema) for name, schema in body.get("properties", {}).items()]
    if fields:
        text += "\n" + table("| | in | | |", rest_rows(fields))
    return text + "\n" + rest_answers(operation)


def rest_page(build):
    document = json.loads(output_of(str(build / "sluice"), "openapi"))
    text = f"# REST reference\n\n{NOTE}\nAll below `{document['servers'][0]['url']}`; [REST](rest.md) tells how it is "
    text += "used. `sluice openapi` prints the same for machines.\n"
    groups = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    for group, operations in groups.items():
        text += f"\n## Operations: {group}\n" + "".join("\n" + rest_operation(*one) for one in operations)
    text += "\n## Objects\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        if schema.get("type") == "object":
            text += f"\n### {name}\n\n" + (schema["description"] + "\n\n" if "description" in schema else "")
            text += table("| | | |", [re.sub(r"^(\| `\w+` \|)[^|]*\|", r"\1", row) for row in rest_rows(
                (field, "", False, of) for field, of in schema["properties"].items())])
    return text


# ---- all ----

PAGES = {"docs/cli.md": command_page, "docs/plugin-reference.md": plugin_page, "docs/rest-reference.md": rest_page}


def difference(page, build):
    """What would change, as a diff; empty when the page is as it must be."""
    path = ROOT / page
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(difflib.unified_diff(old.splitlines(True), PAGES[page](build).splitlines(True), page, "generated"))


def main():
    arguments = [word for word in sys.argv[1:] if word != "--check"]
    build = pathlib.Path(arguments[0] if arguments else ROOT / "build").resolve()
    changed = False
    for page in PAGES:
        diff = difference(page, build)
        changed = changed or bool(diff)
        if "--check" in sys.argv:
            sys.stdout.write(diff)
        elif diff:
            (ROOT / page).write_text(PAGES[page](build), encoding="utf-8")
            print(f"wrote {page}")
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
