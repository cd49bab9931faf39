/* SPDX-License-Identifier: Apache-2.0 */
#include "api/decoded_path.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DECODINGS_MAX = 10 }; /* as the client has it */

static int value_of(char digit)
{
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* What is no escape stays. Tabs and ends of lines are left out, as by Python's urlparse. The length of what it becomes:
 * no more than it was, as is all below, since only what was escaped grows, and to no more than its escape. */
static size_t unescape(char *text, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool escape = text[i] == '%' && n - i > 2 && isxdigit((unsigned char)text[i + 1]) &&
                      isxdigit((unsigned char)text[i + 2]);
        int escaped = escape ? value_of(text[i + 1]) << 4 | value_of(text[i + 2]) : 0;
        char c = escape ? (char)escaped : text[i];
        i += escape ? 2 : 0;
        if (c != '\t' && c != '\n' && c != '\r') {
            text[kept++] = c;
        }
    }
    return kept;
}

/* Each byte that is no UTF-8 becomes U+FFFD, as by Python's unquote. */
static size_t replace_invalid(const char *text, size_t n, char ret[3 * NAME_MAX])
{
    size_t length = 0;
    size_t step = 0;
    for (size_t i = 0; i < n; i += step == 0 ? 1 : step) {
        uint32_t code;
        step = utf8_decode(text + i, n - i, &code);
        memcpy(ret + length, step == 0 ? "\xef\xbf\xbd" : text + i, step == 0 ? 3 : step);
        length += step == 0 ? 3 : step;
    }
    return length;
}

/* Control characters are escaped again in the end. */
static bool is_taken_for(const char *name, struct str wanted)
{
    char text[3 * NAME_MAX];
    char said[3 * NAME_MAX + 1];
    size_t n = strnlen(name, NAME_MAX);
    size_t before = 0;
    size_t length = 0;
    memcpy(text, name, n);
    for (int i = 0; i < DECODINGS_MAX && n != before; i++) {
        before = n;
        n = replace_invalid(text, unescape(text, n), said);
        memcpy(text, said, n);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool control = c < 0x20 || c == 0x7f;
        length += (size_t)snprintf(said + length, sizeof said - length, control ? "%%%02x" : "%c", c);
    }
    return str_eq((struct str){said, length}, wanted);
}

static bool is_there(const struct files *files, const char *path)
{
    int fd = fs_open_below(files->root, path, O_PATH);
    return fd >= 0 && close(fd) == 0;
}

static const char *find_in(const struct files *files, const char *path, struct str wanted, struct arena *arena)
{
    int fd = fs_open_below(files->root, path, O_RDONLY | O_DIRECTORY);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const char *found = NULL;
    const struct dirent *entry;
    if (folder == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return NULL;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (strchr(entry->d_name, '%') != NULL && (found == NULL || strcmp(entry->d_name, found) < 0) &&
            is_taken_for(entry->d_name, wanted)) {
            found = arena_strdup(arena, entry->d_name);
        }
    }
    (void)closedir(folder);
    return found;
}

const char *decoded_path_find(const struct files *files, const char *folder, const char *below, struct arena *arena)
{
    const char *path = folder;
    struct str rest = str_from(below);
    struct str part;
    while (str_cut(&rest, '/', &part)) {
        const char *next = path_join(arena, path, arena_str(arena, part).p);
        if (!is_there(files, next)) {
            const char *name = find_in(files, path, part, arena);
            if (name == NULL) {
                return NULL;
            }
            next = path_join(arena, path, name);
        }
        path = next;
    }
    return path;
}
