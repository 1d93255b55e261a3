// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A migration in the middle of a VM entry (Intel SDM volume 3, chapter 27).
 *
 * The test cannot choose the moment: it enters L2 all the time during the migration, and can miss
 * a failure.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "isr.h"
#include "percpu.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

#define LONG_VECTOR 0x62
/*
 * Every CPU takes this many MSRs. A hypervisor needs a while to load them, which makes entries
 * long.
 */
#define LONG_AREA 512

/* An L2 that gets an event at each entry. */
struct long_entries {
	struct l2 *l2;
	u64 entered, events;
	bool stopped;
};

static PER_CPU(struct long_entries, long_entries);

static void count_event(isr_regs_t *regs)
{
	struct long_entries *mine = &this_cpu(long_entries);

	mine->events += l2_owns_stack(mine->l2, regs->rsp);
}

static void enter_with_event(void)
{
	struct long_entries *mine = &this_cpu(long_entries);

	if (mine->stopped)
		return;
	mine->entered++;
	if (!broken("event") || mine->entered % 8)
		vmx_inject(mine->l2, INTR_TYPE_EXT_INTR | LONG_VECTOR, 0);
	l2_enter(mine->l2);
	mine->stopped = !l2_is_call(mine->l2, 1) || mine->events != mine->entered;
	if (!mine->stopped)
		vmx_skip(mine->l2);
}

/*
 * A hypervisor that emulates VMRESUME may be stopped by the migration before L2 runs. What is left
 * of the entry must be migrated too. A broken hypervisor loses it, or does it twice.
 */
TEST(moved_in_entry, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an event that a VM entry injects comes once, even if the migration hits the entry itself")
{
	struct vmx_msr_entry *area = alloc_pages(1);
	struct long_entries *mine = &this_cpu(long_entries);

	_Static_assert(LONG_AREA * sizeof(*area) == 2 * PAGE_SIZE, "the area is two pages");
	for (int i = 0; i < LONG_AREA; i++)
		area[i] = (struct vmx_msr_entry){ .index = MSR_LSTAR, .value = rdmsr(MSR_LSTAR) };
	*mine = (struct long_entries){ .l2 = l2_new(l2_call_forever, (void *)1) };
	vmx_set(mine->l2, VM_ENTRY_MSR_LOAD_ADDR, virt_to_phys(area));
	vmx_set(mine->l2, VM_ENTRY_MSR_LOAD_COUNT, LONG_AREA);
	handle_irq_any(LONG_VECTOR, count_event);
	for (int i = 0; i < 10; i++)
		enter_with_event();
	migrate_quiet_while(enter_with_event);
	migrate_quiet_while(enter_with_event);
	report(!mine->stopped, "%lu entries with an event, %lu events in L2; then exit %s",
	       mine->entered, mine->events, l2_exit_text(mine->l2));
	unhandle_irq(LONG_VECTOR);
	l2_free(mine->l2);
	free_pages(area);
}
