/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot source: a guest that was saved while it ran, and goes on. The plan goes on with the
 * restored guest. This file follows the source to the end of the test in which it was saved.
 */
#ifndef FERRY_HOST_SNAPSHOT_SOURCE_H
#define FERRY_HOST_SNAPSHOT_SOURCE_H

#include "guest/disk-check.h"
#include "guest/guest.h"

struct snapshot_source;

struct snapshot_source_listener {
	/*
	 * A test of the source failed. REASON is one line. FAILED, of char *, has all its checks
	 * that failed. It belongs to the callee, and may be NULL.
	 */
	void (*test_failed)(void *data, const struct machine_line *line, const char *reason,
			    GPtrArray *failed);
	/*
	 * The source has come to its end, and may be freed after that. PROBLEMS, of char *, is what
	 * went wrong outside of checks. FAILED, of char *, has the failed checks that no failed
	 * test has told. FIRST_FAIL is the first of all checks that failed. All may be NULL.
	 */
	void (*over)(void *data, const GPtrArray *problems, const GPtrArray *failed,
		     const char *first_fail);
};

/*
 * Answers GUEST's request, so that it goes on. IN_TEST tells whether it is in the middle of a test.
 * Its further requests are answered without an action. DISK (which may be NULL) is freed with the
 * source.
 */
struct snapshot_source *snapshot_source_follow(struct guest *guest, gboolean in_test,
					       struct disk_check *disk,
					       const struct snapshot_source_listener *listener,
					       void *data);
void snapshot_source_free(struct snapshot_source *source);

#endif
