// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/suite/guest-image.c: how a guest's ELF file is read. The tests read, cut and damage the file
 * of the program `selftest` in the build folder, which FERRY_BUILD names.
 */
#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "suite/guest-image.h"
#include "util/text.h"

#define FUZZ_SEED   20240229
#define FUZZ_ROUNDS 3000

static char *selftest(const char *suffix)
{
	const char *build = g_getenv("FERRY_BUILD");

	return g_strdup_printf("%s/x86/selftest%s", build ? build : "build", suffix);
}

static void read_selftest(char **bytes, gsize *length)
{
	g_autofree char *path = selftest(".elf");
	g_autoptr(GError) error = NULL;

	g_file_get_contents(path, bytes, length, &error);
	g_assert_no_error(error);
}

/* Writes LENGTH BYTES to a file and reads the tests in it. */
static GPtrArray *read_bytes(const char *bytes, gsize length, GError **error)
{
	g_autofree char *path = NULL;
	GPtrArray *tests;
	int fd = g_file_open_tmp("unit-image-XXXXXX", &path, NULL);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(write(fd, bytes, length), ==, length);
	close(fd);
	tests = guest_image_tests(path, error);
	g_unlink(path);
	return tests;
}

/*
 * BYTES may be anything. The result must be tests that have names, or one line that says why not.
 */
static void read_damaged(const char *bytes, gsize length)
{
	g_autoptr(GError) error = NULL;
	GPtrArray *tests = read_bytes(bytes, length, &error);

	g_assert_true(!tests == (error != NULL));
	if (error)
		g_assert_null(strchr(error->message, '\n'));
	for (guint i = 0; tests && i < tests->len; i++) {
		const struct guest_test *test = tests->pdata[i];

		g_assert_nonnull(test->name);
		g_assert_nonnull(test->about);
	}
	if (tests)
		g_ptr_array_unref(tests);
}

static void test_a_real_image(void)
{
	g_autofree char *path = selftest(".flat");
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) tests = guest_image_tests(path, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(tests->len, >, 0);
	for (guint i = 0; i < tests->len; i++) {
		const struct guest_test *test = tests->pdata[i];

		g_assert_cmpuint(strlen(test->name), >, 0);
		g_assert_cmpuint(strlen(test->about), >, 0);
		g_assert_true(g_utf8_validate(test->name, -1, NULL));
	}
}

static void test_no_such_file(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(guest_image_tests("/nowhere/x.flat", &error));
	g_assert_nonnull(strstr(error->message, "/nowhere/x.elf"));
}

static void test_no_elf(void)
{
	static const char *const files[] = { "", "x", "#!/bin/sh\n", "\177ELF", "\177ELF\1\1\1" };

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(read_bytes(files[i], strlen(files[i]), &error));
		g_assert_error(error, FERRY_ERROR, 0);
		g_assert_nonnull(strstr(error->message, "is not a 64-bit ELF file"));
	}
}

static void test_no_tests_section(void)
{
	Elf64_Ehdr header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 } };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) tests = read_bytes((char *)&header, sizeof(header), &error);

	g_assert_no_error(error);
	g_assert_cmpuint(tests->len, ==, 0);
}

/* Damages each byte of the ELF header, and of the program and section headers. */
static gsize interesting_offset(GRand *random, const Elf64_Ehdr *header, gsize length)
{
	switch (g_rand_int_range(random, 0, 4)) {
	case 0:
		return g_rand_int_range(random, EI_NIDENT, sizeof(*header));
	case 1:
		return header->e_phoff +
		       g_rand_int_range(random, 0, header->e_phnum * sizeof(Elf64_Phdr));
	case 2:
		return header->e_shoff +
		       g_rand_int_range(random, 0, header->e_shnum * sizeof(Elf64_Shdr));
	default:
		return g_rand_int_range(random, 0, length);
	}
}

static void test_cut_anywhere(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
	g_autofree char *bytes = NULL;
	gsize length;

	read_selftest(&bytes, &length);
	for (gsize cut = 0; cut < sizeof(Elf64_Ehdr) + 8; cut++)
		read_damaged(bytes, cut);
	for (unsigned round = 0; round < 200; round++)
		read_damaged(bytes, g_rand_int_range(random, 0, length));
}

static void test_damaged_anywhere(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
	g_autofree char *bytes = NULL;
	Elf64_Ehdr header;
	gsize length;

	read_selftest(&bytes, &length);
	memcpy(&header, bytes, sizeof(header));
	for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
		gsize places[8];
		char before[G_N_ELEMENTS(places)];
		gsize count = g_rand_int_range(random, 1, G_N_ELEMENTS(places) + 1);

		for (gsize i = 0; i < count; i++) {
			places[i] = interesting_offset(random, &header, length);
			before[i] = bytes[places[i]];
			if (g_rand_boolean(random))
				bytes[places[i]] ^= 1 << g_rand_int_range(random, 0, 8);
			else
				bytes[places[i]] = g_rand_boolean(random) ? 0xff : 0;
		}
		read_damaged(bytes, length);
		while (count--)
			bytes[places[count]] = before[count];
	}
}

