// SPDX-License-Identifier: GPL-2.0-or-later
/* Gives what the kernel reports to the cases that ran meanwhile. See kernel-watch.h. */
#include <stdio.h>
#include <unistd.h>

#include "run/kernel-watch.h"
#include "util/foreign-vmm.h"
#include "util/kmsg.h"

#define PREFIX "the host's kernel said: "
/* The file in a case's folder that keeps the reports with all their lines. */
#define LOG_NAME "kernel"
/* Different reports that one case keeps. A broken KVM may report thousands. */
#define MOST_REPORTS 8

/* A report, as it is kept for one case. */
struct told {
	char *text; /* one line, which tells how many cases ran, too */
	char *same; /* the text without what differs when the report is repeated */
	char *block;
	gboolean fails;
};

struct watched {
	const struct test_case *test_case;
	struct result
		*result;    /* the case has ended, and waits for the end of a report; else NULL */
	gboolean concerned; /* by the report that has begun */
	GPtrArray *reports; /* of struct told */
};

struct kernel_watch {
	const struct kernel_watch_listener *listener;
	void *data;
	gboolean emulated;
	struct kmsg *kmsg;   /* NULL: the messages may not be read */
	GPtrArray *watched;  /* of struct watched: the cases that run, or wait */
	guint ran_meanwhile; /* how many cases ran when the last report began */
};

static void told_free(struct told *told)
{
	g_free(told->text);
	g_free(told->same);
	g_free(told->block);
	g_free(told);
}

static void watched_free(struct watched *watched)
{
	g_ptr_array_unref(watched->reports);
	g_free(watched);
}

/* ---- results ---- */

static void fail(struct result *result, const struct told *told)
{
	g_autofree char *before = result->reason;
	gboolean failed = result->verdict == VERDICT_FAIL || result->verdict == VERDICT_ERROR;

	result_add_failure(result, KIND_HOST_KERNEL, told->text, NULL);
	/* The reason of a case that has failed anyway still comes first. */
	result->reason =
		failed ? g_strdup_printf("%s; and %s", before, told->text) : g_strdup(told->text);
	if (failed)
		return;
	result->verdict = VERDICT_FAIL;
	result->kind = KIND_HOST_KERNEL;
}

/* The report without what tells little to a reader: registers, code bytes, the machine's name. */
static char *shortened(const char *block)
{
	g_autoptr(GRegex) dull = g_regex_new(
		"^((?!RIP)R[A-Z0-9]{2}|FS|CS|CR2|DR0|DR3|Code|Modules linked in|Hardware name): .*\n",
		G_REGEX_MULTILINE, 0, NULL);

	return g_regex_replace_literal(dull, block, -1, 0, "", 0, NULL);
}

static void append(char **text, const char *separator, const char *more)
{
	g_autofree char *before = *text;

	*text = before ? g_strconcat(before, separator, more, NULL) : g_strdup(more);
}

static void keep(const struct result *result, const struct told *told)
{
	g_autofree char *path =
		result->logdir ? g_build_filename(result->logdir, LOG_NAME, NULL) : NULL;
	FILE *file = path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	fprintf(file, "%s\n\n", told->block);
	fclose(file);
}

static void hand_over(struct kernel_watch *watch, struct watched *watched, struct result *result)
{
	for (guint i = 0; i < watched->reports->len; i++) {
		const struct told *told = watched->reports->pdata[i];
		g_autofree char *lines = shortened(told->block);

		keep(result, told);
		if (told->fails) {
			fail(result, told);
			append(&result->detail, "\n", lines);
		} else {
			append(&result->warning, "; ", told->text);
		}
	}
	g_ptr_array_remove(watch->watched, watched);
	watch->listener->ended(watch->data, result);
}

/* ---- reports ---- */

static void on_begun(void *data)
{
	struct kernel_watch *watch = data;

	watch->ran_meanwhile = 0;
	for (guint i = 0; i < watch->watched->len; i++) {
		struct watched *watched = watch->watched->pdata[i];

		watched->concerned = !watched->result;
		watch->ran_meanwhile += watched->concerned;
	}
}

/* A report's text without the CPU and the process, which differ each time. */
static char *without_numbers(const char *text)
{
	g_autoptr(GRegex) numbers = g_regex_new("(CPU|PID)(: |#)\\d+", 0, 0, NULL);

	return g_regex_replace_literal(numbers, text, -1, 0, "", 0, NULL);
}

