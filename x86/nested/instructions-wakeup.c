// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How HLT and MWAIT are woken where they are executed as a row. See instructions.h.
 *
 * On the command line: with break=asleep, the interrupt is not sent.
 */
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "x86/nested/instructions.h"

/* Counts for the APIC's timer: how long a CPU may take to wake by itself, and a short time. */
static u32 rescue_count, soon_count;
static bool raised; /* by the row that is being executed */

#define STI_LENGTH 1

/* After an interrupt that came too early, the timer wakes the CPU within this time. */
#define SOON_MS 10

/*
 * If the interrupt comes before HLT is executed, nothing is left to wake the CPU. So this goes back
 * to STI, the instruction before HLT, and lets the timer be the interrupt. This happens on QEMU's
 * TCG if KVM gets an interrupt between STI and HLT, since TCG's VMRUN does not load
 * INTERRUPT_SHADOW. (Sending the interrupt once more is not enough: in the `amd` lab it was then
 * lost, and only the timer woke L2.)
 */
static bool came_early(isr_regs_t *regs, const struct row *row, struct outcome *outcome)
{
	if (regs->rip != (u64)row->at)
		return false;
	outcome->early++;
	regs->rip -= STI_LENGTH;
	regs->rflags &= ~X86_EFLAGS_IF;
	apic_start_timer(soon_count);
	return true;
}

static void note_wakeup(isr_regs_t *regs)
{
	const struct row *row;
	struct outcome *outcome = current_outcome(&row);

	if (outcome)
		came_early(regs, row, outcome);
}

static void note_rescue(isr_regs_t *regs)
{
	const struct row *row;
	struct outcome *outcome = current_outcome(&row);

	if (outcome && !came_early(regs, row, outcome) && !outcome->early)
		outcome->rescued = true;
}

/* In L2 too, writing to the local APIC causes no exit to L1. */
void raise_wakeup(void)
{
	irq_disable();
	raised = true;
	apic_start_timer(rescue_count);
	if (!broken("asleep"))
		apic_send_self_ipi(WAKEUP_VECTOR);
}

void end_wakeup(void)
{
	if (raised)
		apic_stop_timer();
	raised = false;
}

void begin_wakeups(void)
{
	u64 per_ms = apic_timer_hz() / 128 / 1000 * timescale();

	apic_setup_timer(RESCUE_VECTOR, APIC_LVT_TIMER_ONESHOT);
	apic_write(APIC_TDCR, APIC_TDR_DIV_128);
	rescue_count = MIN(per_ms * LIBRARY_DEADLINE_MS, (u64)UINT32_MAX);
	soon_count = MAX(per_ms * SOON_MS, 1ul);
	handle_irq_eoi(WAKEUP_VECTOR, note_wakeup);
	handle_irq_eoi(RESCUE_VECTOR, note_rescue);
}

void end_wakeups(void)
{
	apic_cleanup_timer();
	unhandle_irq(WAKEUP_VECTOR);
	unhandle_irq(RESCUE_VECTOR);
}

bool check_wakeup(const struct row *row, const struct outcome *outcome, const char *when)
{
	bool good = report_if_failed(
		!outcome->rescued,
		"%s: %s: the interrupt that was pending did not wake the CPU, only the APIC timer did",
		when, row->name);

	if (outcome->early && is_tcg())
		report_info("%s: %s: the interrupt came before it %u times, through STI's shadow",
			    when, row->name, outcome->early);
	else
		good &= report_if_failed(
			!outcome->early,
			"%s: %s: the interrupt came before it %u times, through STI's shadow", when,
			row->name, outcome->early);
	return good;
}
