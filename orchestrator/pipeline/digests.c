/* SPDX-License-Identifier: Apache-2.0
 * Digests of a pipeline and of its steps, for those who run it. Who only checks a file asks for none.
 *
 * They are of values, not of text: a file that is written otherwise and says the same has the same. The tree of the
 * file is gone when it was loaded, since it takes as much memory as the pipeline: what is asked for is read from the
 * source again.
 */
#include "digest/digest.h"
#include "pipeline/load.h"

enum { CANONICAL_MAX_BYTES = 256 << 20 };

static struct str digest_of(struct arena *arena, const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, CANONICAL_MAX_BYTES);
    json_write_canonical(&text, value);
    struct digest digest = digest_bytes(strbuf_str(&text));
    strbuf_clear(&text);
    return arena_str(arena, str_from(digest.hex));
}

static struct json retry_json(struct arena *arena, const struct retry_policy *retry)
{
    struct json codes = json_array();
    for (size_t i = 0; i < retry->exit_code_count; i++) {
        json_push(arena, &codes, json_int(retry->exit_codes[i]));
    }
    struct json object = json_object();
    json_set(arena, &object, "attempts", json_int(retry->attempts));
    json_set(arena, &object, "delay_ms", json_int(retry->delay_ms));
    json_set(arena, &object, "factor", json_number(retry->factor));
    json_set(arena, &object, "max_delay_ms", json_int(retry->max_delay_ms));
    json_set(arena, &object, "jitter", json_bool(retry->jitter));
    json_set(arena, &object, "on", json_int(retry->on));
    json_set(arena, &object, "exit_codes", codes);
    return object;
}

/* Of YAML that was read before. */
static struct json value_of(struct str text, struct arena *arena)
{
    struct diags diags;
    diags_init(&diags, arena, NULL);
    diags.text = text;
    diags.scratch = arena_new();
    const struct yaml_node *root = yaml_doc_parse(&diags);
    struct json value = root == NULL ? json_null() : yaml_to_json(arena, root);
    diags_drop_scratch(&diags);
    return value;
}

/* Characters before `at` in its line. */
static size_t columns_before(struct str text, const char *at)
{
    size_t count = 0;
    for (; at > text.p && at[-1] != '\n'; at--) {
        count += ((unsigned char)at[-1] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

struct json step_definition(const struct pipeline *pipeline, const struct step *step, struct arena *arena)
{
    if (str_starts(step->source, STR("{"))) { /* in braces no indentation counts */
        return value_of(step->source, arena);
    }
    size_t indent = columns_before(pipeline->source, step->source.p);
    char *text = arena_alloc(arena, indent + step->source.n);
    memset(text, ' ', indent);
    memcpy(text + indent, step->source.p, step->source.n);
    return value_of((struct str){text, indent + step->source.n}, arena);
}

/* What a step is: its own part of the file, and what `defaults` may have set. */
static struct json whole_step(struct arena *arena, const struct pipeline *pipeline, const struct step *step)
{
    struct json whole = json_object();
    json_set(arena, &whole, "definition", step_definition(pipeline, step, arena));
    json_set(arena, &whole, "timeout_ms", json_int(step->timeout_ms));
    json_set(arena, &whole, "retry", retry_json(arena, step->retry));
    return whole;
}

struct str pipeline_digest(const struct pipeline *pipeline, struct arena *arena)
{
    struct arena *scratch = arena_new();
    struct json document = value_of(pipeline->source, scratch);
    struct str digest = digest_of(arena, &document);
    arena_free(scratch);
    return digest;
}

struct str step_digest(const struct pipeline *pipeline, const struct step *step, struct arena *arena)
{
    struct arena *scratch = arena_new();
    struct json whole = whole_step(scratch, pipeline, step);
    struct str digest = digest_of(arena, &whole);
    arena_free(scratch);
    return digest;
}
