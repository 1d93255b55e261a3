/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passes a migration of QEMU's on, with one page of memory damaged on its way. */
#ifndef FERRY_TESTS_MIGRATION_STREAM_H
#define FERRY_TESTS_MIGRATION_STREAM_H

enum damage {
	DAMAGE_CHANGE, /* one byte of a page is changed where it was last sent */
	DAMAGE_DROP,   /* a page is not sent for the last time */
	DAMAGE_OLDER,  /* what is sent last of a page is what was sent first of it */
	DAMAGE_NEWER,  /* ... or what the guest will only write there later on */
	DAMAGE_CUT,    /* it ends where the devices should come */
};

/*
 * Reads from IN until its end, or that of OUT. The page is one that watched-page.h knows;
 * stderr tells which, or that there was none.
 */
void migration_stream_pass(int in, int out, enum damage damage);

/* The rest of a post-copy stream that has been cut, over a new connection. */
void migration_stream_pass_rest(int in, int out, enum damage damage);

#endif
