/* SPDX-License-Identifier: Apache-2.0
 * What all searches share: which rows are seen, and pages.
 *
 * A page's token holds the place of its last row in the order (its sort values, and the key that nothing shares), so
 * the next page begins behind that place whatever was written meanwhile: no row that stays is shown twice or left out.
 * It holds a digest of what was asked too, and serves for that only: another filter, order, view or list of experiments
 * is ERR_INPUT, as is a token that no page gave. The number of results may change from page to page. A token is text in
 * the URL-safe alphabet of base64. A page that ends with the last row has none.
 */
#ifndef SLUICE_STORE_SEARCH_PAGE_H
#define SLUICE_STORE_SEARCH_PAGE_H

/* The numbers are MLflow's ViewType. 0 is SEARCH_ACTIVE, any other number ERR_INPUT. */
enum search_view { SEARCH_ACTIVE = 1, SEARCH_DELETED = 2, SEARCH_ALL = 3 };

#endif
