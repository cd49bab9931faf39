/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "classification.h"
#include "figures.h"
#include "textbuf.h"

#include <math.h>
#include <string.h>

void record_add_metric(struct record *record, struct scratch *scratch, const char *key, double value)
{
    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->metrics[i].key, key) == 0) {
            return;
        }
    }
    if (record->count == record->room) {
        size_t room = record->room == 0 ? 64 : record->room * 2;
        struct record_metric *metrics = scratch_array(scratch, room, sizeof *metrics);
        if (record->count > 0) {
            memcpy(metrics, record->metrics, record->count * sizeof *metrics);
        }
        record->metrics = metrics;
        record->room = room;
    }
    record->metrics[record->count++] = (struct record_metric){key, value};
}

/* ---- asking the store --------------------------------------------------------------------------- */

static const char *text_of(const struct step_value *map, const char *key, const char *otherwise)
{
    const struct step_value *value = step_get(map, key);
    return value != NULL && value->type == STEP_TYPE_STRING ? value->string : otherwise;
}

static int ask(const struct record_case *about, const char *method, const struct textbuf *request,
               const struct step_value **ret_reply, struct fault *fault)
{
    const struct step_value *reply = NULL;
    if (about->host->call(about->host, method, textbuf_text(request), &reply) != 0) {
        return fault_set(fault, "%s: %.400s", method, text_of(reply, "message", "the store refused"));
    }
    *ret_reply = reply;
    return 0;
}

static void put_metrics(struct textbuf *out, const struct record *record)
{
    textbuf_put(out, "{");
    for (size_t i = 0; i < record->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        textbuf_json_string(out, record->metrics[i].key);
        textbuf_put(out, ":");
        textbuf_json_number(out, record->metrics[i].value);
    }
    textbuf_put(out, "}");
}

static void put_pair(struct textbuf *out, const char *key, const char *value)
{
    textbuf_json_string(out, key);
    textbuf_put(out, ":");
    textbuf_json_string_or_null(out, value);
}

static int log_dataset(const struct record_case *about, struct fault *fault)
{
    struct textbuf request = {0};
    const struct step_value *reply = NULL;
    textbuf_put(&request, "{");
    put_pair(&request, "name", about->data->name);
    textbuf_put(&request, ",");
    put_pair(&request, "digest", about->data->digest);
    textbuf_put(&request, ",");
    put_pair(&request, "path", about->data->path);
    textbuf_put(&request, ",\"context\":\"evaluation\"}");
    int result = ask(about, "dataset.log", &request, &reply, fault);
    textbuf_free(&request);
    return result;
}

/* Without a model in the parameters the request names none, and the host may know it from the steps
 * before; that it does not is no failure then. The model's id, where the answer says it, is for the gate. */
static int log_model_metrics(const struct record *record, struct scratch *scratch, const struct record_case *about,
                             const char **ret_model, struct fault *fault)
{
    struct textbuf request = {0};
    const struct step_value *reply = NULL;
    textbuf_put(&request, "{");
    put_pair(&request, "model", about->model);
    textbuf_put(&request, ",");
    put_pair(&request, "dataset_name", about->data->name);
    textbuf_put(&request, ",");
    put_pair(&request, "dataset_digest", about->data->digest);
    textbuf_put(&request, ",\"metrics\":");
    put_metrics(&request, record);
    textbuf_put(&request, "}");
    int result = about->host->call(about->host, "model.log_metrics", textbuf_text(&request), &reply);
    textbuf_free(&request);
    const char *message = text_of(reply, "message", "the store refused");
    *ret_model = about->model;
    if (result == 0) {
        const char *model = text_of(reply, "model_id", about->model);
        *ret_model = model == NULL ? NULL : scratch_copy(scratch, model, strlen(model));
        return 0;
    }
    if (about->model == NULL && strcmp(text_of(reply, "error", ""), "not_found") == 0) {
        step_log(about->host, STEP_LOG_INFO, "the metrics go to no model: the step has no parameter model, and %s",
                 message);
        return 0;
    }
    return fault_set(fault, "model.log_metrics: %.400s", message);
}

