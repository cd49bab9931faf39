/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/away.h"

#include "cli/door.h"
#include "cli/home.h"
#include "cli/names.h"

#include <time.h>

enum { LOOK_EVERY_MS = 100 };

int away_find_run(struct cli *cli, const char *verb, const char **ret_home, struct pipeline_run *ret_row,
                  struct err *err)
{
    struct home home;
    if (home_open(option_value(cli, "home"), HOME_READ, "", cli->arena, &home, err) < 0) {
        return -1;
    }
    *ret_home = home.path;
    int result = names_run(home.store, cli->arguments[0], cli->arena, ret_row, err);
    home_close(&home);
    if (result == 0 && run_state_is_terminal(ret_row->state)) {
        return err_set(err, ERR_STATE, "run %s has ended already (%s): there is nothing to %s",
                       names_label(cli->arena, ret_row), run_state_name(ret_row->state), verb);
    }
    return result;
}

int away_await_end(struct cli *cli, const char *run_id, struct pipeline_run *ret_row, struct err *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    struct home home;
    if (home_open(option_value(cli, "home"), HOME_READ, "", cli->arena, &home, err) < 0) {
        return -1;
    }
    int result = 0;
    for (bool held = true; held && result == 0;) {
        held = door_is_kept(home.path); /* before the look: who leaves has written all he will */
        result = store_pipeline_run_get(home.store, run_id, cli->arena, ret_row, err);
        if (result == 0 && run_state_is_terminal(ret_row->state)) {
            result = 1;
        } else if (result == 0 && held) {
            (void)nanosleep(&pause, NULL);
        }
    }
    home_close(&home);
    return result;
}
