/* SPDX-License-Identifier: Apache-2.0
 * Runs whole, one or a page of them.
 */
#include "base/rng.h"
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/run_records.h"
#include "store_fixture.h"

#include <math.h>
#include <stdlib.h>

static void add_run(struct fixture *f, const char *run_id)
{
    struct run_info run = {.run_id = run_id,
                           .name = arena_printf(f->arena, "name of %s", run_id),
                           .user = "alice",
                           .start_ms = 7,
                           .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
}

static void log_points(struct fixture *f, struct rng *rng, const char *run_id)
{
    static const char *const keys[] = {"loss", "acc", "zeta", "Z", "a/b", "\xc3\xa9"};
    static const char *const models[] = {NULL, NULL, NULL, "m-1", "m-2"};
    static const char *const names[] = {NULL, "wine", "beer"};
    for (uint64_t i = rng_below(rng, 30); i > 0; i--) {
        struct metric_target target = {.run_id = run_id,
                                       .model_id = models[rng_below(rng, 5)],
                                       .dataset_name = names[rng_below(rng, 3)],
                                       .dataset_digest = names[rng_below(rng, 3)]};
        struct metric_point point = {.key = keys[rng_below(rng, 6)],
                                     .value = rng_below(rng, 4) == 0 ? (double)NAN : (double)rng_below(rng, 4),
                                     .step = (int64_t)rng_below(rng, 3),
                                     .time_ms = (int64_t)rng_below(rng, 3)};
        assert_int_equal(store_metrics_log(f->store, &target, &point, 1, NULL), 0);
    }
}

/* Something of everything, or nothing. */
static void fill_run(struct fixture *f, struct rng *rng, const char *run_id)
{
    log_points(f, rng, run_id);
    for (uint64_t i = rng_below(rng, 4); i > 0; i--) {
        const char *key = arena_printf(f->arena, "p%d", (int)rng_below(rng, 1000));
        assert_int_equal(store_run_param(f->store, run_id, key, i == 1 ? "" : key, NULL), 0);
        assert_int_equal(store_run_tag(f->store, run_id, key, run_id, NULL), 0);
    }
    for (uint64_t i = rng_below(rng, 3); i > 0; i--) {
        struct pair tags[] = {{"mlflow.data.context", "training"}, {"k", run_id}};
        struct dataset_input input = {.dataset = {.name = i == 1 ? "wine" : "beer",
                                                  .digest = arena_printf(f->arena, "d%d", (int)rng_below(rng, 3)),
                                                  .source_type = "local",
                                                  .source = "x"},
                                      .tags = tags,
                                      .tag_count = rng_below(rng, 3)};
        const char *model = "m-1";
        struct model_output output = {"m-2", (int64_t)i};
        assert_int_equal(store_run_inputs_log(f->store, run_id, &input, 1, &model, 1, NULL), 0);
        assert_int_equal(store_run_outputs_log(f->store, run_id, &output, 1, NULL), 0);
    }
}

static void add_text(struct strbuf *out, const char *text)
{
    strbuf_printf(out, "%s|", text == NULL ? "NULL" : text);
}

/* All that is known of a run. */
static char *text_of(const struct run_record *run)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    add_text(&out, run->info.run_id);
    add_text(&out, run->info.name);
    strbuf_printf(&out, "%d %d\n", (int)run->info.start_ms, run->info.deleted);
    for (size_t i = 0; i < run->param_count + run->tag_count; i++) {
        const struct run_pair *pair = i < run->param_count ? &run->params[i] : &run->tags[i - run->param_count];
        strbuf_printf(&out, "%.*s=%.*s;", STR_ARG(pair->key), STR_ARG(pair->value));
    }
    for (size_t i = 0; i < run->metric_count; i++) {
        const struct metric_latest *metric = &run->metrics[i];
        strbuf_printf(&out, "\n%s %g %g %g %d %d %d|", metric->key, metric->value, metric->min, metric->max,
                      (int)metric->step, (int)metric->time_ms, (int)metric->count);
        add_text(&out, metric->dataset_name);
        add_text(&out, metric->dataset_digest);
    }
    for (size_t i = 0; i < run->links.dataset_count; i++) {
        const struct dataset_input *input = &run->links.datasets[i];
        strbuf_printf(&out, "\n%s %s ", input->dataset.name, input->dataset.digest);
        add_text(&out, input->dataset.context);
        for (size_t k = 0; k < input->tag_count; k++) {
            strbuf_printf(&out, "%s=%s;", input->tags[k].key, input->tags[k].value);
        }
    }
    for (size_t i = 0; i < run->links.model_input_count; i++) {
        add_text(&out, run->links.model_inputs[i]);
    }
    for (size_t i = 0; i < run->links.model_output_count; i++) {
        strbuf_printf(&out, "%s@%d;", run->links.model_outputs[i].model_id, (int)run->links.model_outputs[i].step);
    }
    return strbuf_take(&out);
}

