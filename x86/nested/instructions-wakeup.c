// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wakes the CPU from HLT and MWAIT, where a test executes them as one of its rows. The interrupt
 * that wakes it is pending before the instruction, and the shadow of STI holds it back until then
 * (Intel SDM volume 2, STI; AMD APM volume 3, STI). See instructions.h.
 *
 * break=asleep on the command line spoils the test on purpose: the interrupt is not sent.
 */
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "x86/nested/instructions.h"

/*
 * Initial counts of the APIC's timer. With rescue_count it wakes a CPU that the interrupt did not
 * wake. With soon_count it stands in for an interrupt that came too early.
 */
static u32 rescue_count, soon_count;
static bool raised; /* the row that is being executed has called raise_wakeup() */

#define STI_LENGTH 1

/* After an interrupt that came too early, the timer wakes the CPU in this time. */
#define SOON_MS 10

/*
 * If the interrupt comes before HLT is executed, nothing is left to wake the CPU. So this function
 * makes the CPU go back to STI, the instruction before HLT, and starts the timer, which wakes the
 * CPU instead. Returns false if the interrupt did not come too early.
 *
 * This happens on QEMU's TCG. An interrupt of the host makes the guest exit to KVM between STI and
 * HLT. KVM enters the guest again, but TCG's VMRUN does not load INTERRUPT_SHADOW, so the shadow of
 * STI is lost (docs/findings.md, "Emulated CPUs"). It is not enough to send the interrupt once
 * more: in the amd lab that one was lost, and only the timer woke L2.
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

/*
 * The timer's interrupt. It is a rescue only if no interrupt came too early. If one did, the timer
 * is what should wake the CPU.
 */
static void note_rescue(isr_regs_t *regs)
{
	const struct row *row;
	struct outcome *outcome = current_outcome(&row);

	if (outcome && !came_early(regs, row, outcome) && !outcome->early)
		outcome->rescued = true;
}

/* L2 calls this, too. In xAPIC mode its writes to the local APIC do not exit to L1. */
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
		report_info(
			"%s: %s: the interrupt came %u times before the instruction, in the shadow of STI",
			when, row->name, outcome->early);
	else
		good &= report_if_failed(
			!outcome->early,
			"%s: %s: the interrupt came %u times before the instruction, in the shadow of STI",
			when, row->name, outcome->early);
	return good;
}
