/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks, with kvm-unit-tests' names. A check counts for the test that is running, whichever CPU
 * makes it, and in the summary. Formats are printf()'s; no newline at the end.
 */
#ifndef REPORT_H
#define REPORT_H

#include "libcflat.h"

/* Prints PASS if `pass`, else FAIL. Returns `pass`. */
bool report(bool pass, const char *format, ...) __printf(2, 3);
void report_pass(const char *format, ...) __printf(1, 2);
void report_fail(const char *format, ...) __printf(1, 2);
/* Prints SKIP, for a check that cannot be made. The text says why. */
void report_skip(const char *format, ...) __printf(1, 2);
/* If `xfail`, the check is expected to fail: it prints XFAIL, or XPASS (a failure) if it passes. */
bool report_xfail(bool xfail, bool pass, const char *format, ...) __printf(3, 4);
/* Prints INFO, and counts for nothing. */
void report_info(const char *format, ...) __printf(1, 2);
/* Ends the guest with status 127. Call it when no further result can be trusted. */
void report_abort(const char *format, ...) __printf(1, 2) __noreturn;

/*
 * A check for the many rounds of a loop. It is like report() if it fails; if it passes it prints
 * nothing and does not count, so end the loop with a report().
 */
#define report_if_failed(pass, format, ...)                                                        \
	({                                                                                         \
		bool passed_ = (pass);                                                             \
                                                                                                   \
		if (unlikely(!passed_))                                                            \
			report_fail(format, ##__VA_ARGS__);                                        \
		passed_;                                                                           \
	})

/*
 * Puts `PREFIX: ` before the text of this CPU's checks, after earlier prefixes. A function run by
 * on_cpu() begins with its caller's prefixes.
 */
void report_prefix_push(const char *prefix);
void report_prefix_pushf(const char *format, ...) __printf(1, 2);
void report_prefix_pop(void);
void report_prefix_popn(int n);

/* For the library: copies this CPU's prefixes, or sets them. */
#define REPORT_PREFIX_SIZE 192
void report_prefix_save(char *prefixes);
void report_prefix_restore(const char *prefixes);

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP, VERDICT_XFAIL };

/* The result of one test, from all checks between report_begin() and report_end(). */
struct result {
	int checks, passed, failed, skipped, xfailed;
	bool unwaited; /* a check was skipped since its wait was shortened (patience.h) */
	char reason[160];
};

void report_begin(void);
void report_end(struct result *result);
void report_print_summary(void);
/* The status for exit(): 0, 1 or 77 (docs/protocol.md). */
int report_status(void);

#endif
