/* SPDX-License-Identifier: Apache-2.0 */
#include "champion.h"

#include "spelling.h"
#include "textbuf.h"

#include <string.h>

int champion_parse(const struct step_value *param, struct champion *ret_champion, struct fault *fault)
{
    static const char *const known[] = {"model", "if_missing"};
    struct champion champion = {0};
    if (param != NULL && param->type == STEP_TYPE_STRING) {
        champion.uri = param->string;
    } else if (param != NULL && param->type == STEP_TYPE_MAP) {
        for (size_t i = 0; i < param->count; i++) {
            const char *text = param->items[i].type == STEP_TYPE_STRING ? param->items[i].string : "";
            if (strcmp(param->keys[i], "model") == 0) {
                champion.uri = text;
            } else if (strcmp(param->keys[i], "if_missing") == 0 &&
                       (strcmp(text, "pass") == 0 || strcmp(text, "fail") == 0)) {
                champion.must_exist = strcmp(text, "fail") == 0;
            } else if (strcmp(param->keys[i], "if_missing") == 0) {
                return fault_set(fault, "champion: if_missing: '%.60s': expected pass or fail", text);
            } else {
                const char *nearest = spelling_nearest(param->keys[i], known, 2);
                return fault_set(fault, "champion: unknown key '%.60s'%s%s%s: expected model, if_missing",
                                 param->keys[i], nearest == NULL ? "" : " (did you mean '",
                                 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?)");
            }
        }
        if (champion.uri == NULL) {
            return fault_set(fault, "champion: expected a key 'model', such as models:/wine@champion");
        }
    } else if (param != NULL && param->type != STEP_TYPE_NULL) {
        return fault_set(fault, "champion: expected a model, or {model, if_missing}");
    }
    if (champion.uri != NULL && champion.uri[0] == '\0') {
        return fault_set(fault, "champion: model: expected a text such as models:/wine@champion");
    }
    *ret_champion = champion;
    return 0;
}

/* A version may come as number or text. */
static const char *text_or_null(struct scratch *scratch, const struct step_value *value)
{
    if (value != NULL && value->type == STEP_TYPE_STRING) {
        return scratch_copy(scratch, value->string, strlen(value->string));
    }
    if (value != NULL && value->type == STEP_TYPE_INT) {
        return scratch_printf(scratch, "%lld", (long long)value->integer);
    }
    return NULL;
}

static bool is_true(const struct step_value *value)
{
    return value != NULL && value->type == STEP_TYPE_BOOL && value->boolean;
}

int champion_ask(const struct step_host *host, struct scratch *scratch, const char *dataset_digest,
                 struct champion *champion, struct fault *fault)
{
    if (champion->uri == NULL) {
        return 0;
    }
    struct textbuf request = {0};
    textbuf_put(&request, "{\"uri\":");
    textbuf_json_string(&request, champion->uri);
    textbuf_put(&request, ",\"dataset_digest\":");
    textbuf_json_string(&request, dataset_digest);
    textbuf_put(&request, "}");
    const struct step_value *reply = NULL;
    int result = host->call(host, "model.metrics", textbuf_text(&request), &reply);
    textbuf_free(&request);
    if (result != 0) {
        const struct step_value *message = step_get(reply, "message");
        return fault_set(fault, "champion: '%.200s': %.250s", champion->uri,
                         message != NULL && message->type == STEP_TYPE_STRING ? message->string : "the store refused");
    }
    champion->found = is_true(step_get(reply, "found"));
    if (champion->found) {
        const struct step_value *metrics = step_get(reply, "metrics");
        champion->like = is_true(step_get(reply, "like"));
        champion->version = text_or_null(scratch, step_get(reply, "version"));
        champion->model_id = text_or_null(scratch, step_get(reply, "model_id"));
        champion->digest = text_or_null(scratch, step_get(reply, "dataset_digest"));
        champion->metrics = metrics != NULL && metrics->type == STEP_TYPE_MAP ? metrics : NULL;
    }
    return 0;
}

static const char *name_of(struct scratch *scratch, const struct champion *champion)
{
    return champion->version == NULL ? champion->uri
                                     : scratch_printf(scratch, "%s (version %s)", champion->uri, champion->version);
}

static const char *unlike_reason(struct scratch *scratch, const struct champion *champion, const char *dataset_digest)
{
    if (champion->digest == NULL) {
        return scratch_printf(scratch, "unlike data: %s has no metrics on any dataset; this one is %.12s",
                              name_of(scratch, champion), dataset_digest);
    }
    return scratch_printf(scratch, "unlike data: the metrics of %s are on dataset %.12s, this one is %.12s",
                          name_of(scratch, champion), champion->digest, dataset_digest);
}

void champion_evidence(struct scratch *scratch, const struct champion *champion, const char *key,
                       const char *dataset_digest, struct threshold_evidence *evidence)
{
    if (!champion->found) {
        evidence->champion_state =
            champion->must_exist ? THRESHOLD_CHAMPION_REFUSES : THRESHOLD_CHAMPION_ABSENT_PASSES;
        evidence->champion_reason = scratch_printf(scratch, "there is no %s, and if_missing is fail", champion->uri);
        return;
    }
    evidence->champion_state = THRESHOLD_CHAMPION_REFUSES;
    if (!champion->like) {
        evidence->champion_reason = unlike_reason(scratch, champion, dataset_digest);
        return;
    }
    const struct step_value *value = step_get(champion->metrics, key);
    if (value == NULL || (value->type != STEP_TYPE_NUMBER && value->type != STEP_TYPE_INT)) {
        evidence->champion_reason =
            scratch_printf(scratch, "%s has no %s on this dataset", name_of(scratch, champion), key);
        return;
    }
    evidence->champion_state = THRESHOLD_CHAMPION_KNOWN;
    evidence->champion = value->number;
}
