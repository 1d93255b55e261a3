// SPDX-License-Identifier: GPL-2.0-or-later
/* The bytes and numbers of a migration stream. See stream.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "stream.h"

void flush(struct stream *stream)
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

void give(struct stream *stream, const void *bytes, size_t length)
{
	if (stream->given + length > BUFFER_BYTES)
		flush(stream);
	memcpy(stream->output + stream->given, bytes, length);
	stream->given += length;
}

/* This writes the output first, so that none of it is held back while there is nothing to read. */
gboolean fill(struct stream *stream)
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

gboolean take(struct stream *stream, void *bytes, size_t length)
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

/* LENGTH is at most PAGE_BYTES. */
static gboolean copy(struct stream *stream, void *bytes, size_t length)
{
	if (!take(stream, bytes, length))
		return FALSE;
	give(stream, bytes, length);
	return TRUE;
}

gboolean copy_u32(struct stream *stream, guint32 *value)
{
	guint32 bytes;
	gboolean there = copy(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT32_FROM_BE(bytes) : 0;
	return there;
}

gboolean copy_u16(struct stream *stream, guint16 *value)
{
	guint16 bytes;
	gboolean there = copy(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT16_FROM_BE(bytes) : 0;
	return there;
}

gboolean take_u64(struct stream *stream, guint64 *value)
{
	guint64 bytes;
	gboolean there = take(stream, &bytes, sizeof(bytes));

	*value = there ? GUINT64_FROM_BE(bytes) : 0;
	return there;
}

void give_u8(struct stream *stream, guint8 value)
{
	give(stream, &value, sizeof(value));
}

void give_u32(struct stream *stream, guint32 value)
{
	guint32 bytes = GUINT32_TO_BE(value);

	give(stream, &bytes, sizeof(bytes));
}

void give_u64(struct stream *stream, guint64 value)
{
	guint64 bytes = GUINT64_TO_BE(value);

	give(stream, &bytes, sizeof(bytes));
}

gboolean copy_bytes(struct stream *stream, size_t length)
{
	guint8 bytes[PAGE_BYTES];

	for (size_t now; length; length -= now) {
		now = MIN(length, sizeof(bytes));
		if (!copy(stream, bytes, now))
			return FALSE;
	}
	return TRUE;
}

void give_page(struct stream *stream, const guint8 *block, guint64 offset, const guint8 *bytes)
{
	give_u64(stream, offset | RAM_PAGE);
	give(stream, block, 1 + block[0]);
	give(stream, bytes, PAGE_BYTES);
}

void give_zero_page(struct stream *stream, const guint8 *block, guint64 offset)
{
	give_u64(stream, offset | RAM_ZERO);
	give(stream, block, 1 + block[0]);
	give(stream, "", 1);
}
