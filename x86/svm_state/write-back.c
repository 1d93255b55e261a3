// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMCB as #VMEXIT writes it (AMD APM volume 2, 15.6), on a page that nobody else writes. A part
 * of the program svm_state: see svm_state.c.
 *
 * L1 usually writes the VMCB between two VMRUNs, to skip an instruction. A hypervisor that runs L1
 * writes the VMCB by itself at each #VMEXIT and VMSAVE, and has to mark its page dirty. L1's own
 * writes hide that it does not. So here L1 only reads the VMCB: L2 counts in RAX, L1's timer makes
 * it exit, and the next VMRUN lets it count on.
 *
 * A broken hypervisor loses the VMCB of the last exits in a migration: RAX is lower than L1 has
 * seen it, and L2 goes on from there. The test cannot tell a single lost exit from one that came
 * before the page was sent for the last time.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "isr.h"
#include "x86/svm_state/svm_state.h"

/* lib/x86/nested/svm/svm-entry.S. svm_enter_gif_clear() would write the VMCB after the exit. */
void svm_vmrun(phys_addr_t vmcb, struct l2_registers *registers, phys_addr_t own);

#define TIMER_VECTOR 0x61
/* For the timer's first count. The count is doubled if L2 has not counted when it is over. */
#define EXITS_PER_SECOND 1000
#define MOST_TIMER_COUNT (1u << 30)
#define LEAST_EXITS	 20
/* L1 runs this many times as long as L2. */
#define TIMES_IN_L1 4

static struct counting {
	struct l2 *l2;
	struct vmcb *own;
	u64 exits, other_exits, seen;
	u32 timer_count;
	bool wrong;
} counting;

static void count_in_rax(void *unused)
{
	asm volatile("xor %%eax, %%eax; 1: inc %%rax; jmp 1b" : : : "rax");
}

static void on_timer(isr_regs_t *regs)
{
}

static void look_at_rax(void)
{
	u64 rax = READ_ONCE(counting.l2->vmcb->save.rax);

	if (broken("writeback") && counting.exits == LEAST_EXITS)
		rax = 0;
	if (rax == counting.seen || counting.wrong)
		return;
	counting.wrong = true;
	report_fail(
		"the VMCB's RAX was 0x%lx after #VMEXIT number %lu, and now it is 0x%lx: what #VMEXIT has written is lost",
		counting.seen, counting.exits, rax);
}

static void let_l2_count(void)
{
	struct vmcb *vmcb = counting.l2->vmcb;
	u64 begin, end;

	look_at_rax();
	/* An interrupt that came before VMRUN would not end L2. */
	clgi();
	begin = rdtsc();
	apic_start_timer(counting.timer_count);
	svm_vmrun(virt_to_phys(vmcb), &counting.l2->registers, virt_to_phys(counting.own));
	stgi();
	counting.exits++;
	counting.other_exits += READ_ONCE(vmcb->control.exitcode) != SVM_EXIT_INTR;
	if (READ_ONCE(vmcb->save.rax) == counting.seen && counting.timer_count < MOST_TIMER_COUNT)
		counting.timer_count *= 2;
	counting.seen = READ_ONCE(vmcb->save.rax);
	/*
	 * If L2 runs when the guest stops, its next exit writes the VMCB anew, and nothing is lost.
	 * So most of the time L1 runs, and only reads.
	 */
	end = rdtsc();
	while (rdtsc() - end < TIMES_IN_L1 * (end - begin) && !counting.wrong)
		look_at_rax();
}

TEST(vmcb_written_by_exits_alone, .needs = SVM,
     .about = "a VMCB that only #VMEXIT writes holds after a migration what the last exit wrote")
{
	counting = (struct counting){ .l2 = l2_new(count_in_rax, NULL), .own = alloc_page() };
	counting.seen = counting.l2->vmcb->save.rax;
	svm_set_intercept(counting.l2, INTERCEPT_INTR);
	counting.timer_count = apic_timer_hz() / EXITS_PER_SECOND;
	handle_irq_eoi(TIMER_VECTOR, on_timer);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	for (int action = 0; action < 2; action++) {
		while (counting.exits < (action + 1ul) * LEAST_EXITS)
			let_l2_count();
		migrate_quiet_while(let_l2_count);
		look_at_rax();
	}
	apic_cleanup_timer();
	unhandle_irq(TIMER_VECTOR);
	report(!counting.wrong && !counting.other_exits && counting.seen > LEAST_EXITS,
	       "2 actions, %lu exits by L1's timer and %lu others: L2 has counted to %lu",
	       counting.exits, counting.other_exits, counting.seen);
	l2_free(counting.l2);
	free_page(counting.own);
}
