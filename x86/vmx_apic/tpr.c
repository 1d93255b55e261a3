// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TPR in the virtual-APIC page: the TPR shadow and the TPR threshold (Intel SDM volume 3,
 * 30.1 "Virtual APIC State", 27.2.1.1 and 27.7.7 for the threshold at VM entries).
 *
 * A broken hypervisor loses L2's last write to CR8, gives L2 the TPR of L1, or compares VTPR with
 * another threshold after the migration.
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "x86/vmx_apic/vmx_apic.h"

/* ======== the TPR shadow ======== */

/* VTPR begins as 0xcf. CR8 shows its upper half; the first write to CR8 clears the lower one. */
static const struct step cr8_steps[] = {
	PASSES(LOAD_CR8, 0, 12),
	PASSES(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 15),
	PASSES(LOAD_CR8, 0, 15),
	PASSES(STORE_CR8, 0, 9),
	/* migration */
	PASSES(LOAD_CR8, 0, 9),
	PASSES(STORE_CR8, 0, 3),
	PASSES(LOAD_CR8, 0, 3),
	PASSES(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 7),
};

TEST(tpr_shadow, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about =
	     "with the TPR shadow, L2's CR8 is VTPR, which survives a migration without exits and apart from L1's TPR")
{
	struct l2 *l2 = new_l2_for_steps(false, CPU_BASED_TPR_SHADOW, 0);

	write_cr8(OWN_CR8);
	check_steps(l2, cr8_steps, ARRAY_SIZE(cr8_steps), 6, 0, 0xcf);
	report(vtpr() == 0x70, "VTPR is 0x%x, L2 wrote 0x70", vtpr());
	check_own_cr8();
	write_cr8(0);
	free_l2(l2);
}

static struct meanwhile {
	u64 count, wrong, first_wrong, first_read;
} meanwhile;

static void write_and_read_cr8(void)
{
	u64 value = ++meanwhile.count & 0xf, read;

	write_cr8(value);
	read = read_cr8();
	if (read != value && !meanwhile.wrong++) {
		meanwhile.first_wrong = value;
		meanwhile.first_read = read;
	}
}

static void write_cr8_through_move(void *unused)
{
	write_and_read_cr8();
	migrate_quiet_while(write_and_read_cr8);
	meanwhile.wrong += read_cr8() != (meanwhile.count & 0xf);
	spoil_cr8();
}

/*
 * The processor writes to the virtual-APIC page without going through a page table. A broken
 * hypervisor does not notice that, and does not send the page again.
 */
TEST(tpr_shadow_meanwhile, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "with the TPR shadow, what L2 writes to CR8 during a migration is in VTPR after it")
{
	struct l2 *l2 = new_l2(write_cr8_through_move, NULL, false, 0);

	meanwhile = (struct meanwhile){ 0 };
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	l2_expect_return(l2);
	report(!meanwhile.wrong,
	       "of %lu values %lu were read as another, the first as 0x%lx and not 0x%lx",
	       meanwhile.count, meanwhile.wrong, meanwhile.first_read, meanwhile.first_wrong);
	report(vtpr() == (meanwhile.count & 0xf) << 4, "VTPR is 0x%x, L2 wrote 0x%lx last", vtpr(),
	       (meanwhile.count & 0xf) << 4);
	free_l2(l2);
}

/* ======== the TPR threshold ======== */

/*
 * The steps begin with VTPR 0xf0 and threshold 6. After each exit the threshold becomes VTPR's
 * class.
 */
static const struct step threshold_steps[] = {
	PASSES(STORE_CR8, 0, 6),
	PASSES(STORE_CR8, 0, 8),
	PASSES(STORE_CR8, 0, 6),
	BELOW(STORE_CR8, 0, 5),
	PASSES(LOAD_CR8, 0, 5),
	PASSES(STORE_CR8, 0, 14),
	/* migration */
	PASSES(STORE_CR8, 0, 5),
	BELOW(STORE_CR8, 0, 3),
	PASSES(STORE_CR8, 0, 4),
	PASSES(STORE_CR8, 0, 3),
	BELOW(STORE_CR8, 0, 0),
	PASSES(LOAD_CR8, 0, 0),
	PASSES(STORE_CR8, 0, 1),
	PASSES(STORE_CR8, 0, 0),
};

TEST(tpr_threshold, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about =
	     "with the TPR shadow, MOV to CR8 causes an exit only if it takes VTPR below the TPR threshold")
{
	struct l2 *l2 = new_l2_for_steps(false, CPU_BASED_TPR_SHADOW, 0);

	check_steps(l2, threshold_steps, ARRAY_SIZE(threshold_steps), 6, 6, 0xf0);
	free_l2(l2);
}

/* Without virtualized APIC accesses a VM entry fails if VTPR is below the threshold (27.2.1.1). */
TEST(tpr_threshold_refused, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "a VM entry with VTPR below the TPR threshold fails after a migration")
{
	struct l2 *l2 = new_l2(l2_call_forever, (void *)HERE, false, 0);
	u64 reason;

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	vmx_set(l2, TPR_THRESHOLD, 4);
	*apic_register(APIC_TASKPRI) = 0x4f;
	l2_expect_call(l2, HERE);
	*apic_register(APIC_TASKPRI) = broken("refused") ? 0x40 : 0x3f;
	migrate_quiet();
	reason = l2_enter(l2);
	report(reason == L2_NOT_ENTERED &&
		       vmx_get(l2, VM_INSTRUCTION_ERROR) == VMXERR_ENTRY_INVALID_CONTROL_FIELD,
	       "VTPR 0x3f, threshold 4: exit %s; expected no entry, with error %d",
	       l2_exit_text(l2), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
	*apic_register(APIC_TASKPRI) = 0x40;
	l2_expect_call(l2, HERE);
	free_l2(l2);
}

/* With virtualized APIC accesses the VM entry succeeds, and L2 exits at once (27.7.7). */
TEST(tpr_threshold_at_entry, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES),
     .about =
	     "with VTPR below the TPR threshold L2 exits before its first instruction, also after a migration")
{
	struct l2 *l2 = new_l2(l2_call_forever, (void *)HERE, false,
			       SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	for (int moved = 0; moved < 2; moved++) {
		u64 rip = vmx_get(l2, GUEST_RIP);

		vmx_set(l2, TPR_THRESHOLD, 4);
		*apic_register(APIC_TASKPRI) = broken("refused") ? 0x40 : 0x3f;
		if (moved)
			migrate_quiet();
		l2_expect(l2, EXIT_REASON_TPR_BELOW_THRESHOLD, "VTPR 0x3f, threshold 4");
		report(vmx_get(l2, GUEST_RIP) == rip, "L2's RIP is 0x%lx, was 0x%lx",
		       vmx_get(l2, GUEST_RIP), rip);
		*apic_register(APIC_TASKPRI) = 0x40;
		l2_expect_call(l2, HERE);
	}
	free_l2(l2);
}
