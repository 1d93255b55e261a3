/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passes a migration stream of QEMU on, and damages one page of memory on its way. */
#ifndef FERRY_TESTS_MIGRATION_STREAM_H
#define FERRY_TESTS_MIGRATION_STREAM_H

enum damage {
	DAMAGE_CHANGE, /* one byte changes in the last copy of a page */
	DAMAGE_DROP,   /* the last copy of a page is left out, and earlier ones equal to it */
	DAMAGE_OLDER,  /* the last copy of a page has the previous generation */
	DAMAGE_NEWER,  /* the last copy has the data that the guest will write there later */
	DAMAGE_CUT,    /* the stream ends where the devices should come */
};

/*
 * Passes IN on to OUT until one of them ends. The damaged page is a watched page (watched-page.h);
 * a line on stderr names it, or says that there was none.
 */
void migration_stream_pass(int in, int out, enum damage damage);

/* Does the same for the rest of a post-copy stream that was cut. It comes over a new connection. */
void migration_stream_pass_rest(int in, int out, enum damage damage);

#endif
