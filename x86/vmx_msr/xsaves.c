// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * XSAVES and the XSS-exiting bitmap (Intel SDM volume 3, 25.6.20, 26.1.3).
 *
 * A broken hypervisor loses the bitmap or IA32_XSS in a migration, so that XSAVES no longer exits.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "xsave.h"
#include "x86/vmx_msr/vmx_msr.h"

/* The state components that IA32_XSS may have (CPUID leaf 0Dh, subleaf 1). */
static u64 supervisor_states(void)
{
	struct cpuid r = cpuid_indexed(0xd, 1);

	return (u64)r.d << 32 | r.c;
}

struct xss {
	u8 *area;
	u64 mask;
	volatile unsigned saved;
};

static void save_supervisor_states(void *data)
{
	struct xss *xss = data;

	for (int i = 0; i < 2; i++) {
		asm volatile("xsaves64 (%0)"
			     :
			     : "r"(xss->area), "a"((u32)xss->mask), "d"((u32)(xss->mask >> 32))
			     : "memory");
		xss->saved++;
		if (!i)
			migrate_quiet();
	}
}

/*
 * XSAVES exits if IA32_XSS, its operand and the XSS-exiting bitmap have a bit in common (26.1.3).
 */
TEST(xsaves, .on = EACH_CPU, .needs = VMX_XSAVES,
     .about =
	     "XSAVES exits by IA32_XSS and the XSS-exiting bitmap, before and after a migration in L2")
{
	struct xss xss = { .area = alloc_pages(2) };
	u64 states = supervisor_states(), own = rdmsr(MSR_IA32_XSS), cr4 = read_cr4();
	u64 one = states & -states;
	unsigned exits = 0;
	struct l2 *l2;

	write_cr4(cr4 | X86_CR4_OSXSAVE);
	wrmsr(MSR_IA32_XSS, one);
	xss.mask = one | XFEATURE_MASK_FP;
	l2 = l2_new(save_supervisor_states, &xss);
	vmx_set(l2, XSS_EXIT_BITMAP, broken("load") ? ~one : one | ~states);
	while (l2_enter(l2) == EXIT_REASON_XSAVES && exits++ < 2)
		vmx_skip(l2);
	report(l2_is_call(l2, L2_RETURNED) && exits == (one ? 2 : 0),
	       "IA32_XSS 0x%lx: %u exits of XSAVES, expected %u; at last: exit %s", one, exits,
	       one ? 2 : 0, l2_exit_text(l2));
	l2_free(l2);
	wrmsr(MSR_IA32_XSS, own);
	write_cr4(cr4 | (read_cr4() & X86_CR4_VMXE));
	free_pages(xss.area);
}
