/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/visit.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_WAIT_S = 60 };

struct visit {
    int fd;
    char home[4096]; /* for messages */
};

int door_address(const char *home, int *ret_folder, struct sockaddr_un *ret_address)
{
    *ret_folder = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/sock", *ret_folder);
    return *ret_folder < 0 ? -1 : 0;
}

struct visit *visit_begin(const char *home)
{
    const struct timeval patience = {.tv_sec = ANSWER_WAIT_S};
    struct sockaddr_un address;
    int folder = -1;
    if (door_address(home, &folder, &address) < 0) {
        return NULL;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    (void)close(folder);
    if (!good) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return NULL;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct visit *visit = mem_alloc(sizeof *visit);
    visit->fd = fd;
    (void)snprintf(visit->home, sizeof visit->home, "%s", home);
    return visit;
}

void visit_end(struct visit *visit)
{
    if (visit != NULL) {
        (void)close(visit->fd);
        free(visit);
    }
}

int visit_fd(const struct visit *visit)
{
    return visit->fd;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* A file in memory that nobody can change any more: whoever reads it waits for nothing and is not surprised. */
static int sealed_file(struct str text, struct err *err)
{
    int fd = memfd_create("sluice-document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t done = 0;
    while (fd >= 0 && done < text.n) {
        ssize_t size = write(fd, text.p + done, text.n - done);
        if (size <= 0) {
            break;
        }
        done += (size_t)size;
    }
    if (fd < 0 || done < text.n ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
        (void)err_errno(err, "writing a document in memory");
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

static ssize_t send_packet(int socket_fd, struct str text, int attached)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text.p, .iov_len = text.n};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (attached >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &attached, sizeof attached);
    }
    return sendmsg(socket_fd, &message, MSG_NOSIGNAL);
}

static int code_of(const char *name)
{
    for (int code = ERR_INPUT; code <= ERR_INTERNAL; code++) {
        if (strcmp(err_code_name((enum err_code)code), name) == 0) {
            return code;
        }
    }
    return ERR_INTERNAL;
}

static int ask(struct visit *visit, const struct json *request, int attached, struct arena *arena,
               struct json *ret_outcome, struct err *err)
{
    struct json answer;
    struct str text = json_text(arena, request);
    char *packet = arena_array(arena, DOOR_PACKET_MAX, 1);
    ssize_t size = send_packet(visit->fd, text, attached) < 0 ? -1 : recv(visit->fd, packet, DOOR_PACKET_MAX, 0);
    if (size < 0 && errno == EAGAIN) {
        return err_set(err, ERR_IO, "the sluice that holds '%s' has given no answer for %d s: is it stopped?",
                       visit->home, ANSWER_WAIT_S);
    }
    if (size <= 0) {
        return err_set(err, ERR_BUSY, "the sluice that holds '%s' went away without an answer", visit->home);
    }
    if (json_read((struct str){packet, (size_t)size}, (struct json_limits){0}, arena, &answer, err) < 0) {
        return err_add(err, "what the sluice that holds '%s' answered", visit->home);
    }
    const struct json *error = json_get(&answer, "error");
    if (error != NULL) {
        return err_set(err, (enum err_code)code_of(json_get_text(error, "code", "")), "%s",
                       json_get_text(error, "message", ""));
    }
    const struct json *outcome = json_get(&answer, "outcome");
    *ret_outcome = outcome == NULL ? json_null() : *outcome;
    return 0;
}

int visit_ask(struct visit *visit, const struct json *request, struct arena *arena, struct json *ret_outcome,
              struct err *err)
{
    return ask(visit, request, -1, arena, ret_outcome, err);
}

int visit_ask_with(struct visit *visit, const struct json *request, struct str document, struct arena *arena,
                   struct json *ret_outcome, struct err *err)
{
    if (document.n > DOOR_DOCUMENT_MAX) {
        return err_set(err, ERR_LIMIT, "a submission of %zu MiB is too large: at most %d MiB", document.n >> 20,
                       DOOR_DOCUMENT_MAX >> 20);
    }
    int fd = sealed_file(document, err);
    if (fd < 0) {
        return -1;
    }
    int result = ask(visit, request, fd, arena, ret_outcome, err);
    (void)close(fd);
    return result;
}
