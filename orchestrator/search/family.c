/* SPDX-License-Identifier: Apache-2.0 */
#include "search/family.h"

#include "base/strbuf.h"

enum { NAMED_MAX = 200 }; /* bytes of a user's text that a message quotes */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BOTH .in_filter = true, .in_order = true

/* ---- the tables ----------------------------------------------------------------------------------------- */

static const struct entity_word run_entities[] = {
    {"metric", ENTITY_METRIC},
    {"metrics", ENTITY_METRIC},
    {"parameter", ENTITY_PARAM},
    {"parameters", ENTITY_PARAM},
    {"param", ENTITY_PARAM},
    {"params", ENTITY_PARAM},
    {"tag", ENTITY_TAG},
    {"tags", ENTITY_TAG},
    {"attribute", ENTITY_ATTRIBUTE},
    {"attributes", ENTITY_ATTRIBUTE},
    {"attr", ENTITY_ATTRIBUTE},
    {"run", ENTITY_ATTRIBUTE},
    {"dataset", ENTITY_DATASET},
    {"datasets", ENTITY_DATASET},
};

static const struct search_attribute run_attributes[] = {
    {"artifact_uri", "artifact_uri", BOTH},
    {"end_time", "end_time", .is_number = true, BOTH},
    {"run_id", "run_id", .takes_list = true, BOTH},
    {"run_name", "run_name", BOTH},
    {"start_time", "start_time", .is_number = true, BOTH},
    {"status", "status", BOTH},
    {"user_id", "user_id", BOTH},
    {"created", "start_time", .is_number = true, BOTH},
    {"Created", "start_time", .is_number = true, BOTH},
    {"run name", "run_name", .in_filter = true},
    {"Run name", "run_name", .in_filter = true},
    {"Run Name", "run_name", .in_filter = true},
};

/* Of all that is no run. */
static const struct entity_word few_entities[] = {
    {"attribute", ENTITY_ATTRIBUTE},
    {"tag", ENTITY_TAG},
    {"tags", ENTITY_TAG},
};

static const struct search_attribute experiment_attributes[] = {
    {"name", "name", BOTH},
    {"experiment_id", "experiment_id", .takes_list = true, BOTH},
    {"creation_time", "creation_time", .is_number = true, BOTH},
    {"last_update_time", "last_update_time", .is_number = true, BOTH},
};

static const struct search_attribute registered_attributes[] = {
    {"name", "name", .takes_list = true, BOTH},
    {"timestamp", "last_updated_timestamp", .is_number = true, .in_order = true},
    {"last_updated_timestamp", "last_updated_timestamp", .is_number = true, .in_order = true},
};

static const struct search_attribute version_attributes[] = {
    {"name", "name", .takes_list = true, BOTH},
    {"version_number", "version_number", .is_number = true, BOTH},
    {"run_id", "run_id", .takes_list = true, .in_filter = true},
    {"source_path", "source_path", .in_filter = true},
    {"creation_timestamp", "creation_timestamp", .is_number = true, .in_order = true},
    {"last_updated_timestamp", "last_updated_timestamp", .is_number = true, .in_order = true},
};

static const struct entity_word model_entities[] = {
    {"attributes", ENTITY_ATTRIBUTE},
    {"metrics", ENTITY_METRIC},
    {"params", ENTITY_PARAM},
    {"tags", ENTITY_TAG},
};

static const struct search_attribute model_attributes[] = {
    {"name", "name", .takes_list = true, BOTH},
    {"model_id", "model_id", .takes_list = true, BOTH},
    {"model_type", "model_type", .takes_list = true, BOTH},
    {"status", "status", .takes_list = true, BOTH},
    {"status_message", "status_message", .takes_list = true, BOTH},
    {"source_run_id", "source_run_id", .takes_list = true, BOTH},
    {"experiment_id", "experiment_id", .takes_list = true, BOTH},
    {"artifact_location", "artifact_location", .takes_list = true, BOTH},
    {"lifecycle_stage", "lifecycle_stage", .takes_list = true, BOTH},
    {"creation_timestamp", "creation_timestamp", .is_number = true, BOTH},
    {"creation_timestamp_ms", "creation_timestamp", .is_number = true, BOTH},
    {"creation_time", "creation_timestamp", .is_number = true, BOTH},
    {"last_updated_timestamp", "last_updated_timestamp", .is_number = true, BOTH},
    {"last_updated_timestamp_ms", "last_updated_timestamp", .is_number = true, BOTH},
    {"last_updated_time", "last_updated_timestamp", .is_number = true, BOTH},
};

