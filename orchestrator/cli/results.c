/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/results.h"

#include "base/utf8.h"
#include "cli/screen.h"
#include "cli/gate_words.h"
#include "cli/summary.h"
#include "store/registry.h"
#include "store/runs.h"

#include <math.h>
#include <unistd.h>

enum {
    METRICS_SHOWN = 12,
    METRIC_COLUMNS_MAX = 5,
    NUMBER_COLUMNS = 8,
    CELL_GAP = 4,
    PLAIN_COLUMNS = 100
};

void results_load(struct results *results, const struct cli *cli, struct store *store, const struct run_view *view,
                  FILE *out)
{
    struct err ignored = {0};
    *results = (struct results){.cli = cli, .store = store, .view = view, .out = out};
    if (store_gate_list(store, view->row.run_id, view->arena, &results->gates, &results->gate_count, &ignored) < 0) {
        results->gate_count = 0;
    }
}

static void heading(const struct results *r, const char *words)
{
    fprintf(r->out, "\n%s%s%s\n", r->cli->colour ? "\033[1m" : "", words, summary_reset(r->cli));
}

static const char *dim(const struct results *r)
{
    return r->cli->colour ? "\033[2m" : "";
}

static const char *step_id(const struct results *r, size_t index)
{
    return arena_str(r->view->arena, r->view->pipeline->steps[index].id).p;
}

static const char *run_name(const struct results *r)
{
    return arena_printf(r->view->arena, "%s/%s", r->view->row.pipeline, r->view->label);
}

/* ---- gates ------------------------------------------------------------------------------------------------- */

const char *results_refusal(const struct results *r, struct str step)
{
    for (size_t i = r->gate_count; i > 0; i--) {
        const struct gate *gate = &r->gates[i - 1];
        if (!gate->passed && str_is(step, gate->step) && gate_rules(gate)->u.array.count > 0) {
            return gate_counted(r->view->arena, gate);
        }
    }
    return NULL;
}

static void print_gates(const struct results *r)
{
    for (size_t i = 0; i < r->gate_count; i++) {
        const struct gate *gate = &r->gates[i];
        enum step_state look = gate->passed ? STEP_STATE_SUCCEEDED : STEP_STATE_FAILED;
        const struct json *dataset = json_get(&gate->record, "dataset");
        const char *data = dataset == NULL ? "" : json_get_text(dataset, "name", "");
        const char *replay = gate_replay_words(r->view->arena, gate);
        if (i == 0) {
            heading(r, "Gates");
        }
        fprintf(r->out, "  %s %s%s%s%s%s%s%s\n", gate->step, summary_colour(r->cli, look),
                gate_verdict(r->view->arena, gate), summary_reset(r->cli), *data == '\0' ? "" : ", on ", data,
                replay == NULL ? "" : ", ", replay == NULL ? "" : replay);
        gate_print_rules(r->cli, gate, r->view->arena, r->out);
    }
}

/* ---- metrics ----------------------------------------------------------------------------------------------- */

/* What is shown first: what a gate looked at, then the plain ones, then averages over classes. Those of one slice or
 * class ("a/b", "a:b") are for `show --json`, unless there are no others. */
enum rank { RANK_RULED, RANK_PLAIN, RANK_AVERAGED, RANK_DETAILED };

static bool is_ruled(const struct results *r, const char *step, struct str key)
{
    for (size_t i = 0; i < r->gate_count; i++) {
        const struct json *rules = gate_rules(&r->gates[i]);
        for (size_t k = 0; strcmp(r->gates[i].step, step) == 0 && k < rules->u.array.count; k++) {
            if (str_is(key, json_get_text(&rules->u.array.items[k], "metric", ""))) {
                return true;
            }
        }
    }
    return false;
}

static enum rank rank_of(const struct results *r, const char *step, struct str key)
{
    static const char *const averages[] = {"_macro", "_micro", "_weighted"};
    if (str_find_byte(key, '/', 0) >= 0 || str_find_byte(key, ':', 0) >= 0) {
        return RANK_DETAILED;
    }
    if (is_ruled(r, step, key)) {
        return RANK_RULED;
    }
    for (size_t i = 0; i < sizeof averages / sizeof averages[0]; i++) {
        if (str_ends(key, str_from(averages[i]))) {
            return RANK_AVERAGED;
        }
    }
    return RANK_PLAIN;
}

static size_t choose_metrics(const struct results *r, const char *step, const struct json *metrics,
                             const struct json_member **chosen, size_t most)
{
    size_t count = 0;
    for (enum rank rank = RANK_RULED; rank <= RANK_DETAILED && (rank < RANK_DETAILED || count == 0); rank++) {
        for (size_t i = 0; i < metrics->u.object.count && count < most; i++) {
            const struct json_member *member = &metrics->u.object.members[i];
            if (rank_of(r, step, member->key) == rank) {
                chosen[count++] = member;
            }
        }
    }
    return count;
}

