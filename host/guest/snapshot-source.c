// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A snapshot source is judged like any guest by its checks, the bytes of its console, its clocks,
 * its disk and its end. The runner ends it when its test is over, since that test is the one that
 * can see what saving has done.
 */
#include <string.h>

#include "guest/mark-check.h"
#include "guest/snapshot-source.h"
#include "report/result.h"
#include "util/text.h"

/* Ends each message about a failure of the source, which otherwise reads like any guest's. */
#define WHOSE " (in the snapshot source)"

struct snapshot_source {
	struct guest *guest;
	const struct snapshot_source_listener *listener;
	void *data;
	struct clock_check *clock_check;
	struct disk_check *disk; /* NULL for a guest without a disk */
	gboolean in_test;
	GPtrArray *problems; /* of char *: what went wrong outside of checks; or NULL */
	GPtrArray *failed;   /* of char *: the checks that failed, until their test ends; or NULL */
	char *first_fail;    /* the first of all of them, or NULL */
	char *abort;	     /* why the guest aborts: an exception, or its own words; or NULL */
	guint idle;	     /* calls tell_over() */
};

static gboolean tell_over(gpointer data)
{
	struct snapshot_source *source = data;

	source->idle = 0;
	source->listener->over(source->data, source->problems, source->failed, source->first_fail);
	return G_SOURCE_REMOVE;
}

static G_GNUC_PRINTF(2, 3) void note_problem(struct snapshot_source *source, const char *format,
					     ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	if (source->idle)
		return;
	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	result_add_text(&source->problems, problem);
}

/* The guest cannot be freed from inside its own calls. */
static void end(struct snapshot_source *source)
{
	if (source->idle)
		return;
	if (source->abort)
		note_problem(source, "%s" WHOSE, source->abort);
	source->idle = g_idle_add(tell_over, source);
}

static void note_failed_check(struct snapshot_source *source, const char *line)
{
	g_autofree char *failure = g_strconcat(line, WHOSE, NULL);

	if (source->idle)
		return;
	result_add_text(&source->failed, failure);
	if (!source->first_fail)
		source->first_fail = g_steal_pointer(&failure);
}

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct snapshot_source *source = data;
	g_autofree char *line = NULL;

	if (kind != HUMAN_FAIL && kind != HUMAN_XPASS && kind != HUMAN_ABORT)
		return;
	line = text_printable(strstr(text, ": ") + 2, -1);
	if (kind != HUMAN_ABORT)
		note_failed_check(source, line);
	else if (!source->abort)
		source->abort = g_steal_pointer(&line);
}

static void compare_disk(struct snapshot_source *source, guint64 *wrong, guint64 *first)
{
	g_autofree char *problem = disk_check_compare(source->disk, wrong, first);

	if (problem)
		note_problem(source, "%s" WHOSE, problem);
}

static void on_mark(struct snapshot_source *source, const struct machine_line *line)
{
	g_autofree char *problem = NULL;

	mark_check(source->clock_check, source->disk, line, &problem);
	if (problem)
		note_problem(source, "%s" WHOSE, problem);
}

static void on_test_end(struct snapshot_source *source, const struct machine_line *line)
{
	const char *reason = machine_line_value(line, "reason");
	g_autofree char *text = NULL;

	if (!g_strcmp0(machine_line_value(line, "verdict"), "fail")) {
		text = g_strconcat(reason ? reason : "failed", WHOSE, NULL);
		source->listener->test_failed(source->data, line, text,
					      g_steal_pointer(&source->failed));
	}
	if (source->disk)
		compare_disk(source, NULL, NULL);
	end(source);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct snapshot_source *source = data;

	if (source->idle)
		return;
	if (g_str_equal(line->verb, "end")) {
		on_test_end(source, line);
	} else if (g_str_equal(line->verb, "begin")) {
		source->in_test = TRUE;
	} else if (g_str_equal(line->verb, "exception")) {
		/* Replaces the guest's own words, which say less. */
		g_free(source->abort);
		source->abort = machine_line_exception(line);
	} else if (g_str_equal(line->verb, "mark")) {
		on_mark(source, line);
	}
}

static void on_violation(void *data, const char *problem)
{
	note_problem(data, "%s" WHOSE, problem);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct snapshot_source *source = data;

	guest_answer_sentence(source->guest);
}

static void on_version(void *data, const char *version)
{
}

/* A case tells the figures of the restored guest alone. */
static void on_figures(void *data, GHashTable *values)
{
}

static void on_time_told(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			 gint64 pause_max)
{
	struct snapshot_source *source = data;

	clock_check_answered(source->clock_check, sequence, monotonic, pause_min, pause_max);
}

static gboolean on_wants_more(void *data)
{
	return FALSE;
}

static char *on_disk_asked(void *data)
{
	struct snapshot_source *source = data;
	guint64 wrong, first;

	if (!source->disk)
		return NULL;
	compare_disk(source, &wrong, &first);
	return disk_check_answer(wrong, first);
}

static char *on_boot_asked(void *data, unsigned boot)
{
	return g_strdup_printf("boot=%u", boot);
}

/* The source may leave after its last test, or at any time if it does not speak the protocol. */
static void on_ended(void *data, const struct vm_exit *exit)
{
	struct snapshot_source *source = data;
	g_autofree char *death = vm_exit_describe(exit);

	if (!source->abort && (exit->guest_status != 0 || exit->reset || source->in_test))
		note_problem(source, "the guest came to a bad end: %s%s" WHOSE,
			     exit->reset ? "it reset itself, or triple-faulted; " : "", death);
	end(source);
}

static void on_failed(void *data, enum failure_kind kind, const char *problem)
{
	struct snapshot_source *source = data;

	note_problem(source, "%s" WHOSE, problem);
	end(source);
}

static const struct guest_listener guest_listener = {
	.human = on_human,
	.machine = on_machine,
	.violation = on_violation,
	.sentence = on_sentence,
	.version = on_version,
	.figures = on_figures,
	.time_told = on_time_told,
	.wants_more = on_wants_more,
	.boot_asked = on_boot_asked,
	.disk_asked = on_disk_asked,
	.ended = on_ended,
	.failed = on_failed,
};

struct snapshot_source *snapshot_source_follow(struct guest *guest, gboolean in_test,
					       struct disk_check *disk,
					       const struct snapshot_source_listener *listener,
					       void *data)
{
	struct snapshot_source *source = g_new0(struct snapshot_source, 1);

	source->guest = guest;
	source->listener = listener;
	source->data = data;
	source->clock_check = clock_check_new(NULL, 0);
	source->disk = disk;
	source->in_test = in_test;
	guest_go_on(guest, &guest_listener, source);
	guest_answer_sentence(guest);
	return source;
}

void snapshot_source_free(struct snapshot_source *source)
{
	if (source->idle)
		g_source_remove(source->idle);
	clock_check_free(source->clock_check);
	disk_check_free(source->disk);
	g_clear_pointer(&source->problems, g_ptr_array_unref);
	g_clear_pointer(&source->failed, g_ptr_array_unref);
	g_free(source->first_fail);
	g_free(source->abort);
	g_free(source);
}
