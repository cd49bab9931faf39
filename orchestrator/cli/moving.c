/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moving.h"

#include "base/clock.h"
#include "cli/names.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const moving_kinds[] = {"experiments", "runs", "logged models", "registered models", "traces"};

enum { DRAW_EVERY_MS = 100 };

void moving_line_init(struct moving_line *line, const struct cli *cli)
{
    *line = (struct moving_line){.cli = cli, .shown = !cli->quiet && !cli->json && isatty(STDERR_FILENO) == 1};
}

void moving_line_draw(void *context, const char *what, int64_t done, int64_t all)
{
    struct moving_line *line = context;
    int64_t now_ms = clock_wall_ms(&clock_system);
    if (!line->shown || (done < all && now_ms - line->drawn_ms < DRAW_EVERY_MS)) {
        return;
    }
    line->drawn_ms = now_ms;
    (void)fprintf(stderr, "\r\033[K%s: %lld of %lld", what, (long long)done, (long long)all);
}

void moving_line_end(struct moving_line *line)
{
    if (line->shown && line->drawn_ms != 0) {
        (void)fprintf(stderr, "\r\033[K");
    }
}

int moving_mode(struct cli *cli, enum move_mode *ret, struct err *err)
{
    static const char *const modes[] = {"copy", "link", "reference", NULL};
    const char *given = option_value(cli, "artifacts");
    *ret = MOVE_COPY;
    if (given == NULL) {
        return 0;
    }
    int mode = names_choice("--artifacts", given, modes, cli->arena, err);
    *ret = mode < 0 ? MOVE_COPY : (enum move_mode)mode;
    return mode < 0 ? -1 : 0;
}

const char *moving_database_path(const char *given)
{
    static const char prefix[] = "sqlite:///";
    return str_starts(str_from(given), str_from(prefix)) ? given + strlen(prefix) : given;
}

static struct json texts(struct arena *arena, const char *const *items, size_t count)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(arena, &list, json_cstring(arena, items[i]));
    }
    return list;
}

static size_t kept(const struct move_report *report)
{
    return report->problem_count < REPORT_PROBLEMS_MAX ? report->problem_count : REPORT_PROBLEMS_MAX;
}

void moving_report_json(const struct move_report *report, struct arena *arena, struct json *object)
{
    struct json left = json_array();
    for (size_t i = 0; i < report->left_count; i++) {
        struct json item = json_object();
        json_add(arena, &item, "what", json_cstring(arena, report->left[i].what));
        json_add(arena, &item, "count", json_int(report->left[i].count));
        json_add(arena, &item, "why", json_cstring(arena, report->left[i].why));
        json_push(arena, &left, item);
    }
    json_add(arena, object, "left_out", left);
    json_add(arena, object, "notes", texts(arena, report->notes, report->note_count));
    json_add(arena, object, "problem_count", json_int((int64_t)report->problem_count));
    json_add(arena, object, "problems", texts(arena, report->problems, kept(report)));
}

void moving_report_print(const struct move_report *report)
{
    for (size_t i = 0; i < report->left_count; i++) {
        printf("left out: %lld %s: %s\n", (long long)report->left[i].count, report->left[i].what, report->left[i].why);
    }
    for (size_t i = 0; i < report->note_count; i++) {
        printf("note: %s\n", report->notes[i]);
    }
    for (size_t i = 0; i < kept(report); i++) {
        (void)fprintf(stderr, "sluice: %s\n", report->problems[i]);
    }
    if (report->problem_count > kept(report)) {
        (void)fprintf(stderr, "sluice: ... and %zu more\n", report->problem_count - kept(report));
    }
}
