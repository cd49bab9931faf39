/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diag_print.h"

#include "base/json.h"
#include "base/utf8.h"
#include "digest/digest.h"

static const char *const format_names[] = {"text", "json", "sarif", "github", "gitlab"};
static const char *const level_names[] = {"error", "warning", "note"};

int diag_format_parse(const char *word)
{
    for (int i = 0; i < (int)(sizeof format_names / sizeof format_names[0]); i++) {
        if (strcmp(word, format_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- text --------------------------------------------------------------------------------------------- */

enum { LINE_SHOWN = 160 };

/* The line of the file with a caret under the place. A long line is shown around it. */
static void print_source(const struct diags *diags, const struct diag *diag, bool colour, FILE *out)
{
    struct str line = diags_source_line(diags, diag->pos.line);
    if (line.n == 0) {
        return;
    }
    int column = diag->pos.column;
    int first = column > LINE_SHOWN - 40 ? column - 60 : 1;
    fprintf(out, "%5d | ", diag->pos.line);
    int at = 1;
    for (size_t i = 0; i < line.n && at < first + LINE_SHOWN; i++) {
        unsigned char byte = (unsigned char)line.p[i];
        bool starts = (byte & 0xC0) != 0x80;
        if (at + (starts ? 0 : -1) >= first) {
            fputc(byte == '\t' || byte < 0x20 || byte == 0x7F ? ' ' : byte, out);
        }
        at += starts ? 1 : 0;
    }
    int carets = diag->end_column > column && diag->end_column - column < LINE_SHOWN ? diag->end_column - column : 1;
    fprintf(out, "\n      | %*s%s", column - first, "", colour ? "\033[31m" : "");
    for (int i = 0; i < carets; i++) {
        fputc('^', out);
    }
    fprintf(out, "%s\n", colour ? "\033[0m" : "");
}

static void print_text(const struct diags *diags, bool colour, FILE *out)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        const char *tint = !colour ? "" : diag->level == DIAG_ERROR ? "\033[31m" : "\033[33m";
        fprintf(out, "%s", diags->file);
        if (diag->pos.line > 0) {
            fprintf(out, ":%d:%d", diag->pos.line, diag->pos.column);
        }
        fprintf(out, ": %s%s %s%s: %s\n", tint, level_names[diag->level], diag_code_text(diag->code),
                colour ? "\033[0m" : "", diag->message);
        if (diag->pos.line > 0) {
            print_source(diags, diag, colour, out);
        }
        if (diag->hint != NULL) {
            fprintf(out, "      = %s\n", diag->hint);
        }
    }
}

/* ---- GitHub ------------------------------------------------------------------------------------------- */

static void print_escaped(const char *text, bool property, FILE *out)
{
    for (; *text != '\0'; text++) {
        bool special = *text == '%' || *text == '\n' || *text == '\r' || (property && (*text == ':' || *text == ','));
        if (special) {
            fprintf(out, "%%%02X", (unsigned char)*text);
        } else {
            fputc(*text, out);
        }
    }
}

static void print_github(const struct diags *diags, FILE *out)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *diag = &diags->items[i];
        fprintf(out, "::%s file=", diag->level == DIAG_NOTE ? "notice" : level_names[diag->level]);
        print_escaped(diags->file, true, out);
        fprintf(out, ",line=%d,col=%d", diag->pos.line > 0 ? diag->pos.line : 1,
                diag->pos.column > 0 ? diag->pos.column : 1);
        if (diag->end_column > diag->pos.column) {
            fprintf(out, ",endColumn=%d", diag->end_column);
        }
        fprintf(out, ",title=sluice %s::", diag_code_text(diag->code));
        print_escaped(diag->message, false, out);
        if (diag->hint != NULL) {
            print_escaped(": ", false, out);
            print_escaped(diag->hint, false, out);
        }
        fputc('\n', out);
    }
}

/* ---- JSON and SARIF -------------------------------------------------------------------------------------- */

static void print_json_value(const struct json *value, FILE *out)
{
    struct strbuf text;
    strbuf_init(&text, 64 << 20);
    json_write_pretty(&text, value);
    fprintf(out, "%s\n", text.data);
    strbuf_clear(&text);
}

