/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_names.h"

#include "base/str.h"
#include "store/key_rules.h"

#include <strings.h>

enum { ALIAS_CHARACTERS_MAX = 255 };

int registered_name_check(const char *name, struct err *err)
{
    if (str_trim(str_from(name)).n == 0) {
        return err_set(err, ERR_INPUT, "Missing value for required parameter 'name'.");
    }
    if (strpbrk(name, "/:") != NULL) {
        return err_set(err, ERR_INPUT, "Invalid model name '%.250s'. Names cannot contain '/' or ':'.", name);
    }
    return key_check_whole("name", "name", name, err);
}

static bool is_version_like(const char *alias)
{
    size_t digits = strspn(alias + 1, "0123456789");
    return (alias[0] == 'v' || alias[0] == 'V') && digits > 0 && alias[1 + digits] == '\0';
}

int alias_check(const char *alias, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (alias == NULL || *alias == '\0') {
        return err_set(err, ERR_INPUT, "Registered model alias name cannot be empty.");
    }
    if (alias[strspn(alias, letters)] != '\0') {
        return err_set(
            err, ERR_INPUT,
            "Invalid alias name: '%.250s'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
            alias);
    }
    if (value_check_length("alias", alias, ALIAS_CHARACTERS_MAX, err) < 0) {
        return -1;
    }
    if (strcasecmp(alias, "latest") == 0) {
        return err_set(err, ERR_INPUT, "'latest' alias name (case insensitive) is reserved.");
    }
    if (is_version_like(alias)) {
        return err_set(err, ERR_INPUT, "Version alias name '%s' is reserved.", alias);
    }
    return 0;
}