static double number_of(const struct json *value)
{
    double number = NAN;
    (void)json_as_number(value, &number);
    return number;
}

/* Name and value side by side, as many columns of them as the line has room for. */
static void print_grid(const struct results *r, const char *step, const struct json *metrics)
{
    const struct json_member *chosen[METRICS_SHOWN];
    size_t count = choose_metrics(r, step, metrics, chosen, METRICS_SHOWN);
    int widest = 0;
    for (size_t i = 0; i < count; i++) {
        int columns = (int)utf8_columns(chosen[i]->key);
        widest = columns > widest ? columns : widest;
    }
    int line = r->cli->terminal ? screen_size().columns : PLAIN_COLUMNS;
    int cell = widest + 2 + NUMBER_COLUMNS + CELL_GAP;
    size_t across = line > cell ? (size_t)(line / cell) : 1;
    fprintf(r->out, "  %s\n", step);
    for (size_t i = 0; i < count; i++) {
        bool last = (i + 1) % across == 0 || i + 1 == count;
        fprintf(r->out, "    %.*s%*s  %-*.4g%s", STR_ARG(chosen[i]->key),
                widest - (int)utf8_columns(chosen[i]->key), "", last ? 0 : NUMBER_COLUMNS,
                number_of(&chosen[i]->value), last ? "\n" : "");
    }
    if (metrics->u.object.count > count) {
        fprintf(r->out, "    %sand %zu more: sluice show %s --json%s\n", dim(r), metrics->u.object.count - count,
                run_name(r), summary_reset(r->cli));
    }
}

/* The step that chose among the items of a matrix, and which it took; SIZE_MAX when none did. */
static size_t chosen_item(const struct results *r, size_t matrix, const char **ret_by)
{
    for (size_t i = 0; i < r->view->pipeline->step_count; i++) {
        const struct step *step = &r->view->pipeline->steps[i];
        bool needs_it = false;
        for (size_t n = 0; n < step->need_count; n++) {
            needs_it = needs_it || step->needs[n].step == matrix;
        }
        if (needs_it && str_is(step->uses, "select") && r->view->run->steps[i].item_count == 1) {
            int64_t index = json_get_int(&r->view->run->steps[i].items[0].outputs, "index", -1);
            *ret_by = step_id(r, i);
            return index < 0 ? SIZE_MAX : (size_t)index;
        }
    }
    return SIZE_MAX;
}

/* One line for each item of a matrix, the same metrics below each other. */
static void print_items(const struct results *r, size_t index)
{
    const struct run_step *step = &r->view->run->steps[index];
    const struct json_member *columns[METRIC_COLUMNS_MAX];
    const char *by = "";
    size_t first = 0;
    while (first < step->item_count && step->items[first].metrics.u.object.count == 0) {
        first++;
    }
    if (first == step->item_count) {
        return;
    }
    size_t chosen = chosen_item(r, index, &by);
    size_t count =
        choose_metrics(r, step_id(r, index), &step->items[first].metrics, columns, METRIC_COLUMNS_MAX);
    fprintf(r->out, "  %-8s", step_id(r, index));
    for (size_t c = 0; c < count; c++) {
        fprintf(r->out, "  %*.*s", columns[c]->key.n < 8 ? 8 : 0, STR_ARG(columns[c]->key));
    }
    fprintf(r->out, "\n");
    for (size_t i = 0; i < step->item_count && i < ITEMS_SHOWN; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "[%zu]", i);
        fprintf(r->out, "  %*s", (int)(strlen(step_id(r, index)) > 8 ? strlen(step_id(r, index)) : 8), name);
        for (size_t c = 0; c < count; c++) {
            const struct json *value = json_get_str(&step->items[i].metrics, columns[c]->key);
            int width = (int)(columns[c]->key.n < 8 ? 8 : columns[c]->key.n);
            if (value == NULL) {
                fprintf(r->out, "  %*s", width, "-");
            } else {
                fprintf(r->out, "  %*.4g", width, number_of(value));
            }
        }
        fprintf(r->out, "%s%s\n", i == chosen ? "  \u2190 " : "", i == chosen ? by : "");
    }
    if (step->item_count > ITEMS_SHOWN) {
        fprintf(r->out, "    %sand %zu more: sluice show %s --json%s\n", dim(r), step->item_count - ITEMS_SHOWN,
                run_name(r), summary_reset(r->cli));
    }
}

static bool has_metrics(const struct run_step *step)
{
    for (size_t i = 0; i < step->item_count; i++) {
        if (step->items[i].metrics.type == JSON_OBJECT && step->items[i].metrics.u.object.count > 0) {
            return true;
        }
    }
    return false;
}

