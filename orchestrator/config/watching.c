/* SPDX-License-Identifier: Apache-2.0 */
#include "config/watching.h"

#include "config/texts.h"
#include "pipeline/load.h"

static void key_readers(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct watching *watching = target;
    (void)config_texts_read(loader, node, "'readers'", &watching->readers, &watching->reader_count);
}

static const struct key keys[] = {
    {.name = "readers", .takes = TAKES_LIST, .load = key_readers},
    {0},
};

void watching_load(struct loader *loader, const struct yaml_node *node, struct watching *ret)
{
    (void)load_map(loader, node, keys, ret, "'metrics'");
}