static int record_gate(struct scratch *scratch, const struct record_case *about, const char *model,
                       const char *evaluation, const char **ret_gate_id, struct fault *fault)
{
    struct textbuf request = {0};
    const struct step_value *reply = NULL;
    const struct champion *champion = about->champion;
    textbuf_printf(&request, "{\"passed\":%s,", about->gate->passed ? "true" : "false");
    put_pair(&request, "refused_by", about->gate->passed ? NULL : about->gate->refused_by);
    textbuf_put(&request, ",\"rules\":");
    gate_put_rules(&request, about->gate);
    textbuf_put(&request, ",");
    put_pair(&request, "model", model);
    textbuf_put(&request, ",\"champion\":");
    if (champion->uri == NULL) {
        textbuf_put(&request, "null");
    } else {
        textbuf_put(&request, "{");
        put_pair(&request, "model", champion->uri);
        textbuf_printf(&request, ",\"found\":%s,\"like\":%s,", champion->found ? "true" : "false",
                       champion->like ? "true" : "false");
        put_pair(&request, "version", champion->version);
        textbuf_put(&request, ",");
        put_pair(&request, "model_id", champion->model_id);
        textbuf_put(&request, "}");
    }
    textbuf_put(&request, ",\"dataset\":{");
    put_pair(&request, "name", about->data->name);
    textbuf_put(&request, ",");
    put_pair(&request, "digest", about->data->digest);
    textbuf_put(&request, ",");
    put_pair(&request, "file_digest", about->data->file_digest);
    textbuf_put(&request, "},\"evidence_files\":[");
    textbuf_json_string(&request, about->data->path);
    textbuf_put(&request, ",");
    textbuf_json_string(&request, evaluation);
    textbuf_put(&request, "]}");
    int result = ask(about, "gate.record", &request, &reply, fault);
    textbuf_free(&request);
    const struct step_value *id = result == 0 ? step_get(reply, "gate_id") : NULL;
    if (id != NULL && id->type == STEP_TYPE_INT) {
        *ret_gate_id = scratch_printf(scratch, "%lld", (long long)id->integer);
    } else if (result == 0) {
        return fault_set(fault, "gate.record: the store gave the record no number");
    }
    return result;
}

/* ---- files -------------------------------------------------------------------------------------- */

static void put_confusion(struct textbuf *out, const struct sample *sample, const struct classification *counts)
{
    textbuf_put(out, "{\"classes\":[");
    for (size_t c = 0; c < sample->class_count; c++) {
        textbuf_put(out, c == 0 ? "" : ",");
        textbuf_json_string(out, sample->class_names[c]);
    }
    textbuf_printf(out, "],\"rows_are\":\"label\",\"columns_are\":\"prediction\",\"weighted\":%s,\"matrix\":[",
                   sample->weights == NULL ? "false" : "true");
    for (size_t i = 0; i < sample->class_count * sample->class_count; i++) {
        size_t column = i % sample->class_count;
        textbuf_put(out, column > 0 ? "," : i == 0 ? "[" : ",[");
        textbuf_json_number(out, counts->confusion[i]);
        textbuf_put(out, column + 1 == sample->class_count ? "]" : "");
    }
    textbuf_put(out, "]}\n");
}

static int keep_confusion(struct scratch *scratch, const struct record_case *about, struct fault *fault)
{
    const struct sample *s = about->sample;
    struct classification counts;
    if (!s->classifier) {
        return 0;
    }
    if (classification_count(scratch, s->labels, s->predictions, s->weights, s->rows, s->class_count, &counts, fault) <
        0) {
        return -1;
    }
    struct textbuf out = {0};
    put_confusion(&out, s, &counts);
    int result =
        figures_keep_text(about->host, "confusion_matrix.json", "confusion_matrix.json", textbuf_text(&out), fault);
    textbuf_free(&out);
    return result;
}

