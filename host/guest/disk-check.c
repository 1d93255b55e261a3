// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares what a guest says of its disk with the image. The guest speaks only of sectors that it
 * has written and flushed and does not write any more. So the image must hold each of these to the
 * last bit, whichever VMM wrote it. The image is read from the host's page cache, which all VMMs
 * write to. Whether the data would survive a power cut is not checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/disk-sector.h"
#include "guest/disk-check.h"
#include "util/text.h"

#define SECTORS_PER_MIB (1048576 / DISK_SECTOR_SIZE)

#define COPY_BYTES 1048576

struct disk_check {
	char *path;
	guint64 sectors;
	guint64 *generations; /* of each sector; 0: nothing was said */
};

static gboolean make_image(const char *path, guint64 bytes)
{
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gboolean made = file >= 0 && ftruncate(file, bytes) == 0;

	if (file >= 0)
		close(file);
	return made;
}

struct disk_check *disk_check_new(const char *folder, unsigned mib, GError **error)
{
	struct disk_check *check = g_new0(struct disk_check, 1);

	check->sectors = (guint64)mib * SECTORS_PER_MIB;
	check->generations = g_new0(guint64, check->sectors);
	check->path = g_strdup_printf("%s/disk-%p", folder, (void *)check);
	if (make_image(check->path, check->sectors * DISK_SECTOR_SIZE))
		return check;
	g_set_error(error, FERRY_ERROR, 0, "cannot make a disk of %u MiB at %s: %s", mib,
		    check->path, g_strerror(errno));
	disk_check_free(check);
	return NULL;
}

void disk_check_free(struct disk_check *check)
{
	if (!check)
		return;
	unlink(check->path);
	g_free(check->path);
	g_free(check->generations);
	g_free(check);
}

const char *disk_check_path(const struct disk_check *check)
{
	return check->path;
}

char *disk_check_mark(struct disk_check *check, const struct machine_line *line)
{
	gint64 sector = machine_line_number(line, "sector", -1);
	gint64 count = machine_line_number(line, "count", -1);
	gint64 generation = machine_line_number(line, "generation", -1);

	if (g_strcmp0(machine_line_value(line, "name"), "disk"))
		return NULL;
	if (sector < 0 || count < 0 || generation < 0 || (guint64)sector > check->sectors ||
	    (guint64)count > check->sectors - sector)
		return g_strdup_printf(
			"disk mark names no generation, or sectors beyond the disk's %" G_GUINT64_FORMAT
			" (console line %u)",
			check->sectors, line->line);
	for (gint64 i = 0; i < count; i++)
		check->generations[sector + i] = generation;
	return NULL;
}

void disk_check_forget(struct disk_check *check)
{
	memset(check->generations, 0, check->sectors * sizeof(*check->generations));
}

static char *describe(guint64 sector, guint64 generation, const guint64 *held,
		      const guint64 *wanted)
{
	g_autofree char *what = NULL;
	unsigned word = 0;

	while (held[word] == wanted[word])
		word++;
	if (disk_sector_is_whole(held))
		what = g_strdup_printf(
			"generation %" G_GUINT64_FORMAT " of sector %" G_GUINT64_FORMAT,
			held[DISK_SECTOR_GENERATION_WORD], held[DISK_SECTOR_NUMBER_WORD]);
	else
		what = g_strdup_printf("0x%" G_GINT64_MODIFIER
				       "x at byte %zu (not 0x%" G_GINT64_MODIFIER "x)",
				       held[word], word * sizeof(*held), wanted[word]);
	return g_strdup_printf("the disk's sector %" G_GUINT64_FORMAT
			       " holds %s, and may hold only generation %" G_GUINT64_FORMAT
			       ", which the guest has flushed",
			       sector, what, generation);
}

char *disk_check_compare(const struct disk_check *check, guint64 *wrong, guint64 *first)
{
	guint64 held[DISK_SECTOR_WORDS], wanted[DISK_SECTOR_WORDS], count = 0, first_wrong = 0;
	int file = open(check->path, O_RDONLY | O_CLOEXEC);
	g_autofree char *problem = NULL;

	for (guint64 sector = 0; file >= 0 && sector < check->sectors; sector++) {
		if (!check->generations[sector])
			continue;
		/* Sectors that cannot be read are not taken for zeroes. */
		memset(held, 0, sizeof(held));
		if (pread(file, held, sizeof(held), sector * sizeof(held)) != sizeof(held) &&
		    !problem)
			problem = g_strdup_printf("the disk's sector %" G_GUINT64_FORMAT
						  " cannot be read from %s",
						  sector, check->path);
		disk_sector_fill(wanted, sector, check->generations[sector]);
		if (!memcmp(held, wanted, sizeof(held)))
			continue;
		if (!count++)
			first_wrong = sector;
		if (!problem)
			problem = describe(sector, check->generations[sector], held, wanted);
	}
	if (file < 0)
		problem = g_strdup_printf("cannot open the disk %s: %s", check->path,
					  g_strerror(errno));
	else
		close(file);
	if (wrong)
		*wrong = count;
	if (first)
		*first = first_wrong;
	if (count > 1)
		return g_strdup_printf("%s; %" G_GUINT64_FORMAT " sectors are wrong", problem,
				       count);
	return g_steal_pointer(&problem);
}

char *disk_check_answer(guint64 wrong, guint64 first)
{
	return g_strdup_printf("wrong=%" G_GUINT64_FORMAT " first=%" G_GUINT64_FORMAT, wrong,
			       first);
}

static gboolean copy_file(const char *from, const char *to)
{
	g_autofree char *buffer = g_malloc(COPY_BYTES);
	int source = open(from, O_RDONLY | O_CLOEXEC);
	int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gboolean good = source >= 0 && target >= 0;
	ssize_t length;

	while (good && (length = read(source, buffer, COPY_BYTES)) != 0)
		good = length > 0 && write(target, buffer, length) == length;
	if (source >= 0)
		close(source);
	if (target >= 0)
		close(target);
	return good;
}

/* The VM keeps the file that it has open, under another name. A copy gets the old name. */
struct disk_check *disk_check_split(struct disk_check *check, GError **error)
{
	struct disk_check *kept = g_new0(struct disk_check, 1);
	g_autofree char *copy = g_strconcat(check->path, "-copy", NULL);

	kept->sectors = check->sectors;
	kept->generations =
		g_memdup2(check->generations, check->sectors * sizeof(*check->generations));
	kept->path = g_strdup_printf("%s-%p", check->path, (void *)kept);
	if (copy_file(check->path, copy) && !link(check->path, kept->path) &&
	    !rename(copy, check->path))
		return kept;
	g_set_error(error, FERRY_ERROR, 0, "cannot copy the disk %s: %s", check->path,
		    g_strerror(errno));
	unlink(copy);
	disk_check_free(kept);
	return NULL;
}
