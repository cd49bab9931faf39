/* SPDX-License-Identifier: Apache-2.0
 * evidence, evidence verify: what an auditor needs of a version, and the check of it.
 */
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/govern.h"
#include "cli/home.h"
#include "cli/names.h"
#include "evidence/evidence.h"
#include "store/activity.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- evidence --------------------------------------------------------------------------------------------------- */

static int gather_and_write(struct cli *cli, const char *name, int64_t version, struct evidence *ret, struct err *err)
{
    struct home home = {.lock_fd = -1};
    unsigned char key[HOME_KEY_BYTES];
    if (home_open(option_value(cli, "home"), HOME_READ, "evidence", cli->arena, &home, err) < 0) {
        return -1;
    }
    int result = home_read_key(home.path, false, key, err);
    if (result == 0) {
        store_activity_set_key(home.store, key);
        result = evidence_gather(home.store, name, version, clock_wall_ms(&clock_system), cli->arena, ret, err) < 0
                     ? -1
                     : evidence_write(ret, option_value(cli, "output"), cli->arena, err);
    }
    explicit_bzero(key, sizeof key);
    home_close(&home);
    return result;
}

/* That it was written is part of the log, too, with the digest of all of it. */
static int note(struct cli *cli, const char *name, int64_t version, const struct evidence *evidence, struct err *err)
{
    struct json request = govern_request(cli->arena, "evidence");
    struct json outcome;
    json_set(cli->arena, &request, "model", json_cstring(cli->arena, name));
    json_set(cli->arena, &request, "version", json_int(version));
    json_set(cli->arena, &request, "sha256", json_cstring(cli->arena, evidence->sha256));
    return govern_ask(cli, "evidence", &request, &outcome, err);
}

static int run_evidence(struct cli *cli)
{
    struct err err = {0};
    struct evidence evidence;
    const char *name = NULL;
    int64_t version = 0;
    if (option_value(cli, "output") == NULL) {
        (void)err_set(&err, ERR_INPUT, "where to? -o FOLDER says it");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (names_version(cli->arguments[0], cli->arena, &name, &version, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (gather_and_write(cli, name, version, &evidence, &err) < 0 || note(cli, name, version, &evidence, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "folder", json_cstring(cli->arena, option_value(cli, "output")));
        json_set(cli->arena, &object, "files", json_int((int64_t)evidence.count));
        json_set(cli->arena, &object, "manifest_sha256", json_cstring(cli->arena, evidence.sha256));
        json_set(cli->arena, &object, "head", json_cstring(cli->arena, evidence.head));
        printf("%s\n", json_text(cli->arena, &object).p);
    } else if (!cli->quiet) {
        printf("%s: %zu files, manifest %s\n  'sluice evidence verify %s' checks it anywhere\n",
               option_value(cli, "output"), evidence.count, evidence.sha256, option_value(cli, "output"));
    }
    return EXIT_OK;
}

static const struct option_row evidence_options[] = {
    {"output", 'o', "FOLDER", false, "where to: a folder that is empty, or is made"},
    {0},
};

const struct command command_evidence = {
    .name = "evidence",
    .group = "Look",
    .summary = "write down what an auditor needs of a model version",
    .arguments = "MODEL/VERSION",
    .details =
        "The definition, the commit, params, the digests of data and model, gates, approvals with names, where it "
        "was and "
        "when, the entries of\nthe activity log with their chain, and a manifest with the SHA-256 of all. That it "
        "was written "
        "is an entry of the activity log, with\nthe manifest's digest.",
    .examples = "sluice evidence wine/3 -o audit-wine-3\nsluice evidence verify audit-wine-3",
    .options = evidence_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_evidence,
};

/* ---- evidence verify -------------------------------------------------------------------------------------------- */

static int read_key(const char *path, unsigned char ret[HOME_KEY_BYTES], struct err *err)
{
    unsigned char key[HOME_KEY_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = fd < 0 ? -1 : read(fd, key, sizeof key);
    int result = size < 0 ? err_errno(err, "reading '%s'", path) : 0;
    if (result == 0 && size != HOME_KEY_BYTES) {
        result = err_set(err, ERR_INPUT, "'%s' is no key of %d bytes: expected the file 'key' of the home", path,
                         HOME_KEY_BYTES);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (result == 0) {
        memcpy(ret, key, HOME_KEY_BYTES);
    }
    explicit_bzero(key, sizeof key);
    return result;
}

static void print_finding(struct cli *cli, const struct evidence_finding *finding)
{
    if (cli->json) {
        struct json object = json_object();
        json_set(cli->arena, &object, "holds", json_bool(true));
        json_set(cli->arena, &object, "model", json_cstring(cli->arena, finding->model));
        json_set(cli->arena, &object, "files", json_int(finding->files));
        json_set(cli->arena, &object, "rows", json_int(finding->rows));
        json_set(cli->arena, &object, "signed", json_bool(finding->signed_by_key));
        json_set(cli->arena, &object, "meets_head", json_bool(finding->meets_head));
        json_set(cli->arena, &object, "manifest_sha256", json_cstring(cli->arena, finding->sha256));
        json_set(cli->arena, &object, "head", json_cstring(cli->arena, finding->head));
        printf("%s\n", json_text(cli->arena, &object).p);
        return;
    }
    printf("%s: %lld files are those of the manifest %s\n", finding->model, (long long)finding->files, finding->sha256);
    if (finding->signed_by_key) {
        printf("  the manifest and %lld entries of the activity log are what the home's key had written\n",
               (long long)finding->rows);
    } else {
        printf("  who wrote them is not proved: that takes the home's key (--key)\n");
    }
    if (finding->meets_head) {
        printf("  the entry of the published head is the one that was there\n");
    }
}

static int run_verify(struct cli *cli)
{
    struct err err = {0};
    unsigned char key[HOME_KEY_BYTES];
    const char *path = option_value(cli, "key");
    struct evidence_check check = {.key = path == NULL ? NULL : key, .head = option_value(cli, "head")};
    struct evidence_finding finding;
    if (path != NULL && read_key(path, key, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    int result = evidence_verify(cli->arguments[0], &check, cli->arena, &finding, &err);
    explicit_bzero(key, sizeof key);
    if (result < 0) {
        return cli_fail(cli, err.code == ERR_CORRUPT || err.code == ERR_STATE ? EXIT_RUN_FAILED : cli_exit_of(&err),
                        &err);
    }
    if (cli->json || !cli->quiet) {
        print_finding(cli, &finding);
    }
    return EXIT_OK;
}

static const struct option_row verify_options[] = {
    {"key", 0, "FILE", false, "the file 'key' of the home: proves who wrote it"},
    {"head", 0, "SEQUENCE:HEX", false, "a head of the activity log that was noted elsewhere"},
    {0},
};

const struct command command_evidence_verify = {
    .name = "evidence verify",
    .group = "Look",
    .summary = "check a folder of evidence, without the home",
    .arguments = "FOLDER",
    .details =
        "Any byte that was changed in any file is found, and any file that was added or taken away, unless whoever "
        "did it "
        "wrote the\nmanifest anew: with the home's key (--key) that is found as well. --head compares with a head of "
        "the "
        "activity log that was noted\nelsewhere. Exit code 1 when something does not hold.",
    .examples = "sluice evidence verify audit-wine-3\nsluice evidence verify audit-wine-3 --key .sluice/key",
    .options = verify_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_verify,
};
