/* SPDX-License-Identifier: Apache-2.0
 * step.h - everything a sluice plugin needs. Copy this file, or include it; link nothing of sluice.
 *
 * A whole plugin:
 *
 *     #include "step.h"
 *
 *     #define PARAMS(P) \
 *         P(STRING, name,  "required",                "Whom to greet.") \
 *         P(INT,    times, "default=1; min=1; max=9", "How often.")
 *     #define OUTPUTS(O) \
 *         O(INT, greeted, "How many greetings were given.")
 *
 *     STEP_PARAMS_STRUCT(greet_params, PARAMS);
 *
 *     static enum step_result run(const struct step_host *host, const void *params)
 *     {
 *         const struct greet_params *p = params;
 *         for (int64_t i = 0; i < p->times; i++) {
 *             step_log(host, STEP_LOG_INFO, "hello, %s", p->name);
 *         }
 *         step_output_int(host, "greeted", p->times);
 *         return STEP_OK;
 *     }
 *
 *     STEP_PLUGIN(greet, "1.0", "Greets somebody.", STEP_REPEATABLE, greet_params, PARAMS, OUTPUTS, run)
 *
 *     cc -std=c17 -shared -fPIC -o greet.so greet.c
 *
 * How it runs. Each attempt of a step is a process of its own: it loads the plugin, fills the
 * parameter struct from the pipeline's `with:`, calls `run` once, and exits. `run` may block, use
 * any library, leak, or crash: one step fails. It is stopped by SIGTERM, then SIGKILL. Everything
 * handed in is borrowed for the call. Standard output and error become the step's log.
 *
 * How it is read. The rows are also text in the ELF section ".sluice", which sluice reads without
 * loading the file: to validate pipelines, document the plugin (`sluice plugins show greet`) and
 * print the editor's schema. A plugin of another ABI is refused before any code of it runs.
 *
 * The ABI grows at the end of its structs only; `abi` changes when that is not possible.
 */
#ifndef SLUICE_STEP_H
#define SLUICE_STEP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
#error "step.h is C: build the plugin's sluice_step() with a C compiler and call your C++ from it"
#endif

#define STEP_ABI 1
#define STEP_ABI_TEXT "1"

/* ---- values --------------------------------------------------------------------------------- */

enum step_type {
    STEP_TYPE_NULL,
    STEP_TYPE_BOOL,
    STEP_TYPE_INT,
    STEP_TYPE_NUMBER,
    STEP_TYPE_STRING,
    STEP_TYPE_LIST,
    STEP_TYPE_MAP,
};

/* A JSON-like value, for parameters of type ANY and for documents a plugin reads. */
struct step_value {
    enum step_type type;
    bool boolean;
    int64_t integer;    /* of STEP_TYPE_INT */
    double number;      /* of STEP_TYPE_NUMBER and, converted, of STEP_TYPE_INT */
    const char *string; /* NUL-terminated */
    size_t count;       /* bytes of a string, items of a list, members of a map */
    const struct step_value *items; /* of a list, and the values of a map */
    const char *const *keys;        /* of a map, in the order written */
};

/* The value of `key` in a map, or NULL (also when `map` is NULL or no map). */
static inline const struct step_value *step_get(const struct step_value *map, const char *key)
{
    if (map == NULL || map->type != STEP_TYPE_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++) {
        const char *a = map->keys[i];
        const char *b = key;
        while (*a != '\0' && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return &map->items[i];
        }
    }
    return NULL;
}

/* ---- results -------------------------------------------------------------------------------- */

enum step_result {
    STEP_OK = 0,
    STEP_FAILED = 1,  /* call step_fail() first, so that the reason is known */
    STEP_WAIT = 2,    /* call host->wait() first; the step then holds no process until it is met */
    STEP_REFUSED = 3, /* a gate said no; call step_fail() with the rule. Never retried. */
};

enum step_log_level { STEP_LOG_DEBUG, STEP_LOG_INFO, STEP_LOG_WARN, STEP_LOG_ERROR };

/* ---- what the host tells and does ------------------------------------------------------------ */

