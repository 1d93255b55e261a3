// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/guest/disk-check.c: the image of a guest's disk must hold what the guest has reported. Each
 * row has the guest's lines, the damage to a good image, and the expected verdict.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/disk-sector.h"
#include "guest/disk-check.h"

#define GENERATION 7

static char *folder;

static char *tell(struct disk_check *check, const char *sector, const char *count,
		  const char *generation)
{
	g_autoptr(GHashTable) values = g_hash_table_new(g_str_hash, g_str_equal);
	struct machine_line line = { .verb = "mark", .values = values, .line = 9 };

	g_hash_table_insert(values, (void *)"name", (void *)"disk");
	g_hash_table_insert(values, (void *)"sector", (void *)sector);
	g_hash_table_insert(values, (void *)"count", (void *)count);
	if (generation)
		g_hash_table_insert(values, (void *)"generation", (void *)generation);
	return disk_check_mark(check, &line);
}

static void write_sector(const struct disk_check *check, guint64 at, guint64 number,
			 guint64 generation)
{
	guint64 words[DISK_SECTOR_WORDS];
	int file = open(disk_check_path(check), O_WRONLY | O_CLOEXEC);

	disk_sector_fill(words, number, generation);
	g_assert_cmpint(pwrite(file, words, sizeof(words), at * sizeof(words)), ==, sizeof(words));
	close(file);
}

/* Makes a disk whose sectors 0 to 99 have their contents of that generation. */
static struct disk_check *new_disk(void)
{
	g_autoptr(GError) error = NULL;
	struct disk_check *check = disk_check_new(folder, 1, &error);

	g_assert_no_error(error);
	for (guint64 sector = 0; sector < 100; sector++)
		write_sector(check, sector, sector, GENERATION);
	return check;
}

static void write_word(const struct disk_check *check, guint64 sector, unsigned word, guint64 value)
{
	int file = open(disk_check_path(check), O_WRONLY | O_CLOEXEC);

	g_assert_cmpint(pwrite(file, &value, sizeof(value),
			       sector * DISK_SECTOR_SIZE + word * sizeof(value)),
			==, sizeof(value));
	close(file);
}

static void leave(const struct disk_check *check)
{
}

static void make_stale(const struct disk_check *check)
{
	write_sector(check, 50, 50, GENERATION - 1);
}

static void make_two_stale(const struct disk_check *check)
{
	write_sector(check, 20, 20, GENERATION - 1);
	write_sector(check, 99, 99, GENERATION + 1);
}

static void exchange(const struct disk_check *check)
{
	write_sector(check, 50, 51, GENERATION);
}

static void tear(const struct disk_check *check)
{
	write_word(check, 50, 40, 0x1234);
}

static void cut(const struct disk_check *check)
{
	g_assert_cmpint(truncate(disk_check_path(check), 50 * DISK_SECTOR_SIZE + 8), ==, 0);
}

static void take_away(const struct disk_check *check)
{
	g_assert_cmpint(unlink(disk_check_path(check)), ==, 0);
}

static const struct row {
	const char *name;
	void (*damage)(const struct disk_check *check);
	const char *sector, *count;
	guint64 wrong, first;
	const char *problem; /* a glob; NULL: there is none */
} rows[] = {
	{ "good", leave, "0", "100" },
	{ "nothing-said", make_stale, "0", "0" },
	{ "elsewhere", make_stale, "51", "49" },
	{ "zero", leave, "100", "1", 1, 100,
	  "the disk's sector 100 holds 0x0 at byte 0 \\(not 0x[0-9a-f]+\\), and may hold only generation 7, which the guest has flushed" },
	{ "stale", make_stale, "0", "100", 1, 50,
	  "the disk's sector 50 holds generation 6 of sector 50, and may hold only generation 7, which the guest has flushed" },
	{ "two", make_two_stale, "0", "100", 2, 20,
	  "the disk's sector 20 holds generation 6 of sector 20, .*; 2 sectors are wrong" },
	{ "exchanged", exchange, "0", "100", 1, 50,
	  "the disk's sector 50 holds generation 7 of sector 51, and may hold only generation 7" },
	{ "torn", tear, "0", "100", 1, 50,
	  "the disk's sector 50 holds 0x1234 at byte 320 \\(not 0x[0-9a-f]+\\), and may hold" },
	{ "cut", cut, "0", "100", 50, 50,
	  "the disk's sector 50 cannot be read from .*; 50 sectors are wrong" },
	{ "gone", take_away, "0", "100", 0, 0, "cannot open the disk .*: No such file" },
};

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	struct disk_check *check = new_disk();
	g_autofree char *problem = NULL;
	guint64 wrong, first;

	g_assert_null(tell(check, row->sector, row->count, "7"));
	row->damage(check);
	problem = disk_check_compare(check, &wrong, &first);
	g_assert_cmpuint(wrong, ==, row->wrong);
	g_assert_cmpuint(first, ==, row->first);
	if (!row->problem)
		g_assert_cmpstr(problem, ==, NULL);
	else if (!problem || !g_regex_match_simple(row->problem, problem, 0, 0))
		g_error("'%s' does not match '%s'", problem, row->problem);
	disk_check_free(check);
}

