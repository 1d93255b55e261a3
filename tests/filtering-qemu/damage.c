// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which page is damaged, and how.
 *
 * A stream does not say that a page is sent for the last time. So while the guest runs at the
 * source, the damage is one more record of the page, after all of memory and before the devices.
 * The last record counts, so the effect is the same as if the last copy of the page had been
 * damaged. A post-copy stream has each page once after the guest has left; there the record itself
 * is damaged, or left out.
 */
#include <string.h>

#include "stream.h"

/*
 * The busiest writer was probably stopped at the beginning of a write. It does not check that page
 * again before it has written it, and after a post-copy switch it requests that page first. So
 * damage to that page would not be noticed. The first page that may be damaged is the one with this
 * number, in the order in which watched pages come.
 */
#define SAFE_PAGE 4

/* A page that was watched at least one of the times that it was sent. */
struct page {
	guint64 offset;
	unsigned previous_pass, last_pass;
	gboolean is_late; /* it came after the guest had left */
	guint8 previous[PAGE_BYTES], last[PAGE_BYTES];
};

GHashTable *pages_new(void)
{
	return g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
}

void remember(struct stream *stream, guint64 offset, const guint8 *bytes)
{
	struct page *page = g_hash_table_lookup(stream->pages, &offset);
	struct watched_page watched;

	if (!page && !watched_page_read(bytes, &watched))
		return;
	if (!page) {
		page = g_new0(struct page, 1);
		page->offset = offset;
		g_hash_table_insert(stream->pages, &page->offset, page);
	}
	memcpy(page->previous, page->last, PAGE_BYTES);
	page->previous_pass = page->last_pass;
	memcpy(page->last, bytes, PAGE_BYTES);
	page->last_pass = stream->pass;
	page->is_late = stream->postcopy;
}

/*
 * Sets BYTES to the damaged page, and NOW to words about it, which the caller frees. Returns FALSE
 * if this kind of damage would change nothing, or cannot be made from what was sent.
 */
static gboolean damaged_page(const struct stream *stream, const struct page *page, guint8 *bytes,
			     char **now)
{
	struct watched_page is, will_be;

	if (!watched_page_read(page->last, &is))
		return FALSE;
	memcpy(bytes, page->last, PAGE_BYTES);
	will_be = is;
	switch (stream->damage) {
	case DAMAGE_CHANGE:
		bytes[CHANGED_BYTE] ^= 1;
		*now = g_strdup_printf("byte %d is changed", CHANGED_BYTE);
		return TRUE;
	case DAMAGE_NEWER:
		will_be.generation++;
		watched_page_write(bytes, &will_be);
		*now = g_strdup_printf("it is sent with generation %" G_GUINT64_FORMAT,
				       will_be.generation);
		return TRUE;
	case DAMAGE_OLDER:
		if (!is.generation)
			return FALSE;
		will_be.generation--;
		watched_page_write(bytes, &will_be);
		*now = g_strdup_printf("it is sent with generation %" G_GUINT64_FORMAT,
				       will_be.generation);
		return TRUE;
	case DAMAGE_DROP:
		memcpy(bytes, page->previous, PAGE_BYTES);
		if (watched_page_read(bytes, &will_be) && will_be.generation != is.generation) {
			*now = g_strdup_printf("it stays with generation %" G_GUINT64_FORMAT
					       " of pass %u",
					       will_be.generation, page->previous_pass);
			return TRUE;
		}
		/* The guest did not write the page between its two copies, so both are left out. */
		memset(bytes, 0, PAGE_BYTES);
		*now = g_strdup("it is never sent");
		return TRUE;
	case DAMAGE_CUT:
		break;
	}
	return FALSE;
}

static void tell(const struct stream *stream, const struct page *page, const char *now)
{
	struct watched_page is = { 0 };

	watched_page_read(page->last, &is);
	say("page 0x%" G_GINT64_MODIFIER
	    "x of RAM, CPU %u's page %u, came last in pass %u%s with generation %" G_GUINT64_FORMAT
	    "; now %s",
	    page->offset, is.cpu, is.number, page->last_pass,
	    stream->postcopy ? " (post-copy)" : "", is.generation, now);
}

/*
 * TRUE if the page's writer has written it, and has other pages to write in that generation. Then
 * it checks this page before it writes it again, and notices the damage.
 */
static gboolean is_written(const struct stream *stream, const struct page *page)
{
	struct watched_page is, other;
	GHashTableIter iterator;
	struct page *another;

	if (!watched_page_read(page->last, &is))
		return FALSE;
	g_hash_table_iter_init(&iterator, stream->pages);
	while (g_hash_table_iter_next(&iterator, NULL, (gpointer *)&another))
		if (another->is_late == stream->postcopy &&
		    watched_page_read(another->last, &other) && other.cpu == is.cpu &&
		    other.generation < is.generation)
			return TRUE;
	return FALSE;
}

/*
 * The better page is the one whose damage will certainly be noticed, or else the one at the higher
 * address.
 */
static gboolean is_better(const struct stream *stream, const struct page *page,
			  const struct page *victim)
{
	gboolean written = is_written(stream, page);

	if (!victim)
		return TRUE;
	if (written != is_written(stream, victim))
		return written;
	return page->offset > victim->offset;
}

void damage_at_end(struct stream *stream)
{
	guint8 block[] = " " GUEST_RAM;
	guint8 bytes[PAGE_BYTES], chosen[PAGE_BYTES];
	g_autofree char *what = NULL;
	struct page *page, *victim = NULL;
	GHashTableIter iterator;
	char *now;

	g_hash_table_iter_init(&iterator, stream->pages);
	while (g_hash_table_iter_next(&iterator, NULL, (gpointer *)&page)) {
		if (!is_better(stream, page, victim) || !damaged_page(stream, page, bytes, &now))
			continue;
		victim = page;
		g_free(what);
		what = now;
		memcpy(chosen, bytes, PAGE_BYTES);
	}
	if (!victim)
		return;
	tell(stream, victim, what);
	block[0] = strlen(GUEST_RAM);
	give_u8(stream, TOKEN_SECTION_PART);
	give_u32(stream, stream->ram_section);
	give_page(stream, block, victim->offset, chosen);
	give_u64(stream, RAM_EOS);
	give_u8(stream, TOKEN_SECTION_FOOTER);
	give_u32(stream, stream->ram_section);
	stream->done = TRUE;
}

gboolean damage_at_once(struct stream *stream, guint64 offset, guint8 *bytes)
{
	struct page *page = g_hash_table_lookup(stream->pages, &offset);
	g_autofree char *now = NULL;

	if (stream->done || !page)
		return FALSE;
	if (!is_written(stream, page) && ++stream->come < SAFE_PAGE)
		return FALSE;
	if (stream->damage == DAMAGE_DROP)
		now = g_strdup("it is never sent");
	else if (!damaged_page(stream, page, bytes, &now))
		return FALSE;
	stream->done = TRUE;
	tell(stream, page, now);
	return stream->damage == DAMAGE_DROP;
}