/* Overwrites values from which offsets and sizes are computed. */
static void test_extreme_numbers(void)
{
	static const guint64 extremes[] = { 0,
					    1,
					    7,
					    0x7fffffffffffffff,
					    0x8000000000000000,
					    0xfffffffffffffff8,
					    0xffffffffffffffff };
	g_autofree char *bytes = NULL;
	Elf64_Ehdr *header;
	gsize length, tables[2][2];

	read_selftest(&bytes, &length);
	header = (Elf64_Ehdr *)bytes;
	tables[0][0] = header->e_phoff;
	tables[0][1] = header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr);
	tables[1][0] = header->e_shoff;
	tables[1][1] = header->e_shoff + header->e_shnum * sizeof(Elf64_Shdr);
	for (gsize table = 0; table < G_N_ELEMENTS(tables); table++)
		for (gsize at = tables[table][0]; at < tables[table][1]; at += sizeof(guint64))
			for (gsize i = 0; i < G_N_ELEMENTS(extremes); i++) {
				guint64 before;

				memcpy(&before, bytes + at, sizeof(before));
				memcpy(bytes + at, &extremes[i], sizeof(before));
				read_damaged(bytes, length);
				memcpy(bytes + at, &before, sizeof(before));
			}
}

/* The address of a function, from the image's symbol table. */
static guint64 address_of(const char *function)
{
	g_autofree char *bytes = NULL;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *sections;
	gsize length;

	read_selftest(&bytes, &length);
	header = (const Elf64_Ehdr *)bytes;
	sections = (const Elf64_Shdr *)(bytes + header->e_shoff);
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Sym *symbols = (const Elf64_Sym *)(bytes + sections[i].sh_offset);
		const char *names;

		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		names = bytes + sections[sections[i].sh_link].sh_offset;
		for (gsize j = 0; j < sections[i].sh_size / sizeof(*symbols); j++)
			if (g_str_equal(names + symbols[j].st_name, function))
				return symbols[j].st_value;
	}
	g_assert_not_reached();
}

static void test_backtrace(void)
{
	g_autofree char *path = selftest(".flat");
	guint64 address = address_of("console_exit");
	g_autofree char *stack =
		g_strdup_printf("\tSTACK: @%" G_GINT64_MODIFIER "x 0 %" G_GINT64_MODIFIER "x\r",
				address, address + 1);
	g_autofree char *text = guest_image_backtrace(path, stack);
	g_auto(GStrv) lines = NULL;

	g_assert_nonnull(text);
	lines = g_strsplit(text, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, 3);
	g_assert_true(g_str_has_prefix(lines[0], "#0 console_exit at console.c:"));
	g_assert_true(g_str_has_prefix(lines[1], "#1 ?? at "));
	g_assert_true(g_str_has_prefix(lines[2], "#2 console_exit at console.c:"));
}

/*
 * The line comes from the guest, and may contain anything. No word of it may become an option of
 * addr2line, or a file from which addr2line reads options ("@FILE").
 */
static void test_mad_backtraces(void)
{
	static const char *const lines[] = {
		"STACK: ",	  "STACK: @",		"STACK: @ ",	 "STACK: @-h",
		"STACK: @--help", "STACK: @@/dev/zero", "STACK: @zz yy", "STACK: 1000 2000",
	};
	g_autofree char *path = selftest(".flat");

	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *text = guest_image_backtrace(path, lines[i]);

		g_test_message("%s", lines[i]);
		g_assert_cmpstr(text, ==, NULL);
	}
	g_assert_null(guest_image_backtrace("/nowhere/x.flat", "STACK: @1000"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/guest-image/real", test_a_real_image);
	g_test_add_func("/guest-image/no-such-file", test_no_such_file);
	g_test_add_func("/guest-image/no-elf", test_no_elf);
	g_test_add_func("/guest-image/no-tests-section", test_no_tests_section);
	g_test_add_func("/guest-image/cut-anywhere", test_cut_anywhere);
	g_test_add_func("/guest-image/damaged-anywhere", test_damaged_anywhere);
	g_test_add_func("/guest-image/extreme-numbers", test_extreme_numbers);
	g_test_add_func("/guest-image/backtrace", test_backtrace);
	g_test_add_func("/guest-image/mad-backtraces", test_mad_backtraces);
	return g_test_run();
}
