/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of a guest whose stanza asks for one: an image that lives as long as the case, and what
 * the guest has said about its contents (docs/protocol.md, "Disk marks").
 */
#ifndef FERRY_HOST_DISK_CHECK_H
#define FERRY_HOST_DISK_CHECK_H

#include "guest/console.h"

struct disk_check;

/* Makes an image of MIB, all zeroes, in FOLDER. NULL and ERROR if that fails. */
struct disk_check *disk_check_new(const char *folder, unsigned mib, GError **error);

/* Path of the image. Owned by CHECK. */
const char *disk_check_path(const struct disk_check *check);

/*
 * A mark has come. Returns what is wrong with it in one line that the caller frees, or NULL.
 * Lines that are not disk marks are ignored.
 */
char *disk_check_mark(struct disk_check *check, const struct machine_line *line);

/* Forgets what the guest has said: a new boot does not know of it. */
void disk_check_forget(struct disk_check *check);

/*
 * Compares the image with what was said. Returns the first thing that is wrong in one line
 * that the caller frees, or NULL. WRONG and FIRST (which may be NULL) get how many sectors are
 * wrong, and the first of them.
 */
char *disk_check_compare(const struct disk_check *check, guint64 *wrong, guint64 *first);

/* The answer to a guest that has asked for a comparison. The caller frees it. */
char *disk_check_answer(guint64 wrong, guint64 first);

/*
 * Copies the disk. Returns the check for the VM that has the image open now. From now on CHECK is
 * for the copy, which the next VM opens. NULL and ERROR on failure.
 */
struct disk_check *disk_check_split(struct disk_check *check, GError **error);

/* Removes the image. CHECK may be NULL. */
void disk_check_free(struct disk_check *check);

#endif
