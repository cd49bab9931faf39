/* SPDX-License-Identifier: Apache-2.0
 * Digests of a pipeline and of its steps, for those who run it. Who only checks a file asks for none.
 */
#include "crypto/digest.h"
#include "pipeline/load.h"

enum { CANONICAL_MAX_BYTES = 256 << 20 };

struct digests {
    struct arena *arena; /* the pipeline's */
    const struct yaml_node *root;
    const struct yaml_node *steps; /* its pair i is step i; NULL: the file has none */
    struct str whole;              /* empty until it is asked for, and so are the others */
    struct str *of_steps;
};

struct digests *digests_new(const struct loader *loader, const struct yaml_node *root)
{
    struct digests *digests = arena_one(loader->arena, struct digests);
    *digests = (struct digests){
        .arena = loader->arena,
        .root = root,
        .steps = loader->steps,
        .of_steps = arena_array(loader->arena, loader->pipeline->step_count, sizeof *digests->of_steps),
    };
    return digests;
}

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

struct json step_definition(const struct pipeline *pipeline, const struct step *step, struct arena *arena)
{
    return yaml_to_json(arena, &pipeline->digests->steps->pairs[step - pipeline->steps].value);
}

/* What a step is: its own part of the file, and what `defaults` may have set. */
static struct json whole_step(struct arena *arena, const struct pipeline *pipeline, const struct step *step)
{
    struct json whole = json_object();
    json_set(arena, &whole, "definition", step_definition(pipeline, step, arena));
    json_set(arena, &whole, "timeout_ms", json_int(step->timeout_ms));
    json_set(arena, &whole, "retry", retry_json(arena, &step->retry));
    return whole;
}

struct str pipeline_digest(const struct pipeline *pipeline)
{
    struct digests *digests = pipeline->digests;
    if (digests->whole.n == 0) {
        struct arena *scratch = arena_new();
        struct json document = yaml_to_json(scratch, digests->root);
        digests->whole = digest_of(digests->arena, &document);
        arena_free(scratch);
    }
    return digests->whole;
}

struct str step_digest(const struct pipeline *pipeline, const struct step *step)
{
    struct digests *digests = pipeline->digests;
    size_t index = (size_t)(step - pipeline->steps);
    if (digests->of_steps[index].n == 0) {
        struct arena *scratch = arena_new();
        struct json whole = whole_step(scratch, pipeline, step);
        digests->of_steps[index] = digest_of(digests->arena, &whole);
        arena_free(scratch);
    }
    return digests->of_steps[index];
}
