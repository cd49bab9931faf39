/* SPDX-License-Identifier: Apache-2.0 */
#include "http/content_type.h"

#include "base/str.h"

#include <string.h>

/* What MLflow calls plain text: by the ending, or by the whole name of a file that has none. */
static const char *const texts[] = {
    "txt", "log",  "err",  "cfg", "conf", "cnf", "cf", "ini", "properties", "prop", "hocon", "toml",    "yaml",
    "yml", "xml",  "json", "js",  "py",   "py3", "csv", "tsv", "md",         "rst",  "ipynb", "MLmodel", "mlproject",
};

struct known {
    const char *ending, *type;
};

/* What a page loads: for a browser it is what it is. */
static const struct known of_page[] = {
    {"js", "text/javascript"},  {"mjs", "text/javascript"}, {"cjs", "text/javascript"},  {"css", "text/css"},
    {"wasm", "application/wasm"}, {"json", "application/json"}, {"map", "application/json"},
};

/* As Python's mimetypes has them, without what a browser would run: that is plain text. In small letters. */
static const struct known types[] = {
    {"html", "text/html"},
    {"htm", "text/html"},
    {"mjs", "text/plain"},
    {"cjs", "text/plain"},
    {"css", "text/plain"},
    {"wasm", "text/plain"},
    {"txt", "text/plain"},
    {"json", "application/json"},
    {"csv", "text/csv"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"svg", "image/svg+xml"},
    {"ico", "image/vnd.microsoft.icon"},
    {"mp3", "audio/mpeg"},
    {"wav", "audio/x-wav"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"webm", "video/webm"},
    {"avi", "video/x-msvideo"},
    {"mov", "video/quicktime"},
    {"pdf", "application/pdf"},
    {"ps", "application/postscript"},
    {"eps", "application/postscript"},
    {"zip", "application/zip"},
    {"tar", "application/x-tar"},
    {"doc", "application/msword"},
    {"xls", "application/vnd.ms-excel"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"eot", "application/vnd.ms-fontobject"},
};

/* What follows the last dot; nothing for ".yaml", which is a name that begins with one. */
static struct str ending_of(struct str name)
{
    size_t dots = strspn(name.p, ".");
    const char *dot = strrchr(name.p + dots, '.');
    return dot == NULL ? STR("") : str_from(dot + 1);
}

static bool is_text(struct str word)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (str_is(word, texts[i])) {
            return true;
        }
    }
    return false;
}

static bool is_ending(struct str word, const char *small)
{
    size_t i = 0;
    while (i < word.n && small[i] != '\0' && (word.p[i] == small[i] || (word.p[i] | 0x20) == small[i])) {
        i++;
    }
    return i == word.n && small[i] == '\0';
}

static const char *find(const struct known *known, size_t count, struct str ending)
{
    for (size_t i = 0; i < count; i++) {
        if (is_ending(ending, known[i].ending)) {
            return known[i].type;
        }
    }
    return NULL;
}

const char *http_type_of(const char *name, bool runs)
{
    struct str ending = ending_of(str_from(name));
    const char *type = runs ? find(of_page, sizeof of_page / sizeof of_page[0], ending) : NULL;
    if (type == NULL && is_text(ending.n == 0 ? str_from(name) : ending)) {
        type = "text/plain";
    }
    if (type == NULL) {
        type = find(types, sizeof types / sizeof types[0], ending);
    }
    return type == NULL ? "application/octet-stream" : type;
}
