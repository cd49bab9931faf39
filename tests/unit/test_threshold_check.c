/* SPDX-License-Identifier: Apache-2.0
 * One table of thresholds, asked of both who read them: the check of pipelines, and the plugin that judges.
 */
#include "shared/thresholds.c"

#include "plugin/catalogue.h"
#include "runner/plugin_value.h"

#include "test.h"

static const char manifest[] = "sluice-step\0001\0name\0judge\0version\0001\0summary\0S.\0flags\0STEP_GATE\0"
                               "param\0champion\0STRING\0\0D.\0"
                               "param\0thresholds\0ANY\0shape=map; format=thresholds\0D.\0"
                               "param\0one\0STRING\0format=threshold\0D.\0end";

static bool check_accepts(const char *thresholds, const char **ret_says, struct arena *arena)
{
    struct plugin plugin;
    struct json values = json_object();
    struct json map;
    struct plugin_faults faults = {.arena = arena};
    assert_int_equal(plugin_parse_manifest(STR(manifest), arena, &plugin, NULL), 0);
    assert_int_equal(json_read(str_from(thresholds), (struct json_limits){0}, arena, &map, NULL), 0);
    json_set(arena, &values, "champion", json_cstring(arena, "models:/m@champion"));
    json_set(arena, &values, "thresholds", map);
    plugin_value_faults(&plugin, plugin_find_param(&plugin, STR("thresholds")), json_get(&values, "thresholds"),
                        &values, &faults);
    *ret_says = faults.count > 0 ? faults.items[0].message : "";
    return faults.count == 0;
}

static bool plugin_accepts(const char *thresholds, const char **ret_says, struct arena *arena)
{
    struct scratch scratch = {0};
    struct fault fault = {0};
    struct thresholds rules;
    struct json map;
    assert_int_equal(json_read(str_from(thresholds), (struct json_limits){0}, arena, &map, NULL), 0);
    bool good = thresholds_parse(&scratch, plugin_value(&map, arena), 0, &rules, &fault) == 0;
    *ret_says = good ? "" : arena_strdup(arena, fault.text);
    scratch_free(&scratch);
    return good;
}

static const struct {
    const char *map;
    bool good;
} maps[] = {
    {"{}", true},
    {"{\"rmse\": \"<= 0.7\"}", true},
    {"{\"rmse\": \"<0.7\"}", true},
    {"{\"rmse\": \" \\t>= -1e-3 \"}", true},
    {"{\"rmse\": \"== .5\"}", true},
    {"{\"rmse\": \"> champion\"}", true},
    {"{\"rmse\": \"<=champion*1.1\"}", true},
    {"{\"rmse\": \">= champion - 0.02 \"}", true},
    {"{\"rmse\": [\"<= 0.7\", \"<= champion\"]}", true},
    {"{\"rmse\": [[\"<= 0.7\"]]}", true},
    {"{\"rmse\": [[[\"<= 0.7\"]]]}", true},
    {"{\"rmse\": [[[[\"<= 0.7\"]]]]}", false},
    {"{\"rmse\": {\"is\": \"<= 0.7\"}}", true},
    {"{\"rmse\": {\"is\": [\"<= 0.7\", {\"is\": \"> 0\"}], \"min_samples\": 0, \"confidence\": 0.5}}", true},
    {"{\"rmse\": [{\"is\": \"<= 0.7\", \"confidence\": 0.999}]}", true},
    {"{\"rmse[color=white]\": \"<= 0.7\"}", true},
    {"{\"f1[a b=x=[1]]\": \"> 0\"}", true},
    {"{\"rmse[a=]\": \"> 0\"}", true},
    {"{\"recall:malignant[sex=f]\": \"> 0\"}", true},
    {"{\"rmse\": \"\"}", false},
    {"{\"rmse\": \"0.7\"}", false},
    {"{\"rmse\": 0.7}", false},
    {"{\"rmse\": null}", false},
    {"{\"rmse\": true}", false},
    {"{\"rmse\": \"<=\"}", false},
    {"{\"rmse\": \"=< 0.7\"}", false},
    {"{\"rmse\": \"less than 1\"}", false},
    {"{\"rmse\": \"<= 0.7x\"}", false},
    {"{\"rmse\": \"<= nan\"}", false},
    {"{\"rmse\": \"<= 0x10\"}", false},
    {"{\"rmse\": \"<= 1e999\"}", false},
    {"{\"rmse\": \"<= 1 2\"}", false},
    {"{\"rmse\": \">= champoin\"}", false},
    {"{\"rmse\": \">= champions\"}", false},
    {"{\"rmse\": \">= champion -\"}", false},
    {"{\"rmse\": \">= champion / 2\"}", false},
    {"{\"rmse\": \">= champion 0.2\"}", false},
    {"{\"rmse\": []}", false},
    {"{\"rmse\": [\"<= 1\", []]}", false},
    {"{\"rmse\": [\"<= 1\", \"below 2\"]}", false},
    {"{\"rmse\": {}}", false},
    {"{\"rmse\": {\"min_samples\": 3}}", false},
    {"{\"rmse\": {\"is\": {\"is\": \"<= 1\"}}}", false},
    {"{\"rmse\": {\"is\": null}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"min_samples\": -1}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"min_samples\": 1.5}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"min_samples\": \"3\"}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"confidence\": 0.4}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"confidence\": 1}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"confidence\": null}}", false},
    {"{\"rmse\": {\"is\": \"<= 1\", \"confidense\": 0.9}}", false},
    {"{\"\": \"<= 1\"}", false},
    {"{\"[a=b]\": \"<= 1\"}", false},
    {"{\"rmse[color]\": \"<= 1\"}", false},
    {"{\"rmse[=white]\": \"<= 1\"}", false},
    {"{\"rmse[color=white\": \"<= 1\"}", false},
    {"{\"rmse[a=b]x\": \"<= 1\"}", false},
};

