// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exits by the masks, shadows and targets of control registers (Intel SDM volume 3, 25.6.6, 25.6.7
 * and 26.1.3). vmx_exit.c says what is tested and how, and what break= does.
 */
#include "alloc_page.h"
#include "migrate.h"
#include "processor.h"
#include "vm.h"
#include "x86/vmx_exit/vmx_exit.h"

/* ======== CR0 and CR4: masks and shadows; CR3's targets ======== */

/*
 * L1 owns the bits in the mask: L2 reads them from the shadow, and a write that differs from the
 * shadow exits (25.6.6). L2 owns the other bits.
 */
#define CR0_MASK   (X86_CR0_TS | X86_CR0_AM | X86_CR0_NE)
#define CR0_SHADOW (X86_CR0_TS)
#define CR4_MASK   (X86_CR4_PCE | X86_CR4_TSD | X86_CR4_VMXE)
#define CR4_SHADOW (X86_CR4_TSD)

struct control_registers {
	u64 cr0, cr4;
	u16 msw;
};

static struct control_registers read_control_registers(void)
{
	struct control_registers now = { .cr0 = read_cr0(), .cr4 = read_cr4() };

	asm volatile("smsw %0" : "=r"(now.msw));
	return now;
}

/* What L2 reads: at first, after the migration, after writes that do not exit, and at the end. */
static struct control_registers seen[4];

/* L2's code. The writes after the call exit. A write that wrongly does not may raise #GP. */
static void masked_in_l2(void *data)
{
	bool *move = data;

	seen[0] = read_control_registers();
	if (*move)
		migrate_quiet();
	seen[1] = read_control_registers();
	/* L1's bits are as in the shadow, and one bit of L2's changes: there is no exit. */
	write_cr0(seen[1].cr0 ^ X86_CR0_MP);
	write_cr4(seen[1].cr4 ^ X86_CR4_DE);
	seen[2] = read_control_registers();
	write_cr0(seen[1].cr0);
	write_cr4(seen[1].cr4);
	l2_call(1);
	asm_safe("mov %0, %%cr0", "c"(seen[1].cr0 ^ X86_CR0_AM));
	asm_safe("mov %0, %%cr4", "d"(seen[1].cr4 ^ X86_CR4_PCE));
	asm volatile("clts" : : : "memory");
	asm volatile("lmsw %0" : : "r"((u16)(seen[1].msw ^ X86_CR0_TS)) : "memory");
	seen[3] = read_control_registers();
}

static void check_seen(const struct control_registers *now, u64 cr0, u64 cr4, const char *when)
{
	report(now->cr0 == cr0 && now->cr4 == cr4 && now->msw == (u16)cr0,
	       "L2 sees %s CR0 0x%lx, CR4 0x%lx, SMSW 0x%x; expected 0x%lx, 0x%lx, 0x%x", when,
	       now->cr0, now->cr4, now->msw, cr0, cr4, (u16)cr0);
}

static void expect_access(struct l2 *l2, u64 qualification, const char *what)
{
	if (!l2_expect(l2, EXIT_REASON_CR_ACCESS, "%s that changes a bit of L1's", what))
		return;
	report(vmx_get(l2, EXIT_QUALIFICATION) == qualification,
	       "%s: the qualification is 0x%lx, expected 0x%lx", what,
	       vmx_get(l2, EXIT_QUALIFICATION), qualification);
	vmx_skip(l2);
}

