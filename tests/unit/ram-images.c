// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/ram-images.c: what it says about two images of memory, and whether it keeps them. */
#include <glib/gstdio.h>
#include <string.h>

#include "vmm/ram-images.h"

#define PAGE 4096

struct fixture {
	char *folder, *source, *destination;
	struct ram_images *images;
};

static void set_up(struct fixture *fixture, gconstpointer data)
{
	fixture->folder = g_dir_make_tmp("ram-images-XXXXXX", NULL);
	fixture->images = ram_images_new(fixture->folder);
	fixture->source = g_build_filename(fixture->folder, "ram-source", NULL);
	fixture->destination = g_build_filename(fixture->folder, "ram-destination", NULL);
}

static void tear_down(struct fixture *fixture, gconstpointer data)
{
	g_unlink(fixture->source);
	g_unlink(fixture->destination);
	/* Fails if another file was left there. */
	g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
	g_free(fixture->folder);
	g_free(fixture->source);
	g_free(fixture->destination);
}

static void write_file(const char *path, const char *bytes, gsize length)
{
	g_assert_true(g_file_set_contents(path, bytes, length, NULL));
}

/* Does one action on PAGES pages of zeroes, in which the byte at each of these offsets changes. */
static void act(struct fixture *fixture, gsize pages, const gsize *offsets, gsize count)
{
	g_autofree char *bytes = g_malloc0(pages * PAGE);

	write_file(ram_images_begin(fixture->images), bytes, pages * PAGE);
	for (gsize i = 0; i < count; i++)
		bytes[offsets[i]] = 0x5a;
	write_file(ram_images_destination(fixture->images), bytes, pages * PAGE);
	ram_images_compare(fixture->images);
}

/* TRUE if both files are kept. Keeping only one of them is an error. */
static gboolean are_kept(const struct fixture *fixture)
{
	gboolean source = g_file_test(fixture->source, G_FILE_TEST_EXISTS);

	g_assert_cmpint(g_file_test(fixture->destination, G_FILE_TEST_EXISTS), ==, source);
	return source;
}

static void check_end(struct fixture *fixture, gboolean failed, const char *words, gboolean kept)
{
	g_autofree char *text = ram_images_end(fixture->images, failed);

	if (!g_pattern_match_simple(words, text))
		g_error("'%s' does not match '%s'", text, words);
	g_assert_cmpint(are_kept(fixture), ==, kept);
}

static void test_equal(struct fixture *fixture, gconstpointer data)
{
	act(fixture, 3, NULL, 0);
	act(fixture, 3, NULL, 0);
	g_assert_true(ram_images_wanted(fixture->images));
	check_end(fixture, FALSE, "source and destination held the same in 2 actions", FALSE);
}

static void test_equal_and_failed(struct fixture *fixture, gconstpointer data)
{
	act(fixture, 3, NULL, 0);
	ram_images_freeze(fixture->images);
	g_assert_false(ram_images_wanted(fixture->images));
	check_end(
		fixture, TRUE,
		"source and destination held the same in 1 action; images of action 1, 0 pages not the same: /*/ram-source /*/ram-destination",
		TRUE);
}

static void test_one_page(struct fixture *fixture, gconstpointer data)
{
	const gsize offsets[] = { PAGE + 0x7fe, PAGE + 0x7ff };

	act(fixture, 3, NULL, 0);
	act(fixture, 3, offsets, 2);
	/* The next images are equal, and do not replace these. */
	act(fixture, 3, NULL, 0);
	check_end(
		fixture, FALSE,
		"source and destination differed in 1 of 3 actions; images of action 2, 1 page not the same: /*/ram-source /*/ram-destination\n"
		"action 2, page 0x1000, first at offset 0x7fe: source 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00, destination 00 00 00 00 00 00 00 00 00 00 00 00 00 00 5a 5a",
		TRUE);
}

