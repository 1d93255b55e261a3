/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The syntax of a unittests.cfg: stanzas of `KEY = VALUE` lines, and complaints that name a line.
 * keys.c knows what the keys mean.
 */
#ifndef FERRY_HOST_SUITE_CONFIG_FILE_H
#define FERRY_HOST_SUITE_CONFIG_FILE_H

#include <glib.h>

/* What is wrong with a file, each with its line. */
struct complaints {
	const char *path;
	GPtrArray *list; /* private */
};

struct complaints *complaints_new(const char *path);
void complaints_free(struct complaints *complaints);
/* A complaint that is repeated for the same line is kept once. */
void complain(struct complaints *complaints, unsigned line, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
/* "FILE:LINE: what is wrong", a line each, in the file's order; NULL if there is nothing. */
char *complaints_text(const struct complaints *complaints);

struct assignment {
	char *name;
	char *value;
	unsigned line;
};

struct stanza {
	char *name;		/* NULL: what stands before the first [NAME] */
	unsigned line;		/* of its [NAME] */
	unsigned end;		/* the line of the next [NAME], or the last of the file */
	GPtrArray *assignments; /* of struct assignment */
};

/*
 * The stanzas of TEXT; the first is the nameless one. Each line that cannot be read makes a
 * complaint. The caller unrefs the array.
 */
GPtrArray *config_file_read(const char *text, struct complaints *complaints);

#endif
