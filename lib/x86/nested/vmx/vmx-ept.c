// SPDX-License-Identifier: GPL-2.0-or-later
/* Extended page tables for L2 (Intel SDM volume 3, chapter 29: address translation). */
#include "nested/vmx/vmx.h"
#include "memory.h"
#include "processor.h"

#define FOUR_GIB (1ul << 32)
#define EPT_LEAF (VMX_EPT_RWX_MASK | VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT)

static unsigned ept_index(phys_addr_t address, int level)
{
	return address >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

/* The entry at a level (1: 4 KiB). Makes the tables that lead to it, and splits a 2 MiB page. */
static pteval_t *ept_entry(pgd_t *ept, phys_addr_t address, int lowest)
{
	pteval_t *table = ept;

	for (int level = 4; level > lowest; level--) {
		pteval_t *entry = &table[ept_index(address, level)];

		if (!(*entry & VMX_EPT_RWX_MASK)) {
			*entry = (u64)new_page_table() | VMX_EPT_RWX_MASK;
		} else if (*entry & VMX_EPT_PAGE_SIZE) {
			pteval_t *small = new_page_table();
			u64 step = PAGE_SIZE << 9 * (level - 2);

			assert(level == 2);
			for (int i = 0; i < 512; i++)
				small[i] = (*entry & ~VMX_EPT_PAGE_SIZE) + i * step;
			*entry = (u64)small | VMX_EPT_RWX_MASK;
		}
		table = phys_to_virt(*entry & PT_ADDR_MASK);
	}
	return &table[ept_index(address, lowest)];
}

void vmx_use_ept(struct l2 *l2)
{
	u64 capability = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	u64 end = FOUR_GIB;
	int level = capability & VMX_EPT_2MB_PAGE_BIT ? 2 : 1;

	for (int i = 0; i < memory_regions; i++)
		end = MAX(end, memory_region[i].end);
	l2->ept = new_page_table();
	for (u64 address = 0; address < end; address += PAGE_SIZE << 9 * (level - 1))
		*ept_entry(l2->ept, address, level) =
			address | EPT_LEAF | (level > 1 ? VMX_EPT_PAGE_SIZE : 0);
	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT);
	vmx_set(l2, EPT_POINTER, virt_to_phys(l2->ept) | VMX_EPTP_PWL_4 | VMX_EPTP_MT_WB);
	/* The TLB may hold translations of freed tables that began in the same page. */
	vmx_flush_ept(l2);
}

void vmx_flush_ept(struct l2 *l2)
{
	u64 capability = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	u64 type = capability & VMX_EPT_EXTENT_CONTEXT_BIT ? VMX_EPT_EXTENT_CONTEXT
							   : VMX_EPT_EXTENT_GLOBAL;
	enum vmx_result result = invept(type, vmx_get(l2, EPT_POINTER));

	if (result != VM_SUCCEED)
		report_abort("INVEPT of type %lu: %s", type, vmx_result_text(result));
}

pteval_t *vmx_ept_entry(struct l2 *l2, phys_addr_t address)
{
	return ept_entry(l2->ept, address, 1);
}

pteval_t *vmx_ept_entry_at(struct l2 *l2, phys_addr_t address, int level)
{
	return ept_entry(l2->ept, address, level);
}
