// SPDX-License-Identifier: GPL-2.0-or-later
/* See argument.h. */
#include "libcflat.h"

#define COMMAND_LINE_SIZE 4096

static char words[COMMAND_LINE_SIZE];
static size_t words_length;

void arguments_read(const char *command_line)
{
	words_length = strnlen(command_line, sizeof(words) - 1);
	memcpy(words, command_line, words_length);
	for (char *at = words; *at; at++)
		if (isspace(*at))
			*at = '\0';
}

const char *argument_nth(const char *key, int n)
{
	size_t length = strlen(key);

	for (const char *word = words; word < words + words_length; word += strlen(word) + 1)
		if (!strncmp(word, key, length) && word[length] == '=' && !n--)
			return word + length + 1;
	return NULL;
}

const char *argument(const char *key)
{
	return argument_nth(key, 0);
}

u64 argument_number(const char *key, u64 otherwise)
{
	const char *text = argument(key);
	char *end;
	u64 number;

	if (!text)
		return otherwise;
	number = strtoull(text, &end, 0);
	if (end == text || *end)
		report_abort("command line: %s=%s: not a number", key, text);
	return number;
}
