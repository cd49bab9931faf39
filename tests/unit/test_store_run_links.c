/* SPDX-License-Identifier: Apache-2.0
 * What clients' runs used and made.
 */
#include "store/experiments.h"
#include "store/metrics.h"
#include "store/removals.h"
#include "store/run_links.h"
#include "store_fixture.h"

static void add_run(struct fixture *f, const char *run_id, int64_t experiment_id)
{
    struct run_info run = {
        .run_id = run_id, .experiment_id = experiment_id, .name = "train", .user = "alice", .artifact_uri = "/a"};
    assert_int_equal(store_run_create(f->store, &run, NULL), 0);
}

static struct fixture open_fixture(void)
{
    struct fixture f = open_empty();
    add_run(&f, "r1", 0);
    return f;
}

static struct dataset_input input(const char *name, const char *digest, const struct pair *tags, size_t count)
{
    return (struct dataset_input){
        .dataset = {.name = name, .digest = digest, .source_type = "local", .source = "wine.csv"},
        .tags = tags,
        .tag_count = count};
}

static void log_one(struct fixture *f, const char *run_id, struct dataset_input one)
{
    struct err err = {0};
    (void)store_run_inputs_log(f->store, run_id, &one, 1, NULL, 0, &err);
    assert_string_equal(err.message, "");
}

static struct run_links links_of(struct fixture *f, const char *run_id)
{
    struct run_links links;
    assert_int_equal(store_run_links(f->store, run_id, f->arena, &links, NULL), 0);
    return links;
}

static const char *tags_of(struct fixture *f, const struct dataset_input *of)
{
    const char *text = "";
    for (size_t i = 0; i < of->tag_count; i++) {
        text = arena_printf(f->arena, "%s%s=%s;", text, of->tags[i].key, of->tags[i].value);
    }
    return text;
}

TEST(all_tags_of_a_dataset_are_kept_as_it_was_first_used)
{
    struct fixture f = open_fixture();
    static const struct pair tags[] = {{"mlflow.data.context", "training"}, {"z", "1"}, {"a", NULL}, {"z", "2"}};
    static const struct pair later[] = {{"mlflow.data.context", "evaluation"}, {"late", "1"}};
    log_one(&f, "r1", input("wine", "d1", tags, 4));
    log_one(&f, "r1", input("wine", "d1", later, 2));
    log_one(&f, "r1", input("beer", "d2", NULL, 0));
    struct run_links links = links_of(&f, "r1");
    assert_int_equal(links.dataset_count, 2);
    assert_string_equal(links.datasets[0].dataset.context, "training");
    assert_string_equal(tags_of(&f, &links.datasets[0]), "a=;mlflow.data.context=training;z=2;");
    assert_string_equal(links.datasets[1].dataset.name, "beer"); /* in the order in which they came */
    assert_int_equal(links.datasets[1].tag_count, 0);
    add_run(&f, "r2", 0);
    log_one(&f, "r2", input("wine", "d1", later, 2)); /* another run says what it wants */
    links = links_of(&f, "r2");
    assert_string_equal(tags_of(&f, &links.datasets[0]), "late=1;mlflow.data.context=evaluation;");
    close_fixture(&f);
}

