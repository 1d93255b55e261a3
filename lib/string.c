// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory and strings. The compiler calls memset(), memcpy(), memmove() and memcmp() by itself,
 * too. The first three are string instructions, since a host that emulates one instruction at a
 * time carries out a whole string instruction at once.
 */
#include "libcflat.h"

void *memset(void *to, int byte, size_t size)
{
	void *at = to;
	size_t words = size / 8;
	size_t rest = size % 8;
	u64 pattern = (u8)byte * 0x0101010101010101ull;

	asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	asm volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;
	size_t words = size / 8;
	size_t rest = size % 8;

	asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *last_to = (char *)to + size - 1;
	const char *last_from = (const char *)from + size - 1;

	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	asm volatile("std; rep movsb; cld"
		     : "+D"(last_to), "+S"(last_from), "+c"(size)
		     :
		     : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const u8 *x = a, *y = b;

	for (; size; size--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *memory, int byte, size_t size)
{
	const u8 *at = memory;

	for (; size; size--, at++)
		if (*at == (u8)byte)
			return (void *)at;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

size_t strnlen(const char *s, size_t most)
{
	size_t length = 0;

	while (length < most && s[length])
		length++;
	return length;
}

int strncmp(const char *a, const char *b, size_t most)
{
	for (; most; most--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strcpy(char *to, const char *from)
{
	return memcpy(to, from, strlen(from) + 1);
}

char *strcat(char *to, const char *from)
{
	strcpy(to + strlen(to), from);
	return to;
}

char *strchrnul(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return (char *)s;
}

char *strchr(const char *s, int c)
{
	s = strchrnul(s, c);
	return *s == (char)c ? (char *)s : NULL;
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)found;
}

char *strstr(const char *s, const char *part)
{
	size_t length = strlen(part);

	for (; strncmp(s, part, length); s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strdup(const char *s)
{
	return strcpy(malloc(strlen(s) + 1), s);
}

bool simple_glob(const char *text, const char *pattern)
{
	/* Where to continue if the last * has to match one character more. */
	const char *retry_text = NULL, *retry_pattern = NULL;

	while (*text) {
		if (*pattern == '*') {
			retry_pattern = ++pattern;
			retry_text = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (retry_pattern) {
			pattern = retry_pattern;
			text = ++retry_text;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
