// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads a migration stream (stream.h) record by record, passes it on, and calls damage.c.
 *
 * If a post-copy stream was cut, its rest comes without a header: commands that agree on what has
 * arrived (RECV_BITMAP, RESUME), then more parts of the section of RAM.
 */
#include <stdio.h>
#include <string.h>

#include "stream.h"

#define FILE_MAGIC   0x5145564d
#define FILE_VERSION 3

#define COMMAND_PACKAGED 7

void say(const char *format, ...)
{
	va_list arguments;
	g_autofree char *text = NULL;

	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	fprintf(stderr, "filtering-qemu: %s\n", text);
}

/* NAME has NAME_BYTES bytes, and begins with its length. */
static gboolean take_name(struct stream *stream, guint8 *name)
{
	return take(stream, name, 1) && take(stream, name + 1, name[0]);
}

static gboolean is_name(const guint8 *name, const char *text)
{
	return name[0] == strlen(text) && !memcmp(name + 1, text, name[0]);
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

/* ---- sections and commands ---- */

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
	/* The rest of a stream lacks the section's start, which has its number. */
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
	/* This command holds the devices, in a stream of their own. After it the guest has left. */
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

/* The devices come next. Their sections do not contain their length. */
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

/* Returns FALSE at the end of memory. The rest is passed on unchanged. */
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