TEST(a_bad_dataset_keeps_all_of_a_call_away)
{
    struct fixture f = open_fixture();
    char long_text[502];
    memset(long_text, 'a', sizeof long_text);
    long_text[501] = '\0';
    const struct pair long_value[] = {{"k", long_text}};
    const struct pair no_key[] = {{"", "v"}};
    const struct pair long_key[] = {{long_text + 501 - 256, "v"}};
    const struct dataset_input bad[] = {
        input("wine", "", NULL, 0),          input("", "d", NULL, 0),         input(long_text, "d", NULL, 0),
        input("wine", "d", long_value, 1),   input("wine", "d", no_key, 1),   input("wine", "d", long_key, 1),
    };
    const char *const models[] = {"m-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dataset_input two[] = {input("good", "d0", NULL, 0), bad[i]};
        struct err err = {0};
        assert_int_equal(store_run_inputs_log(f.store, "r1", two, 2, models, 1, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        struct run_links links = links_of(&f, "r1");
        assert_int_equal(links.dataset_count + links.model_input_count, 0);
    }
    struct dataset_input one = input("wine", "d", NULL, 0);
    struct err err = {0};
    assert_int_equal(store_run_inputs_log(f.store, "r1", &one, 1001, NULL, 0, &err), -1); /* refused unread */
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(store_run_delete(f.store, "r1", 5, NULL), 0);
    assert_int_equal(store_run_inputs_log(f.store, "r1", &one, 1, NULL, 0, NULL), -1);
    assert_int_equal(store_run_outputs_log(f.store, "r1", &(struct model_output){"m-1", 0}, 1, NULL), -1);
    close_fixture(&f);
}

TEST(models_are_inputs_once_and_outputs_at_each_step)
{
    struct fixture f = open_fixture();
    const char *const models[] = {"m-2", "m-1", "m-2"};
    const struct model_output outputs[] = {{"m-3", 7}, {"m-3", 2}, {"m-3", 7}, {"m-1", 0}};
    assert_int_equal(store_run_inputs_log(f.store, "r1", NULL, 0, models, 3, NULL), 0);
    assert_int_equal(store_run_outputs_log(f.store, "r1", outputs, 4, NULL), 0);
    struct run_links links = links_of(&f, "r1");
    assert_int_equal(links.model_input_count, 2);
    assert_string_equal(links.model_inputs[0], "m-1");
    assert_string_equal(links.model_inputs[1], "m-2");
    assert_int_equal(links.model_output_count, 3);
    assert_string_equal(links.model_outputs[0].model_id, "m-1");
    assert_int_equal(links.model_outputs[1].step, 2);
    assert_int_equal(links.model_outputs[2].step, 7);
    close_fixture(&f);
}

TEST(data_are_summarized_by_experiment_dataset_and_context)
{
    struct fixture f = open_fixture();
    static const struct pair training[] = {{"mlflow.data.context", "training"}};
    static const struct pair evaluation[] = {{"mlflow.data.context", "evaluation"}};
    int64_t other = 0;
    assert_int_equal(store_experiment_create(f.store, "other", NULL, NULL, 0, 1, &other, NULL), 0);
    add_run(&f, "r2", 0);
    add_run(&f, "r3", 0);
    add_run(&f, "r4", other);
    log_one(&f, "r1", input("wine", "d1", training, 1));
    log_one(&f, "r2", input("wine", "d1", training, 1));
    log_one(&f, "r3", input("wine", "d1", evaluation, 1));
    log_one(&f, "r2", input("beer", "d9", NULL, 0));
    log_one(&f, "r3", input("beer", "d9", training, 1));
    log_one(&f, "r4", input("wine", "d1", training, 1));
    struct dataset_summary *list = NULL;
    size_t count = 0;
    const char *text = "";
    const int64_t ids[] = {other, 0, 0, 99};
    assert_int_equal(store_dataset_summaries(f.store, ids, 4, f.arena, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        text = arena_printf(f.arena, "%s%lld %s %s %s;", text, (long long)list[i].experiment_id, list[i].name,
                            list[i].digest, list[i].context == NULL ? "-" : list[i].context);
    }
    assert_string_equal(text, arena_printf(f.arena, "0 beer d9 -;0 beer d9 training;0 wine d1 evaluation;0 wine d1 "
                                                    "training;%lld wine d1 training;", (long long)other));
    assert_int_equal(store_dataset_summaries(f.store, NULL, 0, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
    close_fixture(&f);
}

TEST(summaries_end_at_a_thousand)
{
    struct fixture f = open_fixture();
    assert_int_equal(store_begin(f.store, NULL), 0);
    for (int i = 0; i < 1010; i++) {
        log_one(&f, "r1", input("wine", arena_printf(f.arena, "d%d", i), NULL, 0));
    }
    struct dataset_summary *list = NULL;
    size_t count = 0;
    assert_int_equal(store_dataset_summaries(f.store, (int64_t[]){0}, 1, f.arena, &list, &count, NULL), 0);
    assert_int_equal(count, DATASET_SUMMARIES_MAX);
    assert_int_equal(store_commit(f.store, NULL), 0);
    close_fixture(&f);
}

TEST(a_removed_run_takes_its_links_with_it)
{
    struct fixture f = open_fixture();
    static const struct pair tags[] = {{"k", "v"}};
    log_one(&f, "r1", input("wine", "d1", tags, 1));
    assert_int_equal(store_run_outputs_log(f.store, "r1", &(struct model_output){"m-1", 3}, 1, NULL), 0);
    assert_int_equal(store_remove_run(f.store, "r1", NULL), 0);
    struct run_links links = links_of(&f, "r1");
    assert_int_equal(links.dataset_count + links.model_output_count, 0);
    close_fixture(&f);
}

TESTS(RUN(all_tags_of_a_dataset_are_kept_as_it_was_first_used), RUN(a_bad_dataset_keeps_all_of_a_call_away),
      RUN(models_are_inputs_once_and_outputs_at_each_step),
      RUN(data_are_summarized_by_experiment_dataset_and_context), RUN(summaries_end_at_a_thousand),
      RUN(a_removed_run_takes_its_links_with_it))
