// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes the file corpus/verdicts. See corpus-verdicts.h. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/corpus-verdicts.h"
#include "util/records.h"
#include "util/text.h"

#define FORMAT "PATCH VERDICT CASE SECONDS HASH TEST"

static const char head[] =
	"# SPDX-License-Identifier: GPL-2.0-or-later\n"
	"#\n"
	"# Which broken KVM or QEMU is caught, by which test. 'ferry corpus run' writes a line after each\n"
	"# patch; 'ferry corpus score' makes docs/corpus.md from them. A line is\n"
	"#\n"
	"#     " FORMAT "\n"
	"#\n"
	"# '-' stands for nothing. HASH is the patch's, without what in its head is for people; another one\n"
	"# means that the patch has changed since. SECONDS are from the start of CASE until TEST failed; for\n"
	"# what the runner itself finds, TEST is the kind of failure (docs/results.md).\n"
	"#\n"
	"# 'unpatched-...' is unbroken KVM or QEMU, followed by where CASE ran. In place of SECONDS stands\n"
	"# how often it has passed since it failed last.\n";

static const char *const verdict_words[] = {
	[BUG_CAUGHT] = "caught",
	[BUG_MISSED] = "missed",
	[BUG_NOT_BUILT] = "not-built",
	[BUG_NOT_RUN] = "not-run",
	[BUG_BROKE_KERNEL] = "broke-kernel",
	[UNBROKEN_CLEAN] = "clean",
	[UNBROKEN_FALSE_ALARM] = "false-alarm",
	[UNBROKEN_FALSE_ALARM + 1] = NULL,
};

/* ---- lines ---- */

static void line_free(struct verdict_line *line)
{
	g_free(line->patch);
	g_free(line->case_name);
	g_free(line->hash);
	g_free(line->test);
	g_free(line);
}

GPtrArray *verdicts_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
}

void verdicts_add(GPtrArray *lines, const struct verdict_line *line)
{
	struct verdict_line *copy = g_new(struct verdict_line, 1);

	*copy = *line;
	copy->patch = g_strdup(line->patch);
	copy->case_name = g_strdup(line->case_name);
	copy->hash = g_strdup(line->hash);
	copy->test = g_strdup(line->test);
	g_ptr_array_add(lines, copy);
}

static gboolean is_unbroken(const struct verdict_line *line)
{
	return line->verdict == UNBROKEN_CLEAN || line->verdict == UNBROKEN_FALSE_ALARM;
}

/* Are both about the same patch, or about the same case on the same unbroken build? */
static gboolean same_subject(const struct verdict_line *a, const struct verdict_line *b)
{
	return g_str_equal(a->patch, b->patch) && is_unbroken(a) == is_unbroken(b) &&
	       (!is_unbroken(a) || !g_strcmp0(a->case_name, b->case_name));
}

static struct verdict_line *find_same(const GPtrArray *lines, const struct verdict_line *line)
{
	for (guint i = 0; i < lines->len; i++)
		if (same_subject(lines->pdata[i], line))
			return lines->pdata[i];
	return NULL;
}

const struct verdict_line *verdicts_find(const GPtrArray *lines, const char *patch)
{
	return find_same(lines, &(struct verdict_line){ .patch = (char *)patch });
}

/* Does the line tell anything of the tests? */
static gboolean was_tried(const struct verdict_line *line)
{
	return line->verdict != BUG_NOT_BUILT && line->verdict != BUG_NOT_RUN;
}

gboolean verdicts_tried(const GPtrArray *lines, const char *patch, const char *hash)
{
	const struct verdict_line *line = verdicts_find(lines, patch);

	return line && was_tried(line) && !g_strcmp0(line->hash, hash);
}

/* ---- the file ---- */

static char *word_or_null(const char *word)
{
	return g_str_equal(word, "-") ? NULL : g_strdup(word);
}

static char *read_passes(const char *word, guint *passes)
{
	gint64 number;

	if (!text_number(word, 0, G_MAXINT, &number))
		return g_strdup_printf("'%s' is no number of passes", word);
	*passes = number;
	return NULL;
}

