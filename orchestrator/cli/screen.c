/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_COLUMNS_LEAST = 20 };

struct screen screen_size(void)
{
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    return known ? (struct screen){size.ws_col, size.ws_row} : (struct screen){80, 24};
}

int screen_line_columns(const struct cli *cli)
{
    int columns = cli->terminal ? screen_size().columns : 0;
    return columns > 0 && columns < LINE_COLUMNS_LEAST ? LINE_COLUMNS_LEAST : columns;
}
