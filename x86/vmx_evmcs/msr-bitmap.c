// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes to the MSR bitmap of an enlightened VMCS (TLFS "Nested Virtualization": "Enlightened MSR
 * Bitmap").
 *
 * A broken hypervisor goes on with the bitmap that it has computed before, although L1 has cleared
 * the clean bit, or although a migration has lost it.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

static void read_quiet_msr(void *data)
{
	const bool *move = data;

	for (;;) {
		if (*move)
			migrate_quiet();
		rdmsr(QUIET_MSR);
		l2_call(HERE);
	}
}

/* L2's RDMSR should exit or not, and then L2 makes its call. */
static void check_msr(struct l2 *l2, bool exits, const char *when)
{
	bool exited = l2_enter(l2) == EXIT_REASON_MSR_READ;

	if (exited) {
		vmx_skip(l2);
		l2_enter(l2);
	}
	report(exited == exits && l2_is_call(l2, HERE), "%s: RDMSR %s (expected: %s); then exit %s",
	       when, exited ? "exited" : "did not exit", exits ? "it does" : "it does not",
	       l2_exit_text(l2));
	l2_skip_call(l2);
}

/* Changes the bitmap, and clears the clean bit to tell the hypervisor. */
static void set_told(struct l2 *l2, bool exits)
{
	u32 clean = l2->evmcs->hv_clean_fields;

	l2_intercept_msr(l2, QUIET_MSR, exits && !broken("field"), false);
	l2->evmcs->hv_clean_fields = clean & ~(broken("clean") ? 0 : HV_EVMCS_CLEAN_MSR_BITMAP);
}

static void msr_bitmap_across_moves(bool enlightened)
{
	bool move = false;
	struct l2 *l2 = vmx_new_enlightened(read_quiet_msr, &move);

	if (enlightened) {
		l2->evmcs->hv_enlightenments_control |= HV_EVMCS_ENLIGHTENED_MSR_BITMAP;
		l2->evmcs->hv_clean_fields &= ~(u32)HV_EVMCS_CLEAN_ENLIGHTENMENTSCONTROL;
	}
	check_msr(l2, false, "not intercepted");
	check_msr(l2, false, "not intercepted, second entry");
	set_told(l2, true);
	check_msr(l2, true, "intercepted");
	set_told(l2, false);
	migrate_quiet();
	check_msr(l2, false, "changed, then a migration in L1");
	if (enlightened) {
		migrate_quiet();
		check_msr(l2, false, "unchanged, after a migration in L1");
	}
	set_told(l2, true);
	check_msr(l2, true, "then changed");
	move = true;
	check_msr(l2, true, "a migration in L2 before the RDMSR");
	move = false;
	set_told(l2, false);
	check_msr(l2, false, "then changed");
	l2_free(l2);
}

TEST(msr_bitmap, .on = EACH_CPU, .needs = HV_EVMCS,
     .about =
	     "with an enlightened VMCS, changes to the MSR bitmap take effect at the next entry, across migrations in L1 and in L2")
{
	msr_bitmap_across_moves(false);
}

TEST(enlightened_msr_bitmap, .on = EACH_CPU, .needs = HV_EVMCS_MSR_BITMAP,
     .about =
	     "changes to an enlightened MSR bitmap, announced by the clean bit, take effect across migrations")
{
	msr_bitmap_across_moves(true);
}
