/* SPDX-License-Identifier: Apache-2.0
 * The scheduler in a simulator: thousands of histories of real engines over a made-up world.
 *
 *     simulate [--seeds N] [--from SEED] [--jobs N] [--quick] [--these FILE] [--reached FILE] [--delete N]
 *     simulate --scenarios EVERY [--folder FOLDER] [--jobs N] [--accept]
 *     simulate --seed SEED [--faults N] [--only KIND,...] [--steps N] [-v]
 *
 * It links the object files of base/, wire/, pipeline/, run/, store/, engine/ and trigger/ that sluice is made of;
 * SQLite is the real one, over the disk of disk.c. One seed is one history: a random pipeline (plan.c), runners and
 * steps (runners.c, steps.c), people who start, vote and cancel, and faults (history.c), judged by invariants.c and
 * expected.c. A failed history is made smaller (fewer faults, fewer steps) and printed as the command that shows it.
 *
 * Batches run in processes of their own, so that one that crashes is a seed like any other.
 */
#include "base/log.h"
#include "base/parse.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "deletions.h"
#include "history.h"
#include "scenario.h"

#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SCENARIOS "tests/sim/scenarios"

enum { BATCH = 250, FAILURES_SHOWN = 3, SAME_EVERY = 50, HISTORY_S = 5 /* one that takes longer never ends */ };

struct options {
    uint64_t from, seeds;
    bool one;
    int jobs;
    bool quick;          /* the first failure is enough, and is not made smaller */
    uint64_t *these;     /* the seeds, in place of `from` and what follows; NULL */
    const char *folder;  /* of scenarios */
    int every; /* of the faults of scenarios; 0: none of them; negative: no scenarios */
    bool accept;         /* what scenarios come to now is what they must */
    const char *reached; /* a file, for the numbers of the conditions that were true; NULL */
    struct history_options history;
};

/* What the processes share. */
struct shared {
    uint64_t next; /* batch */
    uint64_t running[64];
    uint64_t done, executions, engines, faults, simulated_s;
    uint64_t cpu_us;
    int failures;
    uint64_t failed[FAILURES_SHOWN];
    char failure[FAILURES_SHOWN][1200];
};

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool make_home(char home[64])
{
    (void)snprintf(home, 64, "/dev/shm/sluice-simulate.XXXXXX");
    if (mkdtemp(home) != NULL) {
        return true;
    }
    (void)snprintf(home, 64, "/tmp/sluice-simulate.XXXXXX");
    return mkdtemp(home) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static void quiet(void)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) {
        (void)dup2(nowhere, STDERR_FILENO);
    }
}

/* Of the processor, so that a slow machine ends nothing. */
static void give_time(void)
{
    struct itimerval time = {.it_value = {.tv_sec = HISTORY_S}};
    (void)setitimer(ITIMER_PROF, &time, NULL);
}

/* ---- one history, in a process of its own: did it fail, or crash? ---------------------------- */

static bool fails(const struct history_options *options, char failure[1200])
{
    int ends[2];
    (void)fflush(stdout);
    if (pipe(ends) < 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct history_result result;
        if (!options->verbose) {
            quiet();
            give_time();
        }
        history_run(options, &result);
        (void)!write(ends[1], result.failure, sizeof result.failure);
        (void)fflush(stdout);
        _exit(0);
    }
    int status = 0;
    (void)close(ends[1]);
    memset(failure, 0, 1200);
    bool whole = read(ends[0], failure, 1200) == 1200;
    (void)close(ends[0]);
    (void)waitpid(pid, &status, 0);
    if (!whole) {
        (void)snprintf(failure, 1200, "the process was ended by signal %d", WTERMSIG(status));
    }
    return failure[0] != '\0';
}

/* Fewer faults, fewer kinds of them, fewer steps, as long as it fails. */
static void shrink(struct history_options *options, char failure[1200])
{
    struct history_options try = *options;
    for (int faults = 0; faults < 8; faults++) {
        try.faults = faults;
        if (fails(&try, failure)) {
            *options = try;
            break;
        }
    }
    for (int kind = 0; kind < HISTORY_FAULT_KINDS; kind++) {
        try = *options;
        try.allowed &= ~(1u << kind);
        if (fails(&try, failure)) {
            *options = try;
        }
    }
    for (size_t steps = 1; steps < options->steps; steps++) {
        try = *options;
        try.steps = steps;
        if (fails(&try, failure)) {
            *options = try;
            break;
        }
    }
    (void)fails(options, failure);
}

