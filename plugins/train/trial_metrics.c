/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include "bare_words.h"
#include "csv.h"
#include "file_text.h"
#include "value.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MOST_FILE_BYTES = 16 * 1024 * 1024, MOST_LOG_BYTES = 256 * 1024 * 1024, MOST_METRICS = 1000 };

struct found {
    struct scratch *scratch;
    struct trial_metric *items;
    size_t count;
};

/* The last value of a name counts. */
static void add(struct found *found, const char *key, double value)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].key, key) == 0) {
            found->items[i].value = value;
            return;
        }
    }
    if (found->count < MOST_METRICS) {
        found->items[found->count++] = (struct trial_metric){scratch_copy(found->scratch, key, strlen(key)), value};
    }
}

/* ---- the file ----------------------------------------------------------------------------------- */

static void add_map(struct found *found, const char *prefix, const struct step_value *map)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct step_value *value = &map->items[i];
        const char *key = prefix[0] == '\0' ? map->keys[i]
                                            : scratch_printf(found->scratch, "%s/%s", prefix, map->keys[i]);
        if (value->type == STEP_TYPE_MAP) {
            add_map(found, key, value);
        } else if (value->type == STEP_TYPE_INT || value->type == STEP_TYPE_NUMBER) {
            add(found, key, value->number);
        } else if (value->type == STEP_TYPE_STRING && strcasecmp(value->string, "nan") == 0) {
            add(found, key, NAN);
        }
    }
}

static int read_file(const struct step_host *host, struct found *found, const char *path, const char *name,
                     struct fault *fault)
{
    char *text = NULL;
    size_t size = 0;
    const struct step_value *value = NULL;
    if (file_text_read(found->scratch, path, MOST_FILE_BYTES, &text, &size, fault) < 0) {
        return -1;
    }
    text = bare_words_quote(found->scratch, text, size, &size);
    if (host->parse_json(host, text, size, &value) < 0 || value->type != STEP_TYPE_MAP) {
        return fault_set(fault, "its '%.100s': expected a JSON map of numbers", name);
    }
    add_map(found, "", value);
    return 0;
}

/* ---- what was printed ---------------------------------------------------------------------------- */

static bool is_key_character(char c)
{
    return isalnum((unsigned char)c) || strchr("_-./", c) != NULL;
}

/* "val_rmse=0.5", "val_rmse: 0.5", blanks anywhere. */
static void add_line(struct found *found, char *line)
{
    char *key = line + strspn(line, " \t");
    char *end = key;
    double value = 0;
    while (*end != '\0' && is_key_character(*end)) {
        end++;
    }
    char *sign = end + strspn(end, " \t");
    if ((!isalpha((unsigned char)*key) && *key != '_') || (*sign != '=' && *sign != ':')) {
        return;
    }
    char *text = sign + 1 + strspn(sign + 1, " \t");
    text[strcspn(text, "\r")] = '\0';
    if (csv_parse_number(text, &value) < 0) {
        if (strcasecmp(text, "nan") != 0) {
            return;
        }
        value = NAN;
    }
    *end = '\0';
    add(found, key, value);
}

static int read_log(struct found *found, const char *path, struct fault *fault)
{
    char *text = NULL;
    size_t size = 0;
    if (file_text_read(found->scratch, path, MOST_LOG_BYTES, &text, &size, fault) < 0) {
        return -1;
    }
    for (char *line = text; line < text + size;) {
        size_t n = strcspn(line, "\n");
        line[n] = '\0';
        add_line(found, line);
        line += n + 1;
    }
    return 0;
}

/* ---- the verdict ----------------------------------------------------------------------------------- */

static void decide(const struct trial_spec *spec, struct trial *trial)
{
    for (size_t i = 0; i < trial->metric_count; i++) {
        if (strcmp(trial->metrics[i].key, spec->metric) == 0) {
            trial->score = trial->metrics[i].value;
            trial->good = isfinite(trial->score);
            if (!trial->good) {
                (void)fault_set(&trial->why, "its '%.100s' is %s: expected a finite number", spec->metric,
                                isnan(trial->score) ? "NaN" : "infinite");
            }
            return;
        }
    }
    (void)fault_set(&trial->why,
                    "it left no metric '%.100s': expected it in '%.100s', or a line '%.60s=NUMBER' printed",
                    spec->metric, spec->metrics, spec->metric);
}

void trial_read(const struct step_host *host, struct scratch *scratch, const struct trial_spec *spec,
                struct trial *trial)
{
    struct scratch own = {0};
    struct found found = {.scratch = &own, .items = scratch_array(&own, MOST_METRICS, sizeof *found.items)};
    struct trial_metric *kept = NULL;
    const char *file = scratch_printf(&own, "%s/%s", trial->dir, spec->metrics);
    const char *log = scratch_printf(&own, "%s/output.log", trial->dir);
    int result = access(file, F_OK) == 0 ? read_file(host, &found, file, spec->metrics, &trial->why)
                                         : read_log(&found, log, &trial->why);
    kept = scratch_array(scratch, found.count, sizeof *kept);
    for (size_t i = 0; i < found.count; i++) {
        const char *key = found.items[i].key;
        kept[i] = (struct trial_metric){scratch_copy(scratch, key, strlen(key)), found.items[i].value};
    }
    trial->metrics = kept;
    trial->metric_count = found.count;
    scratch_free(&own);
    if (result == 0) {
        decide(spec, trial);
    }
}
