/* SPDX-License-Identifier: Apache-2.0
 * The key of a step: what makes it another one, what does not, and how that is said.
 */
#include "engine/cache_key.h"

#include "base/fs.h"
#include "base/path.h"
#include "pipeline_text.h"
#include "run/part_changes.h"

#include <stdlib.h>

/* A step in a workspace, with what is around it. */
struct given {
    const char *top;      /* of the file, before steps */
    const char *step;     /* after `cache: true` */
    const char *params;   /* JSON */
    const char *env;      /* JSON: of our environment; SHOP_* is let through */
    const char *matrix;   /* JSON of the item */
    const char *upstream; /* JSON: outputs of the step `up` */
    const char *file;     /* text of a.py */
    const char *artifact; /* text of what `up` published as `art` */
    const char *upstream_run;
};

static const struct given base = {
    .top = "params: {n: {type: integer, default: 1}, p: {type: path, default: d.csv}}\nenv: {E: e}\n",
    .step = "run: 'python a.py ${{ params.n }} ${{ steps.up.outputs.o }}'",
    .params = "{\"n\": 1, \"p\": \"d.csv\"}",
    .env = "{\"PATH\": \"/bin\", \"SHOP_A\": \"1\"}",
    .matrix = "null",
    .upstream = "{\"o\": \"x\"}",
    .file = "print(1)\n",
    .artifact = "art",
    .upstream_run = "r-up",
};

struct fixture {
    struct loaded loaded;
    struct engine engine;
    struct open_run open;
    const char *root;
};

static struct json json_of(struct arena *arena, const char *text)
{
    struct json value;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL), 0);
    return value;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    const char *path = path_join(f->loaded.arena, f->root, name);
    assert_int_equal(fs_write(path, str_from(text), 0600, false, NULL), 0);
}

static const char * or (const char *text, const char *otherwise)
{
    return text == NULL ? otherwise : text;
}

#define GIVEN(field) or (given->field, base.field)

static struct fixture make(const struct given *given)
{
    static const struct str let_through[] = {{"SHOP_*", 6}};
    struct fixture f = {0};
    char text[2000];
    (void)snprintf(text, sizeof text,
                   "name: shop\n%ssteps:\n  up: {run: x, outputs: [o], artifacts: {art: x}}\n"
                   "  it: {cache: true, needs: [up], %s}\n",
                   GIVEN(top), GIVEN(step));
    f.loaded = load_text_of(text);
    if (f.loaded.pipeline == NULL) {
        fail_msg("%s\n%s", text, all_messages(&f.loaded));
    }
    char *root = arena_strdup(f.loaded.arena, "/tmp/sluice-test-key-XXXXXX");
    assert_non_null(mkdtemp(root));
    f.root = root;
    put(&f, "a.py", GIVEN(file));
    put(&f, "d.csv", "1,2\n");
    put(&f, "art", GIVEN(artifact));
    struct engine_options options = {.clock = &clock_system, .home = "/nowhere", .lua_folder = "/nowhere/lua"};
    options.step_env = json_of(f.loaded.arena, GIVEN(env));
    options.step_env_names = let_through;
    options.step_env_name_count = 1;
    assert_int_equal(store_open(":memory:", STORE_READ_WRITE, &options.store, NULL), 0);
    f.engine.options = options;
    struct run_options run_options = {0};
    f.open = (struct open_run){.pipeline = f.loaded.pipeline, .run = run_new(f.loaded.pipeline, "r", &run_options)};
    f.open.row = (struct pipeline_run){.run_id = "r", .pipeline = "shop", .workspace = root, .folder = root};
    struct arena *arena = f.open.run->arena;
    f.open.run->params = json_of(arena, GIVEN(params));
    struct run_item *up = arena_one(arena, struct run_item);
    struct run_item *it = arena_one(arena, struct run_item);
    up->outputs = json_of(arena, GIVEN(upstream));
    up->artifacts = json_object();
    json_set(arena, &up->artifacts, "art", json_cstring(arena, path_join(arena, root, "art")));
    up->step_run_id = GIVEN(upstream_run);
    it->matrix = json_of(arena, GIVEN(matrix));
    f.open.run->steps[0].items = up;
    f.open.run->steps[1].items = it;
    f.open.run->steps[0].item_count = f.open.run->steps[1].item_count = 1;
    f.open.run->steps[0].state = STEP_STATE_SUCCEEDED;
    return f;
}

static void drop(struct fixture *f)
{
    assert_int_equal(fs_remove(f->root, NULL), 0);
    store_close(f->engine.options.store);
    run_free(f->open.run);
    loaded_free(&f->loaded);
}

