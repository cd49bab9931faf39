/* SPDX-License-Identifier: Apache-2.0
 * Evaluation datasets and their records.
 */
#include "store/evaluation_records.h"
#include "store/evaluation_search.h"
#include "store_fixture.h"

static void create(struct fixture *f, const char *id, const char *name, int64_t at_ms, const char *tags)
{
    struct json object;
    struct evaluation_dataset dataset = {.dataset_id = id, .name = name, .created_ms = at_ms};
    static const char *const experiments[] = {"0", "77", "0"};
    assert_int_equal(json_read(str_from(tags), (struct json_limits){0}, f->arena, &object, NULL), 0);
    assert_int_equal(store_evaluation_create(f->store, &dataset, &object, experiments, 3, NULL), 0);
}

static struct evaluation_dataset get(struct fixture *f, const char *id)
{
    struct evaluation_dataset dataset;
    assert_int_equal(store_evaluation_get(f->store, id, f->arena, &dataset, NULL), 0);
    return dataset;
}

static int upsert(struct fixture *f, const char *id, int64_t at_ms, const char *records, int64_t counts[2],
                  struct err *err)
{
    struct json list;
    assert_int_equal(json_read_metrics(str_from(records), (struct json_limits){0}, f->arena, &list, NULL), 0);
    return store_evaluation_upsert(f->store, id, &list, NULL, at_ms, &counts[0], &counts[1], err);
}

