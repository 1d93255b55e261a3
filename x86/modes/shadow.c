// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: the interrupt shadow of STI (Intel SDM volume 2, STI; AMD APM volume 2, 8.1.3): a pending
 * interrupt comes only after the instruction that follows STI. A part of the program modes: see
 * modes.c.
 *
 * The instruction after STI writes to another page each time. While a hypervisor logs writes, or
 * has just made the page tables anew, that write takes an exit, so this is where a guest is often
 * stopped. KVM reports the shadow by KVM_GET_VCPU_EVENTS. A broken hypervisor or VMM does not put
 * it back, and the interrupt comes one instruction early. The test sees the interrupt's return
 * address. It does not see a shadow that was lost while no stop fell into it.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "vm.h"

#define SHADOW_VECTOR 0x61
#define PAGES	      64
#define ROUNDS	      8

extern char in_sti_shadow[], behind_sti_shadow[];

static PER_CPU(u32, taken);
static PER_CPU(u32, early);
static PER_CPU(u8 *, touched);
static PER_CPU(u32, turn);

static void take(isr_regs_t *regs)
{
	this_cpu(taken)++;
	this_cpu(early) += regs->rip == (u64)in_sti_shadow;
}

/* Not inlined, since its labels are global. */
static void __attribute__((noinline)) open_window(u8 *byte)
{
	asm volatile("sti\n"
		     ".globl in_sti_shadow\n"
		     "in_sti_shadow:\n"
		     "	incb	%0\n"
		     ".globl behind_sti_shadow\n"
		     "behind_sti_shadow:\n"
		     "	nop\n"
		     "	nop\n"
		     "	cli\n"
		     : "+m"(*byte)
		     :
		     : "memory");
}

static void some_rounds(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		u32 page = this_cpu(turn)++ % PAGES;

		irq_disable();
		apic_send_self_ipi(SHADOW_VECTOR);
		open_window(this_cpu(touched) + page * PAGE_SIZE);
	}
	irq_enable();
}

TEST(sti_shadow, .on = EACH_CPU,
     .about =
	     "a pending interrupt comes only after the instruction behind STI, even if an action falls in between")
{
	this_cpu(touched) = alloc_pages(6);
	this_cpu(taken) = this_cpu(early) = 0;
	handle_irq_eoi(SHADOW_VECTOR, take);
	some_rounds();
	if (this_cpu(early)) {
		report_skip(
			"this CPU has no interrupt shadow: %u of %u came early without an action",
			this_cpu(early), this_cpu(taken));
	} else {
		migrate_quiet_while(some_rounds);
		/* The VMM may also cycle the guest by itself. */
		for (u64 i = scaled_count(400, 10); i; i--)
			some_rounds();
		report(this_cpu(taken) && !this_cpu(early),
		       "%u interrupts came behind the instruction after STI, and %u of them before it",
		       this_cpu(taken), this_cpu(early));
	}
	unhandle_irq(SHADOW_VECTOR);
	free_pages(this_cpu(touched));
}
