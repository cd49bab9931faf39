/* SPDX-License-Identifier: Apache-2.0
 * serve: MLflow's REST interface over the home, and the engine for whoever runs pipelines in it.
 */
#include "api/api.h"
#include "api/page.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/serve_watch.h"
#include "cli/session.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORT = 5000, SHARE = 10, FAREWELL_MS = 10000, PEM_MAX = 1 << 20, KEPT_BYTES = 8 << 20 };

struct serving {
    struct cli *cli;
    struct session session;
    struct door *door;
    struct http_server *http;
    struct serve_watch watch; /* of /metrics */
    struct api_door entrance; /* for everybody */
    struct http_folder page;  /* MLflow's, if it is shown */
    int signal_fd;
    int64_t leaves_ms; /* when it stops waiting for answers to be sent; 0: it is not leaving */
};

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static int watch_signals(struct serving *s, struct err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? err_errno(err, "watching signals") : engine_watch(s->session.engine, s->signal_fd, err);
}

/* The first asks to leave once what has begun is answered, the second leaves at once. */
static void take_signals(struct serving *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int64_t now_ms = clock_monotonic_ms(&clock_system);
        if (s->leaves_ms == 0) {
            http_server_stop_listening(s->http);
        }
        s->leaves_ms = s->leaves_ms == 0 ? now_ms + FAREWELL_MS : now_ms;
    }
}