/* The command that lives it again, and tells what happens: repro.sh tries it. */
static void print_command(const char *program, const struct options *options, const struct history_options *history)
{
    (void)printf("  %s --seed %llu", program, (unsigned long long)history->seed);
    if (deletion_chosen != 0) {
        (void)printf(" --delete %d", deletion_chosen);
    }
    if (scenario_is(history->seed)) {
        (void)printf("%s%s -v\n", strcmp(options->folder, SCENARIOS) == 0 ? "" : " --folder ",
                     strcmp(options->folder, SCENARIOS) == 0 ? "" : options->folder);
        return;
    }
    (void)printf(" --steps %zu", history->steps);
    if (history->faults >= 0) {
        (void)printf(" --faults %d", history->faults);
    }
    const char *before = " --only ";
    for (int kind = 0; kind < HISTORY_FAULT_KINDS; kind++) {
        if ((history->allowed >> kind & 1u) != 0) {
            (void)printf("%s%s", before, history_fault_names[kind]);
            before = ",";
        }
    }
    (void)printf("%s -v\n", *before == ',' ? "" : " --only none");
}

static void show(const char *program, const struct options *options, uint64_t seed, const char *first)
{
    char failure[1200];
    struct history_options history = options->history;
    history.seed = seed;
    if (!fails(&history, failure)) {
        (void)printf("seed %llu failed once, and not again: a history is not decided by its seed alone: %s\n",
                     (unsigned long long)seed, first);
        return;
    }
    if (!options->quick && !scenario_is(seed)) {
        shrink(&history, failure);
    }
    (void)printf("seed %llu: %s\n", (unsigned long long)seed, failure);
    print_command(program, options, &history);
}

/* ---- many ------------------------------------------------------------------------------------ */

static int enough(const struct options *options)
{
    return options->quick ? 1 : FAILURES_SHOWN;
}

static void note_failure(struct shared *shared, uint64_t seed, const char *failure)
{
    int nth = __atomic_fetch_add(&shared->failures, 1, __ATOMIC_SEQ_CST);
    if (nth < FAILURES_SHOWN) {
        (void)snprintf(shared->failure[nth], sizeof shared->failure[nth], "%s", failure);
        shared->failed[nth] = seed;
    }
}

static void note_reached(const char *path, uint64_t seed)
{
    struct strbuf line;
    strbuf_init(&line, 64 << 10);
    strbuf_printf(&line, "%llu", (unsigned long long)seed);
    for (int i = 0; i < DELETIONS_MAX; i++) {
        if (deletion_reached[i]) {
            strbuf_printf(&line, " %d", i);
        }
    }
    strbuf_add_text(&line, "\n");
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    (void)!write(fd, line.data, line.length);
    (void)close(fd);
    strbuf_clear(&line);
}

