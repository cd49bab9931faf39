/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/page.h"

#include "metrics/exposition.h"
#include "store/counters.h"
#include "store/gauges.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int one(struct strbuf *out, const char *name, double value)
{
    exposition_sample(out, name, NULL, value);
    return 0;
}

/* ---- of the log -------------------------------------------------------------------------------------------------- */

static int write_runs(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t count = 0;
    (void)err;
    const struct ledger_pipeline *pipelines = ledger_pipelines(page->ledger, &count);
    for (size_t i = 0; i < count * LEDGER_STATES * LEDGER_TRIGGERS; i++) {
        const struct ledger_pipeline *pipeline = &pipelines[i / (LEDGER_STATES * LEDGER_TRIGGERS)];
        size_t state = i / LEDGER_TRIGGERS % LEDGER_STATES;
        uint64_t value = pipeline->ended[state][i % LEDGER_TRIGGERS];
        if (value > 0) {
            exposition_sample(out, name,
                              (const char *[]){"pipeline", pipeline->name, "status", ledger_states[state], "trigger",
                                               ledger_trigger(page->ledger, i % LEDGER_TRIGGERS), NULL},
                              (double)value);
        }
    }
    return 0;
}

static int write_durations(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t count = 0;
    (void)err;
    const struct ledger_pipeline *pipelines = ledger_pipelines(page->ledger, &count);
    for (size_t i = 0; i < count; i++) {
        exposition_histogram(out, name, (const char *[]){"pipeline", pipelines[i].name, NULL},
                             &pipelines[i].durations);
    }
    return 0;
}

static int write_successes(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t count = 0;
    (void)err;
    const struct ledger_pipeline *pipelines = ledger_pipelines(page->ledger, &count);
    for (size_t i = 0; i < count; i++) {
        if (pipelines[i].last_success_ms > 0) {
            exposition_sample(out, name, (const char *[]){"pipeline", pipelines[i].name, NULL},
                              (double)pipelines[i].last_success_ms / 1000);
        }
    }
    return 0;
}

static int write_actions(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t count = 0;
    (void)err;
    const struct ledger_word *actions = ledger_actions(page->ledger, &count);
    for (size_t i = 0; i < count; i++) {
        exposition_sample(out, name, (const char *[]){"action", actions[i].word, NULL}, (double)actions[i].count);
    }
    return 0;
}

static int write_sequence(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    int64_t sequence = 0;
    char chain[65];
    return store_activity_head(page->store, &sequence, chain, err) < 0 ? -1 : one(out, name, (double)sequence);
}

/* The first 48 bits: a number in the format is a double. */
static int write_head(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    int64_t sequence = 0;
    char chain[65];
    if (store_activity_head(page->store, &sequence, chain, err) < 0) {
        return -1;
    }
    chain[12] = '\0';
    return one(out, name, (double)strtoull(chain, NULL, 16));
}

/* ---- of the store ------------------------------------------------------------------------------------------------ */

struct gauge_writer {
    struct strbuf *out;
    const char *name, *label;
};

/* Cores are kept as thousandths of them. */
static void write_gauge(void *ctx, const char *word, int64_t value)
{
    const struct gauge_writer *writer = ctx;
    bool cores = strcmp(writer->label, "resource") == 0 && strcmp(word, RESOURCE_CPU) == 0;
    exposition_sample(writer->out, writer->name, (const char *[]){writer->label, word, NULL},
                      cores ? (double)value / 1000 : (double)value);
}

static int gauge(const struct page *page, enum store_gauge which, const char *name, const char *label,
                 struct strbuf *out, struct err *err)
{
    struct gauge_writer writer = {out, name, label};
    return store_gauge(page->store, which, write_gauge, &writer, err);
}

static int write_open(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_RUNS, name, "state", out, err);
}

static int write_waits(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_WAITS, name, "kind", out, err);
}

static int write_supply(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_SUPPLY, name, "resource", out, err);
}

static int write_leases(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_LEASES, name, "resource", out, err);
}

static int write_deliveries(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_DELIVERIES, name, "state", out, err);
}

static int write_file_size(const struct page *page, const char *file, const char *name, struct strbuf *out)
{
    char path[4200];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", page->home, file);
    return one(out, name, stat(path, &status) < 0 ? 0 : (double)status.st_size);
}

static int write_store_bytes(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return write_file_size(page, "sluice.db", name, out);
}

static int write_log_bytes(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return write_file_size(page, "sluice.db-wal", name, out);
}

static int write_disk_free(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct statvfs disk;
    (void)err;
    return statvfs(page->home, &disk) < 0 ? 0 : one(out, name, (double)disk.f_bavail * (double)disk.f_frsize);
}

static int write_commits(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    exposition_histogram(out, name, NULL, store_commit_times(page->store));
    return 0;
}

/* ---- counted in the store ---------------------------------------------------------------------------------------- */

static void write_counter(void *ctx, const char *label, int64_t value)
{
    const struct gauge_writer *writer = ctx;
    exposition_sample(writer->out, writer->name, (const char *[]){writer->label, label, NULL}, (double)value);
}

