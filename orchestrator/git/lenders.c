/* SPDX-License-Identifier: Apache-2.0 */
#include "git/lenders.h"

#include "base/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_BYTES = 1 << 16 };

static struct str read_list(const char *folder, struct arena *arena)
{
    int fd = open(path_join(arena, folder, "info/alternates"), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (fd < 0) {
        return (struct str){0};
    }
    bool plain = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    char *text = arena_array(arena, LIST_BYTES, 1);
    ssize_t n = plain ? read(fd, text, LIST_BYTES) : 0;
    (void)close(fd);
    return (struct str){text, n < 0 ? 0 : (size_t)n};
}

static void add(struct lenders *lenders, const char *folder, int depth, struct arena *arena)
{
    bool left = depth <= LENDERS_DEPTH && lenders->count < LENDERS_MAX;
    for (size_t i = 0; left && i < lenders->count; i++) {
        left = strcmp(lenders->folders[i], folder) != 0;
    }
    if (!left) {
        return;
    }
    lenders->folders[lenders->count++] = folder;
    struct str rest = read_list(folder, arena);
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        if (line.n > 0 && line.p[0] != '#') { /* relative ones are below this folder */
            add(lenders, path_join(arena, folder, arena_str(arena, line).p), depth + 1, arena);
        }
    }
}

void lenders_find(const char *objects, struct arena *arena, struct lenders *ret)
{
    ret->count = 0;
    add(ret, objects, 0, arena);
}
