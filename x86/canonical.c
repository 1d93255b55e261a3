// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * canonical: MSRs that hold addresses which are canonical with 57 bits and not with 48.
 *
 * A CPU that has 5-level paging (CPUID leaf 7, ECX bit 16) accepts such an address in an MSR
 * whether CR4.LA57 is set or not. Linux 9245fd6b8531 tells which registers CPUs check like this,
 * and here it is the guest's own WRMSR that says so. A guest can write most of these MSRs without
 * an exit, so a hypervisor does not see the address before the guest is migrated. A broken one then
 * checks it by CR4.LA57, and refuses to restore it, which ends the VM. Or it extends the sign from
 * bit 47, and the MSR holds another address afterwards.
 *
 * The program is separate from `registers`, since a VM that ends takes all later tests with it. It
 * shows nothing where a hypervisor does not announce 57 bits, or refuses the address at the WRMSR.
 */
#include "libcflat.h"
#include "processor.h"
#include "registers.h"

/* Bits 63:56 are alike, bits 55:47 are not. */
#define UPPER_HALF   0xff55888012345600ul
#define LOWER_HALF   0x0055888012345600ul
#define ADDRESS_VARY 0x3fffffffff00ul

/* AMD's SYSENTER MSRs have 32 bits. */
static bool is_no_amd(void)
{
	return !is_amd();
}

static const struct register_row wide_rows[] = {
	{ "LSTAR", MSR_LSTAR, .base = UPPER_HALF, .vary = ADDRESS_VARY },
	{ "CSTAR", MSR_CSTAR, .base = LOWER_HALF, .vary = ADDRESS_VARY },
	{ "KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, .base = UPPER_HALF, .vary = ADDRESS_VARY },
	{ "FS.base", MSR_FS_BASE, .base = LOWER_HALF, .vary = ADDRESS_VARY },
	{ "IA32_SYSENTER_ESP", MSR_IA32_SYSENTER_ESP, .base = UPPER_HALF, .vary = ADDRESS_VARY,
	  .there = is_no_amd },
	{ "IA32_SYSENTER_EIP", MSR_IA32_SYSENTER_EIP, .base = LOWER_HALF, .vary = ADDRESS_VARY,
	  .there = is_no_amd },
	{},
};
static const struct register_group wide_registers = { .name = "57-bit addresses",
						      .rows = wide_rows };

FEATURE(FIVE_LEVELS, "a CPU with 57-bit linear addresses, which has CR4.LA57 clear")
{
	return this_cpu_has(X86_FEATURE_LA57) && !(read_cr4() & X86_CR4_LA57);
}

TEST(wide_addresses, .needs = FIVE_LEVELS,
     .about =
	     "MSRs with addresses that are canonical with 57 bits and not with 48 survive an action while CR4.LA57 is clear")
{
	static const struct register_group *const groups[] = { &wide_registers, NULL };

	registers_hold(groups);
}
