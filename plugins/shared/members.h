/* SPDX-License-Identifier: Apache-2.0
 * A JSON object written member by member: a question to the store, a request's body.
 *
 *     struct members ask = {0};
 *     members_text(&ask, "name", "wine");
 *     members_whole(&ask, "version", 3);
 *     host->call(host, "registry.alias", members_json(&ask), &reply);
 *     members_free(&ask);
 */
#ifndef SLUICE_SHARED_MEMBERS_H
#define SLUICE_SHARED_MEMBERS_H

#include "step.h"
#include "textbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Start with `= {0}`. */
struct members {
    struct textbuf text;
    bool closed;
};

/* Nothing is written for NULL. */
void members_text(struct members *members, const char *key, const char *text);
void members_whole(struct members *members, const char *key, int64_t number);
void members_number(struct members *members, const char *key, double number);
void members_bool(struct members *members, const char *key, bool value);
/* Nothing is written for NULL; an explicit null is. */
void members_value(struct members *members, const char *key, const struct step_value *value);
/* JSON that stands already: "null", "[1,2]". */
void members_raw(struct members *members, const char *key, const char *json);
/* Closes the object: no member can follow. Valid until members_free(). */
const char *members_json(struct members *members);
void members_free(struct members *members);

/* Asks the store and closes the object. -1 with the store's message as the fault. */
int members_ask(const struct step_host *host, const char *method, struct members *members,
                const struct step_value **ret_reply, struct fault *fault);
/* Sets an output to what a value holds (NULL: null), of any size. */
int members_output(const struct step_host *host, const char *key, const struct step_value *value);

#endif
