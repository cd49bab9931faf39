/* SPDX-License-Identifier: Apache-2.0
 * What an environment of config.yaml says beside its `vars`.
 */
#include "config/config.h"

bool config_fires(const struct config *config, const char *environment)
{
    struct str name = environment != NULL ? str_from(environment) : config->environment;
    const struct json *found = json_get_str(&config->environments, name);
    return found == NULL || strcmp(json_get_text(found, "triggers", "all"), "none") != 0;
}
