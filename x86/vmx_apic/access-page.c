// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Accesses of L2 to the APIC-access page (Intel SDM volume 3, 30.4 "Virtualizing Memory-Mapped
 * APIC Accesses", 28.2.1 for the exit qualifications).
 *
 * A broken hypervisor maps the page itself, or an older APIC-access page, so that an access reads
 * or writes it without an exit. Or the qualification has a wrong offset or type.
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "x86/vmx_apic/vmx_apic.h"

/* The qualifications are those of table 28-6. */
static const struct step access_steps[] = {
	EXITS(LOAD_32, APIC_ID, INST_READ),
	EXITS(STORE_32, APIC_EOI, INST_WRITE),
	EXITS(LOAD_32, APIC_TASKPRI, INST_READ),
	EXITS(STORE_32, APIC_TASKPRI, INST_WRITE),
	EXITS(LOAD_8, 0xfff, INST_READ),
	/* migration */
	EXITS(LOAD_32, APIC_LVR, INST_READ),
	EXITS(STORE_32, APIC_ICR, INST_WRITE),
	EXITS(LOAD_8, APIC_TASKPRI, INST_READ),
	EXITS(LOAD_64, APIC_IRR, INST_READ),
	EXITS(STORE_8, 0, INST_WRITE),
	EXITS(LOAD_32, APIC_TMCCT, INST_READ),
};

static void check_accesses(bool ept)
{
	struct l2 *l2 = new_l2_for_steps(ept, 0, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	check_steps(l2, access_steps, ARRAY_SIZE(access_steps), 6, 0, 0);
	free_l2(l2);
}

TEST(apic_accesses, .on = EACH_CPU, .needs = VMX_APIC_ACCESSES,
     .about =
	     "L2's accesses to the APIC-access page exit with offset and type, before and after a migration")
{
	check_accesses(false);
}

TEST(apic_accesses_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_APIC_ACCESSES, VMX_EPT),
     .about = "L2's accesses to the APIC-access page exit with offset and type, with EPT")
{
	check_accesses(true);
}

/* What L2 reads in two pages, one after the other, or how often the access exits. */
static struct look {
	u32 read[2];
	unsigned exits[2];
	volatile int at;
} look;

static void look_in_l2(void *unused)
{
	for (;;) {
		look.at = 0;
		look.read[0] = load_32((u64)window + APIC_LVR, 0);
		look.at = 1;
		look.read[1] = load_32((u64)other_window + APIC_LVR, 0);
		l2_call(HERE);
	}
}

static void expect_look(struct l2 *l2, bool first, bool second, const char *when)
{
	look = (struct look){ 0 };
	if (l2->ept)
		invept(VMX_EPT_EXTENT_GLOBAL, 0);
	while (l2_enter(l2) == EXIT_REASON_APIC_ACCESS && look.exits[look.at]++ == 0)
		vmx_skip(l2);
	report(look.exits[0] == first && look.exits[1] == second &&
		       (first || look.read[0] == 0x1111) && (second || look.read[1] == 0x2222),
	       "%s: the first page: %u exits, read 0x%x; the second: %u exits, read 0x%x; expected %d and %d exits, else 0x1111 and 0x2222",
	       when, look.exits[0], look.read[0], look.exits[1], look.read[1], first, second);
	if (report_if_failed(l2_is_call(l2, HERE), "%s: L2 should look at both pages: exit %s",
			     when, l2_exit_text(l2)))
		vmx_skip(l2);
}

static void check_changed(bool ept)
{
	struct l2 *l2 = new_l2(look_in_l2, NULL, ept, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	*(u32 *)(access_page + APIC_LVR) = 0x1111;
	*(u32 *)(other_page + APIC_LVR) = 0x2222;
	expect_look(l2, true, false, "before the migration");
	migrate_quiet();
	vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(broken("access") ? access_page : other_page));
	expect_look(l2, false, true, "the second page after a migration");
	vmx_set(l2, APIC_ACCESS_ADDR, virt_to_phys(access_page));
	migrate_quiet();
	expect_look(l2, true, false, "the first page again before a migration");
	vmx_clear_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);
	expect_look(l2, false, false, "no APIC-access page");
	free_l2(l2);
}

TEST(apic_access_page_changed, .on = EACH_CPU, .needs = VMX_APIC_ACCESSES,
     .about =
	     "only accesses to the current APIC-access page exit, which L1 changes before and after a migration")
{
	check_changed(false);
}

TEST(apic_access_page_changed_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_APIC_ACCESSES, VMX_EPT),
     .about =
	     "under EPT, only accesses to the current APIC-access page exit, which L1 changes before and after a migration")
{
	check_changed(true);
}

/*
 * With the TPR shadow, offset 80h is VTPR (30.4.2, 30.4.3). The steps begin with VTPR 0xf3 and
 * threshold 5.
 */
static const struct step page_steps[] = {
	PASSES(LOAD_32, APIC_TASKPRI, 0xf3),
	PASSES(LOAD_8, APIC_TASKPRI, 0xf3),
	PASSES(STORE_32, APIC_TASKPRI, 0x5a),
	PASSES(LOAD_CR8, 0, 5),
	EXITS(LOAD_32, APIC_PROCPRI, INST_READ),
	BELOW(STORE_32, APIC_TASKPRI, 0x4c),
	/* migration */
	PASSES(LOAD_32, APIC_TASKPRI, 0x4c),
	PASSES(STORE_CR8, 0, 12),
	PASSES(LOAD_32, APIC_TASKPRI, 0xc0),
	BELOW(STORE_8, APIC_TASKPRI, 0x21),
	EXITS(LOAD_64, APIC_TASKPRI, INST_READ),
	EXITS(LOAD_8, APIC_TASKPRI + 4, INST_READ),
	EXITS(STORE_32, APIC_EOI, INST_WRITE),
	PASSES(STORE_32, APIC_TASKPRI, 0x77),
};

static void check_tpr_in_page(bool ept)
{
	struct l2 *l2 = new_l2_for_steps(ept, CPU_BASED_TPR_SHADOW,
					 SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);

	check_steps(l2, page_steps, ARRAY_SIZE(page_steps), 6, 5, 0xf3);
	report(vtpr() == 0x77 && *(u32 *)(access_page + APIC_TASKPRI) == 0,
	       "VTPR is 0x%x, L2 wrote 0x77; the APIC-access page itself has 0x%x there", vtpr(),
	       *(u32 *)(access_page + APIC_TASKPRI));
	free_l2(l2);
}

TEST(tpr_in_page, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES),
     .about =
	     "with the TPR shadow, offset 80h of the APIC-access page is VTPR, and other offsets exit")
{
	check_tpr_in_page(false);
}

TEST(tpr_in_page_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES, VMX_EPT),
     .about = "with the TPR shadow and EPT, offset 80h of the APIC-access page is VTPR")
{
	check_tpr_in_page(true);
}
