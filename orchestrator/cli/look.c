/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/look.h"

int look(struct cli *cli, int (*body)(struct cli *cli, struct home *home, struct err *err))
{
    struct err err = {0};
    struct home home;
    if (home_open(option_value(cli, "home"), HOME_READ, cli->command->name, cli->arena, &home, &err) < 0) {
        return cli_fail(cli, EXIT_HOME, &err);
    }
    int code = body(cli, &home, &err);
    home_close(&home);
    return code < 0 ? cli_fail(cli, cli_exit_of(&err), &err) : code;
}
