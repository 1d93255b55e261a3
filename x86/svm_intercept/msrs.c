// SPDX-License-Identifier: GPL-2.0-or-later
/* The MSR permission map (15.11). The head of svm_intercept.c says what is tested and how. */
#include "migrate.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"

/*
 * The first and last MSRs of the map's three ranges, neighbours that hypervisors let L2 access
 * directly, and MSRs outside the ranges.
 */
static const u32 msrs[] = {
	0x0,
	MSR_IA32_SYSENTER_CS,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT,
	0x1fff,
	0xc0000000,
	MSR_EFER,
	MSR_STAR,
	MSR_LSTAR,
	MSR_CSTAR,
	MSR_SYSCALL_MASK,
	MSR_FS_BASE,
	MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,
	0xc0001fff,
	0xc0010000,
	MSR_K7_HWCR,
	MSR_VM_CR,
	MSR_VM_HSAVE_PA,
	0xc0011fff,
	0x2000,
	0x40000000,
	0xbfffffff,
	0xc0002000,
	0xc000ffff,
	0xc0012000,
	0xffffffff,
};

static struct row msr_rows[2 * ARRAY_SIZE(msrs)];
static char msr_names[2 * ARRAY_SIZE(msrs)][24];

/*
 * The map's bit for reads of an MSR; the next one is for writes. -1: the MSR is outside the ranges
 * (15.11).
 */
static int msrpm_bit(u32 index)
{
	switch (index & ~0x1fffu) {
	case 0:
		return 2 * index;
	case 0xc0000000:
		return 8 * 0x800 + 2 * (index & 0x1fff);
	case 0xc0010000:
		return 8 * 0x1000 + 2 * (index & 0x1fff);
	}
	return -1;
}

bool msr_should_exit(const struct l2 *l2, const struct row *row)
{
	int bit = msrpm_bit(row->number) + row->write;

	return svm_intercepts(l2, INTERCEPT_MSR_PROT) &&
	       (msrpm_bit(row->number) < 0 || l2->msrpm[bit / 8] >> bit % 8 & 1);
}

bool check_msr(const struct l2 *l2, const struct row *row, const char *when)
{
	return report_if_failed(l2->vmcb->control.exitinfo1 == row->write,
				"%s: %s: EXITINFO1 is %lu and not %u", when, row->name,
				l2->vmcb->control.exitinfo1, row->write);
}

static struct l2 *begin_msrs(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		bool write = i % 2;
		u32 msr = msrs[i / 2];

		snprintf(msr_names[i], sizeof(msr_names[i]), "%s 0x%x", write ? "WRMSR" : "RDMSR",
			 msr);
		msr_rows[i] = (struct row){
			.name = msr_names[i],
			.run = write ? run_wrmsr : run_rdmsr,
			.at = write ? at_wrmsr : at_rdmsr,
			.after = write ? after_wrmsr : after_rdmsr,
			.exit = SVM_EXIT_MSR,
			.always = msrpm_bit(msr) < 0,
			.number = msr,
			.write = write,
		};
	}
	return begin(msr_rows, ARRAY_SIZE(msr_rows));
}

/*
 * A broken hypervisor takes reads for writes, an MSR for its neighbour, or one range for another;
 * lets L2 access an MSR directly that L1 wants to see; or gives L2 #GP for an MSR that does not
 * exist, instead of L1's exit.
 */
TEST(msrs_patterns, .on = EACH_CPU, .needs = SVM,
     .about =
	     "exactly those MSR accesses exit that L1 wants to, across a migration in L2, in patterns that tell any two bits of the MSR map apart")
{
	struct l2 *l2 = begin_msrs();
	bool good = true;
	int pattern;

	migrate_inside = true;
	for (pattern = 0; good && pattern < PATTERNS; pattern++) {
		report_prefix_pushf("pattern %d", pattern);
		want_msrs(l2, in_pattern, pattern);
		good = quiet_turn(l2, "after a migration in L2");
		report_prefix_pop();
	}
	report(good, "%d reads and writes in %d patterns", row_count, pattern);
	end(l2);
}