static void run_batch(const struct options *options, struct shared *shared, int worker, uint64_t first, uint64_t count)
{
    struct history_options history = options->history;
    for (uint64_t i = first; i < first + count && shared->failures < enough(options); i++) {
        struct history_result result;
        struct history_result again;
        history.seed = options->these != NULL ? options->these[i] : options->from + i;
        shared->running[worker] = history.seed;
        history.traced = history.seed % SAME_EVERY == 0;
        give_time();
        memset(deletion_reached, 0, sizeof deletion_reached);
        history_run(&history, &result);
        if (options->reached != NULL) {
            note_reached(options->reached, history.seed);
        }
        __atomic_fetch_add(&shared->done, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->executions, (uint64_t)result.executions, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->engines, (uint64_t)result.engines, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->faults, (uint64_t)result.faults, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->simulated_s, (uint64_t)result.simulated_ms / 1000, __ATOMIC_SEQ_CST);
        if (result.failed) {
            note_failure(shared, history.seed, result.failure);
        } else if (history.traced) { /* the same seed is the same history */
            history_run(&history, &again);
            if (again.trace != result.trace) {
                note_failure(shared, history.seed, "another trace");
            }
        }
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    __atomic_fetch_add(&shared->cpu_us,
                       (uint64_t)((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
                                  usage.ru_stime.tv_usec),
                       __ATOMIC_SEQ_CST);
}

static void work(const struct options *options, struct shared *shared, int worker)
{
    uint64_t batches = (options->seeds + BATCH - 1) / BATCH;
    for (;;) {
        uint64_t batch = __atomic_fetch_add(&shared->next, 1, __ATOMIC_SEQ_CST);
        if (batch >= batches || shared->failures >= enough(options)) {
            return;
        }
        uint64_t left = options->seeds - batch * BATCH;
        pid_t pid = fork();
        if (pid == 0) {
            run_batch(options, shared, worker, batch * BATCH, left < BATCH ? left : BATCH);
            exit(0); /* a sanitizer looks for leaks now */
        }
        int status = 0;
        (void)waitpid(pid, &status, 0);
        if (status != 0) {
            note_failure(shared, shared->running[worker], "its process ended");
        }
    }
}

static int run_many(const char *program, struct options *options)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double begin = seconds();
    char home[64];
    (void)snprintf(home, sizeof home, "%.*s", (int)(strlen(options->history.home) - strlen("/99")),
                   options->history.home);
    for (int worker = 0; worker < options->jobs; worker++) {
        if (fork() == 0) {
            char own[80];
            (void)snprintf(own, sizeof own, "%s/%02d", home, worker);
            (void)mkdir(own, 0700);
            quiet();
            options->history.home = own;
            work(options, shared, worker);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    int shown = shared->failures < FAILURES_SHOWN ? shared->failures : FAILURES_SHOWN;
    for (int i = 0; i < shown; i++) {
        show(program, options, shared->failed[i], shared->failure[i]);
    }
    double cpu_s = (double)shared->cpu_us / 1e6;
    (void)printf("%llu histories: %llu executions, %llu engines, %llu faults, %llu simulated hours; %.1f s, %.0f a "
                 "second of processor time\n",
                 (unsigned long long)shared->done, (unsigned long long)shared->executions,
                 (unsigned long long)shared->engines, (unsigned long long)shared->faults,
                 (unsigned long long)shared->simulated_s / 3600, seconds() - begin,
                 cpu_s > 0 ? (double)shared->done / cpu_s : 0.0);
    (void)printf("simulate: %llu passed, %d failed\n", (unsigned long long)shared->done - (unsigned)shared->failures,
                 shared->failures);
    return shared->failures == 0 && shared->done == options->seeds ? 0 : 1;
}

/* ---- options --------------------------------------------------------------------------------- */

/* "kill,power", or "none". */
static int parse_kinds(const char *words, unsigned *ret_kinds)
{
    struct str rest = str_from(words);
    struct str word;
    *ret_kinds = 0;
    while (strcmp(words, "none") != 0 && str_cut(&rest, ',', &word)) {
        unsigned bit = 0;
        for (int kind = 0; kind < HISTORY_FAULT_KINDS; kind++) {
            bit |= str_is(word, history_fault_names[kind]) ? 1u << kind : 0;
        }
        if (bit == 0) {
            return -1;
        }
        *ret_kinds |= bit;
    }
    return 0;
}

/* A seed a line. */
static int read_seeds(const char *path, struct options *options)
{
    static struct arena *arena;
    struct str text;
    struct str line;
    struct err err = {0};
    arena = arena_new();
    if (fs_read(path, 1 << 20, arena, &text, &err) < 0) {
        return -1;
    }
    options->these = arena_array(arena, text.n + 1, sizeof *options->these);
    options->seeds = 0;
    while (str_cut(&text, '\n', &line)) {
        int64_t seed = 0;
        if (line.n > 0 && parse_int(line, 0, INT64_MAX, &seed, &err) < 0) {
            return -1;
        }
        options->these[options->seeds] = (uint64_t)seed;
        options->seeds += line.n > 0 ? 1 : 0;
    }
    return 0;
}

/* The scenarios without a fault, then with each of their faults. */
static void scenario_seeds(struct options *options)
{
    struct {
        VEC_OF(uint64_t)
    } seeds = {0};
    int count = scenario_find(options->folder);
    for (int i = 0; i < count; i++) {
        vec_push(&seeds, scenario_seed(i, SCENARIO_NO_FAULT, 0));
    }
    for (int k = 0; k < 2 * count && options->every > 0; k++) {
        int i = k % count;
        if (scenario_is_loose(i) != (k >= count)) {
            continue;
        }
        int places[SCENARIO_FAULTS] = {0};
        uint64_t *found = NULL;
        size_t found_count = 0;
        scenario_count(&options->history, i, places, &found, &found_count);
        for (size_t f = 0; f < found_count; f++) {
            vec_push(&seeds, found[f]);
        }
        free(found);
        for (int fault = SCENARIO_STATEMENT; fault < SCENARIO_FAULTS; fault++) {
            for (int nth = (i + fault) % options->every; nth < places[fault]; nth += options->every) {
                vec_push(&seeds, scenario_seed(i, (enum scenario_fault)fault, nth));
            }
        }
    }
    options->these = seeds.items;
    options->seeds = seeds.count;
}

static int accept_scenarios(const struct options *options)
{
    int failed = 0;
    int count = scenario_find(options->folder);
    for (int i = 0; i < count; i++) {
        failed += scenario_accept(&options->history, i) < 0 ? 1 : 0;
    }
    return failed == 0 ? 0 : 1;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        struct err err = {0};
        int64_t value = 0;
        struct str name = str_from(argv[i]);
        if (str_is(name, "-v")) {
            options->history.verbose = true;
            continue;
        }
        if (str_is(name, "--quick")) {
            options->quick = true;
            continue;
        }
        if (str_is(name, "--accept")) {
            options->accept = true;
            continue;
        }
        if (i + 1 == argc) {
            return -1;
        }
        const char *text = argv[++i];
        if (str_is(name, "--folder")) {
            options->folder = text;
            continue;
        }
        if (str_is(name, "--reached")) {
            options->reached = text;
            continue;
        }
        if (str_is(name, "--these")) {
            if (read_seeds(text, options) < 0) {
                return -1;
            }
            continue;
        }
        if (str_is(name, "--only")) {
            if (parse_kinds(text, &options->history.allowed) < 0) {
                return -1;
            }
            continue;
        }
        if (parse_int(str_from(text), 0, INT64_MAX, &value, &err) < 0) {
            return -1;
        }
        options->seeds = str_is(name, "--seeds") ? (uint64_t)value : options->seeds;
        options->from = str_is(name, "--from") || str_is(name, "--seed") ? (uint64_t)value : options->from;
        options->one = options->one || str_is(name, "--seed");
        deletion_chosen = str_is(name, "--delete") ? (int)value : deletion_chosen;
        options->every = str_is(name, "--scenarios") ? (int)value : options->every;
        options->jobs = str_is(name, "--jobs") ? (int)value : options->jobs;
        options->history.faults = str_is(name, "--faults") ? (int)value : options->history.faults;
        options->history.steps = str_is(name, "--steps") ? (size_t)value : options->history.steps;
    }
    return options->jobs >= 1 && options->jobs <= 64 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct options options = {.from = 1, .seeds = 1000, .jobs = 1, .folder = SCENARIOS, .every = -1};
    options.history = (struct history_options){.faults = -1, .allowed = UINT32_MAX, .steps = 7};
    char home[64];
    char failure[1200];
    if (parse_options(argc, argv, &options) < 0) {
        (void)fprintf(stderr, "usage: simulate [--seeds N] [--from SEED] [--jobs N] [--quick] [--seed SEED [--faults "
                              "N] "
                              "[--only KIND,...] [--steps N] [-v]]\n");
        return 2;
    }
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20); /* journals' buffers are kept, not mapped anew */
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (!make_home(home) || history_prepare(home) < 0) {
        return 1;
    }
    char single[80];
    (void)snprintf(single, sizeof single, "%s/99", home); /* as long as those of workers */
    (void)mkdir(single, 0700);
    options.history.home = single;
    options.history.seed = options.from;
    int result = 0;
    (void)scenario_find(options.folder);
    if (options.every >= 0) {
        int stderr_kept = dup(STDERR_FILENO);
        quiet();
        scenario_seeds(&options);
        (void)dup2(stderr_kept, STDERR_FILENO);
        (void)close(stderr_kept);
    }
    if (options.accept) {
        result = accept_scenarios(&options);
    } else if (options.one) {
        result = fails(&options.history, failure) ? 1 : 0;
        (void)printf("seed %llu: %s\n", (unsigned long long)options.from, result == 0 ? "all holds" : failure);
    } else {
        result = run_many(argv[0], &options);
    }
    (void)nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return result;
}
