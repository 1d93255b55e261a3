// SPDX-License-Identifier: GPL-2.0-or-later
/* Stacks with guard pages. See stacks.h. */
#include "stacks.h"
#include "alloc_page.h"
#include "desc.h"
#include "percpu.h"
#include "smp.h"
#include "vm.h"
#include "vmalloc.h"

static const int stack_pages[] = {
	STACK_PAGES,
	[IST_DF] = IST_STACK_PAGES,
	[IST_NMI] = IST_STACK_PAGES,
	[IST_MC] = IST_STACK_PAGES,
};

static PER_CPU(u64, bottoms[ARRAY_SIZE(stack_pages)]);

/* Maps a stack with a guard page below it. Returns its lowest address. */
static u64 map_stack(int pages)
{
	char *guard = alloc_vpages(pages + 1);
	char *bottom = guard + PAGE_SIZE;

	for (int i = 0; i < pages; i++)
		map_pages(bottom + i * PAGE_SIZE, virt_to_phys(alloc_pages_dirty(0)), 1, PAGE_DATA);
	return (u64)bottom;
}

u64 stacks_init(int cpu)
{
	for (unsigned i = 0; i < ARRAY_SIZE(stack_pages); i++) {
		u64 bottom = map_stack(stack_pages[i]);

		(*cpu_ptr(bottoms, cpu))[i] = bottom;
		if (i)
			cpu_tss(cpu)->ist[i - 1] = bottom + stack_pages[i] * PAGE_SIZE;
	}
	return stack_bottom(cpu) + STACK_PAGES * PAGE_SIZE;
}

u64 stack_bottom(int cpu)
{
	return (*cpu_ptr(bottoms, cpu))[0];
}

int stack_guard_owner(u64 address)
{
	int cpu;

	for_each_cpu (cpu) {
		for (unsigned i = 0; i < ARRAY_SIZE(stack_pages); i++) {
			u64 bottom = (*cpu_ptr(bottoms, cpu))[i];

			if (address < bottom && address >= bottom - PAGE_SIZE)
				return cpu;
		}
	}
	return -1;
}
