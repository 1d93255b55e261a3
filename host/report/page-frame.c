// SPDX-License-Identifier: GPL-2.0-or-later
/* The frame of a page. See page-frame.h. */
#include "report/page-files.h"
#include "report/page-frame.h"
#include "util/text.h"

#define LONGEST_TEXT 400

void html_text(GString *html, const char *text)
{
	g_autofree char *printable = text_printable_most(text, -1, LONGEST_TEXT);
	g_autofree char *escaped = g_markup_escape_text(printable, -1);

	g_string_append(html, escaped);
}

/* 'sha256-...' of TEXT, as a policy names what may run (CSP level 2, 7.15). */
static char *policy_hash(const char *text)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize length = sizeof(digest);
	g_autofree char *encoded = NULL;

	g_checksum_update(checksum, (const guchar *)text, -1);
	g_checksum_get_digest(checksum, digest, &length);
	encoded = g_base64_encode(digest, length);
	return g_strdup_printf("'sha256-%s'", encoded);
}

char *page_frame(const char *title, const char *body, const char *script)
{
	g_autofree char *script_hash = policy_hash(script);
	g_autofree char *style_hash = policy_hash(page_style);
	GString *html = g_string_new(
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");

	g_string_append_printf(
		html,
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src %s; script-src %s\">\n",
		style_hash, script_hash);
	g_string_append(
		html,
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>Ferry: ");
	html_text(html, title);
	g_string_append_printf(html, "</title>\n<style>%s</style>\n</head>\n<body>\n", page_style);
	g_string_append(html, body);
	g_string_append_printf(html, "<script>%s</script>\n</body>\n</html>\n", script);
	return g_string_free(html, FALSE);
}
