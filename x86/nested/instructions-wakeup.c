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

/* Of the APIC's timer: within this time the CPU must have been woken. */
static u32 rescue_count;
static bool raised; /* by the row that is being executed */

#define STI_LENGTH 1

/*
 * If the interrupt comes before HLT is executed, nothing is left to wake the CPU. The instruction
 * before HLT is STI: go back to it, with another interrupt pending. QEMU's TCG does that if KVM
 * gets an interrupt between STI and HLT, since its VMRUN does not load INTERRUPT_SHADOW.
 */
static void note_wakeup(isr_regs_t *regs)
{
	const struct row *row;
	struct outcome *outcome = current_outcome(&row);

	if (!outcome || regs->rip != (u64)row->at)
		return;
	outcome->early++;
	regs->rip -= STI_LENGTH;
	regs->rflags &= ~X86_EFLAGS_IF;
	apic_send_self_ipi(WAKEUP_VECTOR);
}

static void note_rescue(isr_regs_t *regs)
{
	const struct row *row;
	struct outcome *outcome = current_outcome(&row);

	if (outcome)
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
	u64 hz = apic_timer_hz();

	apic_setup_timer(RESCUE_VECTOR, APIC_LVT_TIMER_ONESHOT);
	apic_write(APIC_TDCR, APIC_TDR_DIV_128);
	rescue_count = MIN(hz / 128 * LIBRARY_DEADLINE_MS / 1000 * timescale(), (u64)UINT32_MAX);
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