static const struct entity_word trace_entities[] = {
    {"attribute", ENTITY_ATTRIBUTE},
    {"attributes", ENTITY_ATTRIBUTE},
    {"trace", ENTITY_ATTRIBUTE},
    {"tag", ENTITY_TAG},
    {"tags", ENTITY_TAG},
    {"request_metadata", ENTITY_PARAM},
    {"metadata", ENTITY_PARAM},
};

static const struct search_attribute trace_attributes[] = {
    {"request_id", "request_id", .takes_list = true, BOTH},
    {"timestamp", "timestamp_ms", .is_number = true, BOTH},
    {"timestamp_ms", "timestamp_ms", .is_number = true, BOTH},
    {"execution_time", "execution_time_ms", .is_number = true, BOTH},
    {"execution_time_ms", "execution_time_ms", .is_number = true, BOTH},
    {"end_time", "end_time_ms", .is_number = true, BOTH},
    {"end_time_ms", "end_time_ms", .is_number = true, BOTH},
    {"status", "status", .takes_list = true, BOTH},
    {"name", "name", .takes_list = true, BOTH},
    {"run_id", "run_id", .takes_list = true, BOTH},
    {"experiment_id", "experiment_id", .in_order = true},
};

static const struct entity_word evaluation_entities[] = {{"tags", ENTITY_TAG}};

static const struct search_attribute evaluation_attributes[] = {
    {"name", "name", .takes_list = true, BOTH},
    {"created_by", "created_by", .in_filter = true},
    {"last_updated_by", "last_updated_by", .in_filter = true},
    {"created_time", "created_time", .is_number = true, BOTH},
    {"last_update_time", "last_update_time", .is_number = true, BOTH},
};

#define TABLES(entity_words, attribute_rows)                                                                           \
    .entities = (entity_words), .entity_count = COUNT(entity_words), .attributes = (attribute_rows),                   \
    .attribute_count = COUNT(attribute_rows)
static const char few_words[] = "Valid entity types are ('attribute', 'tag', 'tags')";

static const struct family families[] = {
    [SEARCH_RUNS] = {TABLES(run_entities, run_attributes), .backquoted_entities = true,
                     .bad_entity = "Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"},
    [SEARCH_EXPERIMENTS] = {TABLES(few_entities, experiment_attributes), .bad_entity = few_words},
    [SEARCH_REGISTERED] = {TABLES(few_entities, registered_attributes), .bad_entity = few_words},
    [SEARCH_VERSIONS] = {TABLES(few_entities, version_attributes), .bad_entity = few_words},
    [SEARCH_LOGGED_MODELS] = {TABLES(model_entities, model_attributes), .is_plain = true,
                              .bad_entity = "Expected one of ['attributes', 'metrics', 'params', 'tags']."},
    [SEARCH_TRACES] = {TABLES(trace_entities, trace_attributes), .backquoted_entities = true,
                       .bad_entity = "Valid values are ['attribute', 'tag', 'request_metadata']"},
    [SEARCH_EVALUATION] = {TABLES(evaluation_entities, evaluation_attributes), .bad_entity = ""},
};

const struct family *family_of(enum search_family family)
{
    return &families[family];
}

/* ---- quotes --------------------------------------------------------------------------------------------- */

static struct str unquoted(struct str s, char quote)
{
    return s.n >= 2 && s.p[0] == quote && s.p[s.n - 1] == quote ? str_slice(s, 1, s.n - 1) : s;
}

/* One pair of ' or ", then one of `. */
static struct str key_of(struct str written)
{
    struct str single = unquoted(written, '\'');
    return unquoted(single.n < written.n ? single : unquoted(written, '"'), '`');
}

/* All ` at both ends. */
static struct str plain_key(struct str written)
{
    size_t from = 0;
    size_t to = written.n;
    while (from < to && written.p[from] == '`') {
        from++;
    }
    while (to > from && written.p[to - 1] == '`') {
        to--;
    }
    return str_slice(written, from, to);
}

/* ---- reading a name ------------------------------------------------------------------------------------- */

static struct str named(struct str text)
{
    return str_slice(text, 0, NAMED_MAX);
}

static bool is_allowed(const struct search_attribute *attribute, bool for_order)
{
    return for_order ? attribute->in_order : attribute->in_filter;
}

static int refuse_attribute(const struct family *family, struct str key, bool for_order, struct err *err)
{
    struct strbuf words;
    bool is_registered = family == &families[SEARCH_REGISTERED];
    strbuf_init(&words, 512);
    for (size_t i = 0; i < family->attribute_count; i++) {
        if (is_allowed(&family->attributes[i], for_order)) {
            strbuf_printf(&words, "%s'%s'", words.length == 0 ? "" : ", ", family->attributes[i].word);
        }
    }
    int result = err_set(err, ERR_INPUT, "Invalid %s key '%.*s' specified. Valid keys are '{%s}'",
                         for_order && is_registered ? "order by" : "attribute", STR_ARG(named(key)), words.data);
    strbuf_clear(&words);
    return result;
}

