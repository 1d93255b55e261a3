/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What surrounds each page: the head, the style, and a policy that lets no script run but ours. */
#ifndef FERRY_HOST_REPORT_PAGE_FRAME_H
#define FERRY_HOST_REPORT_PAGE_FRAME_H

#include <glib.h>

/* Appends TEXT to HTML, escaped and cut. */
void html_text(GString *html, const char *text);

/*
 * A whole page with this plain TITLE. BODY is HTML, and SCRIPT runs behind it; "" for none. The
 * caller frees it.
 */
char *page_frame(const char *title, const char *body, const char *script);

#endif