TEST(the_check_and_the_plugin_agree_on_every_map)
{
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        struct arena *arena = arena_new();
        const char *says[2];
        bool check = check_accepts(maps[i].map, &says[0], arena);
        bool plugin = plugin_accepts(maps[i].map, &says[1], arena);
        if (check != maps[i].good || plugin != maps[i].good) {
            fail_msg("%s\nthe check %s %s\nthe plugin %s %s", maps[i].map, check ? "takes it" : "says", says[0],
                     plugin ? "takes it" : "says", says[1]);
        }
        arena_free(arena);
    }
}

TEST(as_many_rules_are_read_by_both)
{
    struct arena *arena = arena_new();
    for (int count = STEP_THRESHOLD_MOST_RULES; count <= STEP_THRESHOLD_MOST_RULES + 1; count++) {
        struct strbuf text;
        const char *says;
        strbuf_init(&text, 1 << 20);
        strbuf_add_text(&text, "{\"rmse\": [\"<= 1\"");
        for (int i = 1; i < count; i++) {
            strbuf_add_text(&text, ", \"<= 1\"");
        }
        strbuf_add_text(&text, "]}");
        assert_int_equal(check_accepts(text.data, &says, arena), count <= STEP_THRESHOLD_MOST_RULES);
        assert_int_equal(plugin_accepts(text.data, &says, arena), count <= STEP_THRESHOLD_MOST_RULES);
        strbuf_clear(&text);
    }
    arena_free(arena);
}

TEST(what_an_expression_may_make_good_is_believed_up_to_there)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"${{ params.rule }}", true},           {"  ${{ params.op }} 0.7", true},
        {">= ${{ params.min }}", true},         {">=${{ params.min }}", true},
        {">= 0.${{ params.digits }}", true},    {">= champion - ${{ params.slack }}", true},
        {">= champion ${{ params.rest }}", true}, {">= ${{ params.who }} - 0.02", true},
        {"<${{ params.equal }} 3", true},       {"less than ${{ params.max }}", false},
        {"<= champoin - ${{ params.x }}", false}, {"<= champion / ${{ params.x }}", false},
        {"<= x${{ params.x }}", false},         {"0.7 ${{ params.x }}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        const char *says;
        const char *map = arena_printf(arena, "{\"rmse\": \"%s\"}", rows[i].text);
        if (check_accepts(map, &says, arena) != rows[i].good) {
            fail_msg("'%s': %s", rows[i].text, says);
        }
        assert_false(plugin_accepts(map, &says, arena)); /* to it they come evaluated */
        arena_free(arena);
    }
}

TESTS(RUN(the_check_and_the_plugin_agree_on_every_map), RUN(as_many_rules_are_read_by_both),
      RUN(what_an_expression_may_make_good_is_believed_up_to_there))