static struct cache_key key_of(struct fixture *f)
{
    struct cache_key key;
    struct err err = {0};
    if (cache_key_make(&f->engine, &f->open, (struct run_place){1, 0}, f->loaded.arena, &key, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return key;
}

struct row {
    struct given a, b;
    const char *words; /* what differs; "": the same key */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture a = make(&rows[i].a);
        struct fixture b = make(&rows[i].b);
        struct cache_key before = key_of(&a);
        struct cache_key now = key_of(&b);
        struct json changes = part_changes(&before.parts, &now.parts, b.loaded.arena);
        assert_string_equal(part_changes_words(&changes, b.loaded.arena), rows[i].words);
        assert_int_equal(strcmp(before.key.hex, now.key.hex) == 0, rows[i].words[0] == '\0');
        drop(&a);
        drop(&b);
    }
}

#define RUN_IT(more) "run: python a.py" more
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

TEST(what_a_step_is_given_makes_its_key)
{
    static const struct row rows[] = {
        {{0}, {.params = "{\"n\": 2, \"p\": \"d.csv\"}"}, "param n: 1 \u2192 2"},
        {{0}, {.params = "{\"n\": \"1\", \"p\": \"d.csv\"}"}, "param n: 1 \u2192 \"1\""},
        {{0}, {.upstream = "{\"o\": \"y\"}"}, "output up.o: \"x\" \u2192 \"y\""},
        {{0}, {.file = "print(2)\n"}, "file a.py changed"},
        {{0}, {.env = "{\"PATH\": \"/bin\", \"SHOP_A\": \"2\"}"}, "environment SHOP_A changed"},
        {{0}, {.env = "{\"PATH\": \"/bin\"}"}, "environment SHOP_A is no more"},
        {{.matrix = "{\"lr\": 0.1}"}, {.matrix = "{\"lr\": 0.2}"}, "matrix lr: 0.1 \u2192 0.2"},
        {{.matrix = "3"}, {.matrix = "4"}, "matrix: 3 \u2192 4"},
        {{0}, {.top = "params: {n: {type: integer, default: 1}}\nenv: {E: f}\n"}, "env E: \"e\" \u2192 \"f\""},
        {{.step = RUN_IT("")},
         {.step = RUN_IT(", env: {X: '${{ params.n }}'}")},
         "'env' of the step is new; env X is new: \"1\"; param n is new: 1"},
        {{.step = RUN_IT("")}, {.step = RUN_IT(", outputs: [n]")}, "'outputs' of the step is new"},
        {{.step = RUN_IT("")},
         {.step = RUN_IT(", shell: sh")},
         "'shell' of the step is new; shell: bash --noprofile --norc -eo pipefail {0} \u2192 sh -e {0}"},
        {{.step = "run: 'python a.py ${{ steps.up.artifacts.art }}'"},
         {.step = "run: 'python a.py ${{ steps.up.artifacts.art }}'", .artifact = "other"},
         "artifact up.art changed"},
        {{.step = "run: 'python a.py ${{ steps.up.run_id }}'"},
         {.step = "run: 'python a.py ${{ steps.up.run_id }}'", .upstream_run = "r-2"},
         "steps.up.run_id: \"r-up\" \u2192 \"r-2\""},
        {{.step = "lua: 'return 1'"},
         {.step = "lua: 'return 1'", .params = "{\"n\": 2, \"p\": \"d.csv\"}"},
         "param n: 1 \u2192 2"},
        {{.step = "lua: 'return 1'"}, {.step = "lua: 'return 1'", .artifact = "other"}, "step up changed"},
    };
    CHECK(rows);
}

TEST(what_says_when_and_where_a_step_runs_does_not)
{
    static const struct row rows[] = {
        {{0}, {0}, ""}, /* another workspace, another folder of the artifact */
        {{0}, {.env = "{\"PATH\": \"/usr/bin\", \"HOME\": \"/root\", \"SHOP_A\": \"1\"}"}, ""},
        {{0}, {.params = "{\"n\": 1, \"p\": \"other.csv\"}"}, ""},
        {{0}, {.upstream = "{\"o\": \"x\", \"more\": 1}"}, ""},
        {{0}, {.upstream_run = "another"}, ""},
        {{0}, {.artifact = "not named"}, ""},
        {{.step = RUN_IT("")}, {.step = RUN_IT(", timeout: 1h, retry: {attempts: 3}, if: true")}, ""},
        {{.step = RUN_IT("")}, {.step = RUN_IT(", stop: {grace: 1s}, continue_on_error: true")}, ""},
        {{.step = RUN_IT(", env: {D: '${{ step.dir }}'}")}, {.step = RUN_IT(", env: {D: '${{ step.dir }}'}")}, ""},
        {{.step = "lua: 'return 1'"}, {.step = "lua: 'return 1'", .upstream_run = "another"}, ""},
    };
    CHECK(rows);
}

TEST(nothing_of_a_secret_is_in_it)
{
    struct given given = {.step = RUN_IT(", env: {T: 'Bearer ${{ secrets.S }}', U: '${{ env.T }}'}")};
    struct fixture f = make(&given);
    struct cache_key key = key_of(&f);
    assert_string_equal(json_get_text(&key.parts, "env T", ""), "\"Bearer ***\"");
    assert_string_equal(json_get_text(&key.parts, "env U", ""), "\"Bearer ***\"");
    drop(&f);
}

TEST(a_file_that_a_param_names_counts)
{
    struct given given = {.step = "run: 'cat ${{ params.p }}'"};
    struct fixture f = make(&given);
    struct cache_key before = key_of(&f);
    put(&f, "d.csv", "3,4,5\n");
    struct cache_key now = key_of(&f);
    struct json changes = part_changes(&before.parts, &now.parts, f.loaded.arena);
    assert_string_equal(part_changes_words(&changes, f.loaded.arena), "file d.csv changed");
    drop(&f);
}

TEST(many_changes_are_counted)
{
    struct arena *arena = arena_new();
    struct json before = json_object();
    struct json now =
        json_of(arena, "{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\",\"d\":\"1\",\"e\":\"1\",\"f\":\"sha256:1\"}");
    struct json changes = part_changes(&before, &now, arena);
    assert_string_equal(part_changes_words(&changes, arena),
                        "a is new: 1; b is new: 1; c is new: 1; d is new: 1; e is new: 1; and 1 more");
    arena_free(arena);
}

TESTS(RUN(what_a_step_is_given_makes_its_key), RUN(what_says_when_and_where_a_step_runs_does_not),
      RUN(nothing_of_a_secret_is_in_it), RUN(a_file_that_a_param_names_counts), RUN(many_changes_are_counted))
