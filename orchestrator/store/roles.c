/* SPDX-License-Identifier: Apache-2.0 */
#include "store/roles.h"

#include <string.h>

const struct role_word role_table[] = {
    {"nobody", "nobody", "nothing"},
    {"viewer", "a viewer", "look, search and download, where permitted"},
    {"runner", "a runner", "start, retry, cancel and resume runs of pipelines"},
    {"approver", "an approver", "approve and reject, where the pipeline lets him"},
    {"editor", "an editor", "log, register, tag, upload, delete, restore, say what others may do with what he manages"},
    {"admin", "an admin", "users, webhooks, the activity log, definitions of his own, all objects"},
    {NULL, NULL, NULL},
};

const char *const role_words[] = {"viewer", "runner", "approver", "editor", "admin", NULL};

int role_parse(const char *word, enum role *ret, struct err *err)
{
    for (int i = ROLE_VIEWER; role_table[i].name != NULL; i++) {
        if (strcmp(role_table[i].name, word) == 0) {
            *ret = (enum role)i;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "role '%.100s': expected viewer, runner, approver, editor or admin", word);
}
