/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A migration stream of QEMU on its way through filtering-qemu. QEMU's docs/devel/migration.rst
 * ("Stream structure") describes the format, and migration/savevm.c and migration/ram.c of QEMU 7.2
 * write the part for memory. All numbers are big-endian.
 */
#ifndef FERRY_TESTS_STREAM_H
#define FERRY_TESTS_STREAM_H

#include <glib.h>

#include "migration-stream.h"
#include "watched-page.h"

/* How a section begins, and what may come instead of a section. */
enum token {
	TOKEN_SECTION_START = 0x01,
	TOKEN_SECTION_PART = 0x02,
	TOKEN_SECTION_END = 0x03,
	TOKEN_SECTION_FULL = 0x04, /* of a device */
	TOKEN_CONFIGURATION = 0x07,
	TOKEN_COMMAND = 0x08,
	TOKEN_SECTION_FOOTER = 0x7e,
};

/* In the low bits of a page's offset. */
enum ram_flag {
	RAM_ZERO = 0x02,
	RAM_MEM_SIZE = 0x04,
	RAM_PAGE = 0x08,
	RAM_EOS = 0x10,
	RAM_CONTINUE = 0x20, /* in the same block as the last */
};

/* The block of the guest's memory; below the hole for PCI an offset is a physical address. */
#define GUEST_RAM "pc.ram"

#define BUFFER_BYTES (1 << 16)
/* A name, with its length in front of it. */
#define NAME_BYTES 256

struct stream {
	int in, out;
	enum damage damage;
	guint8 input[BUFFER_BYTES], output[BUFFER_BYTES];
	size_t read, taken, given;
	gboolean broken; /* nobody reads OUT any more */

	guint32 ram_section;
	guint8 block[NAME_BYTES]; /* of the last page */
	GHashTable *pages;	  /* of damage.c, by offset */
	/* Offsets rise within a pass over memory. */
	guint64 last_offset;
	unsigned pass;
	gboolean postcopy; /* the guest has left the source */
	unsigned come;	   /* watched pages that came after that */
	gboolean is_rest;
	gboolean done; /* the damage */
};

/* Says one line on stderr. */
void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* ---- stream-bytes.c: bytes are taken from IN, given to OUT, or both (copied) ---- */

/* These return FALSE at the end of the stream. */
gboolean take(struct stream *stream, void *bytes, size_t length);
gboolean take_u64(struct stream *stream, guint64 *value);
gboolean copy_u16(struct stream *stream, guint16 *value);
gboolean copy_u32(struct stream *stream, guint32 *value);
gboolean copy_bytes(struct stream *stream, size_t length);
/* Reads more input, after all that was given has been written. */
gboolean fill(struct stream *stream);

void give(struct stream *stream, const void *bytes, size_t length);
void give_u8(struct stream *stream, guint8 value);
void give_u32(struct stream *stream, guint32 value);
void give_u64(struct stream *stream, guint64 value);
void flush(struct stream *stream);

/* A record of one page, which always names its BLOCK. */
void give_page(struct stream *stream, const guint8 *block, guint64 offset, const guint8 *bytes);
void give_zero_page(struct stream *stream, const guint8 *block, guint64 offset);

/* ---- damage.c ---- */

GHashTable *pages_new(void);
/* Remembers a page of GUEST_RAM that came. */
void remember(struct stream *stream, guint64 offset, const guint8 *bytes);
/*
 * In a post-copy stream this may damage BYTES, which have come and are about to be given. Returns
 * TRUE if they must not be given at all.
 */
gboolean damage_at_once(struct stream *stream, guint64 offset, guint8 *bytes);
/*
 * When all of memory has come, this gives one more part of it, in which the best page is damaged.
 */
void damage_at_end(struct stream *stream);

#endif