struct step_context {
    size_t size;
    const char *pipeline;   /* the pipeline's name */
    const char *run_id;     /* the pipeline run, 32 hex digits */
    int64_t run_number;     /* 12 for "run 12 of this pipeline" */
    const char *step;       /* the step's id */
    const char *item;       /* "" or the key of the matrix item */
    int64_t attempt;        /* 1 for the first */
    const char *step_run_id;/* the MLflow run of this attempt, 32 hex digits */
    const char *workspace;  /* working directory: the root of the pipeline's repository */
    const char *step_dir;   /* empty at the start, private to the attempt */
    const char *state_dir;  /* shared by the attempts of the step: for checkpoints */
    const char *home;       /* the sluice home; plugins read artifacts there and write nothing */
    const char *runner;     /* the program that runs this step: "RUNNER lua run FILE" runs a Lua script by itself */
};

/* A request to the outside, made by sluice-fetch under the home's address policy. */
struct step_http_request {
    size_t size;
    const char *method;         /* "GET" */
    const char *url;            /* http or https */
    const char *const *headers; /* "Name: value" lines, NULL-terminated; NULL for none */
    const void *body;
    size_t body_size;
    int64_t timeout_ms;         /* 0: 30 s */
    int64_t max_bytes;          /* of the answer kept in memory; 0: 16 MiB */
    const char *to_file;        /* NULL, or a path below step_dir that receives the answer's body */
};

struct step_http_response {
    int status;           /* HTTP status; 0 when there was no answer */
    const char *body;     /* NUL-terminated; "" with to_file */
    size_t body_size;
    const char *error;    /* "" or why there was no answer */
};

struct step_host {
    uint32_t abi;
    size_t size;
    void *ctx;
    const struct step_context *context;

    /* What the waiting step was told, NULL at the first call. A map: {outcome: "met" | "rejected" |
     * "expired", state: what was given to wait(), ...what the wait's kind documents}. */
    const struct step_value *resumed;

    /* Records of the step's own run. All return 0, or -1 when the name or value is not acceptable
     * (the reason is in the step's log). `time_ms` 0 means now. */
    int (*param)(const struct step_host *host, const char *key, const char *value);
    int (*metric)(const struct step_host *host, const char *key, double value, int64_t step, int64_t time_ms);
    int (*tag)(const struct step_host *host, const char *key, const char *value);
    /* Copies a file or folder into the run's artifacts under `name` ("plots/roc.svg"). */
    int (*artifact)(const struct step_host *host, const char *path, const char *name);
    /* Sets an output that later steps read; `json` is one JSON value. */
    int (*output)(const struct step_host *host, const char *key, const char *json);
    void (*progress)(const struct step_host *host, double fraction, const char *text);
    void (*log)(const struct step_host *host, enum step_log_level level, const char *text);
    /* The reason of a failure or refusal, one line. The last one wins. */
    void (*fail)(const struct step_host *host, const char *reason);
    /* True once SIGTERM has come: finish or give up within the grace period. */
    bool (*cancelled)(const struct step_host *host);

    /* Asks the store, e.g. call(host, "registry.register", "{\"name\":...}", &reply). Blocks until it
     * is durable. 0 with the answer, or -1 with {"error": code, "message": text} in `reply`; both live
     * until `run` returns. The methods are listed in docs/plugins.md. */
    int (*call)(const struct step_host *host, const char *method, const char *json, const struct step_value **reply);
    /* 0 when an HTTP answer came (whatever its status), -1 when none did. */
    int (*http)(const struct step_host *host, const struct step_http_request *request,
                struct step_http_response *response);
    /* Makes this step wait: {"kind": "approval" | "until" | "file" | "url" | "event", ...}. `state_json`
     * (at most 64 KiB) comes back in `resumed`. Return STEP_WAIT after it. */
    int (*wait)(const struct step_host *host, const char *wait_json, const char *state_json);
    /* Parses JSON text; the value lives until `run` returns. -1 with the reason in the log. */
    int (*parse_json)(const struct step_host *host, const char *text, size_t size, const struct step_value **value);
};

typedef enum step_result step_run_function(const struct step_host *host, const void *params);

/* ---- the descriptor -------------------------------------------------------------------------- */

