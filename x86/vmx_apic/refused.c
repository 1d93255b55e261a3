// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VM entries that are refused because of the controls for APIC virtualization (Intel SDM volume 3,
 * 27.2.1.1 "VM-Execution Control Fields").
 *
 * A broken hypervisor checks the controls when L1 writes them, and not at the VM entry after a
 * migration.
 */
#include "libcflat.h"
#include "x86/vmx_apic/vmx_apic.h"

/* Each row breaks one rule of 27.2.1.1, and no other. */
static const struct wrong {
	const char *what;
	u32 primary, secondary;
	enum vmcs_field field;
	u64 change; /* bits of the field to invert */
} wrongs[] = {
	{ "a virtual-APIC page at an odd address", CPU_BASED_TPR_SHADOW, 0, VIRTUAL_APIC_PAGE_ADDR,
	  16 },
	{ "a TPR threshold above 15", CPU_BASED_TPR_SHADOW, 0, TPR_THRESHOLD, 16 },
	{ "an APIC-access page at an odd address", 0, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,
	  APIC_ACCESS_ADDR, 16 },
	{ "x2APIC mode without the TPR shadow", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW },
	{ "x2APIC mode and APIC accesses", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, SECONDARY_VM_EXEC_CONTROL,
	  SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES },
	{ "APIC registers without the TPR shadow", CPU_BASED_TPR_SHADOW,
	  SECONDARY_EXEC_APIC_REGISTER_VIRT, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW },
	{ "virtual-interrupt delivery without external-interrupt exiting", CPU_BASED_TPR_SHADOW, 0,
	  SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY },
};

#define WRONGS ARRAY_SIZE(wrongs)

static bool is_possible(const struct wrong *wrong)
{
	u32 secondary = wrong->secondary;

	if (wrong->field == SECONDARY_VM_EXEC_CONTROL)
		secondary |= wrong->change;
	return vmx_may_set(SECONDARY_VM_EXEC_CONTROL, secondary);
}

static void change(struct l2 *l2, const struct wrong *wrong)
{
	if (!broken("refused"))
		vmx_set(l2, wrong->field, vmx_get(l2, wrong->field) ^ wrong->change);
}

TEST(refused, .on = EACH_CPU, .needs = VMX_TPR_SHADOW,
     .about = "a VM entry with wrong APIC controls, set before a migration, fails after it")
{
	struct l2 *first = new_l2(l2_call_forever, (void *)HERE, false, 0), *l2s[WRONGS] = { NULL };

	for (unsigned i = 0; i < WRONGS; i++) {
		if (!is_possible(&wrongs[i]))
			continue;
		l2s[i] = l2_new(l2_call_forever, (void *)HERE);
		vmx_set(l2s[i], VIRTUAL_APIC_PAGE_ADDR, virt_to_phys(virtual_apic));
		vmx_set(l2s[i], APIC_ACCESS_ADDR, virt_to_phys(access_page));
		vmx_set(l2s[i], TPR_THRESHOLD, 0);
		vmx_set_controls(l2s[i], CPU_BASED_VM_EXEC_CONTROL, wrongs[i].primary);
		vmx_set_controls(l2s[i], SECONDARY_VM_EXEC_CONTROL, wrongs[i].secondary);
		vmx_clear(l2s[i]);
		change(l2s[i], &wrongs[i]);
	}
	migrate_quiet();
	for (unsigned i = 0; i < WRONGS; i++) {
		u64 reason;

		if (!l2s[i])
			continue;
		reason = l2_enter(l2s[i]);
		report(reason == L2_NOT_ENTERED && vmx_get(l2s[i], VM_INSTRUCTION_ERROR) ==
							   VMXERR_ENTRY_INVALID_CONTROL_FIELD,
		       "%s: exit %s; expected no entry, with error %d", wrongs[i].what,
		       l2_exit_text(l2s[i]), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
		change(l2s[i], &wrongs[i]);
		l2_expect_call(l2s[i], HERE);
		l2_free(l2s[i]);
	}
	free_l2(first);
}
