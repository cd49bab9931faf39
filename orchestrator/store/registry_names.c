/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry_names.h"

#include "base/str.h"
#include "base/utf8.h"
#include "store/key_rules.h"

#include <locale.h>
#include <string.h>
#include <strings.h>
#include <wctype.h>

enum { ALIAS_CHARACTERS_MAX = 255, NAME_CHARACTERS_MAX = 256 };

static bool has_control_characters(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

int registered_name_check_marks(const char *name, struct err *err)
{
    if (strpbrk(name, "/:") == NULL) {
        return 0;
    }
    (void)err_set(err, ERR_INPUT, "'%.250s' is no name of a registered model: expected one without '/' and ':'", name);
    return err_as_mlflow(err, "Invalid model name '%.250s'. Names cannot contain '/' or ':'.", name);
}

int registered_name_check(const char *name, struct err *err)
{
    if (str_trim(str_from(name)).n == 0) {
        return err_set(err, ERR_INPUT, "Missing value for required parameter 'name'.");
    }
    if (registered_name_check_marks(name, err) < 0) {
        return -1;
    }
    if (has_control_characters(name) || !utf8_valid(str_from(name))) {
        return value_refuse("name", name, "expected UTF-8 without control characters", err);
    }
    return key_check_path("name", name, err) < 0 ? -1 : value_check_length("name", name, NAME_CHARACTERS_MAX, err);
}

static bool is_hex(char c)
{
    return c != '\0' && strchr("0123456789abcdefABCDEF", c) != NULL;
}

/* "%2F"; one of "100% sure" is none. */
static bool has_escapes(const char *name)
{
    for (const char *at = strchr(name, '%'); at != NULL; at = strchr(at + 1, '%')) {
        if (is_hex(at[1]) && is_hex(at[2])) {
            return true;
        }
    }
    return false;
}

static bool has_look_alikes(const char *name)
{
    static const char *const marks[] = {
        "\xe2\x81\x84", /* U+2044 FRACTION SLASH */
        "\xe2\x88\x95", /* U+2215 DIVISION SLASH */
        "\xe2\x88\xb6", /* U+2236 RATIO */
        "\xe2\xa7\xb8", /* U+29F8 BIG SOLIDUS */
        "\xea\x9e\x89", /* U+A789 MODIFIER LETTER COLON */
        "\xef\xbc\x8f", /* U+FF0F FULLWIDTH SOLIDUS */
        "\xef\xbc\x9a", /* U+FF1A FULLWIDTH COLON */
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(name, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}

int registered_name_check_new(const char *name, struct err *err)
{
    if (registered_name_check(name, err) < 0) {
        return -1;
    }
    if (has_escapes(name)) {
        return value_refuse("name", name, "expected no byte in a URL's writing ('%' and two hex digits)", err);
    }
    if (has_look_alikes(name)) {
        return value_refuse("name", name, "expected no character that looks like '/' or ':'", err);
    }
    return 0;
}

static bool is_version_like(const char *alias)
{
    size_t digits = strspn(alias + 1, "0123456789");
    return (alias[0] == 'v' || alias[0] == 'V') && digits > 0 && alias[1 + digits] == '\0';
}

/* Whole code points that are letters or digits of any script. The wide forms of ASCII's (U+FF11 for 1) are not: they
 * would pass for a version. */
static bool is_of_letters(struct str text, locale_t unicode)
{
    size_t at = 0;
    while (at < text.n) {
        uint32_t code = 0;
        size_t length = utf8_decode(text.p + at, text.n - at, &code);
        bool is_mark = code == '_' || code == '-';
        bool is_wide = code >= 0xff01 && code <= 0xff5e;
        if (length == 0 || is_wide || !(is_mark || iswalnum_l((wint_t)code, unicode))) {
            return false;
        }
        at += length;
    }
    return true;
}

static bool is_alias(const char *alias)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t at = strspn(alias, plain);
    if (alias[at] == '\0') {
        return true;
    }
    locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    bool good = unicode != (locale_t)0 && is_of_letters(str_from(alias + at), unicode);
    if (unicode != (locale_t)0) {
        freelocale(unicode);
    }
    return good;
}

int alias_name_check(const char *alias, struct err *err)
{
    if (alias == NULL || *alias == '\0') {
        return err_set(err, ERR_INPUT, "Registered model alias name cannot be empty.");
    }
    if (!is_alias(alias)) {
        return err_set(
            err, ERR_INPUT,
            "Invalid alias name: '%.250s'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
            alias);
    }
    return value_check_length("Registered model alias name", alias, ALIAS_CHARACTERS_MAX, err);
}

int alias_check(const char *alias, struct err *err)
{
    if (alias_name_check(alias, err) < 0) {
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
