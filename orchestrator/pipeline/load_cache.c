/* SPDX-License-Identifier: Apache-2.0
 * `cache` of a step: true, or {key, max_age} (docs/caching.md).
 */
#include "base/path.h"
#include "pipeline/load.h"

static struct step_cache *cache_of(void *target)
{
    return target;
}

static void cache_key(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step_cache *cache = cache_of(target);
    struct template *keys = arena_array(loader->arena, node->count, sizeof *keys);
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = &node->items[i];
        if (!load_expect(loader, item, TAKES_SCALAR, "an item of 'key'") ||
            !load_template(loader, item, &keys[cache->key_count])) {
            continue;
        }
        struct str glob = str_slice(item->text, strlen("file:"), item->text.n);
        if (str_starts(item->text, STR("file:")) && str_find(glob, STR("${{")) < 0 && !path_is_below(glob)) {
            load_error(loader, item, DIAG_VALUE, NULL, "'file:%.*s': expected a path or glob below the workspace",
                       STR_ARG(glob));
        }
        cache->key_count++;
    }
    cache->keys = keys;
}

static void cache_max_age(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_duration(loader, node, &cache_of(target)->max_age_ms);
}

const struct key cache_keys[] = {
    {.name = "key", .takes = TAKES_LIST, .load = cache_key, .doc = "Texts and \"file:GLOB\" that add to the key."},
    {.name = "max_age", .takes = TAKES_DURATION, .load = cache_max_age, .doc = "Older results are not used."},
    {0},
};

void load_cache(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step_cache *cache = arena_one(loader->arena, struct step_cache);
    bool wanted = true;
    if (node->type == JSON_OBJECT) {
        (void)load_map(loader, node, cache_keys, cache, "'cache'");
    } else {
        (void)load_bool(loader, node, &wanted);
    }
    ((struct step *)target)->cache = wanted ? cache : NULL;
}
