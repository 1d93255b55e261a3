// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first exit of L2 after a migration in L2 (Intel SDM volume 3, 25.6.2 for the controls).
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "migrate.h"
#include "x86/vmx_exit/vmx_exit.h"

extern char first_invlpg[], first_sgdt[];

static void invlpg_behind_move(void *data)
{
	migrate_quiet();
	asm volatile("first_invlpg: invlpg (%0)" : : "r"(data) : "memory");
	l2_call(1);
}

static void sgdt_behind_move(void *data)
{
	migrate_quiet();
	asm volatile("first_sgdt: sgdt (%0)" : : "r"(data) : "memory");
	l2_call(1);
}

static void check_first_exit(void (*code)(void *data), enum vmcs_field field, u32 control,
			     u64 reason, u64 rip)
{
	char *page = alloc_page();
	struct l2 *l2 = l2_new(code, page);

	if (!broken("lost"))
		vmx_set_controls(l2, field, control);
	l2_expect(l2, reason, "the first exit after the migration");
	report(vmx_get(l2, GUEST_RIP) == rip, "the exit came at RIP 0x%lx, expected 0x%lx",
	       vmx_get(l2, GUEST_RIP), rip);
	l2_free(l2);
	free_page(page);
}

/*
 * At L1's next VM entry a hypervisor computes the controls of L2 anew. So only the first exit can
 * show that a migration has lost a control. The hypervisor itself needs no exit for either
 * instruction.
 */
TEST(first_exit_primary, .on = EACH_CPU, .needs = VMX,
     .about = "INVLPG exits by a primary control as L2's first exit after a migration in L2")
{
	check_first_exit(invlpg_behind_move, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INVLPG_EXITING,
			 EXIT_REASON_INVLPG, (u64)first_invlpg);
}

TEST(first_exit_secondary, .on = EACH_CPU, .needs = VMX_DESC_EXITING,
     .about = "SGDT exits by a secondary control as L2's first exit after a migration in L2")
{
	check_first_exit(sgdt_behind_move, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_DESC,
			 EXIT_REASON_GDTR_IDTR, (u64)first_sgdt);
}
