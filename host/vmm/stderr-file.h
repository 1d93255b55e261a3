/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a VMM writes to stderr, into a file that several VMMs of a guest share. */
#ifndef FERRY_HOST_STDERR_FILE_H
#define FERRY_HOST_STDERR_FILE_H

#include <glib.h>

struct vm_stderr {
	char *path;
	gint64 start; /* bytes that the file held before this VMM wrote to it */
};

/* Opens PATH for a new VMM, which appends to it. A negative number and ERROR on failure. */
int vm_stderr_open(struct vm_stderr *words, const char *path, GError **error);
/* The last line that this VMM wrote, fit to print, or NULL. The caller frees it. */
char *vm_stderr_last_line(const struct vm_stderr *words);
void vm_stderr_clear(struct vm_stderr *words);

#endif
