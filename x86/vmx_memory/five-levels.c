// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 with five levels of page tables, while L1 has four (Intel SDM volume 3, 4.5 "4-Level Paging
 * and 5-Level Paging").
 *
 * A broken hypervisor walks L2's tables with the number of levels that L1 has, or restores L1's
 * CR4.LA57 for L2.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/nested/vmx-nesting.h"

/* An address that needs the fifth level. L2 sees its window there as well. */
#define FAR_WINDOW (1ul << 48)

FEATURE(LA57, "57-bit linear addresses in VMX operation (CR4.LA57), L1 with 48")
{
	return this_cpu_has(X86_FEATURE_LA57) && rdmsr(MSR_IA32_VMX_CR4_FIXED1) & X86_CR4_LA57 &&
	       !(read_cr4() & X86_CR4_LA57);
}

/* Five levels of tables in which all addresses of the four levels lead to the same pages. */
static u64 *five_levels(const struct world *w, u64 **far_pml4)
{
	u64 *pml5 = alloc_page();

	*far_pml4 = alloc_page();
	(*far_pml4)[0] = virt_to_phys(w->pdpt) | TABLE;
	pml5[0] = pml5[ENTRIES - 1] = virt_to_phys(w->pml4) | TABLE;
	pml5[FAR_WINDOW >> 48 & 511] = virt_to_phys(*far_pml4) | TABLE;
	return pml5;
}

static bool reads_far(struct world *w, const char *when)
{
	u64 should = content(w, first_page(2), 0x28);

	ask(w, READ, (u64 *)(FAR_WINDOW + 2 * PAGE_SIZE + 0x28), 0);
	return finish(w, when) &&
	       report_if_failed(w->request.value == should,
				"%s: L2 reads 0x%lx through five levels, expected 0x%lx", when,
				w->request.value, should);
}

static void five_levels_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 *far_pml4, *pml5 = five_levels(w, &far_pml4);
	bool good;

	vmx_set(w->l2, GUEST_CR3, virt_to_phys(pml5));
	vmx_set(w->l2, GUEST_CR4, vmx_get(w->l2, GUEST_CR4) | X86_CR4_LA57);
	good = reads_far(w, "before the migration");
	migrate_in_l2(w);
	good &= reads_far(w, "after a migration in L2");
	report(!(read_cr4() & X86_CR4_LA57), "L1 should have four levels after the exit: CR4 0x%lx",
	       read_cr4());
	migrate_quiet();
	good &= reads_far(w, "after a migration in L1");
	good &= check_all(w, 0x18, "after a migration in L1");
	report(good && !w->broken, "L2 uses five levels, and L1 four");
	world_free(w);
	free_page(far_pml4);
	free_page(pml5);
}

TEST(five_levels_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, LA57),
     .about =
	     "an L2 with 5-level paging under EPT survives migrations in L2 and in an L1 with 4-level paging")
{
	five_levels_story(true);
}

TEST(five_levels_cr3, .on = EACH_CPU, .needs = ALL_OF(VMX, LA57),
     .about =
	     "an L2 with 5-level paging without EPT survives migrations in L2 and in an L1 with 4-level paging")
{
	five_levels_story(false);
}
