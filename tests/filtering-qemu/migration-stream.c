// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The format of the stream, as far as memory goes, is in QEMU's docs/devel/migration.rst
 * ("Stream structure") and in what migration/savevm.c and migration/ram.c of QEMU 7.2 write.
 * All numbers are big-endian.
 *
 * Nothing in a stream says that a page is sent for the last time. While the guest runs at the
 * source the damage is therefore one more record of the page, after all of memory and before
 * the devices: what comes last is what counts, so that the destination then holds what it would
 * if this had been done to the last sending. A post-copy stream has each page once after the
 * guest has left, and there the record itself is damaged, or left out. If it was cut, the rest
 * comes without a header: commands that agree on what has arrived (RECV_BITMAP, RESUME), then
 * more parts of the section of RAM.
 */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "migration-stream.h"
#include "watched-page.h"

#define FILE_MAGIC   0x5145564d
#define FILE_VERSION 3

enum token {
	TOKEN_SECTION_START = 0x01,
	TOKEN_SECTION_PART = 0x02,
	TOKEN_SECTION_END = 0x03,
	TOKEN_SECTION_FULL = 0x04, /* of a device */
	TOKEN_CONFIGURATION = 0x07,
	TOKEN_COMMAND = 0x08,
	TOKEN_SECTION_FOOTER = 0x7e,
};

#define COMMAND_PACKAGED 7

/* In the low bits of a page's offset. */
enum ram_flag {
	RAM_ZERO = 0x02,
	RAM_MEM_SIZE = 0x04,
	RAM_PAGE = 0x08,
	RAM_EOS = 0x10,
	RAM_CONTINUE = 0x20, /* in the same block as the last */
};

/* The guest's memory; below the hole for PCI an offset is a physical address. */
#define GUEST_RAM "pc.ram"

#define BUFFER_BYTES (1 << 16)
/* Of a name with its length in front of it. */
#define NAME_BYTES 256

/*
 * On a network so slow that, when the first of the watched pages has come, the guest has time to
 * write them all anew: then they are sent twice.
 */
#define DELAY_US 100000

/*
 * In a post-copy stream, whoever writes most was stopped as it began to write a page, with no
 * further look at it, and asks for this page first. When so many have come it is among them.
 */
#define SAFE_PAGE 4

/* A page that was a watched one when it was sent at some time. */
struct page {
	guint64 offset;
	unsigned sendings, first_pass, previous_pass, last_pass;
	gboolean is_late; /* it came after the guest had left */
	guint8 first[PAGE_BYTES], previous[PAGE_BYTES], last[PAGE_BYTES];
};

struct stream {
	int in, out;
	enum damage damage;
	guint8 input[BUFFER_BYTES], output[BUFFER_BYTES];
	size_t read, taken, given;
	gboolean broken; /* the output */

	guint32 ram_section;
	guint8 block[NAME_BYTES];
	GHashTable *pages; /* by offset */
	/* Offsets rise within a pass over memory. */
	guint64 last_offset;
	unsigned pass;
	gboolean postcopy; /* the guest has left */
	unsigned come;	   /* since then, of the watched pages */
	gboolean is_rest;
	gboolean done; /* the damage */
};

static G_GNUC_PRINTF(1, 2) void say(const char *format, ...)
{
	va_list arguments;
	g_autofree char *text = NULL;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	fprintf(stderr, "filtering-qemu: %s\n", text);
}

/* ---- bytes ---- */

static void flush(struct stream *stream)
{
	for (size_t sent = 0; sent < stream->given && !stream->broken;) {
		ssize_t length = write(stream->out, stream->output + sent, stream->given - sent);

		if (length > 0)
			sent += length;
		else if (errno != EINTR)
			stream->broken = TRUE;
	}
	stream->given = 0;
}

static void give(struct stream *stream, const void *bytes, size_t length)
{
	if (stream->given + length > BUFFER_BYTES)
		flush(stream);
	memcpy(stream->output + stream->given, bytes, length);
	stream->given += length;
}