/* Each page is shown once. The files come from the last action in which the images differed. */
static void test_again_and_another(struct fixture *fixture, gconstpointer data)
{
	const gsize offsets[] = { 5, PAGE + 6 };
	g_autofree char *bytes = NULL;

	act(fixture, 2, offsets, 1);
	act(fixture, 2, offsets, 2);
	check_end(
		fixture, TRUE,
		"source and destination differed in 2 of 2 actions; images of action 2, 2 pages not the same: *\n"
		"action 1, page 0x0, first at offset 0x005: *\n"
		"action 2, page 0x1000, first at offset 0x006: * 5a 00 00 00 00 00 00 00 00 00",
		TRUE);
	g_assert_true(g_file_get_contents(fixture->destination, &bytes, NULL, NULL));
	g_assert_cmpint(bytes[PAGE + 6], ==, 0x5a);
}

static void test_first_and_last_byte(struct fixture *fixture, gconstpointer data)
{
	const gsize offsets[] = { 0, 2 * PAGE - 1 };

	act(fixture, 2, offsets, 2);
	check_end(fixture, TRUE,
		  "*2 pages not*\n"
		  "action 1, page 0x0, first at offset 0x000: *, destination 5a 00 * 00\n"
		  "action 1, page 0x1000, first at offset 0xfff: *, destination 00 * 00 5a",
		  TRUE);
}

static void test_many_pages(struct fixture *fixture, gconstpointer data)
{
	gsize offsets[12];

	for (gsize i = 0; i < G_N_ELEMENTS(offsets); i++)
		offsets[i] = i * PAGE;
	act(fixture, 20, offsets, G_N_ELEMENTS(offsets));
	check_end(fixture, FALSE, "*12 pages not*\naction 1, page 0x9000,*\nand 2 more pages",
		  TRUE);
}

static void test_sizes(struct fixture *fixture, gconstpointer data)
{
	g_autofree char *bytes = g_malloc0(2 * PAGE);

	write_file(ram_images_begin(fixture->images), bytes, 2 * PAGE);
	write_file(ram_images_destination(fixture->images), bytes, PAGE);
	ram_images_compare(fixture->images);
	check_end(fixture, TRUE, "there are no images: the images differ in size", FALSE);
}

static void test_half_a_pair(struct fixture *fixture, gconstpointer data)
{
	act(fixture, 1, NULL, 0);
	write_file(ram_images_begin(fixture->images), "new", 3);
	check_end(fixture, TRUE, "*held the same in 1 action; images of action 1, 0 pages*", TRUE);
}

static void test_not_written(struct fixture *fixture, gconstpointer data)
{
	ram_images_compare(fixture->images);
	g_assert_false(ram_images_wanted(fixture->images));
	check_end(fixture, TRUE, "there are no images: *ram-source*", FALSE);
}

static void test_given_up(struct fixture *fixture, gconstpointer data)
{
	write_file(ram_images_begin(fixture->images), "half", 4);
	ram_images_give_up(fixture->images, "no space left");
	ram_images_give_up(fixture->images, "another reason");
	g_assert_false(ram_images_wanted(fixture->images));
	/* The other VMM may still be writing its image. */
	write_file(ram_images_destination(fixture->images), "half", 4);
	ram_images_compare(fixture->images);
	check_end(fixture, TRUE, "there are no images: no space left", FALSE);
}

static void test_nothing(struct fixture *fixture, gconstpointer data)
{
	check_end(fixture, TRUE, "there are no images: no action came to its end", FALSE);
}

static void test_clear(struct fixture *fixture, gconstpointer data)
{
	act(fixture, 1, NULL, 0);
	write_file(ram_images_begin(fixture->images), "new", 3);
	ram_images_clear(fixture->folder);
	g_assert_false(are_kept(fixture));
	g_free(ram_images_end(fixture->images, FALSE));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*test)(struct fixture *fixture, gconstpointer data);
	} tests[] = {
		{ "equal", test_equal },
		{ "equal-and-failed", test_equal_and_failed },
		{ "one-page", test_one_page },
		{ "again-and-another", test_again_and_another },
		{ "first-and-last-byte", test_first_and_last_byte },
		{ "many-pages", test_many_pages },
		{ "sizes", test_sizes },
		{ "half-a-pair", test_half_a_pair },
		{ "not-written", test_not_written },
		{ "given-up", test_given_up },
		{ "nothing", test_nothing },
		{ "clear", test_clear },
	};

	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strconcat("/ram-images/", tests[i].name, NULL);

		g_test_add(path, struct fixture, NULL, set_up, tests[i].test, tear_down);
	}
	return g_test_run();
}
