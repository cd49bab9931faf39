/* SPDX-License-Identifier: Apache-2.0
 * Trains a candidate for each combination of a grid with one command or Lua script, and keeps the best. The best one's
 * model is put where the step's own `model:` finds it; that writes the MLmodel and logs it. */
#include "step.h"

#include "file_text.h"
#include "folder.h"
#include "grid.h"
#include "members.h"
#include "pool.h"
#include "program.h"
#include "report.h"
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, command, "shape=list", "The program and its arguments; {NAME} stands for a param.")                         \
    P(STRING, lua, "format=lua", "A Lua script in place of a command.")                                                \
    P(ANY, inputs, "shape=map", "Of a Lua script: NAME: path, which it has as sluice.inputs.")                         \
    P(ANY, grid, "shape=map", "NAME: list of values; every combination is a candidate.")                               \
    P(ANY, candidates, "shape=list; items=map", "A list of maps instead of a grid.")                                   \
    P(ANY, params, "shape=map", "Params that all candidates share.")                                                   \
    P(STRING, metric, "required; minlen=1", "The metric that decides.")                                                \
    P(STRING, mode, "required; choices=min|max", "Whether the least or the greatest is the best.")                     \
    P(STRING, metrics, "default=metrics.json; minlen=1", "The file of metrics, below the candidate's folder.")         \
    P(STRING, model, "", "The model's file or folder, below the candidate's folder; model, if it is there.")           \
    P(INT, parallel, "default=1; min=1; max=64", "How many candidates are trained at once.")                           \
    P(INT, max_candidates, "default=100; min=1; max=10000", "More are an error.")                                      \
    P(DURATION, timeout, "", "Of one candidate.")                                                                      \
    P(STRING, on_failure, "default=skip; choices=skip|fail", "Whether one failed candidate fails the step.")           \
    P(BOOL, keep, "default=false", "Whether the folders of all candidates stay, not only the best one's.")

#define OUTPUTS(O)                                                                                                     \
    O(ANY, best, "The params of the best candidate.")                                                                  \
    O(INT, index, "Its number, from 0.")                                                                               \
    O(NUMBER, value, "Its metric.")                                                                                    \
    O(ANY, metrics, "All its metrics.")                                                                                \
    O(STRING, dir, "Its folder.")                                                                                      \
    O(STRING, model, "Its model: the file or folder `model` in the step's folder; null when there is none.")           \
    O(INT, candidates, "How many there were.")                                                                         \
    O(INT, failed, "How many of them failed.")

STEP_PARAMS_STRUCT(train_params, PARAMS);

enum { TOLD_LINES = 20, TOLD_BYTES = 16 * 1024, MOST_LOG_BYTES = 256 * 1024 * 1024 };

struct training {
    const struct step_host *host;
    const struct train_params *params;
    struct scratch scratch;
    struct trial_spec spec;
    struct grid grid;
    struct trial *trials;
    const struct trial *best;
    size_t ended, failed;
};

/* ---- before ------------------------------------------------------------------------------------- */

