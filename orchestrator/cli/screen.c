/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_MIN = 21, ROWS_MIN = 12 };

struct screen screen_size(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    return (struct screen){
        .columns = known && size.ws_col >= COLUMNS_MIN ? size.ws_col : 80,
        .rows = known && size.ws_row >= ROWS_MIN ? size.ws_row : 24,
    };
}

int screen_line_columns(const struct cli *cli)
{
    return cli->terminal ? screen_size().columns : 0;
}
