/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks and their results, in kvm-unit-tests' words. Every one belongs to the
 * test that is running, on whichever CPU it is made, and counts in the summary.
 */
#ifndef REPORT_H
#define REPORT_H

#include "libcflat.h"

/* PASS if `pass`, else FAIL; returns pass. */
bool report(bool pass, const char *format, ...) __printf(2, 3);
void report_pass(const char *format, ...) __printf(1, 2);
void report_fail(const char *format, ...) __printf(1, 2);
/* The check could not be made: say why. */
void report_skip(const char *format, ...) __printf(1, 2);
/* If `xfail`, this is known to fail: XFAIL, or XPASS (a failure) if it passes. */
bool report_xfail(bool xfail, bool pass, const char *format, ...) __printf(3, 4);
/* Counts for nothing. */
void report_info(const char *format, ...) __printf(1, 2);
/* Ends the guest: it is in a state in which no result means anything. */
void report_abort(const char *format, ...) __printf(1, 2) __noreturn;

/*
 * For the many rounds of a loop: a check that prints only if it fails, and then
 * like report(). Does not count while it passes; end the loop with a report().
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
 * `PREFIX: ` before the text of this CPU's checks; functions run by on_cpu()
 * begin with their caller's.
 */
void report_prefix_push(const char *prefix);
void report_prefix_pushf(const char *format, ...) __printf(1, 2);
void report_prefix_pop(void);
void report_prefix_popn(int n);

/* For the library. */
#define REPORT_PREFIX_SIZE 192
void report_prefix_save(char *prefixes);
void report_prefix_restore(const char *prefixes);

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_SKIP, VERDICT_XFAIL };

/* Of one test, between report_begin and report_end. */
struct result {
	int checks, passed, failed, skipped, xfailed;
	char reason[160];
};

void report_begin(void);
void report_end(struct result *result);
void report_print_summary(void);
/* For exit(): 0, 1 or 77 as docs/protocol.md says. */
int report_status(void);

#endif