enum step_param_type {
    STEP_PARAM_STRING,   /* const char *; NULL when absent without default */
    STEP_PARAM_PATH,     /* const char *, relative paths are below the workspace */
    STEP_PARAM_BOOL,     /* bool */
    STEP_PARAM_INT,      /* int64_t */
    STEP_PARAM_NUMBER,   /* double; NAN when absent without default */
    STEP_PARAM_DURATION, /* int64_t milliseconds */
    STEP_PARAM_SIZE,     /* int64_t bytes */
    STEP_PARAM_ANY,      /* const struct step_value *; NULL when absent */
};

struct step_param_slot {
    const char *name;
    enum step_param_type type;
    size_t offset;
    size_t size;
};

enum { STEP_PLAIN = 0, STEP_REPEATABLE = 1, STEP_GATE = 2, STEP_CACHEABLE = 4 }; /* flags: see docs/plugins.md */

struct step_descriptor {
    uint32_t abi;
    size_t size;
    const char *name;
    const char *version;
    uint32_t flags;
    size_t params_size;
    const struct step_param_slot *slots;
    size_t slot_count;
    step_run_function *run;
};

/* ---- rows to struct, slots and manifest ------------------------------------------------------ */

#define STEP_CTYPE_STRING const char *
#define STEP_CTYPE_PATH const char *
#define STEP_CTYPE_BOOL bool
#define STEP_CTYPE_INT int64_t
#define STEP_CTYPE_NUMBER double
#define STEP_CTYPE_DURATION int64_t
#define STEP_CTYPE_SIZE int64_t
#define STEP_CTYPE_ANY const struct step_value *

#define STEP_FIELD_(type, name, rules, doc) STEP_CTYPE_##type name;
/* Declares `struct tag` with one field for each row. A plugin without parameters has no rows:
 * `#define PARAMS(P)`. */
#define STEP_PARAMS_STRUCT(tag, PARAMS)                                                                                \
    struct tag {                                                                                                       \
        PARAMS(STEP_FIELD_)                                                                                            \
        char step_end_of_params_;                                                                                      \
    }

