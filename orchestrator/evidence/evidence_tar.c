/* SPDX-License-Identifier: Apache-2.0
 * Evidence as a tar archive: the ustar interchange format of POSIX.1-2017, pax, "ustar Interchange Format".
 */
#include "base/fd.h"
#include "evidence/evidence.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 512, NAME_MAX_BYTES = 40 };

/* The header of a file or folder: 512 bytes, numbers in octal digits with a NUL behind them. */
struct header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12], mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6], version[2];
    char user[32], group[32];
    char major[8], minor[8];
    char prefix[155];
    char rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is a block");

const char *evidence_folder_name(const char *name, int64_t version, struct arena *arena)
{
    char safe[NAME_MAX_BYTES + 1];
    size_t n = 0;
    for (const char *c = name; *c != '\0' && n < NAME_MAX_BYTES; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-';
        safe[n++] = plain ? *c : '_';
    }
    safe[n] = '\0';
    return arena_printf(arena, "evidence-%s-%lld", safe, (long long)version);
}

static struct header header_of(const char *folder, const char *file, size_t bytes, int64_t at_ms)
{
    struct header header;
    unsigned sum = 0;
    bool is_folder = *file == '\0';
    memset(&header, 0, sizeof header);
    (void)snprintf(header.name, sizeof header.name, "%s/%s", folder, file);
    (void)snprintf(header.mode, sizeof header.mode, "%07o", is_folder ? 0755U : 0644U);
    (void)snprintf(header.uid, sizeof header.uid, "%07o", 0U);
    (void)snprintf(header.gid, sizeof header.gid, "%07o", 0U);
    (void)snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)bytes);
    (void)snprintf(header.mtime, sizeof header.mtime, "%011llo", (unsigned long long)(at_ms / 1000));
    header.type = is_folder ? '5' : '0';
    memcpy(header.magic, "ustar", sizeof header.magic);
    memcpy(header.version, "00", sizeof header.version);
    memset(header.checksum, ' ', sizeof header.checksum); /* as it is summed */
    for (size_t i = 0; i < sizeof header; i++) {
        sum += ((const unsigned char *)&header)[i];
    }
    (void)snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
    return header;
}

static int put(int fd, const void *bytes, size_t count, int64_t *written, struct err *err)
{
    *written += (int64_t)count;
    return fd_write_all(fd, (struct str){bytes, count}) < 0 ? err_errno(err, "writing evidence") : 0;
}

int evidence_tar(const struct evidence *evidence, const char *folder, int64_t at_ms, int fd, int64_t *ret_bytes,
                 struct err *err)
{
    static const char zeros[2 * BLOCK];
    struct header header = header_of(folder, "", 0, at_ms);
    *ret_bytes = 0;
    int result = put(fd, &header, sizeof header, ret_bytes, err);
    for (size_t i = 0; result == 0 && i < evidence->count; i++) {
        const struct evidence_file *file = &evidence->files[i];
        size_t padding = (BLOCK - file->text.n % BLOCK) % BLOCK;
        header = header_of(folder, file->name, file->text.n, at_ms);
        result = put(fd, &header, sizeof header, ret_bytes, err) < 0 ||
                         put(fd, file->text.p, file->text.n, ret_bytes, err) < 0 ||
                         put(fd, zeros, padding, ret_bytes, err) < 0
                     ? -1
                     : 0;
    }
    return result < 0 ? -1 : put(fd, zeros, sizeof zeros, ret_bytes, err);
}