/* Fills in LINE. Returns what is wrong with the words, or NULL; the caller frees it. */
static char *read_words(struct verdict_line *line, char **words)
{
	guint verdict = 0;
	char *problem = record_word("verdict", words[1], verdict_words, &verdict);

	if (problem)
		return problem;
	line->patch = g_strdup(words[0]);
	line->verdict = verdict;
	line->case_name = word_or_null(words[2]);
	line->seconds = -1;
	line->hash = word_or_null(words[4]);
	line->test = word_or_null(words[5]);
	if (is_unbroken(line) != g_str_has_prefix(line->patch, UNBROKEN_PREFIX))
		return g_strdup_printf("'%s' is no verdict of %s", words[1], words[0]);
	if (is_unbroken(line))
		return read_passes(words[3], &line->passes);
	return g_str_equal(words[3], "-") ? NULL : record_seconds(words[3], &line->seconds);
}

static char *take_words(void *data, char **words)
{
	GPtrArray *lines = data;
	struct verdict_line *line = g_new0(struct verdict_line, 1);
	char *problem = read_words(line, words);

	if (!problem && find_same(lines, line))
		problem = g_strdup_printf("%s%s%s stands here twice; keep one of the lines",
					  line->patch, is_unbroken(line) ? " " : "",
					  is_unbroken(line) ? words[2] : "");
	if (problem)
		line_free(line);
	else
		g_ptr_array_add(lines, line);
	return problem;
}

GPtrArray *verdicts_read(const char *path, GError **error)
{
	GPtrArray *lines = verdicts_new();

	if (!records_read(path, FORMAT, take_words, lines, error))
		g_clear_pointer(&lines, g_ptr_array_unref);
	return lines;
}

/* The number of a line as a word. The caller frees it. */
static char *number_word(const struct verdict_line *line)
{
	char seconds[G_ASCII_DTOSTR_BUF_SIZE];

	if (is_unbroken(line))
		return g_strdup_printf("%u", line->passes);
	if (line->seconds < 0)
		return g_strdup("-");
	return g_strdup(g_ascii_formatd(seconds, sizeof(seconds), "%.1f", line->seconds));
}

static gboolean write_lines(const char *path, const GPtrArray *lines, GError **error)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < lines->len; i++) {
		const struct verdict_line *line = lines->pdata[i];
		g_autofree char *number = number_word(line);

		g_ptr_array_add(texts, g_strjoin(" ", line->patch, verdict_words[line->verdict],
						 line->case_name ?: "-", number, line->hash ?: "-",
						 line->test ?: "-", NULL));
	}
	/* A paragraph for each family, such as "svm" or "unpatched". */
	return records_write(path, head, texts, "_-", error);
}

/* ---- keeping ---- */

/*
 * Locks the file PATH until the file descriptor is closed. If another process has put a new file
 * in its place meanwhile, that one is locked. A file that is not there is made. -1 and ERROR if
 * that fails.
 */
static int lock_file(const char *path, GError **error)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		struct stat locked, there;

		if (fd < 0) {
			g_set_error(error, FERRY_ERROR, 0,
				    "cannot write %s: %s; --verdicts=FILE names another file", path,
				    g_strerror(errno));
			return -1;
		}
		while (flock(fd, LOCK_EX) && errno == EINTR)
			;
		if (!fstat(fd, &locked) && !stat(path, &there) && locked.st_ino == there.st_ino &&
		    locked.st_dev == there.st_dev)
			return fd;
		close(fd);
	}
}

gboolean verdicts_check(const char *path, GError **error)
{
	int lock = lock_file(path, error);
	g_autoptr(GPtrArray) lines = lock < 0 ? NULL : verdicts_read(path, error);

	if (lock >= 0)
		close(lock);
	return lines != NULL;
}

static void merge(GPtrArray *lines, const struct verdict_line *line)
{
	struct verdict_line *before = find_same(lines, line);
	struct verdict_line merged = *line;

	if (before && was_tried(before) && !was_tried(line) && !g_strcmp0(before->hash, line->hash))
		return;
	if (before && line->verdict == UNBROKEN_CLEAN)
		merged.passes += before->passes;
	verdicts_add(lines, &merged);
	if (before)
		g_ptr_array_remove(lines, before);
}

gboolean verdicts_keep(const char *path, const GPtrArray *lines, GError **error)
{
	int lock = lock_file(path, error);
	g_autoptr(GPtrArray) all = lock < 0 ? NULL : verdicts_read(path, error);
	gboolean kept = all != NULL;

	for (guint i = 0; kept && i < lines->len; i++)
		merge(all, lines->pdata[i]);
	kept = kept && write_lines(path, all, error);
	if (lock >= 0)
		close(lock);
	return kept;
}
