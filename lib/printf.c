// SPDX-License-Identifier: GPL-2.0-or-later
/* Formatted output (ISO C 7.21.6.1), without floating point. */
#include "libcflat.h"
#include "console.h"
#include "format.h"

struct output {
	format_write write;
	void *context;
	int length;
};

/* A conversion specification: what stands between % and the letter. */
struct conversion {
	bool left, zero, plus, space, alternate;
	int width;
	int precision; /* below 0: none given */
	int size;      /* of the argument, in bytes */
};

/* A 64-bit number has 22 octal digits. */
#define MOST_DIGITS 24

static void put(struct output *out, const char *text, size_t length)
{
	if (length)
		out->write(out->context, text, length);
	out->length += length;
}

static void pad(struct output *out, char with, int count)
{
	char piece[16];

	if (count <= 0)
		return;
	memset(piece, with, sizeof(piece));
	for (; count > (int)sizeof(piece); count -= sizeof(piece))
		put(out, piece, sizeof(piece));
	put(out, piece, count);
}

static void put_padded(struct output *out, const struct conversion *spec, const char *text,
		       int length)
{
	if (!spec->left)
		pad(out, ' ', spec->width - length);
	put(out, text, length);
	if (spec->left)
		pad(out, ' ', spec->width - length);
}

static void put_number(struct output *out, struct conversion spec, u64 value, int base,
		       const char *digits, const char *prefix)
{
	char text[MOST_DIGITS];
	char *end = text + sizeof(text), *at = end;
	int prefix_length = strlen(prefix);
	int zeroes, length;

	for (; value; value /= base)
		*--at = digits[value % base];
	if (at == end && spec.precision != 0)
		*--at = '0';
	length = end - at;
	zeroes = spec.precision - length;
	if (spec.precision < 0 && spec.zero && !spec.left)
		zeroes = spec.width - prefix_length - length;
	zeroes = MAX(zeroes, 0);

	length += prefix_length + zeroes;
	if (!spec.left)
		pad(out, ' ', spec.width - length);
	put(out, prefix, prefix_length);
	pad(out, '0', zeroes);
	put(out, at, end - at);
	if (spec.left)
		pad(out, ' ', spec.width - length);
}

static void put_signed(struct output *out, const struct conversion *spec, s64 value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";
	u64 magnitude = value < 0 ? -(u64)value : (u64)value;

	put_number(out, *spec, magnitude, 10, "0123456789", sign);
}

static const char *parse_flags(const char *at, struct conversion *spec)
{
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else if (*at == '+')
			spec->plus = true;
		else if (*at == ' ')
			spec->space = true;
		else if (*at == '#')
			spec->alternate = true;
		else
			return at;
	}
}

static const char *parse_count(const char *at, int *count, va_list *arguments)
{
	if (*at == '*') {
		*count = va_arg(*arguments, int);
		return at + 1;
	}
	for (*count = 0; isdigit(*at); at++)
		*count = *count * 10 + *at - '0';
	return at;
}

static const char *parse_size(const char *at, struct conversion *spec)
{
	spec->size = sizeof(int);
	for (;; at++) {
		if (*at == 'h')
			spec->size = spec->size == sizeof(short) ? sizeof(char) : sizeof(short);
		else if (*at == 'l' || *at == 'z' || *at == 'j' || *at == 't')
			spec->size = sizeof(long);
		else
			return at;
	}
}

static const char *parse_conversion(const char *at, struct conversion *spec, va_list *arguments)
{
	*spec = (struct conversion){ .precision = -1 };
	at = parse_flags(at, spec);
	at = parse_count(at, &spec->width, arguments);
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*at == '.')
		at = parse_count(at + 1, &spec->precision, arguments);
	return parse_size(at, spec);
}

static s64 signed_argument(int size, va_list *arguments)
{
	if (size == sizeof(long))
		return va_arg(*arguments, long);
	if (size == sizeof(short))
		return (short)va_arg(*arguments, int);
	if (size == sizeof(char))
		return (signed char)va_arg(*arguments, int);
	return va_arg(*arguments, int);
}

static u64 unsigned_argument(int size, va_list *arguments)
{
	u64 value = signed_argument(size, arguments);

	return size == sizeof(long) ? value : value & ((1ull << (size * 8)) - 1);
}

static void convert(struct output *out, char letter, struct conversion *spec, va_list *arguments)
{
	const char *text;
	u64 value;
	char c;

	switch (letter) {
	case 'd':
	case 'i':
		put_signed(out, spec, signed_argument(spec->size, arguments));
		break;
	case 'u':
		value = unsigned_argument(spec->size, arguments);
		put_number(out, *spec, value, 10, "0123456789", "");
		break;
	case 'o':
		value = unsigned_argument(spec->size, arguments);
		put_number(out, *spec, value, 8, "01234567", spec->alternate && value ? "0" : "");
		break;
	case 'x':
		value = unsigned_argument(spec->size, arguments);
		put_number(out, *spec, value, 16, "0123456789abcdef",
			   spec->alternate && value ? "0x" : "");
		break;
	case 'X':
		value = unsigned_argument(spec->size, arguments);
		put_number(out, *spec, value, 16, "0123456789ABCDEF",
			   spec->alternate && value ? "0X" : "");
		break;
	case 'p':
		value = (uintptr_t)va_arg(*arguments, void *);
		put_number(out, *spec, value, 16, "0123456789abcdef", "0x");
		break;
	case 'c':
		c = va_arg(*arguments, int);
		put_padded(out, spec, &c, 1);
		break;
	case 's':
		text = va_arg(*arguments, const char *);
		if (!text)
			text = "(null)";
		put_padded(out, spec, text,
			   spec->precision < 0 ? strlen(text) : strnlen(text, spec->precision));
		break;
	case '%':
		put(out, "%", 1);
		break;
	default:
		put(out, "%?", 2);
	}
}

int format_text(format_write write, void *context, const char *format, va_list arguments)
{
	struct output out = { write, context, 0 };
	struct conversion spec;
	va_list rest;

	va_copy(rest, arguments);
	while (*format) {
		const char *percent = strchrnul(format, '%');

		put(&out, format, percent - format);
		if (!*percent)
			break;
		format = parse_conversion(percent + 1, &spec, &rest);
		convert(&out, *format, &spec, &rest);
		if (*format)
			format++;
	}
	va_end(rest);
	return out.length;
}

struct buffer {
	char *at;
	size_t room;
};

static void write_to_buffer(void *context, const char *text, size_t length)
{
	struct buffer *buffer = context;

	length = MIN(length, buffer->room);
	memcpy(buffer->at, text, length);
	buffer->at += length;
	buffer->room -= length;
}

int vsnprintf(char *text, size_t size, const char *format, va_list arguments)
{
	struct buffer buffer = { text, size ? size - 1 : 0 };
	int length = format_text(write_to_buffer, &buffer, format, arguments);

	if (size)
		*buffer.at = '\0';
	return length;
}

int snprintf(char *text, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, size, format, arguments);
	va_end(arguments);
	return length;
}

int printf(const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vprintf(format, arguments);
	va_end(arguments);
	return length;
}