static bool is_done(const struct serving *s)
{
    return s->leaves_ms != 0 && (http_server_busy(s->http) == 0 || clock_monotonic_ms(&clock_system) >= s->leaves_ms);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool speaks_tls(const struct cli *cli)
{
    return option_given(cli, "tls-cert");
}

/* Whoever reaches such an address must say who he is, and where nobody can listen. */
static int check_address(const struct serving *s, const char *address, struct err *err)
{
    bool asks = api_asks_who(s->entrance.api);
    if (is_loopback(address) || option_given(s->cli, "insecure") || (asks && speaks_tls(s->cli))) {
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

static void read_hosts(struct serving *s, const char *address)
{
    const char *one;
    int count = 0;
    while (option_nth(s->cli, "allowed-host", count) != NULL) {
        count++;
    }
    const char **hosts = arena_array(s->cli->arena, (size_t)count + 1, sizeof *hosts);
    for (int i = 0; (one = option_nth(s->cli, "allowed-host", i)) != NULL; i++) {
        hosts[i] = one;
    }
    hosts[count] = strchr(address, ':') == NULL ? address : arena_printf(s->cli->arena, "[%s]", address);
    s->entrance.hosts = hosts;
    s->entrance.host_count = (size_t)count + 1;
}

/* ---- TLS -------------------------------------------------------------------------------------------------------- */

/* The bytes of a file in PEM. */
static int read_pem(const struct cli *cli, const char *option, const char **ret, struct err *err)
{
    struct str text;
    if (fs_read_file(option_value(cli, option), PEM_MAX, cli->arena, &text, err) < 0) {
        return err_add(err, "--%s", option);
    }
    if (str_find(text, STR("-----BEGIN ")) < 0 || memchr(text.p, '\0', text.n) != NULL) {
        return err_set(err, ERR_INPUT, "--%s %s: expected a file in PEM, which has lines '-----BEGIN ...'", option,
                       option_value(cli, option));
    }
    *ret = text.p;
    return 0;
}

static int check_key_mode(const char *path, struct err *err)
{
    struct stat status;
    return stat(path, &status) == 0 && (status.st_mode & S_IRWXO) != 0
               ? err_set(err, ERR_INPUT, "--tls-key %s: others may read it (mode %04o): 'chmod 600 %s'", path,
                         (unsigned)status.st_mode & 07777u, path)
               : 0;
}

static int read_tls(const struct cli *cli, struct http_options *http, struct err *err)
{
    const char *key = option_value(cli, "tls-key");
    if ((key != NULL) != speaks_tls(cli)) {
        return err_set(err, ERR_INPUT, "--tls-cert and --tls-key: expected both, or neither");
    }
    return key == NULL ? 0
           : check_key_mode(key, err) < 0 || read_pem(cli, "tls-cert", &http->certificates, err) < 0
               ? -1
               : read_pem(cli, "tls-key", &http->key, err);
}

static void forget_key(const struct http_options *http)
{
    if (http->key != NULL) {
        explicit_bzero((char *)(uintptr_t)http->key, strlen(http->key));
    }
}

/* ---- the address ------------------------------------------------------------------------------------------------ */

static void say_address(const struct serving *s, const char *address, int port)
{
    bool six = strchr(address, ':') != NULL;
    printf("sluice serves %s at http%s://%s%s%s:%d\n", s->session.home.path, speaks_tls(s->cli) ? "s" : "",
           six ? "[" : "", address, six ? "]" : "", port);
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
    struct http_options http = {.head = api_head, .ctx = &s->entrance, .fd_share = SHARE};
    session_take_hooks(&s->session);
    s->entrance.api = tracking_api(s->session.tracking, err);
    if (s->entrance.api == NULL || check_address(s, address, err) < 0 || read_tls(cli, &http, err) < 0) {
        return -1;
    }
    http.listener = http_listen(address, &port, err);
    if (http.listener < 0) {
        return -1;
    }
    read_hosts(s, address);
    int opened = http_server_open(&http, &s->http, err);
    forget_key(&http);
    if (opened < 0 && http.key != NULL) {
        return err_add(err, "--tls-cert and --tls-key");
    }
    if (opened < 0 || engine_watch(s->session.engine, http_server_fd(s->http), err) < 0) {
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

/* A full disk is told of and waited out: what only reads is answered meanwhile. Anything else of the store ends us, and
 * the next start recovers. */
static int take_turn(struct serving *s, struct err *err)
{
    struct err wrong = {0};
    int wait_ms = tracking_wait_ms(s->session.tracking, s->leaves_ms != 0 ? 50 : http_server_wait_ms(s->http));
    if (engine_turn(s->session.engine, wait_ms, &wrong) < 0) {
        if (!may_pass(&wrong)) {
            *err = wrong;
            return -1;
        }
        log_error("serve", "%s: trying again in a second", wrong.message);
        struct pollfd fds[] = {{.fd = s->signal_fd, .events = POLLIN},
                               {.fd = http_server_fd(s->http), .events = POLLIN}};
        (void)poll(fds, 2, 1000);
    }
    door_serve(s->door);
    if (engine_was_woken(s->session.engine) || http_server_wait_ms(s->http) == 0) {
        http_server_run(s->http);
        bool good = api_serve(s->entrance.api, s->http, err);
        http_server_send(s->http);
        if (!good) {
            return -1;
        }
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

static int serve(struct serving *s, struct err *err)
{
    struct session_options options = {.doing = "serve", .stays = true, .fires = true};
    if (find_pipelines(s->cli, &options.pipelines, err) < 0 ||
        session_open(s->cli, &options, &s->session, err) < 0 || serve_watch_open(&s->watch, &s->session, err) < 0 ||
        watch_signals(s, err) < 0 || door_open(&s->session, "", &s->door, err) < 0 || open_http(s, err) < 0) {
        return -1;
    }
    store_expect_reading(s->session.home.store);
    while (!is_done(s)) {
        if (take_turn(s, err) < 0) {
            return -1;
        }
        take_signals(s);
    }
    return 0;
}

static int run_serve(struct cli *cli)
{
    struct err err = {0};
    mem_keep_freed(KEPT_BYTES); /* two answers of some hundred runs */
    struct serving s = {.cli = cli, .session.home.lock_fd = -1, .signal_fd = -1, .page.fd = -1};
    int result = open_page(&s, &err) < 0 ? -1 : serve(&s, &err);
    if (s.entrance.api != NULL) {
        api_stop(s.entrance.api);
    }
    http_server_close(s.http);
    door_close(s.door);
    session_close(&s.session);
    serve_watch_close(&s.watch);
    http_folder_close(&s.page);
    if (s.signal_fd >= 0) {
        (void)close(s.signal_fd);
    }
    return result < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : EXIT_OK;
}

static const struct option_row serve_options[] = {
    {"host", 0, "ADDRESS", false, "the numeric address to listen at (default: 127.0.0.1)"},
    {"port", 0, "N", false, "the port (default: 5000; 0: one that is free)"},
    {"allowed-host", 0, "NAME", true,
     "a name that clients may call the server by, beside those of the loopback: '*.example.com', '*' for any"},
    {"pipelines", 0, "DIR", false, "put the pipelines of this folder in force, and follow it"},
    {"mlflow-ui", 0, "DIR", false, "show MLflow's page: its built files, mlflow/server/js/build of a wheel"},
    {"tls-cert", 0, "FILE", false, "speak TLS, with this certificate and those that it was signed by, in PEM"},
    {"tls-key", 0, "FILE", false, "its private key, in PEM"},
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
        "Ctrl-C or SIGTERM ends it once what has been asked is answered; a second one at once. Steps that run go\n"
        "on, and the next sluice in this home takes them up.",
    .examples = "sluice serve\n"
                "sluice serve --pipelines pipelines\n"
                "sluice serve --mlflow-ui ~/mlflow/server/js/build\n"
                "sluice serve --port 0 --home /srv/models\n"
                "sluice serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --allowed-host mlflow.example.com",
    .options = serve_options,
    .run = run_serve,
};
