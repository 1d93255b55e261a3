// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VM entries that are refused (Intel SDM volume 3, 27.2 to 27.4 and 27.8). vmx_exit.c says what is
 * tested and how, and what break= does.
 */
#include "migrate.h"
#include "processor.h"
#include "x86/vmx_exit/vmx_exit.h"

/* A value that a field must not have, and how the VM entry should fail. */
struct refusal {
	const char *what;
	enum vmcs_field field;
	u64 (*value)(u64 good);
	u64 reason; /* EXIT_REASON_INVALID_STATE, _MSR_LOAD_FAIL; 0: a VM-instruction error */
	u64 qualification; /* or the VM-instruction error */
};

#define VALUE(name, expression)                                                                    \
	static u64 name(u64 good)                                                                  \
	{                                                                                          \
		return expression;                                                                 \
	}

VALUE(zero, 0)
VALUE(ones, ~0ul)
VALUE(odd, good + 1)
VALUE(not_canonical, good ^ BIT(62))
VALUE(without_pe, good & ~X86_CR0_PE)
VALUE(without_vmxe, good & ~X86_CR4_VMXE)
VALUE(with_rpl, good | 3)
VALUE(other_lma, good ^ EFER_LMA)
VALUE(bad_pat, (good & ~0xfful) | 2)
VALUE(without_fixed, good & ~X86_EFLAGS_FIXED)
VALUE(sti_and_mov_ss, GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)
VALUE(activity_of_none, 7)
VALUE(tss_not_busy, good & ~2ul)
VALUE(not_present, good & ~VMX_AR_P_MASK)
VALUE(upper_half, good | BIT(40))
VALUE(many_targets, 511)
VALUE(not_a_page, 0x1001)
VALUE(reserved_type, INTR_INFO_VALID_MASK | 1 << 8 | 0x20)

#define CONTROLS    0, VMXERR_ENTRY_INVALID_CONTROL_FIELD
#define HOST	    0, VMXERR_ENTRY_INVALID_HOST_STATE_FIELD
#define GUEST_STATE EXIT_REASON_INVALID_STATE, ENTRY_FAIL_DEFAULT

static const struct refusal refusals[] = {
	{ "pin-based controls of 0", PIN_BASED_VM_EXEC_CONTROL, zero, CONTROLS },
	{ "processor-based controls of 0", CPU_BASED_VM_EXEC_CONTROL, zero, CONTROLS },
	{ "VM-exit controls of 0", VM_EXIT_CONTROLS, zero, CONTROLS },
	{ "VM-entry controls of 0", VM_ENTRY_CONTROLS, zero, CONTROLS },
	{ "511 CR3 targets", CR3_TARGET_COUNT, many_targets, CONTROLS },
	{ "an MSR bitmap at an odd address", MSR_BITMAP, odd, CONTROLS },
	{ "an event of a reserved type", VM_ENTRY_INTR_INFO_FIELD, reserved_type, CONTROLS },
	{ "HOST_CR0 without PE", HOST_CR0, without_pe, HOST },
	{ "HOST_CR4 without VMXE", HOST_CR4, without_vmxe, HOST },
	{ "HOST_CR3 beyond the physical addresses", HOST_CR3, ones, HOST },
	{ "HOST_CS_SELECTOR 0", HOST_CS_SELECTOR, zero, HOST },
	{ "HOST_TR_SELECTOR 0", HOST_TR_SELECTOR, zero, HOST },
	{ "HOST_SS_SELECTOR with RPL 3", HOST_SS_SELECTOR, with_rpl, HOST },
	{ "HOST_GS_BASE that is not canonical", HOST_GS_BASE, not_canonical, HOST },
	{ "HOST_IDTR_BASE that is not canonical", HOST_IDTR_BASE, not_canonical, HOST },
	{ "HOST_IA32_SYSENTER_EIP that is not canonical", HOST_IA32_SYSENTER_EIP, not_canonical,
	  HOST },
	{ "HOST_IA32_PAT with a reserved type", HOST_IA32_PAT, bad_pat, HOST },
	{ "HOST_IA32_EFER without LMA", HOST_IA32_EFER, other_lma, HOST },
	{ "GUEST_CR0 without PE", GUEST_CR0, without_pe, GUEST_STATE },
	{ "GUEST_CR4 without VMXE", GUEST_CR4, without_vmxe, GUEST_STATE },
	{ "GUEST_RFLAGS without bit 1", GUEST_RFLAGS, without_fixed, GUEST_STATE },
	{ "GUEST_DR7 above 32 bits", GUEST_DR7, upper_half, GUEST_STATE },
	{ "GUEST_ACTIVITY_STATE 7", GUEST_ACTIVITY_STATE, activity_of_none, GUEST_STATE },
	{ "blocking by STI and by MOV SS", GUEST_INTERRUPTIBILITY_INFO, sti_and_mov_ss,
	  GUEST_STATE },
	{ "a TSS that is not busy", GUEST_TR_AR_BYTES, tss_not_busy, GUEST_STATE },
	{ "a CS that is not present", GUEST_CS_AR_BYTES, not_present, GUEST_STATE },
	{ "GUEST_GDTR_LIMIT above 16 bits", GUEST_GDTR_LIMIT, ones, GUEST_STATE },
	{ "GUEST_SYSENTER_ESP that is not canonical", GUEST_SYSENTER_ESP, not_canonical,
	  GUEST_STATE },
	{ "GUEST_IA32_EFER without LMA", GUEST_IA32_EFER, other_lma, GUEST_STATE },
	{ "GUEST_IA32_PAT with a reserved type", GUEST_IA32_PAT, bad_pat, GUEST_STATE },
	{ "a VMCS link pointer at an odd address", VMCS_LINK_POINTER, not_a_page,
	  EXIT_REASON_INVALID_STATE, ENTRY_FAIL_VMCS_LINK_PTR },
};