TEST(msrs_all, .on = EACH_CPU, .needs = SVM,
     .about = "every MSR access that L1 intercepts still exits after a migration in L2")
{
	struct l2 *l2 = begin_msrs();

	want_msrs(l2, all, 0);
	if (turn(l2, "all, before the migration"))
		migrated_turn(l2, "all, after a migration in L2");
	end(l2);
}

/* A broken hypervisor looks at the map though L1 does not intercept MSRs at all. */
TEST(msrs_off, .on = EACH_CPU, .needs = SVM,
     .about =
	     "the MSR map has no effect without MSR_PROT, and has it at once with it, across a migration in L2")
{
	struct l2 *l2 = begin_msrs();

	want_msrs(l2, all, 0);
	svm_clear_intercept(l2, INTERCEPT_MSR_PROT);
	if (migrated_turn(l2, "all bits but not MSR_PROT, after a migration in L2")) {
		svm_set_intercept(l2, INTERCEPT_MSR_PROT);
		turn(l2, "all bits and MSR_PROT");
	}
	end(l2);
}

/* A broken hypervisor merges L1's map and its own only once for an L2, and not at every entry. */
TEST(msrs_changed, .on = EACH_CPU, .needs = SVM,
     .about =
	     "bits of the MSR map that L1 changes after a migration in L2 take effect at the next entry")
{
	struct l2 *l2 = begin_msrs();

	want_msrs(l2, every_other, 0);
	if (migrated_turn(l2, "reads, after a migration in L2")) {
		want_msrs(l2, every_other, 1);
		if (turn(l2, "writes, changed after the migration")) {
			want_msrs(l2, none, 0);
			turn(l2, "neither");
		}
	}
	end(l2);
}

TEST(msrs_moved_in_l1, .on = EACH_CPU, .needs = SVM,
     .about =
	     "bits of the MSR map that L1 changes before a migration in L1, with GIF clear right before VMRUN, take effect")
{
	struct l2 *l2 = begin_msrs();

	want_msrs(l2, every_other, 1);
	if (turn(l2, "writes, before the migration")) {
		want_msrs(l2, every_other, 0);
		turn_after_migration_with_gif_clear(l2, "reads, after a migration in L1");
	}
	end(l2);
}

/* ======== the first access to an MSR after the migration ======== */

/*
 * Any exit between the migration and the access would let the next VMRUN merge the maps again.
 * Hypervisors often let guests access these MSRs directly.
 */
static void read_at_once(void *data)
{
	migrate_quiet();
	rdmsr(MSR_LSTAR);
}

static void write_at_once(void *data)
{
	migrate_quiet();
	wrmsr(MSR_KERNEL_GS_BASE, 0x5000);
}

static void check_first_msr(void (*code)(void *data), u32 index, bool write)
{
	struct l2 *l2 = l2_new(code, NULL);

	l2_intercept_msr(l2, index, !write, write);
	l2_expect(l2, SVM_EXIT_MSR, "MSR 0x%x, first after the migration", index);
	report(l2->vmcb->control.exitinfo1 == write && (u32)l2->registers.rcx == index,
	       "EXITINFO1 is %lu, RCX 0x%lx", l2->vmcb->control.exitinfo1, l2->registers.rcx);
	l2_free(l2);
}

TEST(msr_read_first, .on = EACH_CPU, .needs = SVM,
     .about = "an intercepted RDMSR exits if it is the first thing that L2 does after a migration")
{
	check_first_msr(read_at_once, MSR_LSTAR, false);
}

TEST(msr_write_first, .on = EACH_CPU, .needs = SVM,
     .about = "an intercepted WRMSR exits if it is the first thing that L2 does after a migration")
{
	check_first_msr(write_at_once, MSR_KERNEL_GS_BASE, true);
}
