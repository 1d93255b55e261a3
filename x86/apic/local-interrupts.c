// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: the local vector table (Intel SDM volume 3, "Handling Local Interrupts"). A part of the
 * program apic: see apic.c.
 *
 * LINT0 may bring an NMI for each interrupt of the PIT, which is how old kernels notice that they
 * hang. KVM counts how many CPUs want that. A broken hypervisor does not count them when it
 * restores LVT0, and no NMI comes any more. The PIT rests during the action, so that no NMI comes
 * between saving and restoring. KVM's PIT is at LINT0 whatever the 8259A masks.
 *
 * A periodic timer that is masked goes on and brings nothing. A broken hypervisor does not start it
 * when it restores it.
 *
 * The mask bit inhibits the reception of the interrupt, so a one-shot timer that expires while it
 * is masked brings nothing, then or later. A broken hypervisor remembers the expiry and delivers it
 * when the timer is unmasked.
 */
#include "apic.h"
#include "deadline.h"
#include "io.h"
#include "ioapic.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/apic/local-apic.h"

#define VECTOR 0x5a

static PER_CPU(u32, arrived);
static PER_CPU(u32, nmis);

static void count_arrival(isr_regs_t *regs)
{
	this_cpu(arrived)++;
}

static void count_nmi(struct ex_regs *regs)
{
	this_cpu(nmis)++;
}

/* ---- the PIT's NMIs ---- */

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_RATE     0x34  /* channel 0, low and high byte, mode 2 */
#define PIT_STOP     0x30  /* mode 0, which does not count before it has a count */
#define PIT_COUNT    11932 /* 10 ms */
#define PIT_IRQ	     0

/* Whether NMIs come while the PIT runs. It does not run afterwards. */
static bool nmis_come(void)
{
	u32 before = READ_ONCE(this_cpu(nmis));
	bool come;

	outb(PIT_RATE, PIT_COMMAND);
	outb((u8)PIT_COUNT, PIT_CHANNEL0);
	outb(PIT_COUNT >> 8, PIT_CHANNEL0);
	come = wait_until(READ_ONCE(this_cpu(nmis)) >= before + 3, ARRIVAL_MS);
	outb(PIT_STOP, PIT_COMMAND);
	return come;
}

TEST(lint0_nmi,
     .about = "LINT0 that brings the interrupts of the PIT as NMIs does so after an action")
{
	handler before = handle_exception(NMI_VECTOR, count_nmi);
	int pin = ioapic_isa_pin(PIT_IRQ);

	handle_irq_eoi(VECTOR, count_arrival);
	ioapic_route_edge(pin, 0, VECTOR);
	apic_write(APIC_LVT0, APIC_DM_NMI);
	if (nmis_come()) {
		migrate_quiet();
		report(nmis_come(), "NMIs of the PIT come after the action");
	} else {
		report_skip("LINT0 does not bring the PIT's interrupts while the 8259A masks them");
	}
	apic_write(APIC_LVT0, APIC_LVT_MASKED);
	ioapic_mask(pin);
	delay_us(SILENCE_US);
	unhandle_irq(VECTOR);
	handle_exception(NMI_VECTOR, before);
}

/* ---- masked timers ---- */

static u32 count_of(u64 ms)
{
	return MIN(apic_timer_hz() / 1000 * ms, (u64)UINT32_MAX);
}

static void unmask_timer(u32 mode)
{
	apic_write(APIC_LVTT, mode | VECTOR);
}

#define PERIOD_MS 4

TEST(masked_periodic, .on = EACH_CPU,
     .about =
	     "a periodic APIC timer that was masked during an action goes on, and interrupts when it is unmasked")
{
	this_cpu(arrived) = 0;
	handle_irq_eoi(VECTOR, count_arrival);
	apic_setup_timer(VECTOR, APIC_LVT_TIMER_PERIODIC | APIC_LVT_MASKED);
	apic_start_timer(count_of(PERIOD_MS));
	migrate_quiet();
	report(!READ_ONCE(this_cpu(arrived)), "%u interrupts come while it is masked",
	       this_cpu(arrived));
	unmask_timer(APIC_LVT_TIMER_PERIODIC);
	report(wait_until(READ_ONCE(this_cpu(arrived)) >= 3, ARRIVAL_MS),
	       "three interrupts come when it is unmasked");
	apic_cleanup_timer();
	unhandle_irq(VECTOR);
}

TEST(masked_oneshot, .on = EACH_CPU,
     .about = "a one-shot APIC timer that expires while it is masked never interrupts")
{
	this_cpu(arrived) = 0;
	handle_irq_eoi(VECTOR, count_arrival);
	apic_setup_timer(VECTOR, APIC_LVT_TIMER_ONESHOT | APIC_LVT_MASKED);
	apic_start_timer(count_of(PERIOD_MS));
	migrate_quiet();
	report_if_failed(wait_until(!apic_read(APIC_TMCCT), ARRIVAL_MS), "the timer expires");
	unmask_timer(APIC_LVT_TIMER_ONESHOT);
	delay_us(SILENCE_US);
	report(!READ_ONCE(this_cpu(arrived)),
	       "the timer expired while it was masked, and interrupted %u times when it was unmasked",
	       this_cpu(arrived));
	apic_cleanup_timer();
	unhandle_irq(VECTOR);
}
