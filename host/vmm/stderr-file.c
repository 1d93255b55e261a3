// SPDX-License-Identifier: GPL-2.0-or-later
/* See stderr-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"
#include "vmm/stderr-file.h"

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

char *vm_stderr_last_line(const struct vm_stderr *words)
{
	g_autofree char *text = NULL;
	gsize length;
	char *line;

	if (!g_file_get_contents(words->path, &text, &length, NULL) ||
	    (gint64)length <= words->start)
		return NULL;
	line = g_strchomp(text + words->start);
	if (strrchr(line, '\n'))
		line = strrchr(line, '\n') + 1;
	return *line ? text_printable(line, -1) : NULL;
}

void vm_stderr_clear(struct vm_stderr *words)
{
	g_clear_pointer(&words->path, g_free);
}
