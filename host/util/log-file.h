/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log file that remembers why it could not be written, e.g. because the disk was full. */
#ifndef FERRY_HOST_LOG_FILE_H
#define FERRY_HOST_LOG_FILE_H

#include <glib.h>

struct log_file;

/* Creates PATH, empty. Returns NULL and sets ERROR, which names the path, if that fails. */
struct log_file *log_file_create(const char *path, GError **error);

/* The same, but what PATH holds stays, and writes go behind it. */
struct log_file *log_file_append(const char *path, GError **error);

/* A log that goes to standard output. */
struct log_file *log_file_standard_output(void);

/* After a write has failed, all others are dropped. */
void log_file_write(struct log_file *log, const void *bytes, gsize length);

/*
 * Writes TEXT and then TAIL, over the tail that the last such call wrote. So a file whose format
 * needs an end, such as XML, always has one. A pipe gets its tail when LOG is closed.
 */
void log_file_write_with_tail(struct log_file *log, const char *text, const char *tail);

/* "cannot write PATH: No space left on device" if a write has failed, or NULL. LOG owns it. */
const char *log_file_problem(struct log_file *log);

void log_file_close(struct log_file *log);

/* Closes LOG. FALSE and ERROR if a write has failed. */
gboolean log_file_finish(struct log_file *log, GError **error);

#endif