static void test_taken_back(void)
{
	struct disk_check *check = new_disk();
	char *problem;

	make_stale(check);
	g_assert_null(tell(check, "0", "100", "7"));
	g_assert_null(tell(check, "50", "1", "0"));
	g_assert_null(disk_check_compare(check, NULL, NULL));
	g_assert_null(tell(check, "50", "1", "7"));
	problem = disk_check_compare(check, NULL, NULL);
	g_assert_nonnull(problem);
	g_free(problem);
	disk_check_forget(check);
	g_assert_null(disk_check_compare(check, NULL, NULL));
	disk_check_free(check);
}

static void test_bad_marks(void)
{
	static const struct {
		const char *sector, *count, *generation;
	} marks[] = {
		{ "0", "2049", "1" }, { "2048", "1", "1" },
		{ "2049", "0", "1" }, { "-1", "1", "1" },
		{ "0", "-1", "1" },   { "0", "1", NULL },
		{ "x", "1", "1" },    { "1", "9223372036854775807", "1" },
	};
	struct disk_check *check = new_disk();

	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++) {
		g_autofree char *problem =
			tell(check, marks[i].sector, marks[i].count, marks[i].generation);

		g_assert_cmpstr(
			problem, ==,
			"disk mark names no generation, or sectors beyond the disk's 2048 (console line 9)");
	}
	g_assert_null(tell(check, "2048", "0", "1"));
	disk_check_free(check);
}

static void test_nothing_is_left(void)
{
	struct disk_check *check = new_disk();
	g_autofree char *path = g_strdup(disk_check_path(check));
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
	disk_check_free(check);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	disk_check_free(NULL);

	g_assert_null(disk_check_new("/proc", 1, &error));
	g_assert_nonnull(error);
}

/* After a split each image changes separately. The returned check has the open image. */
static void test_split(void)
{
	struct disk_check *check = new_disk(), *kept;
	int file = open(disk_check_path(check), O_RDONLY | O_CLOEXEC);
	g_autoptr(GError) error = NULL;
	struct stat opened, named;
	g_autofree char *problem = NULL;

	g_assert_null(tell(check, "0", "100", "7"));
	kept = disk_check_split(check, &error);
	g_assert_no_error(error);
	g_assert_cmpint(fstat(file, &opened) || stat(disk_check_path(kept), &named), ==, 0);
	g_assert_cmpuint(opened.st_ino, ==, named.st_ino);
	make_two_stale(kept);
	problem = disk_check_compare(kept, NULL, NULL);
	g_assert_nonnull(problem);
	g_assert_null(disk_check_compare(check, NULL, NULL));
	close(file);
	disk_check_free(kept);

	g_unlink(disk_check_path(check));
	g_assert_null(disk_check_split(check, &error));
	g_assert_nonnull(error);
	disk_check_free(check);
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("ferry-disk-XXXXXX", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/disk-check/%s", rows[i].name);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/disk-check/taken-back", test_taken_back);
	g_test_add_func("/disk-check/bad-marks", test_bad_marks);
	g_test_add_func("/disk-check/nothing-is-left", test_nothing_is_left);
	g_test_add_func("/disk-check/split", test_split);
	status = g_test_run();
	/* Fails if a file was left in the folder. */
	if (rmdir(folder) < 0 && !status)
		status = 1;
	g_free(folder);
	return status;
}