/* "github accepted" */
static void write_hook_counter(void *ctx, const char *label, int64_t value)
{
    const struct gauge_writer *writer = ctx;
    char provider[64];
    const char *space = strrchr(label, ' ');
    (void)snprintf(provider, sizeof provider, "%.*s", space == NULL ? 0 : (int)(space - label), label);
    exposition_sample(writer->out, writer->name,
                      (const char *[]){"provider", provider, "result", space == NULL ? label : space + 1, NULL},
                      (double)value);
}

static int write_hooks(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct gauge_writer writer = {out, name, NULL};
    return store_counters(page->store, COUNTER_HOOKS, write_hook_counter, &writer, err);
}

static int write_missed(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct gauge_writer writer = {out, name, "reason"};
    return store_counters(page->store, COUNTER_MISSED, write_counter, &writer, err);
}

static int write_recovered(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct gauge_writer writer = {out, name, "outcome"};
    return store_counters(page->store, COUNTER_RECOVERED, write_counter, &writer, err);
}

static int write_counted(const struct page *page, const char *counter, const char *name, struct strbuf *out,
                         struct err *err)
{
    struct histogram histogram;
    if (store_counted_histogram(page->store, counter, &histogram, err) < 0) {
        return -1;
    }
    exposition_histogram(out, name, NULL, &histogram);
    return 0;
}

static int write_delays(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return write_counted(page, COUNTER_DELAY, name, out, err);
}

static int write_queue(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return write_counted(page, COUNTER_QUEUE, name, out, err);
}

static int write_triggers_pending(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    return gauge(page, GAUGE_TRIGGERS, name, "kind", out, err);
}

/* ---- of the engine ----------------------------------------------------------------------------------------------- */

static int write_turns(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    exposition_histogram(out, name, NULL, &engine_stats(page->engine)->turns);
    return 0;
}

static int write_attempts(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    for (int state = ATTEMPT_STATE_SUCCEEDED; state <= ATTEMPT_STATE_LOST; state++) {
        exposition_sample(out, name, (const char *[]){"status", attempt_state_name((enum attempt_state)state), NULL},
                          (double)engine_stats(page->engine)->ended[state]);
    }
    return 0;
}

static int write_attempt_times(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    exposition_histogram(out, name, NULL, &engine_stats(page->engine)->attempts);
    return 0;
}

static int write_running(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t running = 0;
    size_t waiting = 0;
    (void)err;
    engine_count_attempts(page->engine, &running, &waiting);
    return one(out, name, (double)running);
}

static int write_waiting(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    size_t running = 0;
    size_t waiting = 0;
    (void)err;
    engine_count_attempts(page->engine, &running, &waiting);
    return one(out, name, (double)waiting);
}

static int write_runners(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return one(out, name, (double)engine_count_runners(page->engine));
}

/* ---- of the server ----------------------------------------------------------------------------------------------- */

static int write_requests(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"};
    const struct http_stats *stats = page->answers;
    (void)err;
    for (size_t i = 0; i < (HTTP_OTHER + 1) * (HTTP_STATUS_MAX + 1); i++) {
        char code[8];
        size_t method = i / (HTTP_STATUS_MAX + 1);
        uint64_t value = stats->answers[method][i % (HTTP_STATUS_MAX + 1)];
        (void)snprintf(code, sizeof code, "%zu", i % (HTTP_STATUS_MAX + 1));
        if (value > 0) {
            exposition_sample(out, name, (const char *[]){"method", methods[method], "code", code, NULL},
                              (double)value);
        }
    }
    return 0;
}

static int write_request_times(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    exposition_histogram(out, name, NULL, &page->answers->times);
    return 0;
}

static int write_busy(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return one(out, name, (double)http_server_busy(page->http));
}

static int write_build(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    char schema[16];
    (void)err;
    (void)snprintf(schema, sizeof schema, "%d", store_schema_version());
    exposition_sample(out, name,
                      (const char *[]){"version", page->version, "schema", schema, "sqlite", store_sqlite_version(),
                                       NULL},
                      1);
    return 0;
}

static int write_config_good(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return one(out, name, page->config_good);
}

static int write_config_time(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return one(out, name, (double)page->config_ms / 1000);
}

/* ---- of the process ---------------------------------------------------------------------------------------------- */

