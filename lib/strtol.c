// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers from text (ISO C 7.22.1.4). There is no errno. */
#include "libcflat.h"

static int digit_value(char c)
{
	if (isdigit(c))
		return c - '0';
	if (isalpha(c))
		return tolower(c) - 'a' + 10;
	return 36;
}

/* Skips blanks, sign and prefix, and replaces base 0 by what the prefix says. */
static const char *skip_prefix(const char *text, int *base, bool *negative)
{
	while (isspace(*text))
		text++;
	*negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if ((*base == 0 || *base == 16) && text[0] == '0' && tolower(text[1]) == 'x' &&
	    digit_value(text[2]) < 16) {
		*base = 16;
		return text + 2;
	}
	if (*base == 0)
		*base = *text == '0' ? 8 : 10;
	return text;
}

/* Gives the number without its sign. False if it does not fit into 64 bits. */
static bool parse(const char *text, char **end, int base, bool *negative, u64 *value)
{
	const char *digits = skip_prefix(text, &base, negative);
	const char *at = digits;
	bool fits = true;

	*value = 0;
	for (; digit_value(*at) < base; at++) {
		if (__builtin_mul_overflow(*value, (u64)base, value) ||
		    __builtin_add_overflow(*value, (u64)digit_value(*at), value))
			fits = false;
	}
	if (end)
		*end = (char *)(at == digits ? text : at);
	return fits;
}

unsigned long long strtoull(const char *text, char **end, int base)
{
	bool negative;
	u64 value;

	if (!parse(text, end, base, &negative, &value))
		return UINT64_MAX;
	return negative ? -value : value;
}

unsigned long strtoul(const char *text, char **end, int base)
{
	return strtoull(text, end, base);
}

long strtol(const char *text, char **end, int base)
{
	bool negative;
	u64 value;
	bool fits = parse(text, end, base, &negative, &value);

	if (negative)
		return fits && value <= (u64)INT64_MAX + 1 ? (long)-value : INT64_MIN;
	return fits && value <= INT64_MAX ? (long)value : INT64_MAX;
}

long atol(const char *text)
{
	return strtol(text, NULL, 10);
}
