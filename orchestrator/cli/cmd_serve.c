/* SPDX-License-Identifier: Apache-2.0
 * serve: MLflow's REST interface over the home, and the engine for whoever runs pipelines in it.
 */
#include "api/api.h"
#include "api/page.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notify.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/names.h"
#include "cli/serve_config.h"
#include "cli/serve_gc.h"
#include "cli/serve_tls.h"
#include "cli/serve_watch.h"
#include "cli/session.h"
#include "gc/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PORT = 5000, SHARE = 10, FAREWELL_MS = 10000, RECOVERY_S = 600, KEPT_BYTES = 8 << 20 };

/* Each signal asks for the next. */
enum leaving {
    STAYS,
    DRAINS, /* takes no more, and leaves when what has begun is answered; steps go on without it */
    STOPS,  /* stops the steps, too */
    GOES,   /* at once */
};

struct serving {
    struct cli *cli;
    struct session session;
    struct door *door;
    struct http_server *http;
    struct http_server *before; /* with the certificate of before: it answers what has begun there; NULL: none */
    int64_t before_until_ms;
    int listener; /* for the next */
    const char *url;
    struct serve_watch watch; /* of /metrics */
    struct serve_gc gc;
    struct notify notify;     /* systemd */
    struct api_door entrance; /* for everybody */
    struct http_folder page;  /* MLflow's, if it is shown */
    int signal_fd;
    bool has_terminal; /* when it began */
    enum leaving leaving;
    int64_t leaves_ms; /* when it stops waiting for answers to be sent */
};

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static bool is_terminal_there(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

static int watch_signals(struct serving *s, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->has_terminal = is_terminal_there();
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? err_errno(err, "watching signals") : engine_watch(s->session.engine, s->signal_fd, err);
}

static void stop_steps(struct serving *s)
{
    struct err err = {0};
    if (engine_stop_steps(s->session.engine, s->session.actor, "sluice serve was ended, and its steps with it", &err) <
        0) {
        log_error("serve", "stopping the steps: %s", err.message);
    }
}

static void leave(struct serving *s)
{
    s->leaving += s->leaving < GOES;
    if (s->leaving == DRAINS) {
        s->leaves_ms = clock_monotonic_ms(&clock_system) + FAREWELL_MS;
        notify_say(&s->notify, "STOPPING=1\nSTATUS=answers what has begun; steps go on without it");
        http_server_stop_listening(s->http);
        api_leave(s->entrance.api);
        (void)close(s->listener);
        s->listener = -1;
    } else if (s->leaving == STOPS) {
        notify_say(&s->notify, "STATUS=stops the steps");
        stop_steps(s);
    }
}

static bool is_done(const struct serving *s)
{
    size_t running = 0;
    size_t waiting = 0;
    bool answered = http_server_busy(s->http) == 0 || clock_monotonic_ms(&clock_system) >= s->leaves_ms;
    if (s->leaving == STOPS) {
        engine_count_attempts(s->session.engine, &running, &waiting);
    }
    return s->leaving == GOES || (s->leaving != STAYS && answered && running == 0);
}

/* ---- taking what is new on the disk ------------------------------------------------------------------------------ */

static int open_server(struct serving *s, int listener, struct http_server **ret, struct err *err)
{
    struct http_options http = {.listener = listener,
                                .head = api_head,
                                .ctx = &s->entrance,
                                .stats = &s->watch.answers,
                                .refuse = api_refuse,
                                .fd_share = SHARE};
    if (serve_tls_read(s->cli, &http, err) < 0) {
        (void)close(listener);
        return -1;
    }
    int opened = http_server_open(&http, ret, err);
    serve_tls_forget(&http);
    if (opened < 0) {
        return http.key == NULL ? -1 : err_add(err, "--tls-cert and --tls-key");
    }
    return engine_watch(s->session.engine, http_server_fd(*ret), err);
}

static void end_before(struct serving *s)
{
    if (s->before != NULL) {
        engine_unwatch(s->session.engine, http_server_fd(s->before));
        http_server_close(s->before);
        s->before = NULL;
    }
}

/* Connections that are there keep the certificate that they have seen, until they have their answer. */
static int renew_certificate(struct serving *s, struct err *err)
{
    struct http_server *fresh = NULL;
    int listener = fcntl(s->listener, F_DUPFD_CLOEXEC, 0);
    if (listener < 0) {
        return err_errno(err, "listening again");
    }
    if (open_server(s, listener, &fresh, err) < 0) {
        http_server_close(fresh);
        return -1;
    }
    end_before(s);
    http_server_stop_listening(s->http);
    s->before = s->http;
    s->before_until_ms = clock_monotonic_ms(&clock_system) + FAREWELL_MS;
    s->http = fresh;
    s->watch.page.http = fresh;
    return 0;
}

static void reload(struct serving *s)
{
    const char *words = "";
    struct err wrong = {0};
    struct err tls = {0};
    notify_reloading(&s->notify);
    bool good = serve_config_reload(&s->session, &words, &wrong) == 0;
    serve_watch_config(&s->watch, &s->session.config, good, clock_wall_ms(&clock_system));
    if (good) {
        log_info("serve", "config.yaml is taken: %s", words == NULL ? "it says what it said" : words);
    } else {
        log_error("serve", "config.yaml is not taken, and what was in force stays: %s", wrong.message);
    }
    bool renewed = !serve_speaks_tls(s->cli) || renew_certificate(s, &tls) == 0;
    if (!renewed) {
        log_error("serve", "the certificate stays: %s", tls.message);
    }
    notify_say(&s->notify, "READY=1\nSTATUS=serves %s%s%.400s%s%.400s", s->url,
               good ? "" : "; config.yaml is not taken: ", wrong.message, renewed ? "" : "; the certificate stays: ",
               tls.message);
}

/* Without a terminal SIGHUP asks to read again; where there was one, that it went away. */
static void take_signals(struct serving *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        bool reads = info.ssi_signo == SIGHUP && !(s->has_terminal && !is_terminal_there());
        if (!reads) {
            leave(s);
        } else if (s->leaving == STAYS) {
            reload(s);
        }
    }
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* Whoever reaches such an address must say who he is, and where nobody can listen. */
static int check_address(const struct serving *s, const char *address, struct err *err)
{
    bool asks = api_asks_who(s->entrance.api);
    if (is_loopback(address) || option_given(s->cli, "insecure") || (asks && serve_speaks_tls(s->cli))) {
        return 0;
    }
    if (!asks) {
        return err_set(err, ERR_INPUT,
                       "--host %s: whoever reaches that address could change and delete everything, since the home has "
                       "no users: 'sluice users create NAME --admin' makes one; or say --insecure",
                       address);
    }
    return err_set(err, ERR_INPUT,
                   "--host %s: passwords and tokens could be read on their way: say --tls-cert and --tls-key, or keep "
                   "to 127.0.0.1 and put a proxy in front, or say --insecure",
                   address);
}

/* Something that a request's Host may be, its port left off, or a pattern of it. */
static bool is_host_name(const char *text)
{
    if (*text == '[') {
        return strcmp(text + 1 + strspn(text + 1, "0123456789abcdefABCDEF:."), "]") == 0;
    }
    size_t star = strcmp(text, "*") == 0 ? 1 : strncmp(text, "*.", 2) == 0 ? 2 : 0;
    size_t letters = strspn(text + star, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return *text != '\0' && text[star + letters] == '\0' && strcmp(text, "*.") != 0;
}

static int read_hosts(struct serving *s, const char *address, struct err *err)
{
    const char *one;
    int count = 0;
    while (option_nth(s->cli, "allowed-host", count) != NULL) {
        count++;
    }
    const char **hosts = arena_array(s->cli->arena, (size_t)count + 1, sizeof *hosts);
    for (int i = 0; (one = option_nth(s->cli, "allowed-host", i)) != NULL; i++) {
        if (!is_host_name(one)) {
            return err_set(err, ERR_INPUT, "--allowed-host '%s': expected a name without port, such as "
                           "mlflow.example.com, *.example.com or *", one);
        }
        hosts[i] = one;
    }
    hosts[count] = strchr(address, ':') == NULL ? address : arena_printf(s->cli->arena, "[%s]", address);
    s->entrance.hosts = hosts;
    s->entrance.host_count = (size_t)count + 1;
    return 0;
}

/* ---- the address ------------------------------------------------------------------------------------------------ */

static void say_address(struct serving *s, const char *address, int port)
{
    bool six = strchr(address, ':') != NULL;
    s->url = arena_printf(s->cli->arena, "http%s://%s%s%s:%d", serve_speaks_tls(s->cli) ? "s" : "", six ? "[" : "",
                          address, six ? "]" : "", port);
    printf("sluice serves %s at %s\n", s->session.home.path, s->url);
    printf("%s\n", api_asks_who(s->entrance.api)
                       ? "clients say who they are: the home has users"
                       : "nobody is asked who he is: the home has no users (sluice users create NAME --admin)");
    (void)fflush(stdout);
}

static int open_page(struct serving *s, struct err *err)
{
    const char *folder = option_value(s->cli, "mlflow-ui");
    if (folder != NULL && api_page_open(folder, &s->page, err) < 0) {
        return err_add(err, "--mlflow-ui");
    }
    s->entrance.page = folder == NULL ? NULL : &s->page;
    return 0;
}

static int listen_at(const char *address, int *port, struct err *err)
{
    struct err wrong = {0};
    int listener = http_listen(address, port, &wrong);
    bool other_port = listener < 0 && (errno == EADDRINUSE || errno == EACCES);
    return listener >= 0 ? listener
                         : err_set(err, wrong.code, "%s%s", wrong.message,
                                   other_port ? ": --port N takes another, 0 one that is free" : "");
}

static int open_http(struct serving *s, struct err *err)
{
    struct cli *cli = s->cli;
    const char *address = option_value(cli, "host");
    const char *port_text = option_value(cli, "port");
    int64_t number = PORT;
    address = address == NULL || strcmp(address, "localhost") == 0 ? "127.0.0.1" : address;
    if (port_text != NULL && parse_int(str_from(port_text), 0, 65535, &number, err) < 0) {
        return err_add(err, "--port");
    }
    int port = (int)number;
    session_take_hooks(&s->session);
    s->entrance.api = tracking_api(s->session.tracking, err);
    if (s->entrance.api == NULL || check_address(s, address, err) < 0 || read_hosts(s, address, err) < 0) {
        return -1;
    }
    int listener = listen_at(address, &port, err);
    s->listener = listener < 0 ? -1 : fcntl(listener, F_DUPFD_CLOEXEC, 0);
    if (listener < 0) {
        return -1;
    }
    if (open_server(s, listener, &s->http, err) < 0) {
        return -1;
    }
    s->watch.page.http = s->http;
    say_address(s, address, port);
    return 0;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static bool may_pass(const struct err *wrong)
{
    return wrong->code == ERR_LIMIT || wrong->code == ERR_BUSY;
}

/* Of two times to wait, -1 being for ever. */
static int sooner(int a_ms, int b_ms)
{
    return b_ms >= 0 && (a_ms < 0 || b_ms < a_ms) ? b_ms : a_ms;
}

/* How long nobody has to look at requests; -1: until something comes. */
static int wait_of(const struct serving *s)
{
    int http_ms = http_server_wait_ms(s->http);
    int api_ms = api_wait_ms(s->entrance.api);
    return sooner(http_ms, api_ms);
}

/* A full disk is told of and waited out: what only reads is answered meanwhile. Anything else of the store ends us, and
 * the next start recovers. */
static int take_engine_turn(struct serving *s, struct err *err)
{
    struct err wrong = {0};
    int wait_ms = s->leaving != STAYS || s->before != NULL ? 50 : wait_of(s);
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    wait_ms = sooner(notify_wait_ms(&s->notify, now_ms, wait_ms), serve_gc_wait_ms(&s->gc, &s->session, now_ms));
    if (engine_turn(s->session.engine, tracking_wait_ms(s->session.tracking, wait_ms), &wrong) < 0) {
        if (!may_pass(&wrong)) {
            *err = wrong;
            return -1;
        }
        log_error("serve", "%s: trying again in a second", wrong.message);
        struct pollfd fds[] = {{.fd = s->signal_fd, .events = POLLIN},
                               {.fd = http_server_fd(s->http), .events = POLLIN}};
        (void)poll(fds, 2, 1000);
    }
    return 0;
}

static int answer(struct serving *s, struct http_server *http, struct err *err)
{
    http_server_run(http);
    bool good = api_serve(s->entrance.api, http, err);
    http_server_send(http);
    return good ? 0 : -1;
}

static int take_turn(struct serving *s, struct err *err)
{
    if (take_engine_turn(s, err) < 0) {
        return -1;
    }
    door_serve(s->door);
    bool asked = engine_was_woken(s->session.engine) || wait_of(s) == 0;
    if ((asked && answer(s, s->http, err) < 0) || (s->before != NULL && answer(s, s->before, err) < 0)) {
        return -1;
    }
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    if (s->before != NULL && (http_server_busy(s->before) == 0 || now_ms >= s->before_until_ms)) {
        end_before(s);
    }
    notify_alive(&s->notify, now_ms);
    if (s->leaving == STAYS) {
        serve_gc_look(&s->gc, &s->session, now_ms);
    }
    return tracking_serve(s->session.tracking, err);
}

/* The folder of --pipelines, as it is called wherever one stands. */
static int find_pipelines(const struct cli *cli, const char **ret_folder, struct err *err)
{
    const char *given = option_value(cli, "pipelines");
    char real[4096];
    if (given != NULL && (!fs_is_folder(given) || realpath(given, real) == NULL)) {
        return err_set(err, ERR_INPUT, "--pipelines: '%s' is not a folder", given);
    }
    *ret_folder = given == NULL ? NULL : arena_strdup(cli->arena, real);
    return 0;
}

/* What a service manager waits for: it may take as long as a recovery, or a migration, takes. */
static int start(struct serving *s, struct err *err)
{
    struct session_options options = {.doing = "serve", .stays = true, .fires = true};
    notify_open(&s->notify);
    notify_say(&s->notify, "EXTEND_TIMEOUT_USEC=%lld\nSTATUS=opens the home", (long long)RECOVERY_S * 1000000);
    if (find_pipelines(s->cli, &options.pipelines, err) < 0 ||
        session_open(s->cli, &options, &s->session, err) < 0 ||
        gc_set_interrupted_aside(s->session.home.store, s->session.home.path, clock_wall_ms(&clock_system), err) < 0 ||
        serve_watch_open(&s->watch, &s->session, err) < 0 || watch_signals(s, err) < 0 ||
        door_open(&s->session, "", &s->door, err) < 0 || open_http(s, err) < 0) {
        return -1;
    }
    notify_say(&s->notify, "READY=1\nSTATUS=serves %s", s->url);
    return 0;
}

static int serve(struct serving *s, struct err *err)
{
    if (start(s, err) < 0) {
        return -1;
    }
    store_expect_reading(s->session.home.store);
    mem_keep_freed(KEPT_BYTES); /* two answers of some hundred runs */
    while (!is_done(s)) {
        if (take_turn(s, err) < 0) {
            return -1;
        }
        take_signals(s);
    }
    return 0;
}

static int read_log_format(struct cli *cli, struct err *err)
{
    static const char *const formats[] = {"text", "json", NULL};
    const char *format = option_value(cli, "log-format");
    int which = format == NULL ? 0 : names_choice("--log-format", format, formats, cli->arena, err);
    log_as_json(which == 1);
    return which < 0 ? -1 : 0;
}

static int run_serve(struct cli *cli)
{
    struct err err = {0};
    struct serving s = {.cli = cli,
                        .session.home.lock_fd = -1,
                        .listener = -1,
                        .notify.fd = -1,
                        .signal_fd = -1,
                        .page.fd = -1};
    int result = read_log_format(cli, &err) < 0 || open_page(&s, &err) < 0 ? -1 : serve(&s, &err);
    if (s.entrance.api != NULL) {
        api_stop(s.entrance.api);
    }
    serve_gc_close(&s.session);
    end_before(&s);
    http_server_close(s.http);
    if (s.listener >= 0) {
        (void)close(s.listener);
    }
    door_close(s.door);
    session_close(&s.session);
    serve_watch_close(&s.watch);
    http_folder_close(&s.page);
    if (s.signal_fd >= 0) {
        (void)close(s.signal_fd);
    }
    notify_close(&s.notify);
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : EXIT_OK;
}

static const struct option_row serve_options[] = {
    {"host", 0, "ADDRESS", false, "the numeric address to listen at (default: 127.0.0.1)"},
    {"port", 0, "N", false, "the port (default: 5000; 0: one that is free)"},
    {"allowed-host", 0, "NAME", true,
     "a name that clients may call the server by, beside those of the loopback: '*.example.com', '*' for any"},
    {"pipelines", 0, "DIR", false, "put the pipelines of this folder in force, and follow it"},
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
    {"mlflow-ui", 0, "DIR", false, "show MLflow's page: its built files, mlflow/server/js/build of a wheel"},
    {"tls-cert", 0, "FILE", false, "speak TLS, with this certificate and those that it was signed by, in PEM"},
    {"tls-key", 0, "FILE", false, "its private key, in PEM"},
    {"log-format", 0, "text|json", false, "how messages on standard error are written (default: text)"},
    {"insecure", 0, NULL, false, "listen at an address that others can reach, though there are no users, or no TLS"},
    {0},
};

const struct command command_serve = {
    .name = "serve",
    .group = "Home",
    .summary = "answer MLflow's clients, and hold the home for those who run pipelines",
    .details =
        "Any mlflow client logs into the home: set MLFLOW_TRACKING_URI to the address that is printed. Files come\n"
        "through the server, too. `sluice run` in other terminals hands its runs to this sluice.\n"
        "\n"
        "Pipelines that are in force start by themselves, as they say below `on`: those of the folder of --pipelines\n"
        "(DIR/NAME.yaml, DIR/NAME/sluice.yaml), which is watched. docs/triggers.md says more.\n"
        "\n"
        "Once the home has a user (`sluice users create`), clients must say who they are, by a name and a password or\n"
        "a token. An address that others can reach is served only then, and with TLS (--tls-cert, --tls-key).\n"
        "\n"
        "Ctrl-C or SIGTERM ends it once what has been asked is answered; steps that run go on, and the next sluice in "
        "this home takes them up. A second one stops the steps, too; a third ends it at once. SIGHUP reads "
        "config.yaml and the certificate again: what is wrong is not taken, and what was in force stays.\n"
        "\n"
        "A service of systemd (Type=notify) is told when it is ready, what it does, and that it is alive.",
    .examples = "sluice serve\n"
                "sluice serve --pipelines pipelines\n"
                "sluice serve --mlflow-ui ~/mlflow/server/js/build\n"
                "sluice serve --port 0 --home /srv/models\n"
                "sluice serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --allowed-host mlflow.example.com",
    .options = serve_options,
    .run = run_serve,
};