static void put(struct fixture *f, int64_t at_ms, const char *records, int64_t inserted, int64_t updated)
{
    int64_t counts[2] = {0};
    struct err err = {0};
    (void)upsert(f, "d-1", at_ms, records, counts, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(counts[0], inserted);
    assert_int_equal(counts[1], updated);
}

static struct json page(struct fixture *f, int64_t most, const char *token, const char **next)
{
    struct str text;
    struct json list;
    assert_int_equal(store_evaluation_records(f->store, "d-1", most, token, f->arena, &text, next, NULL), 0);
    assert_int_equal(json_read_metrics(text, (struct json_limits){0}, f->arena, &list, NULL), 0);
    return list;
}

static const char *part(struct fixture *f, const struct json *records, size_t index, const char *name)
{
    const struct json *value = json_get(&records->u.array.items[index], name);
    return value == NULL ? "absent" : json_text(f->arena, value).p;
}

TEST(a_dataset_has_what_it_was_made_with)
{
    struct fixture f = open_empty();
    struct json tags;
    const char **experiments = NULL;
    size_t count = 0;
    create(&f, "d-1", "asked", 1000, "{\"mlflow.user\":\"ada\",\"n\":null,\"v\":1,\"f\":1e16,\"l\":[1,\"y\"]}");
    struct evaluation_dataset dataset = get(&f, "d-1");
    assert_string_equal(dataset.name, "asked");
    assert_string_equal(dataset.digest, "6ea2d10d"); /* of "asked:1000" */
    assert_string_equal(dataset.created_by, "ada");
    assert_string_equal(dataset.updated_by, "ada");
    assert_int_equal(dataset.updated_ms, 1000);
    assert_null(dataset.schema);
    assert_null(dataset.profile);
    assert_int_equal(store_evaluation_tags(f.store, "d-1", f.arena, &tags, NULL), 0);
    assert_string_equal(json_text(f.arena, &tags).p,
                        "{\"f\":\"1e+16\",\"l\":\"[1, 'y']\",\"mlflow.user\":\"ada\",\"n\":null,\"v\":\"1\"}");
    assert_int_equal(store_evaluation_experiments(f.store, "d-1", f.arena, &experiments, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(experiments[0], "0");
    assert_string_equal(experiments[1], "77");
    close_fixture(&f);
}

TEST(records_are_found_again_by_their_inputs)
{
    struct fixture f = open_empty();
    const char *next = NULL;
    create(&f, "d-1", "asked", 1000, "{}");
    put(&f, 2000, "[{\"inputs\":{\"q\":\"1\",\"n\":2},\"expectations\":{\"a\":1},\"outputs\":\"x\"},"
                  "{\"inputs\":{\"q\":NaN}},{\"inputs\":{\"n\":2,\"q\":\"1\"},\"expectations\":{\"b\":2},"
                  "\"tags\":{\"mlflow.user\":\"bob\"}},{\"inputs\":{\"q\":NaN},\"outputs\":null}]", 2, 2);
    put(&f, 3000, "[{\"inputs\":{\"q\":\"1\",\"n\":2},\"expectations\":{\"a\":{\"deep\":[1]}}},"
                  "{\"inputs\":{\"q\":\"1\",\"n\":2.0}}]", 1, 1);
    struct json list = page(&f, 10, NULL, &next);
    assert_null(next);
    assert_int_equal(list.u.array.count, 3);
    assert_string_equal(part(&f, &list, 0, "inputs"), "{\"q\":\"1\",\"n\":2}");
    assert_string_equal(part(&f, &list, 0, "outputs"), "\"x\"");
    assert_string_equal(part(&f, &list, 0, "expectations"), "{\"a\":{\"deep\":[1]},\"b\":2}");
    assert_string_equal(part(&f, &list, 0, "tags"), "{\"mlflow.user\":\"bob\"}");
    assert_string_equal(part(&f, &list, 0, "created_by"), "absent");
    assert_string_equal(part(&f, &list, 0, "last_updated_by"), "\"bob\"");
    assert_string_equal(part(&f, &list, 0, "created_time"), "2000");
    assert_string_equal(part(&f, &list, 0, "last_update_time"), "3000");
    assert_string_equal(part(&f, &list, 1, "outputs"), "absent");
    assert_string_equal(part(&f, &list, 2, "outputs"), "{}");
    struct evaluation_dataset dataset = get(&f, "d-1");
    assert_string_equal(dataset.schema,
                        "{\"inputs\": {\"q\": \"string\", \"n\": \"integer\"}, \"outputs\": \"string\", "
                        "\"expectations\": {\"a\": \"integer\", \"b\": \"integer\"}, \"version\": \"1.0\"}");
    assert_string_equal(dataset.profile, "{\"num_records\": 3}");
    assert_string_equal(dataset.digest, "fd7c4c03"); /* of "asked:3000" */
    assert_null(dataset.updated_by); /* the last records named nobody */
    close_fixture(&f);
}

TEST(sources_are_told_of_new_records)
{
    struct fixture f = open_empty();
    const char *next = NULL;
    create(&f, "d-1", "asked", 1000, "{}");
    put(&f, 2000, "[{\"inputs\":{\"q\":1},\"source\":{\"source_type\":\"trace\",\"source_data\":{\"trace_id\":\"t\"}}},"
                  "{\"inputs\":{\"q\":2},\"source\":{\"source_type\":\"HUMAN\",\"source_data\":{\"source_id\":\"s\"}}},"
                  "{\"inputs\":{\"q\":3},\"source\":{\"source_type\":\"Unspecified\"}},"
                  "{\"inputs\":{\"q\":4},\"source\":{}}]", 4, 0);
    struct json list = page(&f, 10, NULL, &next);
    assert_string_equal(part(&f, &list, 0, "source"),
                        "{\"source_type\":\"TRACE\",\"source_data\":{\"trace_id\":\"t\"}}");
    assert_string_equal(part(&f, &list, 0, "source_id"), "\"t\"");
    assert_string_equal(part(&f, &list, 1, "source_type"), "\"HUMAN\"");
    assert_string_equal(part(&f, &list, 1, "source_id"), "\"s\"");
    assert_string_equal(part(&f, &list, 2, "source"), "{\"source_type\":\"UNSPECIFIED\",\"source_data\":{}}");
    assert_string_equal(part(&f, &list, 3, "source"), "absent");
    close_fixture(&f);
}

TEST(what_is_no_record_is_named)
{
    static const struct {
        const char *records, *words;
    } rows[] = {
        {"[{\"inputs\":{}},5]", "records[1]: expected a map with 'inputs', found an integer"},
        {"[{\"inputs\":[]}]", "records[0].inputs: expected a map, found a list"},
        {"[{\"inputs\":null}]", "records[0].inputs: expected a map, found null"},
        {"[{\"expectations\":\"x\"}]", "records[0].expectations: expected a map, found a string"},
        {"[{\"tags\":true}]", "records[0].tags: expected a map, found a boolean"},
        {"[{\"source\":[]}]", "records[0].source: expected a map, found a list"},
        {"[{\"inputs\":{\"s\":1},\"source\":{\"source_type\":5}}]", "records[0]: source: expected a 'source_type'"},
        {"[{\"inputs\":{\"s\":1},\"source\":{\"source_type\":\"code\",\"source_data\":[]}}]",
         "records[0]: source.source_data: expected a map, found a list"},
        {"[{\"inputs\":{\"s\":1},\"source\":{\"source_type\":\"x\"}}]",
         "records[0]: Invalid dataset record source type: X. Valid source types: ['UNSPECIFIED', 'TRACE', 'HUMAN', "
         "'DOCUMENT', 'CODE']"},
    };
    struct fixture f = open_empty();
    create(&f, "d-1", "asked", 1000, "{}");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t counts[2];
        struct err err = {0};
        assert_int_equal(upsert(&f, "d-1", 2000, rows[i].records, counts, &err), -1);
        assert_string_equal(err.message, rows[i].words);
        assert_int_equal(err.code, ERR_INPUT);
    }
    int64_t counts[2];
    struct err err = {0};
    assert_int_equal(upsert(&f, "d-2", 2000, "[]", counts, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "Evaluation dataset with id 'd-2' not found");
    close_fixture(&f);
}

TEST(pages_follow_one_another_whatever_goes_meanwhile)
{
    struct fixture f = open_empty();
    const char *next = NULL;
    const char *ids[5];
    int64_t deleted = 0;
    create(&f, "d-1", "asked", 1000, "{}");
    put(&f, 2000, "[{\"inputs\":{\"q\":1}},{\"inputs\":{\"q\":2}},{\"inputs\":{\"q\":3}},{\"inputs\":{\"q\":4}},"
                  "{\"inputs\":{\"q\":5}}]", 5, 0);
    struct json all = page(&f, 10, "", &next);
    for (size_t i = 0; i < 5; i++) {
        ids[i] = json_get_text(&all.u.array.items[i], "dataset_record_id", "");
        assert_int_equal(strlen(ids[i]), 35);
    }
    struct json list = page(&f, 2, NULL, &next);
    assert_int_equal(list.u.array.count, 2);
    assert_int_equal(store_evaluation_delete_records(f.store, "d-1", ids, 2, &deleted, NULL), 0);
    assert_int_equal(deleted, 2);
    assert_string_equal(get(&f, "d-1").profile, "{\"num_records\": 3}");
    list = page(&f, 3, next, &next);
    assert_int_equal(list.u.array.count, 3);
    assert_string_equal(part(&f, &list, 0, "inputs"), "{\"q\":3}");
    assert_null(next);
    assert_int_equal(store_evaluation_delete_records(f.store, "d-2", ids, 5, &deleted, NULL), 0);
    assert_int_equal(deleted, 0);
    assert_int_equal(store_evaluation_delete_records(f.store, "d-1", ids, 5, &deleted, NULL), 0);
    assert_int_equal(deleted, 3);
    assert_string_equal(get(&f, "d-1").profile, "null");
    struct err err = {0};
    struct str text;
    assert_int_equal(store_evaluation_records(f.store, "d-1", 1, "x", f.arena, &text, &next, &err), -1);
    assert_string_equal(err.message, "Invalid page token 'x': expected one that a page gave");
    close_fixture(&f);
}

TEST(experiments_come_and_go)
{
    static const char *const known[] = {"0", "0"};
    static const char *const unknown[] = {"0", "99"};
    static const char *const word[] = {"x"};
    static const char *const first[] = {"77", "5"};
    struct fixture f = open_empty();
    struct err err = {0};
    size_t count = 0;
    const char **experiments = NULL;
    create(&f, "d-1", "asked", 1000, "{}");
    assert_int_equal(store_evaluation_add(f.store, "d-1", known, 2, 2000, NULL), 0);
    assert_int_equal(get(&f, "d-1").updated_ms, 2000);
    assert_int_equal(store_evaluation_add(f.store, "d-1", unknown, 2, 3000, &err), -1);
    assert_string_equal(err.message, "No Experiment with id=99");
    err = (struct err){0};
    assert_int_equal(store_evaluation_add(f.store, "d-1", word, 1, 3000, &err), -1);
    assert_string_equal(err.message, "No Experiment with id=x");
    err = (struct err){0};
    assert_int_equal(store_evaluation_remove(f.store, "d-2", known, 1, 3000, &err), -1);
    assert_string_equal(err.message, "Dataset 'd-2' not found");
    assert_int_equal(store_evaluation_remove(f.store, "d-1", word, 1, 4000, NULL), 0);
    assert_int_equal(get(&f, "d-1").updated_ms, 2000);
    assert_int_equal(store_evaluation_remove(f.store, "d-1", first, 2, 4000, NULL), 0);
    assert_int_equal(get(&f, "d-1").updated_ms, 4000);
    assert_int_equal(store_evaluation_experiments(f.store, "d-1", f.arena, &experiments, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(experiments[0], "0");
    close_fixture(&f);
}

static const char *found(struct fixture *f, const char *filter, const char *order, const char *experiment)
{
    struct evaluation_page ret;
    struct evaluation_query query = {.filter = filter,
                                     .order_by = &order,
                                     .order_by_count = order != NULL,
                                     .experiments = &experiment,
                                     .experiment_count = experiment != NULL,
                                     .max_results = 10};
    struct err err = {0};
    (void)store_evaluation_search(f->store, &query, f->arena, &ret, &err);
    const char *ids = err.message[0] == '\0' ? "" : arena_strdup(f->arena, err.message);
    for (size_t i = 0; err.message[0] == '\0' && i < ret.count; i++) {
        ids = arena_printf(f->arena, "%s%s", ids, ret.datasets[i].dataset_id + 2);
    }
    return ids;
}

TEST(datasets_are_searched)
{
    struct fixture f = open_empty();
    create(&f, "d-1", "asked", 1000, "{\"mlflow.user\":\"ada\",\"kind\":\"a\"}");
    create(&f, "d-2", "asked", 2000, "{\"kind\":\"b\"}");
    create(&f, "d-3", "told", 2000, "{}");
    assert_string_equal(found(&f, NULL, NULL, NULL), "321");
    assert_string_equal(found(&f, NULL, "created_time ASC", NULL), "132");
    assert_string_equal(found(&f, NULL, "name DESC", NULL), "321");
    assert_string_equal(found(&f, "name = 'asked'", NULL, NULL), "21");
    assert_string_equal(found(&f, "name > 'asked'", NULL, NULL), "3");
    assert_string_equal(found(&f, "name IN ('told', 'x')", NULL, NULL), "3");
    assert_string_equal(found(&f, "created_by = 'ada'", NULL, NULL), "1");
    assert_string_equal(found(&f, "created_time <= 1000 OR tags.kind LIKE 'b%'", NULL, NULL), "21");
    assert_string_equal(found(&f, "NOT tags.kind IS NULL", NULL, NULL), "21");
    assert_string_equal(found(&f, NULL, NULL, "77"), "321");
    assert_string_equal(found(&f, NULL, NULL, "78"), "");
    assert_string_equal(found(&f, "tag.kind = 'a'", NULL, NULL),
                        "Invalid identifier token 'tag' specified: expected tags.NAME or an attribute");
    assert_string_equal(found(&f, "created_time = 1.5", NULL, NULL),
                        "Invalid value for numeric attribute 'created_time': '1.5'");
    assert_string_equal(found(&f, "created_by IN ('ada')", NULL, NULL),
                        "Only ['name'] attributes support comparison with a list of quoted string values.");
    assert_string_equal(found(&f, NULL, "tags.kind", NULL), "Invalid order_by entity: tag");
    assert_string_equal(found(&f, NULL, "created_by", NULL),
                        "Invalid attribute key 'created_by' specified. Valid keys are '{'name', 'created_time', "
                        "'last_update_time'}'");
    close_fixture(&f);
}

TEST(tags_are_changed_and_all_goes_with_the_dataset)
{
    struct fixture f = open_empty();
    struct json tags;
    struct err err = {0};
    create(&f, "d-1", "asked", 1000, "{\"a\":\"1\",\"b\":\"2\"}");
    put(&f, 2000, "[{\"inputs\":{}}]", 1, 0);
    struct str given = STR("{\"a\":null,\"b\":true,\"c\":\"\xc3\xbc\"}");
    assert_int_equal(json_read(given, (struct json_limits){0}, f.arena, &tags, NULL), 0);
    assert_int_equal(store_evaluation_set_tags(f.store, "d-1", &tags, NULL), 0);
    assert_int_equal(store_evaluation_delete_tag(f.store, "d-1", "x", NULL), 0);
    assert_int_equal(store_evaluation_set_tags(f.store, "d-2", &tags, &err), -1);
    assert_string_equal(err.message, "Could not find evaluation dataset with ID d-2");
    assert_int_equal(store_evaluation_tags(f.store, "d-1", f.arena, &tags, NULL), 0);
    assert_string_equal(json_text(f.arena, &tags).p, "{\"a\":\"1\",\"b\":\"True\",\"c\":\"\xc3\xbc\"}");
    assert_int_equal(store_evaluation_delete(f.store, "d-1", NULL), 0);
    assert_int_equal(store_evaluation_delete(f.store, "d-1", NULL), 0);
    assert_int_equal(store_check(f.store, NULL), 0);
    err = (struct err){0};
    struct evaluation_dataset dataset;
    assert_int_equal(store_evaluation_get(f.store, "d-1", f.arena, &dataset, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    close_fixture(&f);
}

TESTS(RUN(a_dataset_has_what_it_was_made_with), RUN(records_are_found_again_by_their_inputs),
      RUN(sources_are_told_of_new_records), RUN(what_is_no_record_is_named),
      RUN(pages_follow_one_another_whatever_goes_meanwhile), RUN(experiments_come_and_go), RUN(datasets_are_searched),
      RUN(tags_are_changed_and_all_goes_with_the_dataset))
