/* SPDX-License-Identifier: Apache-2.0 */
#include "http/content_type.h"

#include "base/str.h"

static const struct {
    const char *end, *type;
    bool runs;
} types[] = {
    {".txt", "text/plain", false},
    {".log", "text/plain", false},
    {".md", "text/plain", false},
    {".py", "text/plain", false},
    {".yaml", "text/plain", false},
    {".yml", "text/plain", false},
    {".csv", "text/csv", false},
    {".json", "application/json", false},
    {".map", "application/json", false},
    {".html", "text/html", false},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".jpeg", "image/jpeg", false},
    {".gif", "image/gif", false},
    {".webp", "image/webp", false},
    {".svg", "image/svg+xml", false},
    {".ico", "image/vnd.microsoft.icon", false},
    {".pdf", "application/pdf", false},
    {".parquet", "application/vnd.apache.parquet", false},
    {".woff", "font/woff", false},
    {".woff2", "font/woff2", false},
    {".ttf", "font/ttf", false},
    {".eot", "application/vnd.ms-fontobject", false},
    {".js", "text/javascript", true},
    {".mjs", "text/javascript", true},
    {".cjs", "text/javascript", true},
    {".css", "text/css", true},
    {".wasm", "application/wasm", true},
};

const char *http_type_of(const char *name, bool runs)
{
    struct str text = str_from(name);
    if (str_is(text, "MLmodel") || str_is(text, "MLproject")) {
        return "text/plain";
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_ends(text, str_from(types[i].end))) {
            return types[i].runs && !runs ? "text/plain" : types[i].type;
        }
    }
    return "application/octet-stream";
}
