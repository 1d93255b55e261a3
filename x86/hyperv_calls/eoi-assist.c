// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_calls: the EOI assist (Hyper-V TLFS, "Virtual Interrupt Controller", "EOI Assist": a field
 * of the VP assist page). A part of the program hyperv_calls: see hyperv_calls.c.
 *
 * While an interrupt is in service, the hypervisor may set bit 0 of the page's first word, "no EOI
 * required". A guest that finds it set clears it, and need not write the EOI register. The
 * hypervisor clears it when something waits behind the interrupt, and whenever else it likes.
 *
 * A broken hypervisor does not notice that the guest has cleared the bit, or forgets in an action
 * that it has set it. The guest ends its handler without an EOI, and the interrupt stays in service
 * for good: nothing of its priority or below comes any more. Or the bit is set although another
 * interrupt waits, so that this one comes late. The tests cannot tell a hypervisor that never sets
 * the bit, because its APIC is hardware, for example. KVM sets it when it delivers an interrupt,
 * and clears it at the next exit. So a handler that looks at once finds it set, and one that is
 * migrated does not.
 */
#include "alloc_page.h"
#include "apic.h"
#include "ghost.h"
#include "isr.h"
#include "migrate.h"
#include "smp.h"
#include "vm.h"
#include "x86/hyperv_calls/hyperv_calls.h"

#define HV_VP_ASSIST_PAGE_ENABLE BIT(0)
#define NO_EOI_REQUIRED		 0 /* the bit's number */

/* They differ in the upper half, which is the priority. */
#define VECTOR	   0x75
#define LOW_VECTOR 0x65

static u32 *assist;
static u32 handled, handled_low, without_eoi;
static u32 told_too_early;
static bool act_in_handler, low_waits;

static bool take_permission(void)
{
	bool was_set;

	asm volatile("lock btrl %2, %0"
		     : "+m"(*assist), "=@ccc"(was_set)
		     : "i"(NO_EOI_REQUIRED)
		     : "memory");
	return was_set || broken("eoi");
}

/*
 * Ends an interrupt. False if it was a ghost (ghost.h), which has nothing to end. What looks for a
 * ghost exits, and the hypervisor then clears the bit. So this looks at the bit first.
 */
static bool end_interrupt(const struct ex_regs *regs)
{
	if (take_permission()) {
		without_eoi++;
		told_too_early += low_waits && regs->vector == VECTOR;
		return true;
	}
	if (ghost_drop(regs))
		return false;
	wrmsr(HV_X64_MSR_EOI, 0);
	return true;
}

static void on_interrupt(isr_regs_t *regs)
{
	if (act_in_handler)
		migrate_quiet();
	if (end_interrupt(regs))
		WRITE_ONCE(handled, handled + 1);
}

static void on_low_interrupt(isr_regs_t *regs)
{
	if (end_interrupt(regs))
		WRITE_ONCE(handled_low, handled_low + 1);
}

static void begin(void)
{
	assist = alloc_page();
	handled = handled_low = without_eoi = told_too_early = 0;
	act_in_handler = low_waits = false;
	handle_irq_any(VECTOR, on_interrupt);
	handle_irq_any(LOW_VECTOR, on_low_interrupt);
	wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, virt_to_phys(assist) | HV_VP_ASSIST_PAGE_ENABLE);
}

static void end(void)
{
	while (apic_read_bit(APIC_ISR, VECTOR) || apic_read_bit(APIC_ISR, LOW_VECTOR))
		eoi();
	wrmsr(HV_X64_MSR_VP_ASSIST_PAGE, 0);
	unhandle_irq(LOW_VECTOR);
	unhandle_irq(VECTOR);
	free_page(assist);
}

static void interrupt_often(u32 times, const char *when)
{
	bool all = true;

	handled = without_eoi = 0;
	for (u32 i = 0; i < times && all; i++) {
		u32 before = without_eoi;

		apic_send_self_ipi(VECTOR);
		all &= report_if_failed(
			wait_until(READ_ONCE(handled) > i, PATIENCE_MS) &&
				!apic_read_bit(APIC_ISR, VECTOR),
			"%s: %u of %u interrupts have come, and the last is %sin service; the guest has %s",
			when, handled, i + 1, apic_read_bit(APIC_ISR, VECTOR) ? "still " : "not ",
			without_eoi > before ? "cleared the bit that says no EOI is required"
					     : "written HV_X64_MSR_EOI");
	}
	report(all, "%s: %u interrupts, %u of them over without an EOI", when, handled,
	       without_eoi);
}

#define TIMES		 100
#define TIMES_IN_HANDLER 2

TEST(eoi_assist, .on = EACH_CPU, .needs = HV_APIC_ACCESS,
     .about =
	     "an interrupt is over when the guest has cleared the VP assist page's bit, or sent an EOI if it was clear, before an action and after it")
{
	begin();
	interrupt_often(TIMES, "before the action");
	migrate_quiet();
	interrupt_often(TIMES, "after the action");
	end();
}

TEST(eoi_assist_in_handler, .on = EACH_CPU, .needs = HV_APIC_ACCESS,
     .about =
	     "an interrupt whose handler is migrated ends if the guest sends or skips the EOI as the VP assist page says")
{
	begin();
	act_in_handler = true;
	interrupt_often(TIMES_IN_HANDLER, "with an action in the handler");
	end();
}

/* TLFS: the bit is set if "there are no lower priority interrupts pending". */
TEST(eoi_assist_lower_waits, .on = EACH_CPU, .needs = HV_APIC_ACCESS,
     .about =
	     "the VP assist page asks for an EOI if an interrupt of lower priority waits, and this comes after it")
{
	begin();
	low_waits = true;
	for (u32 i = 0; i < TIMES; i++) {
		irq_disable();
		apic_send_self_ipi(LOW_VECTOR);
		apic_send_self_ipi(VECTOR);
		irq_enable();
		wait_until(READ_ONCE(handled_low) > i && READ_ONCE(handled) > i, PATIENCE_MS);
	}
	report(handled == TIMES && handled_low == TIMES && !told_too_early,
	       "%u interrupts of the higher priority and %u of the lower have come, %u of each were sent; %u times no EOI was required though the lower one waited",
	       handled, handled_low, TIMES, told_too_early);
	end();
}
