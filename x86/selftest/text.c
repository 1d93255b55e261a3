// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: text and numbers (ISO C, printf() and the functions of string.h and stdlib.h). A
 * part of the program selftest: see selftest.c.
 */
#include "libcflat.h"

static void __printf(2, 3) check_format(const char *expected, const char *format, ...)
{
	char text[128];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	report_if_failed(!strcmp(text, expected) && length == (int)strlen(expected),
			 "'%s' became '%s' (%d) and not '%s'", format, text, length, expected);
}

TEST(printf_formats, .about = "printf() and its kin format as ISO C says")
{
	/* This is volatile, or the compiler would see undefined behaviour. */
	char *volatile nothing = NULL;
	/* A pointer hides from the compiler that values are too large for their conversions. */
	void (*check_unseen)(const char *expected, const char *format, ...) = check_format;
	char small[6];
	int length;

	check_format("42 -42 0", "%d %i %d", 42, -42, 0);
	check_format("-2147483648 4294967295", "%d %u", INT32_MIN, UINT32_MAX);
	check_format("-9223372036854775808", "%ld", INT64_MIN);
	check_format("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX);
	check_format("ff FF 0xff 0", "%x %X %#x %#x", 255, 255, 255, 0);
	check_format("deadbeefcafef00d", "%lx", 0xdeadbeefcafef00dul);
	check_format("0x1234", "%p", (void *)0x1234);
	check_format("|   42|42   |00042|  +42|", "|%5d|%-5d|%05d|%+5d|", 42, 42, 42, 42);
	check_format("|  -42|-42  |-0042|", "|%5d|%-5d|%05d|", -42, -42, -42);
	check_format("|00042|  007|     |", "|%.5d|%5.3d|%5.0d|", 42, 7, 0);
	check_format("|   7|7   |", "|%*d|%-*d|", 4, 7, 4, 7);
	check_unseen("255 -1 65535 -1", "%hhu %hhd %hu %hd", 0xfff, 0xff, 0xfffff, 0xffff);
	check_format("10 10 10", "%zu %zd %jd", (size_t)10, 10l, (intmax_t)10);
	check_format("|abc|  abc|abc  |ab|", "|%s|%5s|%-5s|%.2s|", "abc", "abc", "abc", "abc");
	check_format("x% 17", "%c%% %o", 'x', 15);
	check_format("(null)", "%s", nothing);

	length = snprintf(small, sizeof(small), "%s", "too long");
	report_if_failed(length == 8 && !strcmp(small, "too l"),
			 "a buffer of 6 got '%s', length %d", small, length);
	report_pass("formats are right");
}

TEST(string_functions, .about = "memory and string functions do as ISO C says")
{
	char text[32] = "0123456789";

	report(strlen("abc") == 3 && !strnlen("abc", 0) && strnlen("abc", 9) == 3, "lengths");
	report(!strcmp("a", "a") && strcmp("a", "b") < 0 && strcmp("b", "a") > 0 &&
		       strcmp("a", "ab") < 0 && strcmp("\xff", "a") > 0,
	       "strcmp orders by unsigned char");
	report(!strncmp("abcd", "abxx", 2) && strncmp("abcd", "abxx", 3), "strncmp");
	report(strchr(text, '3') == text + 3 && !strchr(text, 'x') &&
		       strchr(text, '\0') == text + 10 && strrchr("aba", 'a')[1] == '\0',
	       "strchr and strrchr");
	report(strstr(text, "456") == text + 4 && !strstr(text, "465") && strstr(text, "") == text,
	       "strstr");
	memmove(text + 2, text, 8);
	report(!strcmp(text, "0101234567"), "memmove up: '%s'", text);
	memmove(text, text + 2, 9);
	report(!strcmp(text, "01234567"), "memmove down: '%s'", text);
	memset(text, 'x', 11);
	report(text[10] == 'x' && text[11] == '\0', "memset of 11 bytes sets 11");
	report(memcmp("a\0b", "a\0c", 3) < 0 && memchr("abc", 'c', 3) && !memchr("abc", 'c', 2),
	       "memcmp and memchr");
	report(!strcmp(strcat(strcpy(text, "ab"), "cd"), "abcd"), "strcpy and strcat");
	report(simple_glob("oneshot_fires", "one*_f?res") && simple_glob("abc", "*") &&
		       simple_glob("aXbXc", "a*X*c") && !simple_glob("abc", "ab") &&
		       !simple_glob("ab", "abc") && !simple_glob("abc", "?*d"),
	       "simple_glob");
}

TEST(string_to_number, .about = "strtol() and its kin do as ISO C says")
{
	char *end;

	report(strtol(" -42x", &end, 10) == -42 && *end == 'x', "decimal, with a sign");
	report(strtol("0x1f", NULL, 0) == 31 && strtol("017", NULL, 0) == 15 &&
		       strtol("17", NULL, 0) == 17 && strtoul("ff", NULL, 16) == 255 &&
		       strtoul("0xff", NULL, 16) == 255 && strtol("zz", NULL, 36) == 1295,
	       "bases");
	report(strtol("0xg", &end, 0) == 0 && *end == 'x', "a prefix without a digit is a 0");
	report(strtoull("18446744073709551615", &end, 10) == UINT64_MAX && !*end, "the largest");
	report(strtoull("18446744073709551616", NULL, 10) == UINT64_MAX &&
		       strtol("9223372036854775808", NULL, 10) == INT64_MAX &&
		       strtol("-9223372036854775809", NULL, 10) == INT64_MIN &&
		       strtol("-9223372036854775808", NULL, 10) == INT64_MIN,
	       "what is too large saturates");
	report(strtol("none", &end, 10) == 0 && !strcmp(end, "none"), "no digits, no progress");
}
