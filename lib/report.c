// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks, their results and the summary. See report.h. */
#include "libcflat.h"
#include "backtrace.h"
#include "console.h"
#include "patience.h"
#include "percpu.h"
#include "processor.h"
#include "spinlock.h"

#define STATUS_ALL_SKIPPED 77
#define SEPARATOR	   ": "

static struct spinlock lock;
static struct result current, total;

static PER_CPU(char, prefixes[REPORT_PREFIX_SIZE]);

void report_prefix_push(const char *prefix)
{
	report_prefix_pushf("%s", prefix);
}

void report_prefix_pushf(const char *format, ...)
{
	char *at = this_cpu(prefixes);
	size_t length = strlen(at);
	size_t room = REPORT_PREFIX_SIZE - length - strlen(SEPARATOR);
	va_list arguments;
	int added;

	va_start(arguments, format);
	added = vsnprintf(at + length, room, format, arguments);
	va_end(arguments);
	assert_msg(added < (int)room, "report prefixes are too long");
	strcat(at, SEPARATOR);
}

void report_prefix_pop(void)
{
	char *at = this_cpu(prefixes);
	size_t length = strlen(at);

	assert_msg(length, "more report prefixes popped than pushed");
	/* Keep the text up to the last but one separator. */
	length -= strlen(SEPARATOR);
	while (length && strncmp(at + length - strlen(SEPARATOR), SEPARATOR, strlen(SEPARATOR)))
		length--;
	at[length] = '\0';
}

void report_prefix_popn(int n)
{
	while (n--)
		report_prefix_pop();
}

void report_prefix_save(char *to)
{
	strcpy(to, this_cpu(prefixes));
}

void report_prefix_restore(const char *from)
{
	strcpy(this_cpu(prefixes), from);
}

static void count(struct result *result, enum verdict verdict)
{
	result->checks++;
	result->passed += verdict == VERDICT_PASS;
	result->failed += verdict == VERDICT_FAIL;
	result->skipped += verdict == VERDICT_SKIP;
	result->xfailed += verdict == VERDICT_XFAIL;
}

/* A test's reason is its first failure, or else its first check that did not pass. */
static bool is_the_reason(enum verdict verdict)
{
	if (verdict == VERDICT_FAIL)
		return !current.failed;
	return verdict != VERDICT_PASS && !current.failed && !current.reason[0];
}

static void vreport(enum verdict verdict, const char *word, const char *format, va_list arguments)
{
	bool unwaited = verdict == VERDICT_FAIL && patience_was_short();
	bool shortens = verdict == VERDICT_FAIL && !unwaited && patience_check_failed();
	char text[400];
	int length = 0;
	u64 flags;

	if (unwaited) {
		verdict = VERDICT_SKIP;
		word = "SKIP";
		length = snprintf(text, sizeof(text),
				  "not waited for, since %s had failed: ", patience_culprit());
	}
	vsnprintf(text + length, sizeof(text) - length, format, arguments);
	printf("%s: %s%s\n", word, this_cpu(prefixes), text);

	flags = irq_save();
	spin_lock(&lock);
	if (is_the_reason(verdict)) {
		snprintf(current.reason, sizeof(current.reason), "%s", text);
		machine_value(current.reason);
	}
	count(&current, verdict);
	count(&total, verdict);
	current.unwaited |= unwaited;
	spin_unlock(&lock);
	irq_restore(flags);
	if (shortens)
		mark("impatient", "test=%s", patience_culprit());
}

bool report(bool pass, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vreport(pass ? VERDICT_PASS : VERDICT_FAIL, pass ? "PASS" : "FAIL", format, arguments);
	va_end(arguments);
	return pass;
}

void report_pass(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vreport(VERDICT_PASS, "PASS", format, arguments);
	va_end(arguments);
}

void report_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vreport(VERDICT_FAIL, "FAIL", format, arguments);
	va_end(arguments);
}

void report_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vreport(VERDICT_SKIP, "SKIP", format, arguments);
	va_end(arguments);
}

bool report_xfail(bool xfail, bool pass, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (xfail)
		vreport(pass ? VERDICT_FAIL : VERDICT_XFAIL, pass ? "XPASS" : "XFAIL", format,
			arguments);
	else
		vreport(pass ? VERDICT_PASS : VERDICT_FAIL, pass ? "PASS" : "FAIL", format,
			arguments);
	va_end(arguments);
	return pass;
}

static void print_info(const char *word, const char *format, va_list arguments)
{
	char text[400];

	vsnprintf(text, sizeof(text), format, arguments);
	printf("%s: %s%s\n", word, this_cpu(prefixes), text);
}

void report_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_info("INFO", format, arguments);
	va_end(arguments);
}

void report_abort(const char *format, ...)
{
	va_list arguments;

	console_seize();
	va_start(arguments, format);
	print_info("ABORT", format, arguments);
	va_end(arguments);
	backtrace_here();
	console_abort();
}

void report_begin(void)
{
	memset(&current, 0, sizeof(current));
}

void report_end(struct result *result)
{
	*result = current;
}

static void print_count(int n, const char *what)
{
	if (n)
		printf(", %d %s", n, what);
}

void report_print_summary(void)
{
	printf("SUMMARY: %d tests", total.checks);
	print_count(total.failed, "unexpected failures");
	print_count(total.xfailed, "expected failures");
	print_count(total.skipped, "skipped");
	printf("\n");
}

int report_status(void)
{
	if (total.failed)
		return 1;
	return total.checks == total.skipped ? STATUS_ALL_SKIPPED : 0;
}
