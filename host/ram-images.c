// SPDX-License-Identifier: GPL-2.0-or-later
/* Compares images of a guest's memory and keeps them. See ram-images.h. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "ram-images.h"
#include "text.h"

#define SOURCE	    "ram-source"
#define DESTINATION "ram-destination"

#define PAGE_BYTES 4096

/* Of the pages that differ so many are shown, and of each page so many bytes. */
#define MOST_SHOWN  10
#define SHOWN_BYTES 16

struct ram_images {
	char *source, *destination;
	unsigned moves;	 /* that were looked at */
	gboolean there;	 /* the images of the last of these */
	gboolean differ; /* they do, and so they stay */
	char *problem;	 /* why there are no more of them, or NULL */
	GString *differences;
};

void ram_images_clear(const char *folder)
{
	g_autofree char *source = g_build_filename(folder, SOURCE, NULL);
	g_autofree char *destination = g_build_filename(folder, DESTINATION, NULL);

	g_unlink(source);
	g_unlink(destination);
}

struct ram_images *ram_images_new(const char *folder)
{
	struct ram_images *images = g_new0(struct ram_images, 1);
	g_autofree char *whole = g_canonicalize_filename(folder, NULL);

	images->source = g_build_filename(whole, SOURCE, NULL);
	images->destination = g_build_filename(whole, DESTINATION, NULL);
	images->differences = g_string_new(NULL);
	return images;
}

gboolean ram_images_wanted(const struct ram_images *images)
{
	return !images->differ && !images->problem;
}

const char *ram_images_begin(struct ram_images *images)
{
	images->there = FALSE;
	return images->source;
}

const char *ram_images_destination(const struct ram_images *images)
{
	return images->destination;
}

static void remove_files(const struct ram_images *images)
{
	g_unlink(images->source);
	g_unlink(images->destination);
}

void ram_images_give_up(struct ram_images *images, const char *reason)
{
	if (images->problem)
		return;
	images->problem = text_printable(reason, -1);
	images->there = FALSE;
	remove_files(images);
}

static void show_bytes(GString *text, const char *whose, const guint8 *bytes)
{
	g_string_append_printf(text, "%s", whose);
	for (unsigned i = 0; i < SHOWN_BYTES; i++)
		g_string_append_printf(text, " %02x", bytes[i]);
}

/* One line: the bytes around the first that is not the same. */
static void show_page(GString *text, gsize address, const guint8 *source, const guint8 *destination)
{
	gsize first = 0;

	while (source[first] == destination[first])
		first++;
	g_string_append_printf(text,
			       "\npage 0x%" G_GSIZE_MODIFIER "x, first at offset 0x%03x: ", address,
			       (unsigned)first);
	first -= first % SHOWN_BYTES;
	show_bytes(text, "source", source + first);
	show_bytes(text, ", destination", destination + first);
}

/* How many pages differ; shows the first of them. */
static gsize compare_pages(const guint8 *source, const guint8 *destination, gsize size,
			   GString *text)
{
	gsize count = 0;

	for (gsize at = 0; at + PAGE_BYTES <= size; at += PAGE_BYTES) {
		if (!memcmp(source + at, destination + at, PAGE_BYTES))
			continue;
		if (count++ < MOST_SHOWN)
			show_page(text, at, source + at, destination + at);
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

void ram_images_compare(struct ram_images *images)
{
	g_autoptr(GMappedFile) source = NULL, destination = NULL;
	g_autofree char *summary = NULL;
	gsize size, count;

	if (images->problem)
		return;
	images->moves++;
	images->there = TRUE;
	if (!(source = map(images, images->source)) ||
	    !(destination = map(images, images->destination)))
		return;
	size = g_mapped_file_get_length(source);
	if (g_mapped_file_get_length(destination) != size || size % PAGE_BYTES) {
		ram_images_give_up(images, "the images are not of one size");
		return;
	}
	count = compare_pages((const guint8 *)g_mapped_file_get_contents(source),
			      (const guint8 *)g_mapped_file_get_contents(destination), size,
			      images->differences);
	if (count > MOST_SHOWN)
		g_string_append_printf(images->differences, "\nand %" G_GSIZE_FORMAT " more",
				       count - MOST_SHOWN);
	if (!count)
		return;
	images->differ = TRUE;
	summary = g_strdup_printf("\n%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
				  " pages differ in move %u; images: %s %s",
				  count, size / PAGE_BYTES, images->moves, images->source,
				  images->destination);
	g_string_prepend(images->differences, summary);
}

static void tell_end(struct ram_images *images, gboolean failed, GString *text)
{
	if (images->problem)
		g_string_append_printf(text, "\nthere are no images: %s", images->problem);
	else if (!images->moves)
		g_string_append(text, "\nthere are no images: no move came to its end");
	else if (!images->differ)
		g_string_append_printf(text, "\nsource and destination held the same in %u move%s",
				       images->moves, images->moves == 1 ? "" : "s");
	if (images->there && !images->differ && failed)
		g_string_append_printf(text, "; images of the last: %s %s", images->source,
				       images->destination);
}

char *ram_images_end(struct ram_images *images, gboolean failed)
{
	GString *text = images->differences;

	tell_end(images, failed, text);
	if (!images->differ && !(failed && images->there))
		remove_files(images);
	g_free(images->source);
	g_free(images->destination);
	g_free(images->problem);
	g_free(images);
	/* Each line brings its newline in front. */
	g_string_erase(text, 0, 1);
	return g_string_free(text, FALSE);
}
