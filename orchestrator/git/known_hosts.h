/* SPDX-License-Identifier: Apache-2.0
 * Is a server's SSH key one that is known? Lines as ssh-keyscan prints them: "HOST[,HOST] TYPE BASE64". Pure, and
 * of libc alone: the plugin git is made of it, too.
 */
#ifndef SLUICE_GIT_KNOWN_HOSTS_H
#define SLUICE_GIT_KNOWN_HOSTS_H

#include <stddef.h>

enum known_hosts_result {
    KNOWN_HOSTS_KNOWN,
    KNOWN_HOSTS_UNKNOWN, /* no line for this host, or none with a key of its type */
    KNOWN_HOSTS_OTHER,   /* there are lines for this host, and none has this key */
};

/* `key` is the raw public key as SSH sends it. A host with another port stands as [HOST]:PORT. Hashed names and
 * patterns are not understood: such a line is none for this host. */
enum known_hosts_result known_hosts_check(const char *lines, const char *host, const void *key, size_t key_size);

#endif
