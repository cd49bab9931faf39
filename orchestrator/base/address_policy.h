/* SPDX-License-Identifier: Apache-2.0
 * Which addresses may be connected to: the one place that decides it. sluice-fetch asks it of each connection, and who
 * takes a URL asks it of an address that stands in it.
 *
 * Judged is the address of the connection itself, after names are resolved, at each redirect again: neither a name that
 * changes its address, nor a redirect, nor an unusual spelling of an address gets around it. An IPv4 address inside an
 * IPv6 one (mapped, NAT64, 6to4, Teredo) is judged as well.
 *
 *   never    link-local, metadata services of clouds, unspecified, multicast, reserved: whatever the policy says
 *   local    loopback, private and shared networks, documentation, what is not routed on the internet
 *   public   everything else
 */
#ifndef SLUICE_BASE_ADDRESS_POLICY_H
#define SLUICE_BASE_ADDRESS_POLICY_H

#include "base/json.h"

#include <stdbool.h>
#include <sys/socket.h>

struct ip_address {
    int bits; /* 32 or 128 */
    unsigned char bytes[16];
};

struct ip_range {
    struct ip_address address;
    int prefix;
};

struct address_policy {
    bool public_only;
    bool https_only;
    bool use_proxy;
    const struct ip_range *allow;
    size_t allow_count;
};

/* The policy as JSON; NULL or an empty map means all defaults:
 *   reach   "all" (default: local and public addresses; steps run on this machine and may reach it anyway) or "public"
 *   allow   ["10.1.0.0/16", "fd00::/8"]: local ranges that "public" may reach, too
 *   https   true: http is refused (default false)
 *   proxy   "environment": http_proxy, https_proxy, all_proxy and no_proxy are honoured (default with reach "all"), or
 *           "none" (default with reach "public"). A proxy's own address is judged like any other; names are then
 *           resolved by the proxy, and only addresses that stand in the URL can be judged here.
 * -1 in words for anything else: an unreadable policy allows nothing. */
int address_policy_read(const struct json *json, struct arena *arena, struct address_policy *ret_policy,
                        struct err *err);
/* True when a connection may be made; otherwise `why` says what the address is: "link-local". */
bool address_policy_allows(const struct address_policy *policy, const struct ip_address *address, const char **ret_why);

/* "127.0.0.1" or "::1", canonical spellings only. -1 when the text is no such address. */
int ip_address_parse(struct str text, struct ip_address *ret_address);
/* -1 when the socket address is neither IPv4 nor IPv6. */
int ip_address_from(const struct sockaddr *from, struct ip_address *ret_address);
/* As text, at most 46 bytes with the NUL. */
void ip_address_text(const struct ip_address *address, char room[46]);

#endif