TEST(a_run_is_read_whole)
{
    struct fixture f = open_empty();
    struct run_record run;
    struct err err = {0};
    struct metric_point point = {.key = "loss", .value = 0.5};
    struct dataset_input input = {.dataset = {.name = "wine", .digest = "d1", .source_type = "local", .source = "x"}};
    add_run(&f, "r1");
    assert_int_equal(store_run_inputs_log(f.store, "r1", &input, 1, NULL, 0, NULL), 0);
    assert_int_equal(store_run_param(f.store, "r1", "depth", "3", NULL), 0);
    assert_int_equal(store_metrics_log(f.store, &(struct metric_target){.run_id = "r1"}, &point, 1, NULL), 0);
    assert_int_equal(store_run_delete(f.store, "r1", 5, NULL), 0);
    assert_int_equal(store_run_read(f.store, "r1", f.arena, &run, NULL), 0);
    assert_true(run.info.deleted);
    assert_int_equal(run.param_count, 1);
    assert_true(str_is(run.params[0].key, "depth") && str_is(run.params[0].value, "3"));
    assert_int_equal(run.tag_count, 2);
    assert_true(str_is(run.tags[0].key, "mlflow.runName") && str_is(run.tags[0].value, "name of r1"));
    assert_int_equal(run.metric_count, 1);
    assert_true(run.metrics[0].value == 0.5);
    assert_int_equal(run.links.dataset_count, 1);
    assert_int_equal(store_run_read(f.store, "r9", f.arena, &run, &err), -1);
    assert_string_equal(err_for_mlflow(&err), "Run with id=r9 not found");
    close_fixture(&f);
}

enum { RUNS = 60 };

/* In whatever order they are asked for, and whatever is not there. */
TEST(runs_read_together_are_what_each_is_alone)
{
    struct fixture f = open_empty();
    struct rng rng;
    const char *ids[2 * RUNS];
    struct run_record together[2 * RUNS];
    size_t count = 0;
    rng_seed(&rng, 3);
    for (size_t i = 0; i < RUNS; i++) {
        size_t at = (i * 37) % RUNS;
        ids[2 * at] = arena_printf(f.arena, "r%zu", i);
        ids[2 * at + 1] = arena_printf(f.arena, "\"none'%zu", i);
        add_run(&f, ids[2 * at]);
        fill_run(&f, &rng, ids[2 * at]);
        if (i % 7 == 0) {
            assert_int_equal(store_run_delete(f.store, ids[2 * at], 9, NULL), 0);
        }
    }
    assert_int_equal(store_runs_read(f.store, ids, 2 * RUNS, f.arena, together, &count, NULL), 0);
    assert_int_equal(count, RUNS);
    size_t bytes = 0;
    for (size_t i = 0; i < RUNS; i++) {
        struct run_record alone;
        struct metric_latest *metrics = NULL;
        size_t metric_count = 0;
        assert_int_equal(store_run_read(f.store, ids[2 * i], f.arena, &alone, NULL), 0);
        assert_int_equal(store_metrics_of_run(f.store, ids[2 * i], f.arena, &metrics, &metric_count, NULL), 0);
        assert_int_equal(metric_count, together[i].metric_count);
        char *expected = text_of(&alone);
        char *found = text_of(&together[i]);
        assert_string_equal(found, expected);
        bytes += strlen(found);
        free(expected);
        free(found);
    }
    assert_true(bytes > RUNS * 100);
    close_fixture(&f);
}

TEST(no_runs_are_read_at_once)
{
    struct fixture f = open_empty();
    struct run_record none;
    size_t count = 7;
    assert_int_equal(store_runs_read(f.store, NULL, 0, f.arena, &none, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TESTS(RUN(a_run_is_read_whole), RUN(runs_read_together_are_what_each_is_alone), RUN(no_runs_are_read_at_once))