static bool stays_below(const char *path)
{
    return path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL &&
           (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

/* In an argument of a command a brace begins a name: two are one. */
static const char *literal(struct scratch *scratch, const char *text)
{
    struct textbuf out = {0};
    for (const char *p = text; *p != '\0'; p++) {
        textbuf_put_bytes(&out, p, 1);
        textbuf_put(&out, *p == '{' ? "{" : "");
    }
    const char *result = scratch_copy(scratch, textbuf_text(&out), out.size);
    textbuf_free(&out);
    return result;
}

/* The script is run as by `sluice lua run`: each candidate in a process of its own, with the sandbox of a Lua step. */
static const char *const *lua_command(struct training *training)
{
    const struct train_params *p = training->params;
    struct scratch *scratch = &training->scratch;
    struct textbuf inputs = {0};
    const struct step_value none = {.type = STEP_TYPE_MAP};
    value_put_json(&inputs, value_given(p->inputs) == NULL ? &none : p->inputs);
    const char *const items[] = {literal(scratch, training->host->context->runner), "lua", "run", "--params",
                                 "{params}", "--out", "{dir}", "--inputs", literal(scratch, textbuf_text(&inputs)),
                                 "--", literal(scratch, p->lua), NULL};
    const char **argv = scratch_array(scratch, sizeof items / sizeof items[0], sizeof *argv);
    memcpy(argv, items, sizeof items);
    textbuf_free(&inputs);
    return argv;
}

static int read_command(struct training *training, struct fault *fault)
{
    const struct train_params *p = training->params;
    bool lua = p->lua != NULL && p->lua[0] != '\0';
    if (lua == (value_given(p->command) != NULL)) {
        return fault_set(fault, "%s: expected exactly one of command and lua", lua ? "both are given"
                                                                                   : "none is given");
    }
    if (!lua && value_given(p->inputs) != NULL) {
        return fault_set(fault, "inputs: they are a Lua script's: expected a path among the command's arguments");
    }
    const struct step_context *context = training->host->context;
    if (lua && (context->size < sizeof *context || context->runner == NULL)) {
        return fault_set(fault, "lua: there is no program here that runs Lua scripts");
    }
    if (lua) {
        training->spec.command = lua_command(training);
        return 0;
    }
    return program_argv(&training->scratch, p->command, "command", &training->spec.command, fault);
}

static int prepare(struct training *training, struct fault *fault)
{
    const struct train_params *p = training->params;
    struct trial_spec *spec = &training->spec;
    *spec = (struct trial_spec){
        .metrics = p->metrics, .metric = p->metric, .timeout_ms = p->timeout > 0 ? p->timeout : 0};
    if (read_command(training, fault) < 0 ||
        grid_expand(&training->scratch, value_given(p->grid), value_given(p->candidates), value_given(p->params),
                    (size_t)p->max_candidates, &training->grid, fault) < 0 ||
        trial_check_command(spec, &training->grid.candidates[0], fault) < 0) {
        return -1;
    }
    if (!stays_below(p->metrics) || (p->model != NULL && !stays_below(p->model))) {
        return fault_set(fault, "%s: expected a path below the candidate's folder",
                         stays_below(p->metrics) ? "model" : "metrics");
    }
    training->trials = scratch_array(&training->scratch, training->grid.count, sizeof *training->trials);
    for (size_t i = 0; i < training->grid.count; i++) {
        training->trials[i] = (struct trial){.index = i,
                                             .params = &training->grid.candidates[i],
                                             .dir = scratch_printf(&training->scratch, "%s/candidates/%zu",
                                                                   training->host->context->step_dir, i),
                                             .why = {"it was not trained"}};
    }
    return 0;
}

/* ---- while they are trained ----------------------------------------------------------------------- */

static bool is_better(const struct training *training, const struct trial *trial)
{
    const struct trial *best = training->best;
    bool greatest = strcmp(training->params->mode, "max") == 0;
    if (best == NULL || trial->score == best->score) {
        return best == NULL || trial->index < best->index;
    }
    return greatest ? trial->score > best->score : trial->score < best->score;
}

/* The end of what a failed candidate printed: that is where the reason stands. */
static void tell_output(const struct training *training, const struct trial *trial)
{
    struct scratch scratch = {0};
    struct fault ignored;
    char *text = NULL;
    size_t size = 0;
    if (file_text_read(&scratch, scratch_printf(&scratch, "%s/output.log", trial->dir), MOST_LOG_BYTES, &text, &size,
                       &ignored) == 0) {
        size_t start = size;
        for (int lines = 0; start > 0 && size - start < TOLD_BYTES; start--) {
            lines += text[start - 1] == '\n' && start < size ? 1 : 0;
            if (lines == TOLD_LINES) {
                break;
            }
        }
        for (char *line = text + start; line < text + size;) {
            size_t n = strcspn(line, "\n");
            line[n] = '\0';
            step_log(training->host, STEP_LOG_WARN, "candidate %zu: %s", trial->index, line);
            line += n + 1;
        }
    }
    scratch_free(&scratch);
}

static void forget(const struct training *training, const struct trial *trial)
{
    struct fault fault;
    if (!training->params->keep && folder_remove(trial->dir, &fault) < 0) {
        step_log(training->host, STEP_LOG_WARN, "%s", fault.text);
    }
}

static void tell(const struct training *training, const struct trial *trial)
{
    struct textbuf params = {0};
    char text[128];
    value_put_json(&params, trial->params);
    if (trial->good) {
        step_log(training->host, STEP_LOG_INFO, "candidate %zu: %s %.10g%s, %s", trial->index, training->params->metric,
                 trial->score, training->best == trial ? " (the best so far)" : "", textbuf_text(&params));
    } else {
        step_log(training->host, STEP_LOG_WARN, "candidate %zu failed: %s, %s", trial->index, trial->why.text,
                 textbuf_text(&params));
    }
    textbuf_free(&params);
    (void)snprintf(text, sizeof text, "%zu of %zu candidates", training->ended, training->grid.count);
    training->host->progress(training->host, (double)training->ended / (double)training->grid.count, text);
}

static void take(struct training *training, size_t index, bool ran)
{
    struct trial *trial = &training->trials[index];
    training->ended++;
    if (ran) {
        trial_read(training->host, &training->scratch, &training->spec, trial);
    }
    const struct trial *loser = trial;
    if (trial->good && is_better(training, trial)) {
        loser = training->best;
        training->best = trial;
    }
    tell(training, trial);
    if (!trial->good) {
        training->failed++;
        tell_output(training, trial);
    }
    if (loser != NULL) {
        forget(training, loser);
    }
}

static int train_all(struct training *training, struct fault *fault)
{
    const struct step_host *host = training->host;
    bool strict = strcmp(training->params->on_failure, "fail") == 0;
    const struct trial *first_failed = NULL;
    size_t index = 0;
    bool ran = false;
    struct pool *pool = pool_start(host, &training->spec, training->trials, training->grid.count,
                                   (size_t)training->params->parallel, fault);
    if (pool == NULL) {
        return -1;
    }
    while (pool_take(pool, &index, &ran)) {
        take(training, index, ran);
        if (strict && !training->trials[index].good && first_failed == NULL) {
            first_failed = &training->trials[index];
            pool_stop(pool);
        }
    }
    pool_end(pool);
    if (host->cancelled(host)) {
        return fault_set(fault, "cancelled after %zu of %zu candidates", training->ended, training->grid.count);
    }
    if (first_failed != NULL) {
        return fault_set(fault, "candidate %zu failed: %.400s", first_failed->index, first_failed->why.text);
    }
    return training->best != NULL ? 0
                                  : fault_set(fault, "all %zu candidates failed; the first: %.400s",
                                              training->grid.count, training->trials[0].why.text);
}

/* ---- after -------------------------------------------------------------------------------------- */

/* Into the step's folder: the file or folder `model`. NULL when there is none and none was named. */
static int place_model(struct training *training, const char **ret_path, struct fault *fault)
{
    const char *named = training->params->model != NULL && training->params->model[0] != '\0' ? training->params->model
                                                                                              : NULL;
    const char *from = scratch_printf(&training->scratch, "%s/%s", training->best->dir,
                                      named == NULL ? "model" : named);
    const char *to = scratch_printf(&training->scratch, "%s/model", training->host->context->step_dir);
    *ret_path = NULL;
    if (access(from, F_OK) != 0) {
        return named == NULL ? 0
                             : fault_set(fault, "candidate %zu, the best, left no '%.200s': expected its model there",
                                         training->best->index, named);
    }
    *ret_path = to;
    return rename(from, to) == 0 ? 0
                                 : fault_set(fault, "cannot move '%.200s' to '%.200s': %s", from, to, strerror(errno));
}

static int put_outputs(const struct training *training, const char *model)
{
    const struct step_host *host = training->host;
    const struct trial *best = training->best;
    struct textbuf metrics = {0};
    textbuf_put(&metrics, "{");
    for (size_t i = 0; i < best->metric_count; i++) {
        textbuf_put(&metrics, i == 0 ? "" : ",");
        textbuf_json_string(&metrics, best->metrics[i].key);
        textbuf_put(&metrics, ":");
        textbuf_json_number(&metrics, best->metrics[i].value);
    }
    textbuf_put(&metrics, "}");
    int result = members_output(host, "best", best->params);
    result |= step_output_int(host, "index", (int64_t)best->index);
    result |= step_output_number(host, "value", best->score);
    result |= host->output(host, "metrics", textbuf_text(&metrics));
    result |= step_output_string(host, "dir", best->dir);
    result |= model == NULL ? host->output(host, "model", "null") : step_output_string(host, "model", model);
    result |= step_output_int(host, "candidates", (int64_t)training->grid.count);
    result |= step_output_int(host, "failed", (int64_t)training->failed);
    textbuf_free(&metrics);
    return result;
}

static enum step_result conclude(struct training *training)
{
    const struct step_host *host = training->host;
    const char *model = NULL;
    struct fault fault;
    if (report_best(host, &training->spec, training->trials, training->grid.count, training->best, &fault) < 0 ||
        place_model(training, &model, &fault) < 0) {
        return step_fail(host, "%s", fault.text);
    }
    if (put_outputs(training, model) != 0) {
        return step_fail(host, "the outputs were not accepted");
    }
    step_log(host, STEP_LOG_INFO, "candidate %zu of %zu (from 0) is the best: %s %.10g", training->best->index,
             training->grid.count, training->params->metric, training->best->score);
    return STEP_OK;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    struct training training = {.host = host, .params = params};
    struct fault fault;
    struct fault table;
    enum step_result result = STEP_FAILED;
    if (prepare(&training, &fault) < 0) {
        result = step_fail(host, "%s", fault.text);
    } else {
        bool trained = train_all(&training, &fault) == 0;
        bool told = report_table(host, training.trials, training.grid.count, &table) == 0;
        result = !trained ? step_fail(host, "%s", fault.text)
                 : !told  ? step_fail(host, "%s", table.text)
                          : conclude(&training);
    }
    scratch_free(&training.scratch);
    return result;
}

STEP_PLUGIN(train, "1.0", "Trains candidates of a grid by command or Lua, and keeps the best.",
            STEP_REPEATABLE | STEP_CACHEABLE, train_params, PARAMS, OUTPUTS, run)