/* A CPU must check the fields of PAT and EFER only if a control says so. */
static bool is_looked_at(const struct refusal *refusal)
{
	switch (refusal->field) {
	case HOST_IA32_PAT:
	case GUEST_IA32_PAT:
		return VMX_LOAD_PAT[0]->present();
	case HOST_IA32_EFER:
	case GUEST_IA32_EFER:
		return VMX_LOAD_EFER[0]->present();
	default:
		return true;
	}
}

static void check_refused(struct l2 *l2, const char *what, u64 reason, u64 detail, const char *when)
{
	bool launched = l2->launched;
	u64 got = l2_enter(l2);

	if (reason)
		report_if_failed(
			got == (reason | VMX_EXIT_REASONS_FAILED_VMENTRY) &&
				vmx_get(l2, EXIT_QUALIFICATION) == detail,
			"%s: %s: exit %s; expected a failed entry with %s, qualification %lu", when,
			what, l2_exit_text(l2), l2_exit_name(reason), detail);
	else
		report_if_failed(got == L2_NOT_ENTERED &&
					 vmx_get(l2, VM_INSTRUCTION_ERROR) == detail,
				 "%s: %s: exit %s; expected no entry, with error %lu (%s)", when,
				 what, l2_exit_text(l2), detail, vm_instruction_error_name(detail));
	report_if_failed(l2->launched == launched,
			 "%s: %s: the refused entry should not launch the VMCS", when, what);
}

/* Tries each wrong value, and then enters L2 with the right one. */
static void check_refusals(struct l2 *l2, u64 *calls, const char *when)
{
	unsigned tried = 0;
	bool good = true;

	for (unsigned i = 0; good && i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *refusal = &refusals[i];
		u64 right = vmx_get(l2, refusal->field);

		if (!is_looked_at(refusal))
			continue;
		tried++;
		if (!broken("entry"))
			vmx_set(l2, refusal->field, refusal->value(right));
		check_refused(l2, refusal->what, refusal->reason, refusal->qualification, when);
		/* With the right value L2 goes on at its next call. */
		vmx_set(l2, refusal->field, right);
		l2_enter(l2);
		good = report_if_failed(l2_is_call(l2, *calls + 1),
					"%s: after %s, with the right value again: exit %s", when,
					refusal->what, l2_exit_text(l2));
		++*calls;
		vmx_skip(l2);
	}
	report(good, "%s: %u entries were refused, and L2 went on", when, tried);
}

TEST(refused, .on = EACH_CPU, .needs = VMX,
     .about =
	     "entries with invalid controls, host or guest state are refused before and after a migration")
{
	struct l2 *l2 = l2_new(calls_in_l2, NULL);
	u64 calls = 0;

	check_refusals(l2, &calls, "before the migration");
	migrate_quiet();
	check_refusals(l2, &calls, "after the migration");
	l2_free(l2);
}

/* A broken hypervisor checks a field when L1 writes it, and not at the entry after a migration. */
TEST(refused_across_move, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an entry is refused for what L1 wrote to a VMCS, launched or not, before a migration")
{
	static const unsigned chosen[] = { 2, 9, 18, 24, ARRAY_SIZE(refusals) - 1 };
	u64 calls = 0;
	struct l2 *l2 = l2_new(calls_in_l2, NULL);

	for (unsigned n = 0; n < 2 * ARRAY_SIZE(chosen); n++) {
		const struct refusal *refusal = &refusals[chosen[n / 2]];
		u64 right = vmx_get(l2, refusal->field);

		if (n % 2)
			vmx_clear(l2);
		if (!broken("entry"))
			vmx_set(l2, refusal->field, refusal->value(right));
		migrate_quiet();
		check_refused(l2, refusal->what, refusal->reason, refusal->qualification,
			      n % 2 ? "cleared" : "launched before");
		vmx_set(l2, refusal->field, right);
		l2_expect_call(l2, ++calls);
	}
	l2_free(l2);
}

/* The qualification is the number of the forbidden MSR in the area, counted from 1 (27.4). */
TEST(msr_load_refused, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an entry that loads a forbidden MSR fails with reason 34, before and after a migration")
{
	struct l2 *l2 = l2_new(calls_in_l2, NULL);
	u64 star = rdmsr(MSR_STAR);
	struct vmx_msr_entry *entry;

	vmx_load_msr_at_entry(l2, MSR_STAR, star);
	entry = vmx_load_msr_at_entry(l2, MSR_STAR, star);
	for (int moved = 0; moved < 2; moved++) {
		const char *when = moved ? "after the migration" : "before the migration";

		if (!broken("entry"))
			entry->index = MSR_FS_BASE;
		if (moved)
			migrate_quiet();
		check_refused(l2, "loading FS.base", EXIT_REASON_MSR_LOAD_FAIL, 2, when);
		entry->index = MSR_STAR;
		l2_expect_call(l2, 1 + moved);
	}
	l2_free(l2);
}