static int find_attribute(const struct family *family, struct str key, bool for_order, struct search_field *ret,
                          struct err *err)
{
    for (size_t i = 0; i < family->attribute_count; i++) {
        const struct search_attribute *attribute = &family->attributes[i];
        if (str_is(key, attribute->word) && is_allowed(attribute, for_order)) {
            *ret = (struct search_field){.entity = ENTITY_ATTRIBUTE, .attribute = attribute, .key = key};
            return 0;
        }
    }
    return refuse_attribute(family, key, for_order, err);
}

static int check_dataset_key(struct str key, struct err *err)
{
    if (str_is(key, "name") || str_is(key, "digest") || str_is(key, "context")) {
        return 0;
    }
    return err_set(err, ERR_INPUT,
                   "Invalid dataset key '%.*s' specified. Valid keys are '{'name', 'digest', 'context'}'",
                   STR_ARG(named(key)));
}

/* MLflow orders runs by anything but datasets, traces by anything, all else by attributes only; logged models by
 * metrics too. */
static int check_order(enum search_family family, struct str written, const struct search_field *field, struct err *err)
{
    if (field->entity == ENTITY_ATTRIBUTE || family == SEARCH_TRACES ||
        (family == SEARCH_RUNS && field->entity != ENTITY_DATASET) ||
        (family == SEARCH_LOGGED_MODELS && field->entity == ENTITY_METRIC)) {
        return 0;
    }
    if (family == SEARCH_RUNS) {
        return err_set(err, ERR_INPUT, "Invalid identifier type 'dataset': expected a metric, param, tag or attribute");
    }
    if (family == SEARCH_EXPERIMENTS || family == SEARCH_EVALUATION) {
        return err_set(err, ERR_INPUT, "Invalid order_by entity: tag");
    }
    if (family == SEARCH_LOGGED_MODELS) {
        return err_set(err, ERR_INPUT, "Invalid order by field name: %.*s. Only metrics are supported.",
                       STR_ARG(named(written)));
    }
    return refuse_attribute(family_of(family), written, true, err);
}

static const struct entity_word *find_entity(const struct family *family, struct str word)
{
    for (size_t i = 0; i < family->entity_count; i++) {
        if (str_is(word, family->entities[i].word)) {
            return &family->entities[i];
        }
    }
    return NULL;
}

static bool is_small_word(struct str word)
{
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < 'a' || word.p[i] > 'z') {
            return false;
        }
    }
    return word.n > 0;
}

static int refuse_entity(const struct family *family, struct str word, struct err *err)
{
    if (family == &families[SEARCH_EVALUATION]) {
        return err_set(err, ERR_INPUT, "Invalid identifier token '%.*s' specified: expected tags.NAME or an attribute",
                       STR_ARG(named(word)));
    }
    return err_set(err, ERR_INPUT, "Invalid entity type%s '%.*s'. %s", family->is_plain ? ":" : "",
                   STR_ARG(named(word)), family->bad_entity);
}

int search_field_read(enum search_family family, struct str written, bool for_order, struct search_field *ret,
                      struct err *err)
{
    const struct family *rules = family_of(family);
    ptrdiff_t dot = str_find_byte(written, '.', 0);
    struct str word = str_slice(written, 0, dot < 0 ? 0 : (size_t)dot);
    if (dot < 0 || (rules->is_plain && !is_small_word(word))) {
        return find_attribute(rules, rules->is_plain ? plain_key(written) : key_of(written), for_order, ret, err);
    }
    struct str behind = str_slice(written, (size_t)dot + 1, written.n);
    struct str key = rules->is_plain ? plain_key(behind) : key_of(behind);
    word = rules->backquoted_entities ? unquoted(word, '`') : word;
    const struct entity_word *entity = find_entity(rules, word);
    if (for_order && family == SEARCH_REGISTERED) { /* whose order is by bare names */
        return refuse_attribute(rules, written, true, err);
    }
    if (entity == NULL) {
        return refuse_entity(rules, word, err);
    }
    if (entity->entity == ENTITY_ATTRIBUTE) {
        return find_attribute(rules, key, for_order, ret, err);
    }
    *ret = (struct search_field){.entity = entity->entity, .key = key};
    if (entity->entity == ENTITY_DATASET && check_dataset_key(key, err) < 0) {
        return -1;
    }
    return for_order ? check_order(family, written, ret, err) : 0;
}
