/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passes a migration stream of QEMU on, and damages one page of memory on its way. */
#ifndef FERRY_TESTS_MIGRATION_STREAM_H
#define FERRY_TESTS_MIGRATION_STREAM_H

enum damage {
	DAMAGE_CHANGE, /* in the last sending of a page one byte is changed */
	DAMAGE_DROP,   /* the last sending of a page is left out, or all that held the same */
	DAMAGE_OLDER,  /* the last sending of a page holds the generation before */
	DAMAGE_NEWER,  /* the last sending holds what the guest will write there later */
	DAMAGE_CUT,    /* the stream ends where the devices should come */
};

/*
 * Passes IN on to OUT until one of them ends. The page is one that watched-page.h knows; a line on
 * stderr tells which, or that there was none.
 */
void migration_stream_pass(int in, int out, enum damage damage);

/* Does the same for the rest of a post-copy stream that was cut. It comes over a new connection. */
void migration_stream_pass_rest(int in, int out, enum damage damage);

#endif
