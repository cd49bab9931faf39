/* SPDX-License-Identifier: Apache-2.0
 * What a delivery says, for the expressions of a pipeline: the context `event`. Pure, and only for what is genuine.
 */
#ifndef SLUICE_TRIGGER_WEBHOOK_EVENT_H
#define SLUICE_TRIGGER_WEBHOOK_EVENT_H

#include "trigger/webhook_verify.h"

enum {
    WEBHOOK_BODY_MAX = 2 << 20,    /* bytes of a body that are taken */
    WEBHOOK_VALUES_MAX = 100000,   /* of the JSON in it */
    WEBHOOK_HEADERS_MAX = 200,
};

/* Adds a header as it came: its name in lower case; of one that comes twice, both values, a comma between them. What is
 * no name of a header, and what is more than WEBHOOK_HEADERS_MAX, is left out. */
void webhook_header_add(struct json *headers, struct str name, struct str value, struct arena *arena);
/* Those that carry no secret. */
struct json webhook_headers_plain(const struct json *headers, struct arena *arena);

/* {id, type, headers, body}: the type as the sender names it, or null; the headers without secrets; the body's JSON, a
 * form's fields, or null when it is empty. ERR_INPUT in words when the body is neither. */
int webhook_event_read(const struct webhook_provider *provider, const struct webhook_request *request, const char *id,
                       struct arena *arena, struct json *ret_event, struct err *err);
/* Does it only try the way? */
bool webhook_event_is_ping(const struct webhook_provider *provider, const struct webhook_request *request);

#endif