/* The report, and what tells a reader how far it concerns a case; the caller frees it. */
static char *line_about(const struct kernel_report *report, guint ran, gboolean foreign)
{
	if (foreign)
		return g_strdup_printf(
			PREFIX
			"%s (in thread %d of a virtual machine that does not belong to this run)",
			report->text, report->thread);
	if (ran > 1)
		return g_strdup_printf(PREFIX "%s (while %u cases ran)", report->text, ran);
	return g_strconcat(PREFIX, report->text, NULL);
}

static void tell(struct watched *watched, const struct kernel_report *report, const char *line,
		 gboolean fails)
{
	g_autofree char *same = without_numbers(report->text);
	struct told *told;

	for (guint i = 0; i < watched->reports->len; i++)
		if (g_str_equal(((struct told *)watched->reports->pdata[i])->same, same))
			return;
	if (watched->reports->len == MOST_REPORTS)
		return;
	told = g_new0(struct told, 1);
	told->text = g_strdup(line);
	told->same = g_steal_pointer(&same);
	told->block = g_strdup(report->block);
	told->fails = fails;
	g_ptr_array_add(watched->reports, told);
}

/* Hands over all results that were waiting. */
static void hand_over_all(struct kernel_watch *watch)
{
	for (guint i = 0; i < watch->watched->len;) {
		struct watched *watched = watch->watched->pdata[i];

		if (watched->result)
			hand_over(watch, watched, g_steal_pointer(&watched->result));
		else
			i++;
	}
}

static void on_complete(void *data, const struct kernel_report *report)
{
	struct kernel_watch *watch = data;
	gboolean foreign = report->thread && foreign_vmm(report->thread, getpid());
	gboolean fails = report->from_kvm && !foreign && !(report->timed && watch->emulated);
	g_autofree char *line = line_about(report, watch->ran_meanwhile, foreign);

	for (guint i = 0; i < watch->watched->len; i++) {
		struct watched *watched = watch->watched->pdata[i];

		if (watched->concerned)
			tell(watched, report, line, fails);
		watched->concerned = FALSE;
	}
	if (!watch->ran_meanwhile) {
		g_autofree char *note =
			g_strdup_printf("%s%s (while no case ran here)", PREFIX, report->text);

		watch->listener->note(watch->data, note);
	}
	hand_over_all(watch);
}

static const struct kernel_report_listener report_listener = {
	.begun = on_begun,
	.complete = on_complete,
};

/* ---- cases ---- */

void kernel_watch_started(struct kernel_watch *watch, const struct test_case *test_case)
{
	struct watched *watched = g_new0(struct watched, 1);

	/* What the kernel has said before does not concern this case. */
	if (watch->kmsg)
		kmsg_read(watch->kmsg);
	watched->test_case = test_case;
	watched->reports = g_ptr_array_new_with_free_func((GDestroyNotify)told_free);
	g_ptr_array_add(watch->watched, watched);
}

static struct watched *find(struct kernel_watch *watch, const struct test_case *test_case)
{
	for (guint i = 0; i < watch->watched->len; i++) {
		struct watched *watched = watch->watched->pdata[i];

		if (watched->test_case == test_case && !watched->result)
			return watched;
	}
	return NULL;
}

void kernel_watch_ended(struct kernel_watch *watch, struct result *result)
{
	struct watched *watched;

	if (watch->kmsg)
		kmsg_read(watch->kmsg);
	watched = find(watch, result->test_case);
	if (!watched)
		watch->listener->ended(watch->data, result);
	else if (watched->concerned)
		watched->result = result;
	else
		hand_over(watch, watched, result);
}

gboolean kernel_watch_holds(const struct kernel_watch *watch)
{
	for (guint i = 0; i < watch->watched->len; i++)
		if (((struct watched *)watch->watched->pdata[i])->result)
			return TRUE;
	return FALSE;
}

void kernel_watch_flush(struct kernel_watch *watch)
{
	if (watch->kmsg)
		kmsg_flush(watch->kmsg);
}

struct kernel_watch *kernel_watch_new(gboolean emulated,
				      const struct kernel_watch_listener *listener, void *data)
{
	struct kernel_watch *watch = g_new0(struct kernel_watch, 1);

	watch->listener = listener;
	watch->data = data;
	watch->emulated = emulated;
	watch->watched = g_ptr_array_new_with_free_func((GDestroyNotify)watched_free);
	watch->kmsg = kmsg_open(&report_listener, watch);
	return watch;
}

void kernel_watch_free(struct kernel_watch *watch)
{
	if (watch->kmsg)
		kmsg_close(watch->kmsg);
	g_ptr_array_unref(watch->watched);
	g_free(watch);
}
