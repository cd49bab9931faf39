/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include "bare_words.h"
#include "file_text.h"

#include <string.h>
#include <strings.h>

enum document_kind document_kind(const char *path)
{
    static const struct {
        const char *extension;
        enum document_kind kind;
    } rows[] = {{".json", DOCUMENT_JSON},
                {".yaml", DOCUMENT_YAML},
                {".yml", DOCUMENT_YAML},
                {".csv", DOCUMENT_CSV},
                {".tsv", DOCUMENT_CSV}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (strcasecmp(dot, rows[i].extension) == 0) {
            return rows[i].kind;
        }
    }
    return DOCUMENT_UNKNOWN;
}

int document_read(const struct step_host *host, struct scratch *scratch, const char *path, bool metrics,
                  const struct step_value **ret_value, struct fault *fault)
{
    char *text = NULL;
    size_t size = 0;
    if (file_text_read(scratch, path, DOCUMENT_MAX_BYTES, &text, &size, fault) < 0) {
        return -1;
    }
    if (document_kind(path) == DOCUMENT_YAML) {
        struct fault inner;
        return document_read_yaml(scratch, text, size, ret_value, &inner) == 0
                   ? 0
                   : fault_set(fault, "'%.200s': %.280s", path, inner.text);
    }
    if (metrics) {
        text = bare_words_quote(scratch, text, size, &size);
    }
    return host->parse_json(host, text, size, ret_value) == 0
               ? 0
               : fault_set(fault, "'%.300s' is no JSON: the log says where", path);
}
