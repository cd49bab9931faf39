/* SPDX-License-Identifier: Apache-2.0 */
#include "config/step_user.h"

#include "pipeline/load.h"

#include <sys/un.h>

static void key_socket(struct loader *loader, const struct yaml_node *node, void *target)
{
    enum { PATH_MAX_BYTES = sizeof((struct sockaddr_un *)0)->sun_path - 1 };
    const char **socket = target;
    if (node->text.n == 0 || node->text.p[0] != '/' || node->text.n > PATH_MAX_BYTES ||
        str_find_byte(node->text, '\0', 0) >= 0) {
        load_error(loader, node, DIAG_VALUE, NULL,
                   "'socket': expected an absolute path of at most %d bytes, found '%.*s'", PATH_MAX_BYTES,
                   STR_ARG(node->text));
        return;
    }
    *socket = arena_str(loader->arena, node->text).p;
}

static const struct key keys[] = {
    {.name = "socket", .takes = TAKES_TEXT, .load = key_socket},
    {0},
};

void step_user_load(struct loader *loader, const struct yaml_node *node, const char **ret_socket)
{
    if (load_map(loader, node, keys, ret_socket, "'runner'") && yaml_get(node, "socket") == NULL) {
        load_error(loader, node, DIAG_MISSING, NULL, "'runner': expected 'socket'");
    }
}
