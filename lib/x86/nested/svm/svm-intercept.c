// SPDX-License-Identifier: GPL-2.0-or-later
/* What an L2 exits for (AMD APM volume 2, 15.7 to 15.11). */
#include "nested/svm/svm.h"

/* The MSRPM has three ranges of 0x2000 MSRs, with 2 bits for each MSR (15.11). */
#define MSRPM_RANGE	  0x2000
#define MSRPM_RANGE_BYTES 0x800

void svm_set_intercept(struct l2 *l2, unsigned intercept)
{
	assert(intercept / 32 < ARRAY_SIZE(l2->vmcb->control.intercepts));
	l2->vmcb->control.intercepts[intercept / 32] |= 1u << intercept % 32;
}

void svm_clear_intercept(struct l2 *l2, unsigned intercept)
{
	assert(intercept / 32 < ARRAY_SIZE(l2->vmcb->control.intercepts));
	l2->vmcb->control.intercepts[intercept / 32] &= ~(1u << intercept % 32);
}

bool svm_intercepts(const struct l2 *l2, unsigned intercept)
{
	return l2->vmcb->control.intercepts[intercept / 32] >> intercept % 32 & 1;
}

void l2_intercept_msr(struct l2 *l2, u32 index, bool read, bool write)
{
	static const u32 ranges[] = { 0, 0xc0000000, 0xc0010000 };

	svm_set_intercept(l2, INTERCEPT_MSR_PROT);
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		u8 *map = l2->msrpm + i * MSRPM_RANGE_BYTES;

		if (index - ranges[i] >= MSRPM_RANGE)
			continue;
		l2_set_map_bit(map, 2 * (index - ranges[i]), read);
		l2_set_map_bit(map, 2 * (index - ranges[i]) + 1, write);
		return;
	}
	assert_msg(false, "MSR 0x%x is in no range of the MSRPM", index);
}

void l2_intercept_port(struct l2 *l2, u16 port, bool on)
{
	svm_set_intercept(l2, INTERCEPT_IOIO_PROT);
	l2_set_map_bit(l2->iopm, port, on);
}
