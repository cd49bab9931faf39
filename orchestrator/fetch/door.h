/* SPDX-License-Identifier: Apache-2.0
 * What each connection that libcurl makes has in common: the policy's one door, and which certificates are trusted.
 */
#ifndef SLUICE_FETCH_DOOR_H
#define SLUICE_FETCH_DOOR_H

#include "base/address_policy.h"

#include <curl/curl.h>

struct fetch_door {
    const struct address_policy *policy;
    char refused[160]; /* why the policy refused the last address that was tried, or "" */
};

/* Sets it on the handle, for which the door must live. */
void fetch_door_set(CURL *curl, struct fetch_door *door);
/* libcurl's or the system's text as the end of a sentence of ours. */
const char *fetch_words(struct arena *arena, const char *text);

#endif
