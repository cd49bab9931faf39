/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_tail.h"

#include "base/strbuf.h"
#include "base/utf8.h"
#include "cli/summary.h"
#include "wire/journal.h"

enum { TAILS_MAX = 3, TAIL_LINES = 6, LINE_BYTES_MAX = 1000 };

/* The last lines of one attempt, in a ring. */
struct tail {
    int64_t attempt;
    const char *name; /* "train", "train[2]" */
    struct strbuf lines[TAIL_LINES];
    size_t next; /* lines seen */
};

static size_t find_failed(const struct run_view *view, struct tail *tails)
{
    size_t count = 0;
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct step *definition = &view->pipeline->steps[i];
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; k < step->item_count && count < TAILS_MAX; k++) {
            if (step->items[k].state != STEP_STATE_FAILED || step->items[k].refused_by != NULL) {
                continue;
            }
            const struct attempt_row *attempt = run_view_attempt(view, (struct run_place){i, k});
            if (attempt == NULL) {
                continue;
            }
            const char *id = arena_str(view->arena, definition->id).p;
            tails[count++] = (struct tail){
                .attempt = attempt->id,
                .name = definition->matrix != NULL ? arena_printf(view->arena, "%s[%zu]", id, k) : id,
            };
        }
    }
    return count;
}

static void add_lines(struct tail *tail, const struct str *payload)
{
    unsigned stream = (unsigned char)payload->p[0];
    struct str rest = str_slice(*payload, stream == JOURNAL_HOST ? 2 : 1, payload->n);
    struct str line = {0};
    while (str_cut(&rest, '\n', &line)) {
        struct strbuf *room = &tail->lines[tail->next++ % TAIL_LINES];
        strbuf_reset(room);
        strbuf_add_str(room, line);
    }
}

static void read_journal(const char *path, struct tail *tails, size_t count)
{
    struct journal_reader *reader = NULL;
    struct journal_frame frame;
    struct err ignored = {0};
    if (journal_reader_open(path, 0, 0, &reader, &ignored) < 0) {
        return;
    }
    while (journal_next(reader, &frame, &ignored) == 1) {
        for (size_t i = 0; i < count && frame.type == JOURNAL_LOG && frame.payload.n > 0; i++) {
            if (tails[i].attempt == frame.attempt) {
                add_lines(&tails[i], &frame.payload);
            }
        }
    }
    journal_reader_close(reader);
}

static void print_tail(const struct cli *cli, struct tail *tail, FILE *out)
{
    size_t shown = tail->next < TAIL_LINES ? tail->next : TAIL_LINES;
    for (size_t i = tail->next - shown; i < tail->next; i++) {
        struct strbuf *line = &tail->lines[i % TAIL_LINES];
        utf8_one_line(line->data);
        fprintf(out, "  %s%s |%s %s\n", cli->colour ? "\033[2m" : "", tail->name, summary_reset(cli), line->data);
    }
}

void log_tail_print(const struct cli *cli, const struct home *home, const struct run_view *view, FILE *out)
{
    struct tail tails[TAILS_MAX];
    size_t count = find_failed(view, tails);
    bool heading = false;
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count * TAIL_LINES; i++) {
        strbuf_init(&tails[i / TAIL_LINES].lines[i % TAIL_LINES], LINE_BYTES_MAX);
    }
    read_journal(arena_printf(view->arena, "%s/runs/%s/journal", home->path, view->row.run_id), tails, count);
    for (size_t i = 0; i < count; i++) {
        if (tails[i].next > 0 && !heading) {
            fprintf(out, "\n%sLast lines%s\n", cli->colour ? "\033[1m" : "", summary_reset(cli));
            heading = true;
        }
        print_tail(cli, &tails[i], out);
    }
    for (size_t i = 0; i < count * TAIL_LINES; i++) {
        strbuf_clear(&tails[i / TAIL_LINES].lines[i % TAIL_LINES]);
    }
}
