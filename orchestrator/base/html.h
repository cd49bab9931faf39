/* SPDX-License-Identifier: Apache-2.0
 * Text in HTML pages.
 */
#ifndef SLUICE_BASE_HTML_H
#define SLUICE_BASE_HTML_H

#include "base/strbuf.h"

/* Adds the text so that it is text, within an element and within a quoted attribute: & < > " ' are written as
 * references, control characters but the line feed and the tab, and bytes that are no UTF-8, as U+FFFD. */
void html_add(struct strbuf *out, struct str text);

#endif
