/* SPDX-License-Identifier: Apache-2.0
 * `channels` and `notify` of config.yaml: who is told of what happens (docs/notifications.md).
 */
#ifndef SLUICE_CONFIG_CHANNELS_H
#define SLUICE_CONFIG_CHANNELS_H

#include "store/channels.h"

struct loader;
struct yaml_node;

void channels_load(struct loader *loader, const struct yaml_node *node, struct telling_rules *ret);
/* When `channels` is read: each entry names one. `node` NULL: there is no `notify`. */
void notify_load(struct loader *loader, const struct yaml_node *node, const char *external_url,
                 struct telling_rules *ret);
/* Of a config.yaml that says nothing of them. */
extern const struct telling_rules telling_rules_none;

/* Rows for the table of keys in config.c. */
#define CHANNEL_DOCS(ROW)                                                                                              \
    ROW("channels.NAME.", "webhook", 0, NULL, "URL",                                                                   \
        "Where events are sent as JSON: a URL, or ${{ secrets.NAME }} that holds it.")                                 \
    ROW("channels.NAME.", "slack", 0, NULL, "URL", "Where they are sent as messages of Slack's shape.")                \
    ROW("channels.NAME.", "email", 0, NULL, "URL",                                                                     \
        "The server that takes mail: smtps://HOST, or smtp://HOST:587, which must speak TLS, too.")                    \
    ROW("channels.NAME.", "secret", 0, NULL, "${{ secrets.NAME }}",                                                    \
        "What signs a webhook's events; a list of two while the one replaces the other.")                              \
    ROW("channels.NAME.", "events", 0, NULL, "list of globs",                                                          \
        "Events that it is told of, whatever 'notify' says: run.failed, approval.*.")                                  \
    ROW("channels.NAME.", "from", 0, NULL, "address", "Of e-mail: who it is from.")                                    \
    ROW("channels.NAME.", "to", 0, NULL, "list of addresses", "Of e-mail: who gets it.")                               \
    ROW("channels.NAME.", "user", 0, NULL, "text", "Of e-mail: who logs in at the server.")                            \
    ROW("channels.NAME.", "password", 0, NULL, "${{ secrets.NAME }}", "Of e-mail: with which password.")               \
    ROW("channels.NAME.", "tls", 0, NULL, "true or false", "Of e-mail: false lets mail go unencrypted.")               \
    ROW("notify[].", "on", 0, NULL, "list of words", "failed, recovered, refused, waiting, late, missed.")             \
    ROW("notify[].", "to", 0, NULL, "text", "The channel that is told.")                                               \
    ROW("notify[].", "pipelines", 0, NULL, "list of globs", "Of which pipelines; of all by default.")

#endif
