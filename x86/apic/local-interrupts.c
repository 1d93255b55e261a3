// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: the local vector table (Intel SDM volume 3, "Handling Local Interrupts"). A part of the
 * program apic: see apic.c.
 *
 * LINT0 may bring an NMI for each interrupt of the PIT, which is how old kernels notice that they
 * hang. KVM counts how many CPUs want that. A broken hypervisor does not count them when it
 * restores LVT0, and no NMI comes any more.
 *
 * A periodic timer that is masked goes on and brings nothing. A broken hypervisor does not start it
 * when it restores it. What a one-shot timer that has expired while it was masked does is not
 * tested: KVM brings its interrupt when it is unmasked.
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

#define PIC	  0x20
#define PIC_DATA  1 /* from the controller's port */
#define ICW1_ICW4 0x11
#define ICW4_8086 0x01
#define ICW4_AEOI 0x02
#define PIC_BASE  0x60
#define CASCADE	  2

/* The master passes IRQ 0 on and ends it by itself. A PC's LINT0 is its output. */
static void pic_pass_timer(void)
{
	outb(ICW1_ICW4, PIC);
	outb(PIC_BASE, PIC + PIC_DATA);
	outb(BIT(CASCADE), PIC + PIC_DATA);
	outb(ICW4_8086 | ICW4_AEOI, PIC + PIC_DATA);
	outb((u8)~BIT(PIT_IRQ), PIC + PIC_DATA);
}

static bool nmis_come(void)
{
	u32 before = READ_ONCE(this_cpu(nmis));

	return wait_until(READ_ONCE(this_cpu(nmis)) >= before + 3, ARRIVAL_MS);
}

TEST(lint0_nmi,
     .about = "a PIT whose interrupts LINT0 brings as NMIs goes on doing so after an action")
{
	handler before = handle_exception(NMI_VECTOR, count_nmi);
	int pin = ioapic_isa_pin(PIT_IRQ);

	handle_irq_eoi(VECTOR, count_arrival);
	ioapic_route_edge(pin, 0, VECTOR);
	pic_pass_timer();
	apic_write(APIC_LVT0, APIC_DM_NMI);
	outb(PIT_RATE, PIT_COMMAND);
	outb((u8)PIT_COUNT, PIT_CHANNEL0);
	outb(PIT_COUNT >> 8, PIT_CHANNEL0);
	if (nmis_come()) {
		migrate_quiet();
		report(nmis_come(), "NMIs come after the action: %u in all", this_cpu(nmis));
	} else {
		report_skip("this machine's LINT0 does not bring the PIT's interrupts as NMIs");
	}
	outb(PIT_STOP, PIT_COMMAND);
	apic_write(APIC_LVT0, APIC_LVT_MASKED);
	mask_pic_interrupts();
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
