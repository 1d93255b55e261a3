// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changes to the EPT pointer of an enlightened VMCS (TLFS "Nested Virtualization": "Clean Fields";
 * Intel SDM volume 3, 25.6.11, for the EPT pointer).
 *
 * A broken hypervisor lets L2 go on with the EPT that L1 had set before the change. Or it restores
 * an older EPT pointer in the migration.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/vmx_evmcs/vmx_evmcs.h"

struct reading {
	u64 *page;
	bool move; /* L2 asks to be migrated before it reads */
	u64 seen;  /* what L2 has read from the page */
};

static void read_page(void *data)
{
	struct reading *reading = data;

	for (;;) {
		if (reading->move)
			migrate_quiet();
		reading->seen = READ_ONCE(*reading->page);
		l2_call(HERE);
	}
}

static void check_reading(struct l2 *l2, struct reading *reading, u64 expected, const char *when)
{
	l2_enter(l2);
	report(l2_is_call(l2, HERE) && reading->seen == expected,
	       "%s: L2 read 0x%lx, expected 0x%lx: exit %s", when, reading->seen, expected,
	       l2_exit_text(l2));
	l2_skip_call(l2);
}

/* Gives L2 a new EPT, in which the address of PAGE leads to the page SHOWN. Returns EPT_POINTER. */
static u64 new_ept(struct l2 *l2, u64 *page, u64 *shown)
{
	pteval_t *entry;

	vmx_use_ept(l2);
	entry = vmx_ept_entry(l2, virt_to_phys(page));
	*entry = (*entry & ~PT_ADDR_MASK) | virt_to_phys(shown);
	return vmx_get(l2, EPT_POINTER);
}

TEST(ept_pointer, .on = EACH_CPU, .needs = ALL_OF(HV_EVMCS, VMX_EPT),
     .about =
	     "another EPT pointer in an enlightened VMCS takes effect at the next entry, and survives migrations in L1 and in L2")
{
	u64 *page[2] = { alloc_page(), alloc_page() }, eptp[2];
	struct reading reading = { .page = page[0] };
	struct l2 *l2 = vmx_new_enlightened(read_page, &reading);
	pgd_t *first;

	*page[0] = 0x1111;
	*page[1] = 0x2222;
	eptp[0] = new_ept(l2, page[0], page[0]);
	first = l2->ept;
	eptp[1] = new_ept(l2, page[0], broken("field") ? page[0] : page[1]);
	vmx_set(l2, EPT_POINTER, eptp[0]);
	check_reading(l2, &reading, *page[0], "the first EPT");
	vmx_set(l2, EPT_POINTER, eptp[1]);
	migrate_quiet();
	check_reading(l2, &reading, *page[1], "the second EPT, after a migration in L1");
	reading.move = true;
	check_reading(l2, &reading, *page[1], "the second EPT, after a migration in L2");
	reading.move = false;
	vmx_set(l2, EPT_POINTER, eptp[0]);
	check_reading(l2, &reading, *page[0], "the first EPT again");
	l2_free(l2);
	l2_free_page_tables(first, 4);
	free_page(page[0]);
	free_page(page[1]);
}
