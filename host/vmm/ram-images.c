// SPDX-License-Identifier: GPL-2.0-or-later
/* Compares images of a guest's memory and keeps them. See ram-images.h. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "vmm/ram-images.h"
#include "util/text.h"

#define SOURCE	    "ram-source"
#define DESTINATION "ram-destination"
/* The file names of a pair end with this until the pair was compared. */
#define NEW ".new"

#define PAGE_BYTES 4096

/* How many of the pages that differ are shown, and how many bytes of each. */
#define MOST_SHOWN  10
#define SHOWN_BYTES 16

struct ram_images {
	char *source, *destination, *new_source, *new_destination;
	unsigned actions;   /* actions whose images were compared */
	unsigned differing; /* actions whose images differed */
	unsigned there;	    /* the action that the images are of; 0: there are none */
	gsize pages_there;  /* pages that differ in these images */
	gboolean frozen;
	char *problem;	      /* why no more images are made, or NULL */
	GHashTable *differed; /* numbers of pages that differed in any action */
	GString *pages;	      /* a line for each of the first MOST_SHOWN */
};

static void remove_file(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_unlink(path);
}

void ram_images_clear(const char *folder)
{
	remove_file(folder, SOURCE);
	remove_file(folder, DESTINATION);
	remove_file(folder, SOURCE NEW);
	remove_file(folder, DESTINATION NEW);
}

struct ram_images *ram_images_new(const char *folder)
{
	struct ram_images *images = g_new0(struct ram_images, 1);
	g_autofree char *whole = g_canonicalize_filename(folder, NULL);

	images->source = g_build_filename(whole, SOURCE, NULL);
	images->destination = g_build_filename(whole, DESTINATION, NULL);
	images->new_source = g_build_filename(whole, SOURCE NEW, NULL);
	images->new_destination = g_build_filename(whole, DESTINATION NEW, NULL);
	images->differed = g_hash_table_new(NULL, NULL);
	images->pages = g_string_new(NULL);
	return images;
}

gboolean ram_images_wanted(const struct ram_images *images)
{
	return !images->frozen && !images->problem;
}

const char *ram_images_begin(struct ram_images *images)
{
	return images->new_source;
}

const char *ram_images_destination(const struct ram_images *images)
{
	return images->new_destination;
}

void ram_images_freeze(struct ram_images *images)
{
	images->frozen = TRUE;
}

static void remove_new(const struct ram_images *images)
{
	g_unlink(images->new_source);
	g_unlink(images->new_destination);
}

static void remove_all(struct ram_images *images)
{
	remove_new(images);
	g_unlink(images->source);
	g_unlink(images->destination);
	images->there = 0;
}

void ram_images_give_up(struct ram_images *images, const char *reason)
{
	if (images->problem)
		return;
	images->problem = text_printable(reason, -1);
	remove_all(images);
}

static void show_bytes(GString *text, const char *whose, const guint8 *bytes)
{
	g_string_append_printf(text, "%s", whose);
	for (unsigned i = 0; i < SHOWN_BYTES; i++)
		g_string_append_printf(text, " %02x", bytes[i]);
}

/* Adds a line to `pages` with the bytes around the first difference. */
static void show_page(struct ram_images *images, gsize page, const guint8 *source,
		      const guint8 *destination)
{
	gsize first = 0;

	while (source[first] == destination[first])
		first++;
	g_string_append_printf(images->pages,
			       "\naction %u, page 0x%" G_GSIZE_MODIFIER
			       "x, first at offset 0x%03x: ",
			       images->actions, page * PAGE_BYTES, (unsigned)first);
	first -= first % SHOWN_BYTES;
	show_bytes(images->pages, "source", source + first);
	show_bytes(images->pages, ", destination", destination + first);
}

/* Returns how many pages differ. Each is shown only the first time that it differs. */
static gsize compare_pages(struct ram_images *images, const guint8 *source,
			   const guint8 *destination, gsize pages)
{
	gsize count = 0;

	for (gsize page = 0; page < pages; page++) {
		const guint8 *there = source + page * PAGE_BYTES;
		const guint8 *here = destination + page * PAGE_BYTES;

		if (!memcmp(there, here, PAGE_BYTES))
			continue;
		count++;
		if (g_hash_table_add(images->differed, GSIZE_TO_POINTER(page)) &&
		    g_hash_table_size(images->differed) <= MOST_SHOWN)
			show_page(images, page, there, here);
	}
	return count;
}

static GMappedFile *map(struct ram_images *images, const char *path)
{
	g_autoptr(GError) error = NULL;
	GMappedFile *file = g_mapped_file_new(path, FALSE, &error);

	if (!file)
		ram_images_give_up(images, error->message);
	return file;
}

/* An equal pair does not take the place of one that differs. */
static void keep_or_remove(struct ram_images *images, gsize count)
{
	if (!count && images->pages_there) {
		remove_new(images);
		return;
	}
	images->there = images->actions;
	images->pages_there = count;
	if (g_rename(images->new_source, images->source) < 0 ||
	    g_rename(images->new_destination, images->destination) < 0)
		ram_images_give_up(images, g_strerror(errno));
}

void ram_images_compare(struct ram_images *images)
{
	g_autoptr(GMappedFile) source = NULL, destination = NULL;
	gsize size, count;

	if (images->problem || !(source = map(images, images->new_source)) ||
	    !(destination = map(images, images->new_destination)))
		return;
	images->actions++;
	size = g_mapped_file_get_length(source);
	if (g_mapped_file_get_length(destination) != size || size % PAGE_BYTES) {
		ram_images_give_up(images, "the images differ in size");
		return;
	}
	count = compare_pages(images, (const guint8 *)g_mapped_file_get_contents(source),
			      (const guint8 *)g_mapped_file_get_contents(destination),
			      size / PAGE_BYTES);
	images->differing += count > 0;
	keep_or_remove(images, count);
}

static const char *plural(gsize count)
{
	return count == 1 ? "" : "s";
}

static void tell_actions(const struct ram_images *images, GString *text)
{
	if (!images->actions)
		g_string_append(text, "there are no images: no action came to its end");
	else if (!images->differing)
		g_string_append_printf(text, "source and destination held the same in %u action%s",
				       images->actions, plural(images->actions));
	else
		g_string_append_printf(text, "source and destination differed in %u of %u action%s",
				       images->differing, images->actions, plural(images->actions));
}

char *ram_images_end(struct ram_images *images, gboolean failed)
{
	GString *text = g_string_new(NULL);
	guint differed = g_hash_table_size(images->differed);

	if (images->problem)
		g_string_append_printf(text, "there are no images: %s", images->problem);
	else
		tell_actions(images, text);
	if (images->there && (failed || images->pages_there))
		g_string_append_printf(
			text,
			"; images of action %u, %" G_GSIZE_FORMAT " page%s not the same: %s %s",
			images->there, images->pages_there, plural(images->pages_there),
			images->source, images->destination);
	else
		remove_all(images);
	remove_new(images);
	g_string_append(text, images->pages->str);
	if (differed > MOST_SHOWN)
		g_string_append_printf(text, "\nand %u more pages", differed - MOST_SHOWN);
	g_hash_table_unref(images->differed);
	g_string_free(images->pages, TRUE);
	g_free(images->source);
	g_free(images->destination);
	g_free(images->new_source);
	g_free(images->new_destination);
	g_free(images->problem);
	g_free(images);
	return g_string_free(text, FALSE);
}