static void check_masks(bool move)
{
	struct l2 *l2 = l2_new(masked_in_l2, &move);
	u64 cr0 = vmx_get(l2, GUEST_CR0) & ~(X86_CR0_TS | X86_CR0_AM), cr4 = vmx_get(l2, GUEST_CR4);
	u64 cr0_seen = (cr0 & ~CR0_MASK) | CR0_SHADOW, cr4_seen = (cr4 & ~CR4_MASK) | CR4_SHADOW;

	vmx_set(l2, GUEST_CR0, cr0);
	vmx_set(l2, CR0_GUEST_HOST_MASK, CR0_MASK);
	vmx_set(l2, CR0_READ_SHADOW, CR0_SHADOW);
	vmx_set(l2, CR4_GUEST_HOST_MASK, CR4_MASK);
	vmx_set(l2, CR4_READ_SHADOW, CR4_SHADOW);
	if (l2_expect_call(l2, 1)) {
		check_seen(&seen[0], cr0_seen, cr4_seen, "at first");
		check_seen(&seen[1], cr0_seen, cr4_seen, move ? "after the migration" : "then");
		check_seen(&seen[2], cr0_seen ^ X86_CR0_MP, cr4_seen ^ X86_CR4_DE,
			   "with a bit of L2's changed");
		report(vmx_get(l2, GUEST_CR0) == cr0 && vmx_get(l2, GUEST_CR4) == cr4,
		       "GUEST_CR0 is 0x%lx, expected 0x%lx; GUEST_CR4 0x%lx, expected 0x%lx",
		       vmx_get(l2, GUEST_CR0), cr0, vmx_get(l2, GUEST_CR4), cr4);
		if (broken("lost"))
			vmx_set(l2, CR0_GUEST_HOST_MASK, 0);
		expect_access(l2, MOV_TO_CR(0, 1), "MOV to CR0");
		expect_access(l2, MOV_TO_CR(4, 2), "MOV to CR4");
		expect_access(l2, CONTROL_REG_CLTS, "CLTS");
		expect_access(l2,
			      CONTROL_REG_LMSW | ((u64)seen[1].msw ^ X86_CR0_TS)
							 << LMSW_SOURCE_DATA_SHIFT,
			      "LMSW");
		l2_expect_return(l2);
		check_seen(&seen[3], cr0_seen, cr4_seen, "after writes that L1 ignored");
	}
	l2_free(l2);
}

TEST(cr_masks, .on = EACH_CPU, .needs = VMX,
     .about =
	     "CR0 and CR4 are read from the shadows, and exit by L1's masks, before and after a migration")
{
	check_masks(false);
	check_masks(true);
}

static void write_targets(void *data)
{
	const u64 *cr3 = data;

	migrate_quiet();
	for (int i = 0; i < 4; i++) {
		write_cr3(cr3[i]);
		l2_call(i + 1);
	}
}

TEST(cr3_targets, .on = EACH_CPU, .needs = VMX,
     .about = "MOV to CR3 exits except for the CR3-target values, after a migration in L2")
{
	u64 targets = VMX_MISC_CR3_TARGETS(rdmsr(MSR_IA32_VMX_MISC)), cr3[4];
	struct l2 *l2;

	if (targets < 2) {
		report_skip("needs two CR3 targets, has %lu", targets);
		return;
	}
	for (int i = 0; i < 4; i++) {
		cr3[i] = virt_to_phys(new_page_table());
		memcpy(phys_to_virt(cr3[i]), current_page_table(), PAGE_SIZE);
	}
	l2 = l2_new(write_targets, cr3);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_CR3_LOAD_EXITING);
	vmx_set(l2, CR3_TARGET_VALUE0, cr3[1]);
	vmx_set(l2, CR3_TARGET_VALUE1, cr3[3]);
	vmx_set(l2, CR3_TARGET_COUNT, broken("lost") ? 0 : 2);
	for (int i = 0; i < 4; i++) {
		if (i % 2 == 0) {
			l2_expect(l2, EXIT_REASON_CR_ACCESS, "CR3 value %d, which is no target", i);
			vmx_skip(l2);
		}
		if (!l2_expect_call(l2, i + 1))
			break;
		report((vmx_get(l2, GUEST_CR3) == cr3[i]) == i % 2, "CR3 is 0x%lx, L2 wrote 0x%lx",
		       vmx_get(l2, GUEST_CR3), cr3[i]);
	}
	l2_free(l2);
	for (int i = 0; i < 4; i++)
		free_page(phys_to_virt(cr3[i]));
}
