/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other life of a guest that was saved while it ran: the copy is what the plan goes on
 * with; the original is followed from here to the end of the test that it was saved in.
 */
#ifndef FERRY_HOST_SNAPSHOT_SOURCE_H
#define FERRY_HOST_SNAPSHOT_SOURCE_H

#include "guest/disk-check.h"
#include "guest/guest.h"

struct snapshot_source;

struct snapshot_source_listener {
	/* A test failed there; REASON is one line, or NULL. */
	void (*test_failed)(void *data, const struct machine_line *line, const char *reason);
	/*
	 * It has come to its end, and may be freed. PROBLEM is one line about something wrong
	 * that is no test's failure, FAILURE about the first check that failed; or NULL.
	 */
	void (*over)(void *data, const char *problem, const char *failure);
};

/*
 * GUEST goes on, after its request is answered. IN_TEST: a test is being worked on. Its
 * requests to be moved are answered, and nothing is done. DISK (which may be NULL) is freed with
 * the original.
 */
struct snapshot_source *snapshot_source_follow(struct guest *guest, gboolean in_test,
					       struct disk_check *disk,
					       const struct snapshot_source_listener *listener,
					       void *data);
void snapshot_source_free(struct snapshot_source *source);

#endif
