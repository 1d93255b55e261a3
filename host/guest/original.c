// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an original does after it was saved is judged like any guest's: failed checks,
 * the console's bytes, clocks, and a bad end. When its test is over there is nothing left
 * that the saving could have harmed and that this test would have seen.
 */
#include <string.h>
#include <sys/wait.h>

#include "guest/clock-check.h"
#include "guest/original.h"
#include "util/text.h"

/* Behind each of its failures: the same words as the copy's, for whoever knows the issue. */
#define WHOSE " (in the original, after the snapshot)"

struct original {
	struct guest *guest;
	const struct original_listener *listener;
	void *data;
	struct clock_check *clock_check;
	struct disk_check *disk; /* NULL for a guest without */
	gboolean in_test;
	char *problem; /* the first */
	char *failure; /* the first check that failed */
	guint idle;    /* it is over */
};

static gboolean tell_over(gpointer data)
{
	struct original *original = data;

	original->idle = 0;
	original->listener->over(original->data, original->problem, original->failure);
	return G_SOURCE_REMOVE;
}

/* It cannot be freed from inside its own calls. */
static void end(struct original *original)
{
	if (!original->idle)
		original->idle = g_idle_add(tell_over, original);
}

static G_GNUC_PRINTF(2, 3) void note_problem(struct original *original, const char *format, ...)
{
	va_list arguments;

	if (original->problem || original->idle)
		return;
	va_start(arguments, format);
	original->problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
}

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct original *original = data;
	g_autofree char *line = NULL;

	if (kind != HUMAN_FAIL && kind != HUMAN_ABORT)
		return;
	line = text_printable(strstr(text, ": ") + 2, -1);
	if (kind == HUMAN_ABORT)
		note_problem(original, "%s" WHOSE, line);
	else if (!original->failure && !original->idle)
		original->failure = g_strdup_printf("%s" WHOSE, line);
}

static void compare_disk(struct original *original, guint64 *wrong, guint64 *first)
{
	g_autofree char *problem = disk_check_compare(original->disk, wrong, first);

	if (problem)
		note_problem(original, "%s" WHOSE, problem);
}

static void on_mark(struct original *original, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "name");
	g_autofree char *problem = NULL;

	if (!g_strcmp0(name, "clock"))
		problem = clock_check_mark(original->clock_check, line);
	else if (original->disk && !g_strcmp0(name, "disk"))
		problem = disk_check_mark(original->disk, line);
	if (problem)
		note_problem(original, "%s" WHOSE, problem);
}

static void on_test_end(struct original *original, const struct machine_line *line)
{
	const char *reason = machine_line_value(line, "reason");
	g_autofree char *text = NULL;

	if (!g_strcmp0(machine_line_value(line, "verdict"), "fail")) {
		text = g_strconcat(reason ? reason : "failed", WHOSE, NULL);
		original->listener->test_failed(original->data, line, text);
	}
	if (original->disk)
		compare_disk(original, NULL, NULL);
	end(original);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct original *original = data;

	if (original->idle)
		return;
	if (g_str_equal(line->verb, "end")) {
		on_test_end(original, line);
	} else if (g_str_equal(line->verb, "begin")) {
		original->in_test = TRUE;
	} else if (g_str_equal(line->verb, "exception")) {
		note_problem(original, "unexpected exception %" G_GINT64_FORMAT " at %s" WHOSE,
			     machine_line_number(line, "vector", -1),
			     machine_line_value(line, "rip") ? machine_line_value(line, "rip")
							     : "?");
	} else if (g_str_equal(line->verb, "mark")) {
		on_mark(original, line);
	}
}

static void on_violation(void *data, const char *problem)
{
	note_problem(data, "%s" WHOSE, problem);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct original *original = data;

	guest_answer_sentence(original->guest);
}

static void on_version(void *data, const char *version)
{
}

static void on_time_told(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			 gint64 pause_max)
{
	struct original *original = data;

	clock_check_answered(original->clock_check, sequence, monotonic, pause_min, pause_max);
}

static gboolean on_wants_more(void *data)
{
	return FALSE;
}

static char *on_disk_asked(void *data)
{
	struct original *original = data;
	guint64 wrong, first;

	if (!original->disk)
		return NULL;
	compare_disk(original, &wrong, &first);
	return disk_check_answer(wrong, first);
}

static char *on_boot_asked(void *data, unsigned boot)
{
	return g_strdup_printf("boot=%u", boot);
}

/* It leaves by itself after its last test, which is then over; or with no protocol at all. */
static void on_ended(void *data, const struct vm_exit *exit)
{
	struct original *original = data;
	g_autofree char *death = vm_exit_describe(exit);

	if (!WIFEXITED(exit->wait_status) || exit->reset || original->in_test ||
	    WEXITSTATUS(exit->wait_status) != 1)
		note_problem(original, "the guest came to a bad end: %s%s" WHOSE,
			     exit->reset ? "it reset itself, or triple-faulted; " : "", death);
	end(original);
}

static void on_failed(void *data, const char *problem)
{
	struct original *original = data;

	note_problem(original, "%s" WHOSE, problem);
	end(original);
}

static const struct guest_listener guest_listener = {
	.human = on_human,
	.machine = on_machine,
	.violation = on_violation,
	.sentence = on_sentence,
	.version = on_version,
	.time_told = on_time_told,
	.wants_more = on_wants_more,
	.boot_asked = on_boot_asked,
	.disk_asked = on_disk_asked,
	.ended = on_ended,
	.failed = on_failed,
};

struct original *original_follow(struct guest *guest, gboolean in_test, struct disk_check *disk,
				 const struct original_listener *listener, void *data)
{
	struct original *original = g_new0(struct original, 1);

	original->guest = guest;
	original->listener = listener;
	original->data = data;
	original->clock_check = clock_check_new();
	original->disk = disk;
	original->in_test = in_test;
	guest_go_on(guest, &guest_listener, original);
	guest_answer_sentence(guest);
	return original;
}

void original_free(struct original *original)
{
	if (original->idle)
		g_source_remove(original->idle);
	clock_check_free(original->clock_check);
	disk_check_free(original->disk);
	g_free(original->problem);
	g_free(original->failure);
	g_free(original);
}