static struct json json_of(const struct diags *diags, const struct diag *diag)
{
    struct arena *arena = diags->arena;
    struct json object = json_object();
    json_set(arena, &object, "level", json_cstring(arena, level_names[diag->level]));
    json_set(arena, &object, "code", json_cstring(arena, diag_code_text(diag->code)));
    json_set(arena, &object, "line", json_int(diag->pos.line));
    json_set(arena, &object, "column", json_int(diag->pos.column));
    json_set(arena, &object, "end_column", diag->end_column > 0 ? json_int(diag->end_column) : json_null());
    json_set(arena, &object, "message", json_cstring(arena, diag->message));
    json_set(arena, &object, "hint", diag->hint != NULL ? json_cstring(arena, diag->hint) : json_null());
    return object;
}

static void print_json(struct diags *files, size_t count, FILE *out)
{
    struct arena *arena = files[0].arena;
    struct json object = json_object();
    struct json list = json_array();
    bool valid = true;
    for (size_t f = 0; f < count; f++) {
        struct json file = json_object();
        struct json items = json_array();
        int64_t warnings = 0;
        for (size_t i = 0; i < files[f].count; i++) {
            json_push(arena, &items, json_of(&files[f], &files[f].items[i]));
            warnings += files[f].items[i].level == DIAG_WARNING ? 1 : 0;
        }
        valid = valid && files[f].errors == 0;
        json_set(arena, &file, "file", json_cstring(arena, files[f].file));
        json_set(arena, &file, "errors", json_int((int64_t)files[f].errors));
        json_set(arena, &file, "warnings", json_int(warnings));
        json_set(arena, &file, "diagnostics", items);
        json_push(arena, &list, file);
    }
    json_set(arena, &object, "valid", json_bool(valid));
    json_set(arena, &object, "files", list);
    print_json_value(&object, out);
}

/* A file's name as a relative reference of RFC 3986: what has a meaning there is escaped. */
static struct json uri_of(struct arena *arena, const char *file)
{
    struct strbuf text;
    strbuf_init(&text, 64 << 10);
    for (; *file != '\0'; file++) {
        bool plain = (*file >= 'a' && *file <= 'z') || (*file >= 'A' && *file <= 'Z') ||
                     (*file >= '0' && *file <= '9') || strchr("-._~/", *file) != NULL;
        if (plain) {
            strbuf_add_byte(&text, *file);
        } else {
            strbuf_printf(&text, "%%%02X", (unsigned char)*file);
        }
    }
    struct json uri = json_string(arena, strbuf_str(&text));
    strbuf_clear(&text);
    return uri;
}

static struct json sarif_location(struct arena *arena, const struct diags *diags, const struct diag *diag)
{
    struct json uri = json_object();
    struct json region = json_object();
    struct json physical = json_object();
    struct json location = json_object();
    json_set(arena, &uri, "uri", uri_of(arena, diags->file));
    json_set(arena, &region, "startLine", json_int(diag->pos.line > 0 ? diag->pos.line : 1));
    json_set(arena, &region, "startColumn", json_int(diag->pos.column > 0 ? diag->pos.column : 1));
    if (diag->end_column > diag->pos.column) {
        json_set(arena, &region, "endColumn", json_int(diag->end_column));
    }
    json_set(arena, &physical, "artifactLocation", uri);
    json_set(arena, &physical, "region", region);
    json_set(arena, &location, "physicalLocation", physical);
    return location;
}

static struct json sarif_result(struct arena *arena, const struct diags *diags, const struct diag *diag)
{
    struct json result = json_object();
    struct json message = json_object();
    struct json locations = json_array();
    const char *text = diag->hint == NULL ? diag->message : arena_printf(arena, "%s: %s", diag->message, diag->hint);
    json_set(arena, &message, "text", json_cstring(arena, text));
    json_push(arena, &locations, sarif_location(arena, diags, diag));
    json_set(arena, &result, "ruleId", json_cstring(arena, diag_code_text(diag->code)));
    json_set(arena, &result, "level", json_cstring(arena, level_names[diag->level]));
    json_set(arena, &result, "message", message);
    json_set(arena, &result, "locations", locations);
    return result;
}

