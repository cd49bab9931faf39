/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/door.h"

#include <stdio.h>
#include <stdlib.h>

/* Here the address is known, and nothing has been sent. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct fetch_door *door = ctx;
    struct ip_address address;
    char text[46] = "?";
    const char *why = "of no known family";
    bool known = purpose == CURLSOCKTYPE_IPCXN && ip_address_from(&to->addr, &address) == 0;
    if (known && address_policy_allows(door->policy, &address, &why)) {
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    if (known) {
        ip_address_text(&address, text);
    }
    (void)snprintf(door->refused, sizeof door->refused, "its address %s is %s", text, why);
    return CURL_SOCKET_BAD;
}

static void set_trust(CURL *curl)
{
    const char *file = getenv("SSL_CERT_FILE");
    const char *folder = getenv("SSL_CERT_DIR");
    file = file == NULL || *file == '\0' ? getenv("CURL_CA_BUNDLE") : file;
    if (file != NULL && *file != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, file);
    }
    if (folder != NULL && *folder != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAPATH, folder);
    }
}

void fetch_door_set(CURL *curl, struct fetch_door *door)
{
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, door);
    set_trust(curl);
}

const char *fetch_words(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (size_t i = 0; copy[i] != '\0'; i++) {
        bool first_of_word = i == 0 && copy[1] >= 'a' && copy[1] <= 'z' && copy[0] >= 'A' && copy[0] <= 'Z';
        copy[i] = (char)(first_of_word ? copy[0] - 'A' + 'a' : (unsigned char)copy[i] < ' ' ? ' ' : copy[i]);
    }
    return copy;
}