static void print_metrics(const struct results *r)
{
    bool first = true;
    for (size_t i = 0; i < r->view->pipeline->step_count; i++) {
        const struct run_step *step = &r->view->run->steps[i];
        if (!has_metrics(step)) {
            continue;
        }
        if (first) {
            heading(r, "Metrics");
            first = false;
        }
        if (r->view->pipeline->steps[i].matrix != NULL) {
            print_items(r, i);
        } else {
            print_grid(r, step_id(r, i), &step->items[0].metrics);
        }
    }
}

/* ---- models ------------------------------------------------------------------------------------------------ */

/* "champion, challenger": what points to the version of "models:/NAME/VERSION" now; "" when nothing does. */
static const char *aliases_of(const struct results *r, const char *uri)
{
    struct str name = str_from(uri);
    struct json aliases = json_object();
    struct err ignored = {0};
    const char *words = "";
    ptrdiff_t slash = str_starts(name, STR("models:/")) ? str_find_byte(name, '/', 8) : -1;
    if (slash < 0 || store_alias_list(r->store, arena_str(r->view->arena, str_slice(name, 8, (size_t)slash)).p,
                                      r->view->arena, &aliases, &ignored) < 0) {
        return "";
    }
    int64_t version = strtoll(uri + slash + 1, NULL, 10);
    for (size_t i = 0; i < aliases.u.object.count; i++) {
        const struct json_member *alias = &aliases.u.object.members[i];
        if (alias->value.u.integer == version) {
            words = arena_printf(r->view->arena, "%s%s%.*s", words, *words == '\0' ? "  now @" : ", @",
                                 STR_ARG(alias->key));
        }
    }
    return words;
}

/* Below the working directory a path is shown from there, as the user would type it. */
static const char *short_path(const char *path)
{
    char here[4096];
    size_t length = getcwd(here, sizeof here) == NULL ? 0 : strlen(here);
    return length > 1 && strncmp(path, here, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

static void print_models(const struct results *r)
{
    bool first = true;
    for (size_t i = 0; i < r->view->pipeline->step_count; i++) {
        const struct run_step *step = &r->view->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            const struct run_item *item = &step->items[k];
            const char *uri = json_get_text(&item->outputs, "model_uri", item->model_uri);
            const char *deployed = str_is(r->view->pipeline->steps[i].uses, "deploy")
                                       ? json_get_text(&item->outputs, "path", NULL)
                                       : NULL;
            if ((uri == NULL && deployed == NULL) || (step->item_count > 1 && item->model_id != NULL)) {
                continue;
            }
            if (first) {
                heading(r, "Models");
                first = false;
            }
            fprintf(r->out, "  %s: %s%s\n", step_id(r, i), uri != NULL ? uri : short_path(deployed),
                    uri == NULL ? "" : aliases_of(r, uri));
        }
    }
}

/* ---- artifacts --------------------------------------------------------------------------------------------- */

/* How many files the step's runs have left, and the folder of the last that left some. */
static size_t files_of(const struct results *r, const struct run_step *step, const char **ret_folder)
{
    size_t files = 0;
    for (size_t k = 0; k < step->item_count; k++) {
        struct artifact *artifacts = NULL;
        size_t count = 0;
        struct run_info info;
        struct err ignored = {0};
        const char *run_id = step->items[k].step_run_id;
        if (run_id != NULL &&
            store_artifact_list(r->store, run_id, r->view->arena, &artifacts, &count, &ignored) == 0 && count > 0 &&
            store_run_get(r->store, run_id, r->view->arena, &info, &ignored) == 0) {
            files += count;
            *ret_folder = info.artifact_uri;
        }
    }
    return files;
}

/* On a terminal a path that does not fit stands on the next line, whole: it is there to be copied. */
static void print_folder(const struct results *r, const char *words, const char *path)
{
    int columns = screen_line_columns(r->cli);
    bool fits = columns == 0 || utf8_columns(str_from(words)) + utf8_columns(str_from(path)) + 3 < (size_t)columns;
    fprintf(r->out, "  %s%s%s\n", words, fits ? " " : "\n    ", path);
}

static void print_artifacts(const struct results *r)
{
    bool first = true;
    for (size_t i = 0; i < r->view->pipeline->step_count; i++) {
        const struct run_step *step = &r->view->run->steps[i];
        const char *folder = "";
        size_t files = files_of(r, step, &folder);
        if (files == 0) {
            continue;
        }
        if (first) {
            heading(r, "Artifacts");
            first = false;
        }
        if (step->item_count > 1) {
            fprintf(r->out, "  %s: %zu files of %zu items: sluice artifacts %s\n", step_id(r, i), files,
                    step->item_count, run_name(r));
        } else {
            print_folder(r, arena_printf(r->view->arena, "%s: %zu file%s in", step_id(r, i), files,
                                         files == 1 ? "" : "s"), short_path(folder));
        }
    }
}

void results_print(const struct results *results)
{
    print_metrics(results);
    print_gates(results);
    print_models(results);
    print_artifacts(results);
}
