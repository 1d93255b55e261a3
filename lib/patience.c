// SPDX-License-Identifier: GPL-2.0-or-later
/* See patience.h. */
#include "patience.h"

#define FIRST_DIVISOR 4
/* After a reset waits begin with this divisor, since there may be many resets. */
#define LATER_DIVISOR 64
/* A wait that is shortened further would hardly poll its condition. */
#define MOST_DIVISOR 1024

/*
 * Any CPU may wait and fail. If two do so at the same time, one change may be lost. Then a wait is
 * longer than necessary.
 */
static const char *current, *culprit;
static u64 divisor = 1;
static bool missed, missed_short; /* by the current test */

void patience_go_on(const char *test)
{
	culprit = test;
	divisor = LATER_DIVISOR;
}

void patience_test_begins(const char *name)
{
	current = name;
	WRITE_ONCE(missed, false);
	WRITE_ONCE(missed_short, false);
}

bool patience_is_expected(void)
{
	const char *pattern;

	for (int n = 0; (pattern = argument_nth("expect", n)); n++)
		if (current && simple_glob(current, pattern))
			return true;
	return false;
}

u64 patience_divisor(void)
{
	return READ_ONCE(divisor);
}

void patience_missed(bool shortened)
{
	if (!shortened) {
		WRITE_ONCE(missed, true);
		return;
	}
	WRITE_ONCE(missed_short, true);
	WRITE_ONCE(divisor, MIN(READ_ONCE(divisor) * 2, (u64)MOST_DIVISOR));
}

bool patience_check_failed(void)
{
	if (culprit || !READ_ONCE(missed) || patience_is_expected())
		return false;
	culprit = current;
	WRITE_ONCE(divisor, FIRST_DIVISOR);
	return true;
}

bool patience_was_short(void)
{
	return READ_ONCE(missed_short);
}

const char *patience_culprit(void)
{
	return culprit;
}
