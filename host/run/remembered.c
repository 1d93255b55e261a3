// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps durations in $XDG_CACHE_HOME/ferry/durations/NAME, a key file. Each value is two numbers:
 * the average seconds, and how many times they were measured. See remembered.h.
 */
#include "run/remembered.h"

/* The newest measurement weighs at least this much, so that an old average does not stick. */
#define LEAST_WEIGHT 0.3
/* Nothing takes longer than this; a figure beyond it is damage. */
#define MOST_SECONDS 1e6
/* If the file has more groups than this, the one that was learned longest ago is removed. */
#define MOST_GROUPS 12
#define SAVE_EVERY  (60 * G_USEC_PER_SEC)
/* The key for when a group was learned last, in seconds since 1970. No case has this name. */
#define USED "used"

struct lesson {
	char *group, *key;
	double seconds;
	gboolean whole;
};

struct remembered {
	char *path;
	GKeyFile *known;    /* the file as it was read, with the lessons */
	GPtrArray *unsaved; /* of struct lesson */
	gint64 saved_at;    /* monotonic time */
};

static void lesson_free(struct lesson *lesson)
{
	g_free(lesson->group);
	g_free(lesson->key);
	g_free(lesson);
}

/* An unreadable file is an empty one. */
static GKeyFile *read_file(const char *path)
{
	GKeyFile *file = g_key_file_new();

	if (g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL))
		return file;
	g_key_file_unref(file);
	return g_key_file_new();
}

struct remembered *remembered_open(const char *name)
{
	struct remembered *remembered = g_new0(struct remembered, 1);

	remembered->path =
		g_build_filename(g_get_user_cache_dir(), "ferry", "durations", name, NULL);
	remembered->known = read_file(remembered->path);
	remembered->unsaved = g_ptr_array_new_with_free_func((GDestroyNotify)lesson_free);
	remembered->saved_at = g_get_monotonic_time();
	return remembered;
}

void remembered_close(struct remembered *remembered)
{
	remembered_save(remembered);
	g_ptr_array_unref(remembered->unsaved);
	g_key_file_unref(remembered->known);
	g_free(remembered->path);
	g_free(remembered);
}

char *remembered_group_name(const char *text)
{
	char *name = g_strdup(text);

	for (char *byte = name; *byte; byte++)
		if (g_ascii_iscntrl(*byte))
			*byte = ' ';
	return g_strdelimit(name, "[]", '_');
}

static gint64 last_use(GKeyFile *file, const char *group)
{
	return g_key_file_get_int64(file, group, USED, NULL);
}

const char *remembered_latest(struct remembered *remembered, const char *suffix)
{
	g_auto(GStrv) groups = g_key_file_get_groups(remembered->known, NULL);
	const char *latest = NULL;

	for (char **group = groups; *group; group++)
		if (g_str_has_suffix(*group, suffix) &&
		    (!latest ||
		     last_use(remembered->known, *group) > last_use(remembered->known, latest)))
			latest = *group;
	return g_intern_string(latest);
}

/* Sets SECONDS and TIMES to what the file knows of the key; FALSE if that is nothing of use. */
static gboolean read_figure(GKeyFile *file, const char *group, const char *key, double *seconds,
			    double *times)
{
	gsize length = 0;
	g_autofree double *numbers = g_key_file_get_double_list(file, group, key, &length, NULL);

	if (length != 2 || !(numbers[0] > 0 && numbers[0] < MOST_SECONDS) ||
	    !(numbers[1] >= 0 && numbers[1] < MOST_SECONDS))
		return FALSE;
	*seconds = numbers[0];
	*times = numbers[1];
	return TRUE;
}

double remembered_seconds(struct remembered *remembered, const char *group, const char *key)
{
	double seconds, times;

	return group && read_figure(remembered->known, group, key, &seconds, &times) ? seconds : 0;
}

/* Times 0 marks a figure of something that has not ended well so far. */
static void apply(GKeyFile *file, const struct lesson *lesson)
{
	double seconds = 0, times = 0;
	g_autofree char *text = NULL;
	char number[G_ASCII_DTOSTR_BUF_SIZE];

	read_figure(file, lesson->group, lesson->key, &seconds, &times);
	if (!lesson->whole && times)
		return;
	if (!lesson->whole)
		seconds = MAX(seconds, lesson->seconds);
	else
		seconds += (lesson->seconds - seconds) * MAX(1 / (times + 1), LEAST_WEIGHT);
	/* Milliseconds are enough, and keep the file readable. */
	g_ascii_formatd(number, sizeof(number), "%.3f", MAX(seconds, 0.001));
	text = g_strdup_printf("%s;%.0f;", number, lesson->whole ? times + 1 : 0);
	g_key_file_set_value(file, lesson->group, lesson->key, text);
	g_key_file_set_int64(file, lesson->group, USED, g_get_real_time() / G_USEC_PER_SEC);
}

static void forget_oldest_group(GKeyFile *file)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	const char *oldest = NULL;

	if (g_strv_length(groups) <= MOST_GROUPS)
		return;
	for (char **group = groups; *group; group++)
		if (!oldest || last_use(file, *group) < last_use(file, oldest))
			oldest = *group;
	g_key_file_remove_group(file, oldest, NULL);
}

void remembered_learn(struct remembered *remembered, const char *group, const char *key,
		      double seconds, gboolean whole)
{
	struct lesson *lesson;

	if (!(seconds > 0 && seconds < MOST_SECONDS))
		return;
	lesson = g_new0(struct lesson, 1);
	lesson->group = g_strdup(group);
	lesson->key = g_strdup(key);
	lesson->seconds = seconds;
	lesson->whole = whole;
	g_ptr_array_add(remembered->unsaved, lesson);
	apply(remembered->known, lesson);
	if (g_get_monotonic_time() - remembered->saved_at > SAVE_EVERY)
		remembered_save(remembered);
}

/* The file is read again first: another runner may have written to it in the meantime. */
gboolean remembered_save(struct remembered *remembered)
{
	g_autofree char *folder = g_path_get_dirname(remembered->path);
	g_autoptr(GKeyFile) file = NULL;

	remembered->saved_at = g_get_monotonic_time();
	if (!remembered->unsaved->len)
		return TRUE;
	file = read_file(remembered->path);
	for (guint i = 0; i < remembered->unsaved->len; i++)
		apply(file, remembered->unsaved->pdata[i]);
	forget_oldest_group(file);
	if (g_mkdir_with_parents(folder, 0755) < 0 ||
	    !g_key_file_save_to_file(file, remembered->path, NULL))
		return FALSE;
	g_ptr_array_set_size(remembered->unsaved, 0);
	return TRUE;
}
