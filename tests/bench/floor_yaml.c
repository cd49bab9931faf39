/* SPDX-License-Identifier: Apache-2.0
 * The floor under loading a pipeline: libyaml's events over the same file, and nothing done with them.
 */
#include "base/fs.h"

#include <stdio.h>
#include <yaml.h>

enum { FILE_MAX_BYTES = 16 << 20 };

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct str text = {0};
    struct err err = {0};
    if (argc != 2 || fs_read(argv[1], FILE_MAX_BYTES, arena, &text, &err) < 0) {
        fprintf(stderr, "floor_yaml: %s\n", argc != 2 ? "expected one file" : err.message);
        return 2;
    }
    yaml_parser_t parser;
    yaml_event_t event = {.type = YAML_NO_EVENT};
    (void)yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    size_t events = 0;
    while (event.type != YAML_STREAM_END_EVENT && yaml_parser_parse(&parser, &event) != 0) {
        events++;
        enum yaml_event_type_e type = event.type;
        yaml_event_delete(&event);
        event.type = type;
    }
    bool whole = event.type == YAML_STREAM_END_EVENT;
    yaml_parser_delete(&parser);
    arena_free(arena);
    printf("%zu events\n", events);
    return whole ? 0 : 1;
}