static void print_sarif(struct diags *files, size_t count, FILE *out)
{
    struct arena *arena = files[0].arena;
    struct json driver = json_object();
    struct json tool = json_object();
    struct json results = json_array();
    struct json run = json_object();
    struct json runs = json_array();
    struct json log = json_object();
    for (size_t f = 0; f < count; f++) {
        for (size_t i = 0; i < files[f].count; i++) {
            json_push(arena, &results, sarif_result(arena, &files[f], &files[f].items[i]));
        }
    }
    json_set(arena, &driver, "name", json_cstring(arena, "sluice"));
    json_set(arena, &driver, "version", json_cstring(arena, SLUICE_VERSION));
    json_set(arena, &tool, "driver", driver);
    json_set(arena, &run, "tool", tool);
    json_set(arena, &run, "columnKind", json_cstring(arena, "unicodeCodePoints"));
    json_set(arena, &run, "results", results);
    json_push(arena, &runs, run);
    json_set(arena, &log, "$schema", json_cstring(arena, "https://json.schemastore.org/sarif-2.1.0.json"));
    json_set(arena, &log, "version", json_cstring(arena, "2.1.0"));
    json_set(arena, &log, "runs", runs);
    print_json_value(&log, out);
}

/* ---- GitLab's report of code quality ------------------------------------------------------------------------- */

/* By what a problem is known again in the next commit: not by its line, which moves. */
static const char *fingerprint_of(const struct diags *diags, size_t at)
{
    const struct diag *diag = &diags->items[at];
    int before = 0;
    for (size_t i = 0; i < at; i++) {
        before += diags->items[i].code == diag->code && strcmp(diags->items[i].message, diag->message) == 0 ? 1 : 0;
    }
    const char *text = arena_printf(diags->arena, "%s\n%s\n%s\n%d", diags->file, diag_code_text(diag->code),
                                    diag->message, before);
    struct digest digest = digest_bytes(str_from(text));
    return arena_strdup(diags->arena, digest.hex);
}

static struct json quality_of(struct diags *diags, size_t at)
{
    static const char *const severities[] = {"major", "minor", "info"};
    struct arena *arena = diags->arena;
    const struct diag *diag = &diags->items[at];
    struct json object = json_object();
    struct json location = json_object();
    struct json lines = json_object();
    const char *text = diag->hint == NULL ? diag->message : arena_printf(arena, "%s: %s", diag->message, diag->hint);
    json_set(arena, &lines, "begin", json_int(diag->pos.line > 0 ? diag->pos.line : 1));
    json_set(arena, &location, "path", json_cstring(arena, diags->file));
    json_set(arena, &location, "lines", lines);
    json_set(arena, &object, "description", json_cstring(arena, text));
    json_set(arena, &object, "check_name", json_cstring(arena, arena_printf(arena, "sluice %s",
                                                                            diag_code_text(diag->code))));
    json_set(arena, &object, "fingerprint", json_cstring(arena, fingerprint_of(diags, at)));
    json_set(arena, &object, "severity", json_cstring(arena, severities[diag->level]));
    json_set(arena, &object, "location", location);
    return object;
}

static void print_gitlab(struct diags *files, size_t count, FILE *out)
{
    struct arena *arena = files[0].arena;
    struct json list = json_array();
    for (size_t f = 0; f < count; f++) {
        for (size_t i = 0; i < files[f].count; i++) {
            json_push(arena, &list, quality_of(&files[f], i));
        }
    }
    print_json_value(&list, out);
}

void diag_print(enum diag_format format, struct diags *files, size_t count, bool colour, FILE *out)
{
    for (size_t f = 0; f < count; f++) {
        diags_sort(&files[f]);
    }
    switch (format) {
    case DIAG_FORMAT_JSON:
        print_json(files, count, out);
        return;
    case DIAG_FORMAT_SARIF:
        print_sarif(files, count, out);
        return;
    case DIAG_FORMAT_GITLAB:
        print_gitlab(files, count, out);
        return;
    case DIAG_FORMAT_GITHUB:
    case DIAG_FORMAT_TEXT:
        break;
    }
    for (size_t f = 0; f < count; f++) {
        if (format == DIAG_FORMAT_GITHUB) {
            print_github(&files[f], out);
        } else {
            print_text(&files[f], colour, out);
        }
    }
}