static int write_cpu(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct rusage usage;
    (void)page;
    (void)err;
    (void)getrusage(RUSAGE_SELF, &usage);
    return one(out, name,
               (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static int write_memory(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    long pages = 0;
    long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    (void)page;
    (void)err;
    bool known = file != NULL && fscanf(file, "%ld %ld", &pages, &resident) == 2;
    if (file != NULL) {
        (void)fclose(file);
    }
    return known ? one(out, name, (double)resident * (double)sysconf(_SC_PAGESIZE)) : 0;
}

static int write_descriptors(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    DIR *entries = opendir("/proc/self/fd");
    int count = -3; /* ".", "..", and this one */
    (void)page;
    (void)err;
    if (entries == NULL) {
        return 0;
    }
    while (readdir(entries) != NULL) {
        count++;
    }
    (void)closedir(entries);
    return one(out, name, count);
}

static int write_descriptors_max(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    struct rlimit limit;
    (void)page;
    (void)err;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : one(out, name, (double)limit.rlim_cur);
}

static int write_started(const struct page *page, const char *name, struct strbuf *out, struct err *err)
{
    (void)err;
    return one(out, name, (double)page->started_ms / 1000);
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static const char counter[] = "counter", gauge_type[] = "gauge", histogram[] = "histogram";

const struct page_family page_families[] = {
    {"sluice_runs_total", counter, "Runs of pipelines that have ended. Goes on over restarts.", write_runs},
    {"sluice_run_duration_seconds", histogram,
     "From the start of a run to its end, with all that it waited for. Goes on over restarts.", write_durations},
    {"sluice_last_success_timestamp_seconds", gauge_type, "When a run of the pipeline last succeeded.",
     write_successes},
    {"sluice_activity_total", counter, "Rows of the activity log by action. Goes on over restarts.", write_actions},
    {"sluice_activity_sequence", gauge_type, "Number of the newest row of the activity log.", write_sequence},
    {"sluice_activity_head", gauge_type, "First 48 bits of the newest row's chain: the head, to compare with.",
     write_head},
    {"sluice_schedule_delay_seconds", histogram,
     "From when a time of a schedule is due until its run is there. Goes on over restarts.", write_delays},
    {"sluice_missed_schedules_total", counter,
     "Times of schedules that were not run, by why. Goes on over restarts.", write_missed},
    {"sluice_webhook_requests_total", counter, "Deliveries to /hooks, by sender and answer. Goes on over restarts.",
     write_hooks},
    {"sluice_triggers_pending", gauge_type, "Triggers that have no outcome yet.", write_triggers_pending},
    {"sluice_queue_wait_seconds", histogram,
     "Of runs of groups, from their start until they had their place. Goes on over restarts.", write_queue},
    {"sluice_recovered_attempts_total", counter,
     "Attempts whose runner was gone, by what became of them. Goes on over restarts.", write_recovered},
    {"sluice_runs_open", gauge_type, "Runs of pipelines that have not ended.", write_open},
    {"sluice_waits_open", gauge_type, "What steps wait for outside of sluice.", write_waits},
    {"sluice_attempts_running", gauge_type, "Attempts of steps that have a process, or are about to.", write_running},
    {"sluice_attempts_waiting", gauge_type, "Attempts of steps that wait, without a process.", write_waiting},
    {"sluice_attempts_total", counter, "Attempts of steps that have ended since the start.", write_attempts},
    {"sluice_attempt_duration_seconds", histogram, "From the start of an attempt to its end.", write_attempt_times},
    {"sluice_slots", gauge_type, "What the home has: slots, cores, bytes of memory, devices, slots of pools.",
     write_supply},
    {"sluice_slots_in_use", gauge_type, "What attempts hold of that.", write_leases},
    {"sluice_runners", gauge_type, "Runners that are connected.", write_runners},
    {"sluice_deliveries_waiting", gauge_type, "Deliveries of webhooks that have not come through.", write_deliveries},
    {"sluice_turn_seconds", histogram, "From an event to the commit of what followed from it.", write_turns},
    {"sluice_commit_seconds", histogram, "Commits of the database.", write_commits},
    {"sluice_store_bytes", gauge_type, "Size of the database file.", write_store_bytes},
    {"sluice_store_log_bytes", gauge_type, "Size of the write-ahead log.", write_log_bytes},
    {"sluice_disk_free_bytes", gauge_type, "Room on the disk of the home.", write_disk_free},
    {"sluice_http_requests_total", counter, "Answers to requests since the start.", write_requests},
    {"sluice_http_request_duration_seconds", histogram, "From the head of a request to its answer.",
     write_request_times},
    {"sluice_http_requests_in_flight", gauge_type, "Requests that have begun and are not answered.", write_busy},
    {"sluice_config_last_reload_successful", gauge_type, "1 when the config.yaml that was read last is in force.",
     write_config_good},
    {"sluice_config_last_reload_success_timestamp_seconds", gauge_type, "When config.yaml was last taken.",
     write_config_time},
    {"sluice_build_info", gauge_type, "1; which sluice it is.", write_build},
    {"process_cpu_seconds_total", counter, "Time of processors, user and system.", write_cpu},
    {"process_resident_memory_bytes", gauge_type, "Memory that is resident.", write_memory},
    {"process_open_fds", gauge_type, "Descriptors that are open.", write_descriptors},
    {"process_max_fds", gauge_type, "Descriptors that may be open.", write_descriptors_max},
    {"process_start_time_seconds", gauge_type, "When the process has begun.", write_started},
    {0},
};

int page_write(const struct page *page, struct strbuf *out, struct err *err)
{
    if (ledger_read(page->ledger, page->store, err) < 0) {
        return -1;
    }
    for (const struct page_family *family = page_families; family->name != NULL; family++) {
        exposition_family(out, family->name, family->type, family->help);
        if (family->write(page, family->name, out, err) < 0) {
            return err_add(err, "%s", family->name);
        }
    }
    return 0;
}
