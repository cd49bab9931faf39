/* SPDX-License-Identifier: Apache-2.0
 * An answer that is a list too long to be in memory whole: {"NAME": [...], "next_page_token": "..."}.
 *
 * It is made part by part, each when the client has taken the one before, and of the store as it is then: so a client
 * that reads slowly holds nothing up, and rows that are removed meanwhile are left out.
 */
#ifndef SLUICE_API_LONG_LIST_H
#define SLUICE_API_LONG_LIST_H

#include "api/api.h"

/* A list of fewer is answered at once. */
enum { LONG_LIST_MIN = 200 };

struct long_list {
    const char *name;            /* of the member */
    const char *next_page_token; /* NULL: none; known at the end */
    /* Pushes the items that come next, for some 64 KiB of text; none: that was all. What is made in `call->arena` lasts
     * until the next part. */
    int (*take)(struct long_list *list, struct api_call *call, struct json *items, struct err *err);
    void *state; /* in `arena`, with all that it points to */
    struct arena *arena;
};

/* Answers the call. The list is copied, and its arena freed when the answer is sent or its client is gone. */
void long_list_answer(struct api_call *call, const struct long_list *list);

#endif
