/* SPDX-License-Identifier: Apache-2.0
 * Digests of pipelines and steps, and the definitions that they are made of.
 */
#include "pipeline/yaml_doc.h"
#include "pipeline_text.h"

#define HEAD "name: p\n"
#define STEP(keys) HEAD "steps:\n  a: {" keys "}\n"

static struct str digest_of_first(const struct loaded *loaded)
{
    return step_digest(loaded->pipeline, &loaded->pipeline->steps[0], loaded->arena);
}

TEST(the_digest_is_of_what_the_file_says_not_of_how)
{
    struct loaded a = load_text_of(STEP("run: x, env: {A: b}"));
    struct loaded b = load_text_of("# words\n\"name\": 'p'\nsteps: {a: {env: {A: \"b\"},   run: x}}\n");
    struct loaded c = load_text_of(STEP("run: y, env: {A: b}"));
    assert_true(str_eq(pipeline_digest(a.pipeline, a.arena), pipeline_digest(b.pipeline, b.arena)));
    assert_true(str_eq(digest_of_first(&a), digest_of_first(&b)));
    assert_false(str_eq(pipeline_digest(a.pipeline, a.arena), pipeline_digest(c.pipeline, c.arena)));
    assert_false(str_eq(digest_of_first(&a), digest_of_first(&c)));
    loaded_free(&a);
    loaded_free(&b);
    loaded_free(&c);
}

/* Each step by itself, from its part of the file, and as a part of the whole. */
TEST(a_step_is_read_again_as_it_stands_in_the_file)
{
    static const char *const texts[] = {
        "steps:\n  a:\n    run: x\n    needs: [b]\n  b: {run: x}\n",
        "steps:\n  a:\n    run: |\n      echo 1\n        echo 2\n\n\n  # words\n  b:\n    run: |+\n      x\n\n\n",
        "steps:\n  a:\n    run: >-\n      echo 1\n      echo 2\n\n      x\n    env:\n      A: |2\n          two\n"
        "  b:\n    run: |-\n     no end",
        "steps:\r\n  a:\r\n    run: 'x\r\n      y'\r\n    env: {A: \"\\u00e9\\n\", B: 1.10, C: 0x10}\r\n",
        "steps: {a: {run: x, env: {A: é}}, b: {run: [x,\n y], needs: a},\nc:\n{lua: '# no\n comment'}}",
        "steps:\n  ? a\n  : run: x\n    timeout: 5m\n  ? 'b'\n  :\n      {run: x} # {words}\n  \"c\":\n      lua: x\n",
        "steps:\n        a:\n              \"run\": x\n              with:\n        b: {run: 'é', with: }\n...\n",
        "\xEF\xBB\xBFsteps: {a: {run: x}}\nname: later\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct loaded loaded = load_text_of("name: p\nsteps: {a: {run: x}}");
        const struct pipeline_world world = {.accepted = true};
        struct diags diags;
        diags_init(&diags, loaded.arena, "test.yaml");
        diags.text = str_from(texts[i]);
        const struct pipeline *pipeline = pipeline_load(&diags, &world);
        const struct yaml_node *steps = yaml_get(yaml_doc_parse(&diags), "steps");
        assert_true(pipeline != NULL && steps != NULL && steps->count == pipeline->step_count);
        for (size_t s = 0; s < steps->count; s++) {
            struct json again = step_definition(pipeline, &pipeline->steps[s], loaded.arena);
            struct json whole = yaml_to_json(loaded.arena, &steps->pairs[s].value);
            assert_string_equal(json_text(loaded.arena, &again).p, json_text(loaded.arena, &whole).p);
        }
        loaded_free(&loaded);
    }
}

TEST(defaults_change_the_digests_of_the_steps_that_they_bind)
{
#define WITH_DEFAULTS(defaults)                                                                                        \
    HEAD "defaults: {" defaults "}\nsteps:\n  a: {run: x}\n  b: {lua: x}\n  c: {uses: tool, with: {count: 1}}\n"       \
         "  d: {uses: gate}\n  e: {pipeline: other}\n  f: {run: x, timeout: 5m, retry: {attempts: 2}}\n"              \
         "  g: {run: x, timeout: 5m}\n"
    struct loaded first = load_text_of(WITH_DEFAULTS("timeout: 1h"));
    static const struct {
        const char *defaults;
        const char *changed;
    } rows[] = {{WITH_DEFAULTS("timeout: 60m"), ""},
                {WITH_DEFAULTS("timeout: 2h"), "a b c "},
                {WITH_DEFAULTS("timeout: 1h, retry: {attempts: 2}"), "a b c g "},
                {WITH_DEFAULTS("timeout: 1h, retry: {delay: 2s, on: ['exit:3']}"), "a b c f g "},
                {WITH_DEFAULTS("timeout: 1h, retry: {attempts: 1}"), ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loaded loaded = load_text_of(rows[i].defaults);
        const char *changed = "";
        assert_non_null(loaded.pipeline);
        for (size_t s = 0; s < loaded.pipeline->step_count; s++) {
            const struct step *step = &loaded.pipeline->steps[s];
            bool same = str_eq(step_digest(loaded.pipeline, step, loaded.arena),
                               step_digest(first.pipeline, &first.pipeline->steps[s], first.arena));
            changed = same ? changed : arena_printf(loaded.arena, "%s%.*s ", changed, STR_ARG(step->id));
        }
        assert_string_equal(changed, rows[i].changed);
        loaded_free(&loaded);
    }
    loaded_free(&first);
}

TESTS(RUN(the_digest_is_of_what_the_file_says_not_of_how), RUN(a_step_is_read_again_as_it_stands_in_the_file),
      RUN(defaults_change_the_digests_of_the_steps_that_they_bind))
