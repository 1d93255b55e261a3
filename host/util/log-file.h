/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log that is written to its end, or remembers why it could not be (a full disk, say). */
#ifndef FERRY_HOST_LOG_FILE_H
#define FERRY_HOST_LOG_FILE_H

#include <glib.h>

struct log_file;

/* Creates PATH anew. Returns NULL and sets ERROR, which names the path, if that fails. */
struct log_file *log_file_create(const char *path, GError **error);

/* The same on standard output. */
struct log_file *log_file_standard_output(void);

/* After a failure, writes are dropped and log_file_problem() tells of the first. */
void log_file_write(struct log_file *log, const void *bytes, gsize length);

/* "cannot write PATH: No space left on device", or NULL. Owned by LOG. */
const char *log_file_problem(struct log_file *log);

void log_file_close(struct log_file *log);

/* Closes it; FALSE and ERROR if a write has failed. */
gboolean log_file_finish(struct log_file *log, GError **error);

#endif