/* Nothing is held back while there is nothing to read. */
static gboolean fill(struct stream *stream)
{
	ssize_t length;

	flush(stream);
	do
		length = read(stream->in, stream->input, BUFFER_BYTES);
	while (length < 0 && errno == EINTR);
	stream->taken = 0;
	stream->read = MAX(0, length);
	return length > 0 && !stream->broken;
}

static gboolean take(struct stream *stream, void *bytes, size_t length)
{
	guint8 *to = bytes;

	while (length) {
		size_t now = MIN(length, stream->read - stream->taken);

		memcpy(to, stream->input + stream->taken, now);
		stream->taken += now;
		to += now;
		length -= now;
		if (length && !fill(stream))
			return FALSE;
	}
	return TRUE;
}

/* LENGTH at most PAGE_BYTES. */
static gboolean copy(struct stream *stream, void *bytes, size_t length)
{
	if (!take(stream, bytes, length))
		return FALSE;
	give(stream, bytes, length);
	return TRUE;
}

static gboolean copy_u32(struct stream *stream, guint32 *value)
{
	guint32 bytes;
	gboolean there = copy(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT32_FROM_BE(bytes) : 0;
	return there;
}

static gboolean copy_u16(struct stream *stream, guint16 *value)
{
	guint16 bytes;
	gboolean there = copy(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT16_FROM_BE(bytes) : 0;
	return there;
}

static gboolean take_u64(struct stream *stream, guint64 *value)
{
	guint64 bytes;
	gboolean there = take(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT64_FROM_BE(bytes) : 0;
	return there;
}

static void give_u8(struct stream *stream, guint8 value)
{
	give(stream, &value, sizeof(value));
}

static void give_u32(struct stream *stream, guint32 value)
{
	guint32 bytes = GUINT32_TO_BE(value);

	give(stream, &bytes, sizeof(bytes));
}

static void give_u64(struct stream *stream, guint64 value)
{
	guint64 bytes = GUINT64_TO_BE(value);

	give(stream, &bytes, sizeof(bytes));
}

static gboolean copy_bytes(struct stream *stream, size_t length)
{
	guint8 bytes[PAGE_BYTES];

	for (size_t now; length; length -= now) {
		now = MIN(length, sizeof(bytes));
		if (!copy(stream, bytes, now))
			return FALSE;
	}
	return TRUE;
}

/* NAME has its length in front. */
static gboolean take_name(struct stream *stream, guint8 *name)
{
	return take(stream, name, 1) && take(stream, name + 1, name[0]);
}

static gboolean is_name(const guint8 *name, const char *text)
{
	return name[0] == strlen(text) && !memcmp(name + 1, text, name[0]);
}

/* ---- pages ---- */

/* With its block's name, whatever went before. */
static void give_page(struct stream *stream, const guint8 *block, guint64 offset,
		      const guint8 *bytes)
{
	give_u64(stream, offset | RAM_PAGE);
	give(stream, block, 1 + block[0]);
	give(stream, bytes, PAGE_BYTES);
}

static void give_zero_page(struct stream *stream, const guint8 *block, guint64 offset)
{
	give_u64(stream, offset | RAM_ZERO);
	give(stream, block, 1 + block[0]);
	give(stream, "", 1);
}

static void remember(struct stream *stream, guint64 offset, const guint8 *bytes)
{
	struct page *page = g_hash_table_lookup(stream->pages, &offset);
	struct watched_page watched;

	if (!page && !watched_page_read(bytes, &watched))
		return;
	if (!page) {
		if (!g_hash_table_size(stream->pages) && !stream->postcopy)
			g_usleep(DELAY_US);
		page = g_new0(struct page, 1);
		page->offset = offset;
		page->first_pass = stream->pass;
		memcpy(page->first, bytes, PAGE_BYTES);
		g_hash_table_insert(stream->pages, &page->offset, page);
	}
	memcpy(page->previous, page->last, PAGE_BYTES);
	page->previous_pass = page->last_pass;
	memcpy(page->last, bytes, PAGE_BYTES);
	page->last_pass = stream->pass;
	page->is_late = stream->postcopy;
	page->sendings++;
}

/*
 * What the page will be instead of what was last sent of it; FALSE if that is no damage, or
 * the stream has nothing of the kind. NOW tells of it for a message; the caller frees it.
 */
static gboolean damaged_page(const struct stream *stream, const struct page *page, guint8 *bytes,
			     char **now)
{
	struct watched_page is, will_be;

	if (!watched_page_read(page->last, &is))
		return FALSE;
	memcpy(bytes, page->last, PAGE_BYTES);
	will_be = is;
	switch (stream->damage) {
	case DAMAGE_CHANGE:
		bytes[CHANGED_BYTE] ^= 1;
		*now = g_strdup_printf("byte %d is changed", CHANGED_BYTE);
		return TRUE;
	case DAMAGE_NEWER:
		will_be.generation++;
		watched_page_write(bytes, &will_be);
		*now = g_strdup_printf("it is sent with generation %" G_GUINT64_FORMAT,
				       will_be.generation);
		return TRUE;
	case DAMAGE_DROP:
		if (page->sendings == 1) {
			memset(bytes, 0, PAGE_BYTES);
			*now = g_strdup("it is never sent");
			return TRUE;
		}
		memcpy(bytes, page->previous, PAGE_BYTES);
		if (!watched_page_read(bytes, &will_be) || will_be.generation == is.generation)
			return FALSE;
		*now = g_strdup_printf("it stays with generation %" G_GUINT64_FORMAT " of pass %u",
				       will_be.generation, page->previous_pass);
		return TRUE;
	case DAMAGE_OLDER:
		memcpy(bytes, page->first, PAGE_BYTES);
		if (!watched_page_read(bytes, &will_be) || will_be.generation == is.generation)
			return FALSE;
		*now = g_strdup_printf("it is sent with generation %" G_GUINT64_FORMAT
				       " of pass %u",
				       will_be.generation, page->first_pass);
		return TRUE;
	case DAMAGE_CUT:
		break;
	}
	return FALSE;
}

static void tell(const struct stream *stream, const struct page *page, const char *now)
{
	struct watched_page is = { 0 };

	watched_page_read(page->last, &is);
	say("page 0x%" G_GINT64_MODIFIER
	    "x of RAM, CPU %u's page %u, came last in pass %u%s with generation %" G_GUINT64_FORMAT
	    "; now %s",
	    page->offset, is.cpu, is.number, page->last_pass,
	    stream->postcopy ? " (post-copy)" : "", is.generation, now);
}

/*
 * Is there a page that this page's writer has still to write in its generation? Then the writer
 * looks at this one again before it writes to it: what is damaged meanwhile is seen.
 */
static gboolean is_written(const struct stream *stream, const struct page *page)
{
	struct watched_page is, other;
	GHashTableIter iterator;
	struct page *another;

	if (!watched_page_read(page->last, &is))
		return FALSE;
	g_hash_table_iter_init(&iterator, stream->pages);
	while (g_hash_table_iter_next(&iterator, NULL, (gpointer *)&another))
		if (another->is_late == stream->postcopy &&
		    watched_page_read(another->last, &other) && other.cpu == is.cpu &&
		    other.generation < is.generation)
			return TRUE;
	return FALSE;
}

/* Damage to PAGE is more certain to be seen, or as certain, and it lies behind VICTIM. */
static gboolean is_better(const struct stream *stream, const struct page *page,
			  const struct page *victim)
{
	gboolean written = is_written(stream, page);

	if (!victim)
		return TRUE;
	if (written != is_written(stream, victim))
		return written;
	return page->offset > victim->offset;
}

/* Memory has come. One more part of it: the best page of all that will do. */
static void damage_at_end(struct stream *stream)
{
	guint8 block[] = " " GUEST_RAM;
	guint8 bytes[PAGE_BYTES], chosen[PAGE_BYTES];
	g_autofree char *what = NULL;
	struct page *page, *victim = NULL;
	GHashTableIter iterator;
	char *now;

	g_hash_table_iter_init(&iterator, stream->pages);
	while (g_hash_table_iter_next(&iterator, NULL, (gpointer *)&page)) {
		if (!is_better(stream, page, victim) || !damaged_page(stream, page, bytes, &now))
			continue;
		victim = page;
		g_free(what);
		what = now;
		memcpy(chosen, bytes, PAGE_BYTES);
	}
	if (!victim)
		return;
	tell(stream, victim, what);
	block[0] = strlen(GUEST_RAM);
	give_u8(stream, TOKEN_SECTION_PART);
	give_u32(stream, stream->ram_section);
	give_page(stream, block, victim->offset, chosen);
	give_u64(stream, RAM_EOS);
	give_u8(stream, TOKEN_SECTION_FOOTER);
	give_u32(stream, stream->ram_section);
	stream->done = TRUE;
}

/* In a post-copy stream; TRUE if nothing is left to do with the record. */
static gboolean damage_at_once(struct stream *stream, guint64 offset, guint8 *bytes)
{
	struct page *page = g_hash_table_lookup(stream->pages, &offset);
	g_autofree char *now = NULL;

	if (stream->done || !page)
		return FALSE;
	if (!is_written(stream, page) && ++stream->come < SAFE_PAGE)
		return FALSE;
	if (stream->damage == DAMAGE_DROP)
		now = g_strdup("it is never sent");
	else if (!damaged_page(stream, page, bytes, &now))
		return FALSE;
	stream->done = TRUE;
	tell(stream, page, now);
	return stream->damage == DAMAGE_DROP;
}

static gboolean pass_page(struct stream *stream, guint64 offset, unsigned flags)
{
	guint8 bytes[PAGE_BYTES] = { 0 };
	gboolean zero = flags & RAM_ZERO;

	if (!(flags & RAM_CONTINUE) && !take_name(stream, stream->block))
		return FALSE;
	if (!take(stream, bytes, zero ? 1 : PAGE_BYTES))
		return FALSE;
	if (is_name(stream->block, GUEST_RAM)) {
		stream->pass += !stream->pass || offset <= stream->last_offset;
		stream->last_offset = offset;
		remember(stream, offset, bytes);
		if (stream->postcopy && !zero && damage_at_once(stream, offset, bytes))
			return TRUE;
	}
	if (zero)
		give_zero_page(stream, stream->block, offset);
	else
		give_page(stream, stream->block, offset, bytes);
	return TRUE;
}

static gboolean pass_block_sizes(struct stream *stream, guint64 total)
{
	guint8 name[NAME_BYTES];
	guint64 size;

	give_u64(stream, total | RAM_MEM_SIZE);
	while (total) {
		if (!take_name(stream, name) || !take_u64(stream, &size) || size > total)
			return FALSE;
		give(stream, name, 1 + name[0]);
		give_u64(stream, size);
		total -= size;
	}
	return TRUE;
}

static gboolean pass_ram(struct stream *stream)
{
	guint64 offset, word;
	unsigned flags;

	while (take_u64(stream, &word)) {
		flags = word % PAGE_BYTES;
		offset = word - flags;
		if (flags == RAM_EOS) {
			give_u64(stream, word);
			return TRUE;
		}
		if (flags == RAM_MEM_SIZE) {
			if (!pass_block_sizes(stream, offset))
				return FALSE;
		} else if ((flags & ~RAM_CONTINUE) == RAM_ZERO ||
			   (flags & ~RAM_CONTINUE) == RAM_PAGE) {
			if (!pass_page(stream, offset, flags))
				return FALSE;
		} else {
			say("a record of RAM has the unknown flags 0x%x", flags);
			give_u64(stream, word);
			return FALSE;
		}
	}
	return FALSE;
}

/* ---- what is around them ---- */

static gboolean pass_section_start(struct stream *stream)
{
	guint8 name[NAME_BYTES];

	if (!copy_u32(stream, &stream->ram_section) || !take_name(stream, name))
		return FALSE;
	give(stream, name, 1 + name[0]);
	if (!is_name(name, "ram")) {
		say("the first section is not of RAM");
		return FALSE;
	}
	return copy_bytes(stream, 2 * sizeof(guint32)) && pass_ram(stream);
}

static gboolean pass_section_part(struct stream *stream)
{
	guint32 section;

	if (!copy_u32(stream, &section))
		return FALSE;
	/* The rest of a stream does not begin the section. */
	if (stream->is_rest)
		stream->ram_section = section;
	return section == stream->ram_section && pass_ram(stream);
}

static gboolean pass_command(struct stream *stream)
{
	guint16 command, length;
	guint32 packaged;

	if (!copy_u16(stream, &command) || !copy_u16(stream, &length))
		return FALSE;
	if (command != COMMAND_PACKAGED)
		return copy_bytes(stream, length);
	/* The devices, in a stream of their own; the guest goes with them. */
	stream->postcopy = TRUE;
	return copy_u32(stream, &packaged) && copy_bytes(stream, packaged);
}

static gboolean pass_header(struct stream *stream)
{
	guint32 magic, version;

	if (!copy_u32(stream, &magic) || !copy_u32(stream, &version))
		return FALSE;
	if (magic == FILE_MAGIC && version == FILE_VERSION)
		return TRUE;
	say("this is no stream of QEMU's");
	return FALSE;
}

/* The devices come, whose sections can only be read by themselves. */
static void end_memory(struct stream *stream)
{
	if (stream->damage == DAMAGE_CUT) {
		say("the stream ends here");
		flush(stream);
		stream->broken = stream->done = TRUE;
	} else if (!stream->done) {
		damage_at_end(stream);
	}
	give_u8(stream, TOKEN_SECTION_FULL);
}

/* FALSE where memory ends, and what follows need not be understood. */
static gboolean pass_next(struct stream *stream)
{
	guint8 token;
	guint32 number;

	if (!take(stream, &token, sizeof(token)))
		return FALSE;
	if (token == TOKEN_SECTION_FULL) {
		end_memory(stream);
		return FALSE;
	}
	give_u8(stream, token);
	switch (token) {
	case TOKEN_CONFIGURATION:
		return copy_u32(stream, &number) && copy_bytes(stream, number);
	case TOKEN_COMMAND:
		return pass_command(stream);
	case TOKEN_SECTION_START:
		return pass_section_start(stream);
	case TOKEN_SECTION_PART:
	case TOKEN_SECTION_END:
		return pass_section_part(stream);
	case TOKEN_SECTION_FOOTER:
		return copy_u32(stream, &number);
	default:
		return FALSE;
	}
}

static void pass(int in, int out, enum damage damage, gboolean is_rest)
{
	struct stream *stream = g_new0(struct stream, 1);

	stream->in = in;
	stream->out = out;
	stream->damage = damage;
	stream->is_rest = stream->postcopy = is_rest;
	stream->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	if (is_rest || pass_header(stream))
		while (pass_next(stream))
			;
	if (!stream->done)
		say("there was no page to damage");
	do
		give(stream, stream->input + stream->taken, stream->read - stream->taken);
	while (!stream->broken && fill(stream));
	flush(stream);
	g_hash_table_unref(stream->pages);
	g_free(stream);
}

void migration_stream_pass(int in, int out, enum damage damage)
{
	pass(in, out, damage, FALSE);
}

void migration_stream_pass_rest(int in, int out, enum damage damage)
{
	pass(in, out, damage, TRUE);
}