static int keep_evaluation(const struct record *record, const struct record_case *about, struct fault *fault)
{
    struct textbuf out = {0};
    textbuf_put(&out, "{\"dataset\":{");
    put_pair(&out, "name", about->data->name);
    textbuf_put(&out, ",");
    put_pair(&out, "digest", about->data->digest);
    textbuf_put(&out, ",");
    put_pair(&out, "file_digest", about->data->file_digest);
    textbuf_printf(&out, "},\"n\":%zu,\"passed\":%s,\"refused_by\":", about->sample->rows,
                   about->gate->passed ? "true" : "false");
    textbuf_json_string(&out, about->gate->refused_by);
    textbuf_put(&out, ",\"metrics\":");
    put_metrics(&out, record);
    textbuf_put(&out, ",\"rules\":");
    gate_put_rules(&out, about->gate);
    textbuf_put(&out, "}\n");
    int result = figures_keep_text(about->host, "evaluation.json", "evaluation.json", textbuf_text(&out), fault);
    textbuf_free(&out);
    return result;
}

/* ---- outputs ------------------------------------------------------------------------------------ */

/* Metrics of single classes are in the records and in evaluation.json; an output stays small. */
static void put_whole(struct textbuf *out, const struct measures *whole)
{
    bool first = true;
    textbuf_put(out, "{");
    for (size_t i = 0; i < whole->count; i++) {
        if (whole->items[i].undefined == NULL && strchr(whole->items[i].name, ':') == NULL) {
            textbuf_put(out, first ? "" : ",");
            textbuf_json_string(out, whole->items[i].name);
            textbuf_put(out, ":");
            textbuf_json_number(out, whole->items[i].value);
            first = false;
        }
    }
    textbuf_put(out, "}");
}

static int set_text(const struct step_host *host, const char *key, const char *text)
{
    struct textbuf json = {0};
    textbuf_json_string_or_null(&json, text);
    int result = host->output(host, key, textbuf_text(&json));
    textbuf_free(&json);
    return result;
}

static int set_outputs(const struct record *record, const struct record_case *about, const char *gate_id,
                       struct fault *fault)
{
    const struct step_host *host = about->host;
    struct textbuf metrics = {0};
    put_whole(&metrics, &record->whole);
    int result = host->output(host, "metrics", textbuf_text(&metrics));
    textbuf_free(&metrics);
    result |= step_output_bool(host, "passed", about->gate->passed);
    result |= set_text(host, "refused_by", about->gate->refused_by);
    result |= set_text(host, "champion_version", about->champion->version);
    result |= set_text(host, "dataset_digest", about->data->digest);
    result |= step_output_int(host, "n", (int64_t)about->sample->rows);
    result |= set_text(host, "gate_id", gate_id);
    return result == 0 ? 0 : fault_set(fault, "the outputs were not accepted");
}

static int log_metrics(const struct record *record, const struct record_case *about, struct fault *fault)
{
    for (size_t i = 0; i < record->count; i++) {
        if (about->host->metric(about->host, record->metrics[i].key, record->metrics[i].value, 0, 0) != 0) {
            return fault_set(fault, "the metric '%.200s' was not accepted", record->metrics[i].key);
        }
    }
    return 0;
}

int record_write(const struct record *record, struct scratch *scratch, const struct record_case *about,
                 struct fault *fault)
{
    const char *model = NULL;
    const char *gate_id = NULL;
    if (log_metrics(record, about, fault) < 0 || keep_confusion(scratch, about, fault) < 0 ||
        keep_evaluation(record, about, fault) < 0 || log_dataset(about, fault) < 0 ||
        log_model_metrics(record, scratch, about, &model, fault) < 0) {
        return -1;
    }
    const char *evaluation = scratch_printf(scratch, "%s/evaluation.json", about->host->context->step_dir);
    if (about->gate->count > 0 && record_gate(scratch, about, model, evaluation, &gate_id, fault) < 0) {
        return -1;
    }
    return set_outputs(record, about, gate_id, fault);
}
