/* SPDX-License-Identifier: Apache-2.0 */
#include "config/texts.h"

#include "pipeline/load.h"

bool config_texts_read(struct loader *loader, const struct yaml_node *node, const char *what, const struct str **ret,
                       size_t *ret_count)
{
    struct str *texts = arena_array(loader->arena, node->count, sizeof *texts);
    bool good = true;
    if (node->count == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "%s: expected at least one entry", what);
        return false;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *item = &node->items[i];
        if (!load_expect(loader, item, TAKES_SCALAR, what)) {
            good = false;
        } else if (item->text.n == 0 || str_find_byte(item->text, '\0', 0) >= 0) {
            load_error(loader, item, DIAG_VALUE, NULL, "%s: expected text without a NUL, found %s", what,
                       item->text.n == 0 ? "empty text" : "one with a NUL");
            good = false;
        } else {
            texts[i] = arena_str(loader->arena, item->text);
        }
    }
    *ret = texts;
    *ret_count = node->count;
    return good;
}
