/* SPDX-License-Identifier: Apache-2.0
 * Here-documents: noted where they are announced, read when the line has ended.
 */
#include "pipeline/shell_lexer.h"

void shell_heredoc_note(struct shell_lexer *l)
{
    shell_command_end_word(&l->command);
    struct heredoc doc = {.code = shell_command_reads_code(&l->command)};
    pass(l, 2);
    if (peek(l, 0) == '-') {
        doc.strip_tabs = true;
        pass(l, 1);
    }
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t') {
        pass(l, 1);
    }
    struct strbuf delimiter; /* not room for the rest of the script: there may be thousands of here-documents */
    strbuf_init(&delimiter, l->text.n);
    char quote = '\0';
    while (l->at < l->text.n) {
        char c = peek(l, 0);
        if (quote == '\0' && strchr(" \t\n;&|()<>", c) != NULL) {
            break;
        }
        if (c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            doc.quoted = true;
        } else if (quote == '\0' && c == '\\') {
            doc.quoted = true;
        } else {
            strbuf_add_byte(&delimiter, c);
        }
        pass(l, 1);
    }
    doc.delimiter = arena_str(l->diags->arena, strbuf_str(&delimiter));
    strbuf_clear(&delimiter);
    if (l->heredoc_count == HEREDOCS_MAX) {
        diag_add(l->diags, DIAG_BOUND, pos_advance(l->pos, l->text, l->at, l->pos.column), NULL,
                 "one line of the script begins more than %d here-documents", HEREDOCS_MAX);
        l->failed = true;
        return;
    }
    l->heredocs[l->heredoc_count++] = doc;
}

static bool ends_heredoc(const struct shell_lexer *l, const struct heredoc *doc, size_t *ret_line)
{
    ptrdiff_t end = str_find_byte(l->text, '\n', l->at);
    size_t stop = end < 0 ? l->text.n : (size_t)end;
    struct str line = str_slice(l->text, l->at, stop);
    *ret_line = stop - l->at;
    while (doc->strip_tabs && line.n > 0 && line.p[0] == '\t') {
        line = str_slice(line, 1, line.n);
    }
    return str_eq(line, doc->delimiter);
}

/* The body of one, up to its delimiter. Substitutions in it are those of a command line. */
static void take_heredoc(struct shell_lexer *l, const struct heredoc *doc, bool last)
{
    int depth = l->depth;
    size_t line = 0;
    bool line_begins = true;
    while (l->at < l->text.n) {
        bool inside = l->depth > depth;
        if (!inside && line_begins && ends_heredoc(l, doc, &line)) {
            pass(l, line);
            if (l->at < l->text.n && !last) {
                pass(l, 1);
            }
            return;
        }
        size_t run = inside ? 0 : shell_lexer_run(l, '\n');
        if (run > 0) {
            pass(l, run);
            line_begins = false;
            continue;
        }
        line_begins = peek(l, 0) == '\n';
        if (inside || sees(l, "${{") || sees(l, "$${{")) {
            shell_lexer_step(l);
        } else if (doc->quoted || !shell_lexer_begin_substitution(l)) {
            pass(l, peek(l, 0) == '\\' && !doc->quoted && l->at + 1 < l->text.n && peek(l, 1) != '\n' ? 2 : 1);
        }
    }
}

void shell_heredocs_take(struct shell_lexer *l)
{
    int count = l->heredoc_count;
    struct heredoc docs[HEREDOCS_MAX];
    memcpy(docs, l->heredocs, sizeof docs);
    l->heredoc_count = 0;
    for (int i = 0; i < count; i++) {
        bool outer = l->heredoc_is_code;
        shell_lexer_push(l, docs[i].quoted ? PLACE_HEREDOC_QUOTED : PLACE_HEREDOC, '\0');
        l->heredoc_is_code = docs[i].code;
        take_heredoc(l, &docs[i], i + 1 == count);
        l->heredoc_is_code = outer;
        shell_lexer_pop(l);
    }
}
