/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve_watch.h"

#include "metrics/exposition.h"

static int write_page(void *ctx, struct strbuf *out, struct err *err)
{
    const struct serve_watch *watch = ctx;
    return page_write(&watch->page, out, err);
}

void serve_watch_config(struct serve_watch *watch, const struct config *config, bool good, int64_t now_ms)
{
    watch->page.config_good = good;
    if (good) {
        watch->page.config_ms = now_ms;
        watch->watch.readers = config->watching.readers;
        watch->watch.reader_count = config->watching.reader_count;
    }
}

int serve_watch_open(struct serve_watch *watch, struct session *session, struct err *err)
{
    *watch = (struct serve_watch){
        .watch = {.write = write_page, .ctx = watch, .type = EXPOSITION_TYPE},
        .page = {.store = session->home.store,
                 .home = session->home.path,
                 .version = SLUICE_VERSION,
                 .engine = session->engine,
                 .ledger = ledger_new(),
                 .started_ms = session->opened_ms},
    };
    http_stats_open(&watch->answers);
    watch->page.answers = &watch->answers;
    serve_watch_config(watch, &session->config, true, session->opened_ms);
    session->watch = &watch->watch;
    return ledger_read(watch->page.ledger, session->home.store, err);
}

void serve_watch_close(struct serve_watch *watch)
{
    ledger_free(watch->page.ledger);
    watch->page.ledger = NULL;
}
