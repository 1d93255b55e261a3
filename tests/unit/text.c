// SPDX-License-Identifier: GPL-2.0-or-later
/* host/util/text.c: suggestions, printable copies, globs and numbers. */
#include <string.h>

#include "util/text.h"

static const char *const plans[] = { "none", "pause", "precopy", "storm", NULL };

static void test_closest(void)
{
	static const struct {
		const char *word, *closest;
	} rows[] = {
		{ "precopy", "precopy" },
		{ "precpy", "precopy" },
		{ "prrecopyy", "precopy" },
		{ "stork", "storm" },
		{ "nne", "none" },
		{ "completely else", NULL },
		{ "", NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpstr(text_closest(rows[i].word, plans), ==, rows[i].closest);
}

static void test_closest_of_long_words(void)
{
	g_autofree char *word = g_strnfill(100000, 'x');

	g_assert_null(text_closest(word, plans));
}

static void test_suggest(void)
{
	g_autofree char *close = text_suggest("paus", plans);
	g_autofree char *far = text_suggest("postcopy-ram", plans);

	g_assert_cmpstr(close, ==, " (did you mean 'pause'?)");
	g_assert_cmpstr(far, ==, "; known: none, pause, precopy, storm");
}

static void test_printable(void)
{
	static const struct {
		const char *bytes;
		gssize length;
		const char *printable;
	} rows[] = {
		{ "plain", -1, "plain" },
		{ "", -1, "" },
		{ "cut here", 3, "cut" },
		{ "a\tb\nc\x1b[31m", -1, "a\\x09b\\x0ac\\x1b[31m" },
		{ "\xff\xfe", -1, "\\xff\\xfe" },
		{ "nul\0nul", 7, "nul\\x00nul" },
		{ "gr\xc3\xbc\xc3\x9f", -1, "gr\xc3\xbc\xc3\x9f" },
		{ "cut \xc3", -1, "cut \\xc3" },	   /* half a character */
		{ "\xc0\x80", -1, "\\xc0\\x80" },	   /* overlong NUL */
		{ "\xed\xa0\x80", -1, "\\xed\\xa0\\x80" }, /* a surrogate */
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = text_printable(rows[i].bytes, rows[i].length);

		g_assert_cmpstr(text, ==, rows[i].printable);
	}
}

static void test_printable_cuts(void)
{
	g_autofree char *letters = g_strnfill(100000, 'x');
	g_autofree char *junk = g_strnfill(100000, '\x01');
	g_autofree char *short_letters = text_printable(letters, -1);
	g_autofree char *short_junk = text_printable(junk, -1);

	g_assert_true(g_str_has_suffix(short_letters, "x..."));
	g_assert_true(g_str_has_suffix(short_junk, "\\x01..."));
	g_assert_cmpuint(strlen(short_letters), <, 250);
	g_assert_cmpuint(strlen(short_junk), <, 250);
}

/* A terminal, JSON and XML can hold the copy, whatever the bytes are. */
static void test_printable_any_bytes(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(1);

	for (unsigned round = 0; round < 10000; round++) {
		char bytes[24];
		g_autofree char *text = NULL;

		for (gsize i = 0; i < sizeof(bytes); i++)
			bytes[i] = g_rand_int_range(random, 0, 256);
		text = text_printable(bytes, sizeof(bytes));
		g_assert_true(g_utf8_validate(text, -1, NULL));
		for (const char *c = text; *c; c = g_utf8_next_char(c))
			g_assert_true(g_unichar_isprint(g_utf8_get_char(c)));
	}
}

static void test_duration(void)
{
	static const struct {
		gint64 nanoseconds;
		const char *text;
	} rows[] = {
		{ 0, "0 us" },
		{ 12000, "12 us" },
		{ 1500000, "1.5 ms" },
		{ 1230000000, "1.23 s" },
		{ 600000000000, "600.00 s" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = text_duration(rows[i].nanoseconds);

		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

static void test_glob(void)
{
	g_assert_true(text_glob("kvmclock", "kvmclock"));
	g_assert_true(text_glob("*/storm", "console/storm"));
	g_assert_true(text_glob("k?mclock*", "kvmclock/none"));
	g_assert_false(text_glob("kvm", "kvmclock"));
	g_assert_false(text_glob("", "kvmclock"));
	/* Brackets are ordinary characters. */
	g_assert_false(text_glob("[k]vmclock", "kvmclock"));
}

static void test_number(void)
{
	static const struct {
		const char *text;
		gboolean good;
		gint64 number;
	} rows[] = {
		{ "1", TRUE, 1 },
		{ "255", TRUE, 255 },
		{ "007", TRUE, 7 },
		{ "0", FALSE },
		{ "256", FALSE },
		{ "", FALSE },
		{ " 1", FALSE },
		{ "1 ", FALSE },
		{ "-1", FALSE },
		{ "1.5", FALSE },
		{ "two", FALSE },
		{ "0x10", FALSE },
		{ "99999999999999999999999", FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 number = rows[i].number;

		g_test_message("'%s'", rows[i].text);
		g_assert_cmpint(text_number(rows[i].text, 1, 255, &number), ==, rows[i].good);
		if (rows[i].good)
			g_assert_cmpint(number, ==, rows[i].number);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/text/closest", test_closest);
	g_test_add_func("/text/closest-of-long-words", test_closest_of_long_words);
	g_test_add_func("/text/suggest", test_suggest);
	g_test_add_func("/text/printable", test_printable);
	g_test_add_func("/text/printable-cuts", test_printable_cuts);
	g_test_add_func("/text/printable-any-bytes", test_printable_any_bytes);
	g_test_add_func("/text/duration", test_duration);
	g_test_add_func("/text/glob", test_glob);
	g_test_add_func("/text/number", test_number);
	return g_test_run();
}
