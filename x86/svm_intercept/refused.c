// SPDX-License-Identifier: GPL-2.0-or-later
/* VMCBs that VMRUN refuses (15.5.1). The head of svm_intercept.c says what is tested and how. */
#include "alloc_page.h"
#include "exception.h"
#include "migrate.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"
#include "vm.h"

u32 physical_bits(void)
{
	return cpuid(0x80000008).a & 0xff;
}

static void no_svme(struct vmcb *vmcb)
{
	vmcb->save.efer &= ~EFER_SVME;
}

static void nw_without_cd(struct vmcb *vmcb)
{
	vmcb->save.cr0 = (vmcb->save.cr0 & ~X86_CR0_CD) | X86_CR0_NW;
}

static void cr0_upper(struct vmcb *vmcb)
{
	vmcb->save.cr0 |= BIT(32);
}

static void cr3_upper(struct vmcb *vmcb)
{
	vmcb->save.cr3 |= BIT(MIN(physical_bits(), 52u));
}

static void cr4_upper(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(32);
}

static void cr4_reserved(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(15);
}

static void dr6_upper(struct vmcb *vmcb)
{
	vmcb->save.dr6 |= BIT(32);
}

static void dr7_upper(struct vmcb *vmcb)
{
	vmcb->save.dr7 |= BIT(63);
}

static void efer_upper(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(63);
}

static void efer_reserved(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(9);
}

static void long_mode_without_pae(struct vmcb *vmcb)
{
	vmcb->save.cr4 &= ~X86_CR4_PAE;
}

static void long_mode_without_pe(struct vmcb *vmcb)
{
	vmcb->save.cr0 &= ~X86_CR0_PE;
}

/* D is bit 10 of the attributes. */
static void cs_long_and_32_bit(struct vmcb *vmcb)
{
	vmcb->save.cs.attributes |= SVM_SELECTOR_L | BIT(10);
}

static void no_vmrun_intercept(struct vmcb *vmcb)
{
	vmcb->control.intercepts[INTERCEPT_VMRUN / 32] &= ~(1u << INTERCEPT_VMRUN % 32);
}

static void asid_0(struct vmcb *vmcb)
{
	vmcb->control.guest_asid = 0;
}

static void iopm_too_high(struct vmcb *vmcb)
{
	vmcb->control.iopm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void msrpm_too_high(struct vmcb *vmcb)
{
	vmcb->control.msrpm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void eventinj_type(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | 1ul << 8 | 0x40;
}

static void eventinj_vector(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | 0x40;
}

static void eventinj_nmi_as_exception(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | NMI_VECTOR;
}

struct spoiled {
	const char *name;
	void (*spoil)(struct vmcb *vmcb);
};

/* 15.5.1, "Canonicalization and Consistency Checks". */
static const struct spoiled invalid_states[] = {
	{ "EFER.SVME 0", no_svme },
	{ "CR0.NW without CD", nw_without_cd },
	{ "CR0 bit 32", cr0_upper },
	{ "CR3 above the physical addresses", cr3_upper },
	{ "CR4 bit 32", cr4_upper },
	{ "CR4 bit 15", cr4_reserved },
	{ "DR6 bit 32", dr6_upper },
	{ "DR7 bit 63", dr7_upper },
	{ "EFER bit 63", efer_upper },
	{ "EFER bit 9", efer_reserved },
	{ "long mode without CR4.PAE", long_mode_without_pae },
	{ "long mode without CR0.PE", long_mode_without_pe },
	{ "CS.L and CS.D", cs_long_and_32_bit },
};

static const struct spoiled invalid_controls[] = {
	{ "no VMRUN intercept", no_vmrun_intercept },
	{ "ASID 0", asid_0 },
	{ "IOPM above the physical addresses", iopm_too_high },
	{ "MSRPM above the physical addresses", msrpm_too_high },
};

static const struct spoiled invalid_events[] = {
	{ "EVENTINJ of type 1", eventinj_type },
	{ "EVENTINJ of exception 64", eventinj_vector },
	{ "EVENTINJ of NMI as an exception", eventinj_nmi_as_exception },
};

/* L1's state, which VMRUN may not change if it refuses. */
struct own_state {
	u64 cr0, cr2, cr3, cr4, dr7, efer, rflags, pat, gs_base, hsave;
};

static void read_own_state(struct own_state *own)
{
	*own = (struct own_state){
		.cr0 = read_cr0(),
		.cr2 = read_cr2(),
		.cr3 = read_cr3(),
		.cr4 = read_cr4(),
		.dr7 = read_dr7(),
		.efer = rdmsr(MSR_EFER),
		.rflags = read_rflags() & (X86_EFLAGS_IF | X86_EFLAGS_DF),
		.pat = rdmsr(MSR_IA32_CR_PAT),
		.gs_base = rdmsr(MSR_GS_BASE),
		.hsave = rdmsr(MSR_VM_HSAVE_PA),
	};
}

static void count_calls(void *unused)
{
	migrate_quiet();
	for (u64 call = 1;; call++)
		l2_call(call);
}

static void check_refused(const struct spoiled *spoiled, int count)
{
	struct l2 *l2 = l2_new(count_calls, NULL);
	struct vmcb *good = alloc_page();
	struct own_state before, after;
	u64 call = 1;

	/* memcmp() compares the padding of the structures as well. */
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	if (!l2_expect_call(l2, call))
		goto out;
	for (int i = 0; i < count; i++) {
		*good = *l2->vmcb;
		spoiled[i].spoil(l2->vmcb);
		read_own_state(&before);
		l2_expect(l2, SVM_EXIT_INVALID, "%s", spoiled[i].name);
		read_own_state(&after);
		report(!memcmp(&before, &after, sizeof(before)),
		       "%s: L1 as before: CR0 0x%lx, CR3 0x%lx, CR4 0x%lx, EFER 0x%lx",
		       spoiled[i].name, after.cr0, after.cr3, after.cr4, after.efer);
		*l2->vmcb = *good;
		/* L2 may have run already if VMRUN did not refuse. */
		l2_enter(l2);
		if (l2->vmcb->control.exitcode != SVM_EXIT_VMMCALL ||
		    l2->vmcb->save.rax != ++call) {
			report_fail(
				"%s: L2, its VMCB repaired, should have come to its call %lu: exit %s",
				spoiled[i].name, call, l2_exit_text(l2));
			break;
		}
		l2_skip_call(l2);
	}
out:
	free_page(good);
	l2_free(l2);
}

/*
 * A hypervisor that runs what it should refuse gives L2 a state that no processor has. One that
 * refuses and does not return to L1 correctly loses L1's registers. After the migration it has made
 * its VMCBs anew.
 */
TEST(invalid_state, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN refuses an invalid state save area, and only that, after a migration in L2")
{
	check_refused(invalid_states, ARRAY_SIZE(invalid_states));
}

TEST(invalid_control, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN refuses an invalid control area, and only that, after a migration in L2")
{
	check_refused(invalid_controls, ARRAY_SIZE(invalid_controls));
}

TEST(invalid_eventinj, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN refuses an invalid EVENTINJ, and only that, after a migration in L2")
{
	check_refused(invalid_events, ARRAY_SIZE(invalid_events));
}
