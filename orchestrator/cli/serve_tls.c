/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_tls.h"

#include "base/fs.h"

#include <string.h>
#include <sys/stat.h>

enum { PEM_MAX = 1 << 20 };

bool serve_speaks_tls(const struct cli *cli)
{
    return option_given(cli, "tls-cert");
}

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

int serve_tls_read(const struct cli *cli, struct http_options *http, struct err *err)
{
    const char *key = option_value(cli, "tls-key");
    if ((key != NULL) != serve_speaks_tls(cli)) {
        return err_set(err, ERR_INPUT, "--tls-cert and --tls-key: expected both, or neither");
    }
    return key == NULL ? 0
           : check_key_mode(key, err) < 0 || read_pem(cli, "tls-cert", &http->certificates, err) < 0
               ? -1
               : read_pem(cli, "tls-key", &http->key, err);
}

void serve_tls_forget(const struct http_options *http)
{
    if (http->key != NULL) {
        explicit_bzero((char *)(uintptr_t)http->key, strlen(http->key));
    }
}
