// SPDX-License-Identifier: GPL-2.0-or-later
/* See stderr-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"
#include "vmm/stderr-file.h"

/* As glibc's assert() writes it. */
#define ASSERTION ": Assertion `"

int vm_stderr_open(struct vm_stderr *words, const char *path, GError **error)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (file < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot create %s: %s", path, g_strerror(errno));
		return -1;
	}
	words->path = g_strdup(path);
	words->start = lseek(file, 0, SEEK_END);
	return file;
}

/*
 * The last line, or the last one that tells of a failed assertion: that is why a VMM ended, and
 * what follows may be the words of its peer, which writes to the same file. Cuts TEXT after the
 * line.
 */
static char *telling_line(char *text)
{
	char *line = g_strrstr(text, ASSERTION);
	char *end;

	if (line) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
	}
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

char *vm_stderr_last_line(const struct vm_stderr *words)
{
	g_autofree char *text = NULL;
	gsize length;
	char *line;

	if (!g_file_get_contents(words->path, &text, &length, NULL) ||
	    (gint64)length <= words->start)
		return NULL;
	line = telling_line(g_strchomp(text + words->start));
	return *line ? text_printable(line, -1) : NULL;
}

void vm_stderr_clear(struct vm_stderr *words)
{
	g_clear_pointer(&words->path, g_free);
}