#define STEP_SLOT_(type, name, rules, doc)                                                                             \
    {#name, STEP_PARAM_##type, offsetof(step_params_, name), sizeof(STEP_CTYPE_##type)},
#define STEP_PARAM_TEXT_(type, name, rules, doc) "param\0" #name "\0" #type "\0" rules "\0" doc "\0"
#define STEP_OUTPUT_TEXT_(type, name, doc) "output\0" #name "\0" #type "\0" doc "\0"
#define STEP_STRINGIFY_(x) #x
#define STEP_STRINGIFY(x) STEP_STRINGIFY_(x)

/* Keeps the manifest when a plugin is linked with --gc-sections. */
#if defined(__has_attribute)
#if __has_attribute(retain)
#define STEP_RETAIN_ retain,
#endif
#endif
#ifndef STEP_RETAIN_
#define STEP_RETAIN_
#endif

/* The one export of a plugin, and the manifest beside it. FLAGS is STEP_PLAIN, or STEP_REPEATABLE (running it twice
 * does no harm: it may be retried after a lost process), STEP_GATE (may refuse) and STEP_CACHEABLE (what it leaves
 * follows from its inputs alone, and it changes nothing outside: `cache` may keep it) joined by '|'.
 *
 * Rules of a parameter, joined by "; ":
 *     required, default=TEXT, secret
 *     min=N, max=N        of a number, a duration in ms, a size in bytes
 *     choices=a|b|c       the texts that are accepted
 *     minlen=N            bytes of text, items of a list
 *     shape=list|map      of ANY: list, map, string, number, int, bool, null
 *     items=string|int    of a list: what its items may be, in the same words; the maps among them follow `keys`
 *     one=a|b             each map has exactly one of these keys
 *     rises=KEY           of a list of maps: the numbers under that key grow from one to the next
 *     format=NAME         what a text holds: duration, size, threshold (step_threshold.h), lua (the path of a script);
 *                         a number: percent; or a map: thresholds, by METRIC or METRIC[COLUMN=VALUE]
 *     keys=a!|b|c FORMAT|d x,y|e:*    of a map: the keys it may have; a must be there, the value of c has a format,
 *                         that of d is one of two words, and e: begins any number of keys; that of "f @INPUT" is
 *                         as the input's
 *     keys[INPUT=VALUE&OTHER]=...     further ones while that input has that value and the other one is given
 * `sluice validate` refuses a pipeline that breaks one of them, as far as its values are no expressions. */
#define STEP_PLUGIN(NAME, VERSION, SUMMARY, FLAGS, TAG, PARAMS, OUTPUTS, RUN)                                          \
    __attribute__((section(".sluice"), used, STEP_RETAIN_ aligned(1))) static const char step_manifest_[] =            \
        "sluice-step\0" STEP_ABI_TEXT "\0"                                                                             \
        "name\0" #NAME "\0"                                                                                            \
        "version\0" VERSION "\0"                                                                                       \
        "summary\0" SUMMARY "\0"                                                                                       \
        "flags\0" STEP_STRINGIFY(FLAGS) "\0" PARAMS(STEP_PARAM_TEXT_) OUTPUTS(STEP_OUTPUT_TEXT_) "end";                \
    typedef struct TAG step_params_;                                                                                   \
    static const struct step_param_slot step_slots_[] = {PARAMS(STEP_SLOT_){NULL, STEP_PARAM_ANY, 0, 0}};              \
    static const struct step_descriptor step_descriptor_ = {                                                           \
        .abi = STEP_ABI,                                                                                               \
        .size = sizeof(struct step_descriptor),                                                                        \
        .name = #NAME,                                                                                                 \
        .version = VERSION,                                                                                            \
        .flags = (FLAGS),                                                                                              \
        .params_size = sizeof(struct TAG),                                                                             \
        .slots = step_slots_,                                                                                          \
        .slot_count = sizeof step_slots_ / sizeof step_slots_[0] - 1,                                                  \
        .run = (RUN),                                                                                                  \
    };                                                                                                                 \
    __attribute__((visibility("default"))) const struct step_descriptor *sluice_step(void);                            \
    const struct step_descriptor *sluice_step(void)                                                                    \
    {                                                                                                                  \
        return &step_descriptor_;                                                                                      \
    }

/* ---- conveniences ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static inline void step_log(const struct step_host *host,
                                                                  enum step_log_level level, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->log(host, level, text);
}

/* Sets the reason and returns STEP_FAILED: `return step_fail(host, "no column '%s'", name);` */
__attribute__((format(printf, 2, 3))) static inline enum step_result step_fail(const struct step_host *host,
                                                                               const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host->fail(host, text);
    return STEP_FAILED;
}

static inline int step_output_int(const struct step_host *host, const char *key, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return host->output(host, key, text);
}

static inline int step_output_number(const struct step_host *host, const char *key, double value)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.17g", value);
    return host->output(host, key, text);
}

static inline int step_output_bool(const struct step_host *host, const char *key, bool value)
{
    return host->output(host, key, value ? "true" : "false");
}

/* Appends `text` as a quoted JSON string to `room` (always NUL-terminated); returns the number of
 * bytes it needs without the NUL, so that a result >= `size` means it did not fit. */
static inline size_t step_json_string(char *room, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
#define STEP_PUT_(c)                                                                                                   \
    do {                                                                                                               \
        if (size > 0 && n < size - 1) {                                                                                \
            room[n] = (char)(c);                                                                                       \
        }                                                                                                              \
        n++;                                                                                                           \
    } while (0)
    STEP_PUT_('"');
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            STEP_PUT_('\\');
            STEP_PUT_(c);
        } else if (c < 0x20) {
            STEP_PUT_('\\');
            STEP_PUT_('u');
            STEP_PUT_('0');
            STEP_PUT_('0');
            STEP_PUT_(hex[c >> 4]);
            STEP_PUT_(hex[c & 15]);
        } else {
            STEP_PUT_(c);
        }
    }
    STEP_PUT_('"');
#undef STEP_PUT_
    if (size > 0) {
        room[n < size ? n : size - 1] = '\0';
    }
    return n;
}

/* Sets a string output. Texts over 8 KiB are refused: write a file and make it an artifact. */
static inline int step_output_string(const struct step_host *host, const char *key, const char *value)
{
    char text[8192];
    if (step_json_string(text, sizeof text, value) >= sizeof text) {
        host->log(host, STEP_LOG_ERROR, "an output text over 8 KiB: make it an artifact");
        return -1;
    }
    return host->output(host, key, text);
}

#endif
