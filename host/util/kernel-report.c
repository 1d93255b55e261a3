// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds reports in a kernel's messages. See kernel-report.h.
 *
 * The kernel does not mark where a report ends, except for a WARNING and an Oops ("---[ end
 * trace"). So a report also ends where the next begins, and when no message has come for a while
 * (kernel_reader_flush()). What a report looks like is in the kernel's kernel/panic.c (__warn()),
 * lib/bug.c, arch/x86/mm/fault.c, arch/x86/kernel/dumpstack.c, kernel/rcu/tree_stall.h,
 * kernel/watchdog.c, kernel/hung_task.c and kernel/locking/lockdep.c.
 */
#include <string.h>

#include "util/kernel-report.h"
#include "util/text.h"

/* A report that is longer has lost its end. */
#define MOST_LINES 400

struct kernel_reader {
	const struct kernel_report_listener *listener;
	void *data;

	GRegex *late, *wrong, *kvm, *thread_line; /* see below */

	char *message; /* what was said between "cut here" and the report's first line, or NULL */
	gboolean cut;  /* "cut here" has come, and no first line yet */

	/* The report that has begun; NULL: none. */
	GString *block;
	char *head, *place; /* its first line, and the function that was running (or NULL) */
	guint lines;
	gboolean timed, from_kvm;
	gboolean traced;	/* it has shown a call trace */
	gboolean in_interrupt;	/* the trace shows an interrupt... */
	gboolean was_interrupt; /* ... and then what that has interrupted */
	gint thread;		/* which the report names; 0: none so far */
};

/*
 * How a report begins: first those about something that took too long. What the kernel says about a
 * program or a guest does not look like this.
 */
static const char *const late[] = {
	"^(NMI )?(watchdog: )?(BUG: soft lockup|Watchdog detected hard LOCKUP)",
	"^BUG: workqueue lockup",
	"^INFO: task .* blocked for more than",
	"^(rcu: )?INFO: rcu\\w* .*stall",
	NULL,
};

static const char *const wrong[] = {
	"^WARNING: CPU: \\d+ PID: \\d+ at ",
	"^WARNING: \\S+:\\d+ at ",
	"^WARNING: .*(lock|RCU)",
	"^INFO: (possible|inconsistent|trying to register|suspicious)",
	"^(BUG: |kernel BUG at |Oops: )",
	"^(general protection fault|stack segment|invalid opcode|divide error|int3)\\b.*[[]#\\d",
	"^((traps: )?PANIC: |Kernel panic - not syncing)",
	"^(UBSAN: |list_(add|del) corruption|unchecked MSR access error: )",
	"^kvm.* unexpected exit reason",
	NULL,
};

#define SYMBOL "\\+0x[0-9a-f]+/0x[0-9a-f]+"

/* A place in KVM: its sources, one of its modules, or a function of a KVM that is built in. */
static const char *const in_kvm[] = {
	"(^|[ :/])(arch/x86|virt)/kvm/",
	SYMBOL " [[]kvm(_amd|_intel)?[] ]",
	"\\bkvm_(arch|vcpu|vm|mmu|tdp_mmu|emulate|apic|lapic|dev)_\\w+" SYMBOL "$",
	"\\b(vcpu_(run|enter_guest)|_*(nested_)?(svm|vmx)_\\w+)" SYMBOL "$",
	"^kvm.* unexpected exit reason",
	NULL,
};

/* The line about the CPU (dump_stack_print_info()); Linux 6.11 and later name the user, too. */
static const char thread_line[] = "^CPU: \\d+ (?:UID: \\d+ )?PID: (\\d+) Comm: ";

/* One pattern that matches all that any of PATTERNS matches. */
static GRegex *any_of(const char *const *patterns)
{
	g_autofree char *whole = g_strjoinv("|", (char **)patterns);

	return g_regex_new(whole, G_REGEX_OPTIMIZE, 0, NULL);
}

static gboolean matches(GRegex *pattern, const char *text)
{
	return g_regex_match(pattern, text, 0, NULL);
}

/* "<IRQ>" for what an interrupt does, "</IRQ>" where it has interrupted the rest; NMIs likewise. */
static gboolean is_mark(const char *message, const char *opening)
{
	static const char *const contexts[] = { "IRQ>", "NMI>", "SOFTIRQ>" };

	for (gsize i = 0; i < G_N_ELEMENTS(contexts); i++)
		if (g_str_has_prefix(message, opening) &&
		    g_str_has_prefix(message + strlen(opening), contexts[i]))
			return TRUE;
	return FALSE;
}

/*
 * Which code a line of a call trace blames. An interrupt comes at any moment, so what it has
 * interrupted is not to blame for what happens in it. But if something takes too long, the
 * interrupted code is to blame.
 */
static void look_for_kvm(struct kernel_reader *reader, const char *message)
{
	if (g_str_has_prefix(message, "Call Trace:"))
		reader->in_interrupt = reader->was_interrupt = FALSE;
	if (is_mark(message, "<"))
		reader->in_interrupt = TRUE;
	if (is_mark(message, "</")) {
		reader->in_interrupt = FALSE;
		reader->was_interrupt = TRUE;
	}
	if (reader->timed ? reader->in_interrupt : reader->was_interrupt)
		return;
	/* The kernel is not sure of a line with a question mark. */
	if (*message != '?' && matches(reader->kvm, message))
		reader->from_kvm = TRUE;
}

static void look_for_thread(struct kernel_reader *reader, const char *message)
{
	g_autoptr(GMatchInfo) match = NULL;
	g_autofree char *number = NULL;

	if (reader->thread || !g_regex_match(reader->thread_line, message, 0, &match))
		return;
	number = g_match_info_fetch(match, 1);
	reader->thread = g_ascii_strtoll(number, NULL, 10);
}

static void add(struct kernel_reader *reader, const char *message)
{
	g_autofree char *printable = text_printable(message, -1);

	if (g_str_has_prefix(message, "Call Trace:"))
		reader->traced = TRUE;
	if (!reader->place && g_str_has_prefix(message, "RIP: ") && strchr(message + 5, ':'))
		reader->place = g_strdup(strchr(message + 5, ':') + 1);
	look_for_kvm(reader, message);
	look_for_thread(reader, message);
	g_string_append_printf(reader->block, "%s%s", reader->block->len ? "\n" : "", printable);
	reader->lines++;
}

static void begin(struct kernel_reader *reader, gboolean timed, const char *message)
{
	reader->block = g_string_new(NULL);
	reader->head = g_strdup(message);
	reader->timed = timed;
	reader->lines = 0;
	reader->thread = 0;
	reader->from_kvm = reader->traced = reader->in_interrupt = reader->was_interrupt = FALSE;
	if (reader->message)
		add(reader, reader->message);
	reader->listener->begun(reader->data);
}

static void forget(struct kernel_reader *reader)
{
	if (reader->block)
		g_string_free(reader->block, TRUE);
	reader->block = NULL;
	reader->cut = FALSE;
	g_clear_pointer(&reader->head, g_free);
	g_clear_pointer(&reader->place, g_free);
	g_clear_pointer(&reader->message, g_free);
}

void kernel_reader_flush(struct kernel_reader *reader)
{
	struct kernel_report report = { .from_kvm = reader->from_kvm, .timed = reader->timed };
	g_autofree char *line = NULL;
	gboolean placed;

	if (!reader->block)
		return;
	if (reader->traced && !reader->in_interrupt && !reader->was_interrupt)
		report.thread = reader->thread;
	placed = strstr(reader->head, " at ") || !reader->place;
	line = g_strdup_printf("%s%s%s%s%s", reader->head, reader->message ? ": " : "",
			       reader->message ? reader->message : "", placed ? "" : " in ",
			       placed ? "" : reader->place);
	report.text = text_printable(line, -1);
	report.block = g_strdup(reader->block->str);
	/* The listener may ask whether a report is open. */
	forget(reader);
	reader->listener->complete(reader->data, &report);
	g_free(report.text);
	g_free(report.block);
}

void kernel_reader_take(struct kernel_reader *reader, const char *message)
{
	gboolean timed, head;

	while (g_ascii_isspace(*message))
		message++;
	if (strstr(message, "[ cut here ]")) {
		kernel_reader_flush(reader);
		reader->cut = TRUE;
		return;
	}
	timed = matches(reader->late, message);
	head = timed || matches(reader->wrong, message);
	/* An Oops has several lines that could begin a report; its call trace comes after them. */
	if (head && reader->block && reader->traced)
		kernel_reader_flush(reader);
	if (head && !reader->block) {
		begin(reader, timed, message);
	} else if (reader->cut && !reader->block) {
		if (!reader->message)
			reader->message = g_strdup(message);
		return;
	}
	if (!reader->block)
		return;
	add(reader, message);
	if (strstr(message, "---[ end ") || reader->lines == MOST_LINES)
		kernel_reader_flush(reader);
}

gboolean kernel_reader_is_open(const struct kernel_reader *reader)
{
	return reader->block != NULL;
}

struct kernel_reader *kernel_reader_new(const struct kernel_report_listener *listener, void *data)
{
	struct kernel_reader *reader = g_new0(struct kernel_reader, 1);

	reader->listener = listener;
	reader->data = data;
	reader->late = any_of(late);
	reader->wrong = any_of(wrong);
	reader->kvm = any_of(in_kvm);
	reader->thread_line = g_regex_new(thread_line, G_REGEX_OPTIMIZE, 0, NULL);
	return reader;
}

void kernel_reader_free(struct kernel_reader *reader)
{
	forget(reader);
	g_regex_unref(reader->late);
	g_regex_unref(reader->wrong);
	g_regex_unref(reader->kvm);
	g_regex_unref(reader->thread_line);
	g_free(reader);
}
