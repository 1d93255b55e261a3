// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registers: which of the MSRs that KVM lists (KVM API documentation, KVM_GET_MSR_INDEX_LIST) the
 * tables of lib/x86/registers-*.c have. A part of the program registers: see registers.c.
 *
 * A VMM saves and restores what KVM lists. MSRs that a new kernel has added to the list are in no
 * table yet. The test names them and passes: the tests are incomplete, not the hypervisor.
 */
#include "libcflat.h"
#include "console.h"
#include "host.h"
#include "processor.h"
#include "registers.h"

#define ANSWER_BYTES 512

struct coverage {
	unsigned total, compared, elsewhere, absent, missing;
};

static void look_at(u32 index, struct coverage *coverage)
{
	const struct register_row *row;
	u64 value;
	int n;

	row = find_msr_row(index, &n);
	if (row && row->instead)
		coverage->elsewhere++;
	else if (row)
		coverage->compared++;
	else if (rdmsr_safe(index, &value))
		coverage->absent++;
	else {
		coverage->missing++;
		report_info(
			"MSR 0x%x is not covered: KVM lists it, this CPU has it with the value 0x%lx, and no table here has it",
			index, value);
	}
}

/* Returns how many numbers the answer had. */
static unsigned look_at_answer(const char *answer, struct coverage *coverage)
{
	char list[ANSWER_BYTES];
	unsigned count = 0;
	char *at = list;

	answer_word(answer, "list", list, sizeof(list));
	while (*at) {
		look_at(strtoull(at, &at, 16), coverage);
		count++;
		if (*at == ',')
			at++;
	}
	return count;
}

TEST(listed_msrs, .needs = HOST_ANSWERS,
     .about = "names the MSRs that KVM saves and restores, and that no test covers")
{
	struct coverage coverage = { 0 };
	unsigned seen = 0, some;
	char answer[ANSWER_BYTES], question[32];

	do {
		snprintf(question, sizeof(question), "msrs-from-%u", seen);
		host_ask(question, answer, sizeof(answer));
		if (strstr(answer, "error=")) {
			report_skip("the host has no KVM that lists MSRs");
			return;
		}
		coverage.total = answer_number(answer, "total");
		some = look_at_answer(answer, &coverage);
		seen += some;
	} while (some && seen < coverage.total);
	mark("msrs", "listed=%u compared=%u elsewhere=%u absent=%u not_covered=%u", coverage.total,
	     coverage.compared, coverage.elsewhere, coverage.absent, coverage.missing);
	report(seen == coverage.total,
	       "of %u MSRs that KVM lists, %u are compared here, %u are tested elsewhere, this CPU does not have %u, and %u are not covered",
	       coverage.total, coverage.compared, coverage.elsewhere, coverage.absent,
	       coverage.missing);
}
