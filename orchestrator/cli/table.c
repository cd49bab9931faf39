/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include "base/clock.h"
#include "base/parse.h"
#include "base/utf8.h"

#include <stdio.h>

enum { CELL_COLUMNS_MAX = 40, COLUMNS_MAX = 16, DAY_MS = 86400000 };

void table_init(struct table *table, const struct cli *cli, const char *const *headings)
{
    *table = (struct table){.cli = cli, .headings = headings, .rows = json_array()};
    while (headings[table->columns] != NULL) {
        table->columns++;
    }
}

void table_row(struct table *table, const struct json *cells)
{
    struct json row = json_array();
    for (size_t i = 0; i < table->columns; i++) {
        json_push(table->cli->arena, &row, cells[i]);
    }
    json_push(table->cli->arena, &table->rows, row);
}

struct json table_text(const struct cli *cli, const char *text)
{
    return text == NULL ? json_null() : json_cstring(cli->arena, text);
}

struct json table_moment(const struct cli *cli, int64_t at_ms)
{
    char text[40];
    if (at_ms == 0) {
        return json_null();
    }
    if (cli->json) {
        format_time(text, sizeof text, at_ms);
        return json_cstring(cli->arena, text);
    }
    int64_t ago_ms = clock_wall_ms(&clock_system) - at_ms;
    if (ago_ms < 0 || ago_ms >= DAY_MS) {
        format_time(text, sizeof text, at_ms);
        text[10] = ' ';
        text[16] = 'Z';
        return json_string(cli->arena, (struct str){text, 17});
    }
    if (ago_ms < 1000) {
        return json_cstring(cli->arena, "just now");
    }
    format_duration(text, sizeof text, ago_ms - ago_ms % 1000);
    return json_cstring(cli->arena, arena_printf(cli->arena, "%s ago", text));
}

struct json table_duration(const struct cli *cli, int64_t from_ms, int64_t to_ms)
{
    char text[40];
    if (from_ms == 0 || to_ms < from_ms) {
        return json_null();
    }
    if (cli->json) {
        return json_int(to_ms - from_ms);
    }
    format_duration(text, sizeof text, to_ms - from_ms);
    return json_cstring(cli->arena, text);
}

struct json table_size(const struct cli *cli, int64_t bytes)
{
    char text[40];
    if (cli->json) {
        return json_int(bytes);
    }
    format_size(text, sizeof text, bytes);
    return json_cstring(cli->arena, text);
}

static struct str cell_text(const struct cli *cli, const struct json *cell)
{
    switch (cell->type) {
    case JSON_NULL:
        return STR("-");
    case JSON_STRING:
        return cell->u.string.n == 0 ? STR("-") : cell->u.string;
    case JSON_BOOL:
        return cell->u.boolean ? STR("yes") : STR("no");
    case JSON_NUMBER:
        return str_from(arena_printf(cli->arena, "%.6g", cell->u.number));
    default:
        return json_text(cli->arena, cell);
    }
}

/* As much as fits, on one line. */
static void print_cell(struct str text, size_t columns, bool last)
{
    size_t width = 0;
    size_t at = 0;
    while (at < text.n) {
        uint32_t code = 0;
        size_t size = utf8_decode(text.p + at, text.n - at, &code);
        size = size == 0 ? 1 : size;
        size_t next = width + utf8_columns(str_slice(text, at, at + size));
        if (!last && next > columns) {
            break;
        }
        unsigned char byte = (unsigned char)text.p[at];
        if (byte < 0x20 || byte == 0x7F) {
            putchar(' ');
        } else {
            (void)fwrite(text.p + at, 1, size, stdout);
        }
        width = next;
        at += size;
    }
    if (!last) {
        printf("%*s", (int)(columns > width ? columns - width : 0) + 2, "");
    }
}

/* People read the unit in the cell. */
static struct str heading_of(const char *name)
{
    struct str heading = str_from(name);
    static const char *const units[] = {"_at", "_ms", "_bytes"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_ends(heading, str_from(units[i]))) {
            return str_slice(heading, 0, heading.n - strlen(units[i]));
        }
    }
    return heading;
}

static void print_rows(const struct table *table)
{
    size_t widths[COLUMNS_MAX] = {0};
    const struct cli *cli = table->cli;
    size_t columns = table->shown == 0 ? table->columns : table->shown;
    for (size_t c = 0; c < columns; c++) {
        widths[c] = heading_of(table->headings[c]).n;
        for (size_t r = 0; r < table->rows.u.array.count; r++) {
            size_t width = utf8_columns(cell_text(cli, &table->rows.u.array.items[r].u.array.items[c]));
            width = width > CELL_COLUMNS_MAX ? CELL_COLUMNS_MAX : width;
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    printf("%s", cli->colour ? "\033[1m" : "");
    for (size_t c = 0; c < columns; c++) {
        const char *heading = table->headings[c];
        char words[64];
        struct str shown = heading_of(heading);
        (void)snprintf(words, sizeof words, "%.*s", STR_ARG(shown));
        for (char *p = words; *p != '\0'; p++) {
            *p = *p == '_' ? ' ' : *p;
        }
        print_cell(str_from(words), widths[c], c + 1 == columns);
    }
    printf("%s\n", cli->colour ? "\033[0m" : "");
    for (size_t r = 0; r < table->rows.u.array.count; r++) {
        for (size_t c = 0; c < columns; c++) {
            print_cell(cell_text(cli, &table->rows.u.array.items[r].u.array.items[c]), widths[c],
                       c + 1 == columns);
        }
        printf("\n");
    }
}

void table_print(const struct table *table, const char *empty)
{
    struct arena *arena = table->cli->arena;
    if (table->cli->json) {
        struct json list = json_array();
        for (size_t r = 0; r < table->rows.u.array.count; r++) {
            struct json object = json_object();
            for (size_t c = 0; c < table->columns; c++) {
                json_set(arena, &object, table->headings[c], table->rows.u.array.items[r].u.array.items[c]);
            }
            json_push(arena, &list, object);
        }
        printf("%s\n", json_text(arena, &list).p);
    } else if (table->rows.u.array.count == 0) {
        if (!table->cli->quiet) {
            fprintf(stderr, "%s\n", empty);
        }
    } else {
        print_rows(table);
    }
}

void table_print_filtered(const struct table *table, const char *const *filters, const char *none,
                          const char *otherwise)
{
    const struct cli *cli = table->cli;
    const char *rest = otherwise;
    for (const char *const *filter = filters; *filter != NULL; filter++) {
        if (option_given(cli, *filter)) {
            rest = arena_printf(cli->arena, " like that: 'sluice %s' lists all", cli->command->name);
        }
    }
    table_print(table, arena_printf(cli->arena, "%s%s", none, rest));
}
