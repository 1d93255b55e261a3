// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the two 8259A interrupt controllers (Intel 8259A data sheet; ICH9 data sheet, 5.8) and
 * the local APIC's LVT0 in ExtINT mode, by which they interrupt CPU 0. See devices.c.
 *
 * KVM emulates the controllers, or the VMM does with kernel-irqchip=split. A broken hypervisor
 * loses an interrupt that is pending at a controller. Or it delivers one that must wait until a
 * handler has sent EOI. Or it forgets which interrupt is in service, so that the EOI ends nothing.
 *
 * The interrupts come from the clock (MC146818). It raises its line, and keeps it high until its
 * register C is read. The controllers look for edges, so a lost interrupt does not come again.
 */
#include "apic.h"
#include "cmos.h"
#include "deadline.h"
#include "ghost.h"
#include "io.h"
#include "isr.h"
#include "migrate.h"
#include "processor.h"
#include "report.h"
#include "x86/devices/devices.h"

#define MASTER	  0x20
#define SLAVE	  0xa0
#define PIC_IMR	  1 /* the port of the IMR, counted from the controller's first port */
#define ELCR1	  0x4d0
#define ELCR2	  0x4d1
#define ICW1_ICW4 0x11
#define ICW4_8086 0x01
#define ICW4_AEOI 0x02
#define CASCADE	  2    /* the slave is at this input of the master */
#define READ_IRR  0x0a /* OCW3: from now on, reads of the controller's port return the IRR */
#define READ_ISR  0x0b /* OCW3: they return the ISR */
#define POLL	  0x0c /* OCW3: the next read accepts an interrupt and returns its number */
#define POLLED	  0x80 /* set in what that read returns if there was an interrupt */
#define EOI	  0x20 /* OCW2: non-specific EOI */

#define MASTER_BASE 0x60
#define SLAVE_BASE  0x68
#define CLOCK_IRQ   0 /* the clock is at this input of the slave: IRQ 8 */

#define EXTINT_MODE 0x700

FEATURE(PIC, "8259A interrupt controllers (ports 0x20 and 0xa0)")
{
	return port_holds(MASTER + PIC_IMR) && port_holds(SLAVE + PIC_IMR);
}

static u8 pic_read(u16 port, u8 which)
{
	outb(which, port);
	return inb(port);
}

/* Sends ICW1 to ICW4 to both controllers, and then masks all of their inputs. */
static void pic_initialise(u8 icw4)
{
	outb(ICW1_ICW4, MASTER);
	outb(MASTER_BASE, MASTER + PIC_IMR);
	outb(BIT(CASCADE), MASTER + PIC_IMR);
	outb(icw4, MASTER + PIC_IMR);
	outb(ICW1_ICW4, SLAVE);
	outb(SLAVE_BASE, SLAVE + PIC_IMR);
	outb(CASCADE, SLAVE + PIC_IMR);
	outb(icw4, SLAVE + PIC_IMR);
	mask_pic_interrupts();
}

TEST(pic_registers, .needs = PIC,
     .about = "masks and edge/level control of the 8259A interrupt controllers survive an action")
{
	static const struct port_register registers[] = {
		{ "the master's IMR", MASTER + PIC_IMR, 0xff },
		{ "the slave's IMR", SLAVE + PIC_IMR, 0xff },
		{ "ELCR1", ELCR1, 0xf8 },
		{ "ELCR2", ELCR2, 0xde },
	};
	u8 elcr1 = inb(ELCR1), elcr2 = inb(ELCR2);

	pic_initialise(ICW4_8086);
	/* Some inputs are unmasked now. But LVT0 is masked, so no interrupt reaches the CPU. */
	outb(0xb6, MASTER + PIC_IMR);
	outb(0x9d, SLAVE + PIC_IMR);
	outb(elcr1 ^ 0x28, ELCR1);
	outb(elcr2 ^ 0x12, ELCR2);
	check_ports_kept(registers, ARRAY_SIZE(registers));
	outb(elcr1, ELCR1);
	outb(elcr2, ELCR2);
	mask_pic_interrupts();
}

static u32 arrived, spurious;
/* An interrupt has come, and end_of_interrupt() was not called since. */
static bool in_service;

static void take(isr_regs_t *regs)
{
	if (ghost_drop_repeated(regs, READ_ONCE(in_service)))
		return;
	WRITE_ONCE(in_service, true);
	WRITE_ONCE(arrived, arrived + 1);
}

static void take_spurious(isr_regs_t *regs)
{
	WRITE_ONCE(spurious, spurious + 1);
}

/* Fields of the MC146818's registers A and B. */
#define RTC_RATE       0x0f /* in A */
#define RTC_1024_HZ    6
#define RTC_INTERRUPTS 0x70 /* in B: the bits that enable interrupts */

static bool waits_at(u16 port, u8 bit)
{
	return pic_read(port, READ_IRR) & bit;
}

static bool in_service_at(u16 port, u8 bit)
{
	return pic_read(port, READ_ISR) & bit;
}

static void end_of_interrupt(void)
{
	WRITE_ONCE(in_service, false);
	outb(EOI, SLAVE);
	outb(EOI, MASTER);
}

/* Lowers the clock's line, and waits until its next interrupt is pending at the slave. */
static bool raise(void)
{
	cmos_read(RTC_C);
	return report_if_failed(wait_until(waits_at(SLAVE, BIT(CLOCK_IRQ)), ANSWER_MS),
				"the clock raises its interrupt at the slave");
}

static void check_in_service(const char *when)
{
	report(in_service_at(SLAVE, BIT(CLOCK_IRQ)) && in_service_at(MASTER, BIT(CASCADE)),
	       "%s: the ISR of the master is %#x, that of the slave %#x", when,
	       pic_read(MASTER, READ_ISR), pic_read(SLAVE, READ_ISR));
}

static void check_arrived(u32 count, const char *when)
{
	u32 came;

	wait_until(READ_ONCE(arrived) >= count, ANSWER_MS);
	came = READ_ONCE(arrived);
	report(came == count, "%s: %u interrupts have come, %u expected", when, came, count);
}

/* The caller has turned interrupts off. They are on afterwards. */
static void move_with_interrupts_off(void)
{
	if (raise()) {
		migrate_quiet();
		report(waits_at(SLAVE, BIT(CLOCK_IRQ)) && waits_at(MASTER, BIT(CASCADE)),
		       "an interrupt waits at both controllers after the action");
		report(!arrived, "it does not come before STI");
	}
	irq_enable();
	check_arrived(1, "after STI");
}

static void move_in_service(void)
{
	check_in_service("before the action");
	if (!raise())
		return;
	migrate_quiet();
	check_in_service("after the action");
	report(waits_at(SLAVE, BIT(CLOCK_IRQ)) && READ_ONCE(arrived) == 1,
	       "the next interrupt waits for the EOI of the one in service: %u have come",
	       READ_ONCE(arrived));
	end_of_interrupt();
	check_arrived(2, "after EOI");
}

static void move_masked(void)
{
	outb(0xff, SLAVE + PIC_IMR);
	end_of_interrupt();
	if (!raise())
		return;
	migrate_quiet();
	report(READ_ONCE(arrived) == 2, "a masked interrupt waits: %u have come",
	       READ_ONCE(arrived));
	outb((u8)~BIT(CLOCK_IRQ), SLAVE + PIC_IMR);
	check_arrived(3, "after it was unmasked");
}

struct clock_registers {
	u8 a, b;
};

/*
 * Makes the clock raise its line 1024 times a second. While nobody reads register C, the line stays
 * high. Returns what stop_clock() restores.
 */
static struct clock_registers start_clock(void)
{
	struct clock_registers before = { cmos_read(RTC_A), cmos_read(RTC_B) };

	cmos_write(RTC_A, (before.a & ~RTC_RATE) | RTC_1024_HZ);
	cmos_write(RTC_B, (before.b & ~RTC_INTERRUPTS) | RTC_PERIODIC);
	return before;
}

static void stop_clock(const struct clock_registers *before)
{
	cmos_write(RTC_B, before->b & ~RTC_INTERRUPTS);
	cmos_write(RTC_A, before->a);
	cmos_read(RTC_C);
}

/* Starts the clock, and lets it interrupt this CPU. Returns with interrupts off. */
static struct clock_registers begin_interrupts(u8 icw4)
{
	arrived = spurious = 0;
	in_service = false;
	handle_irq_any(SLAVE_BASE + CLOCK_IRQ, take);
	handle_irq_any(MASTER_BASE + 7, take_spurious);
	handle_irq_any(SLAVE_BASE + 7, take_spurious);
	pic_initialise(icw4);
	apic_write(APIC_LVT0, EXTINT_MODE);
	outb((u8)~BIT(CASCADE), MASTER + PIC_IMR);
	outb((u8)~BIT(CLOCK_IRQ), SLAVE + PIC_IMR);
	irq_disable();
	return start_clock();
}

static void end_interrupts(const struct clock_registers *before)
{
	outb(0xff, SLAVE + PIC_IMR);
	outb(0xff, MASTER + PIC_IMR);
	stop_clock(before);
	end_of_interrupt();
	apic_write(APIC_LVT0, APIC_LVT_MASKED);
	/* This drops an edge that was latched meanwhile: the next test must not see it. */
	pic_initialise(ICW4_8086);
	irq_enable();
	unhandle_irq(SLAVE_BASE + CLOCK_IRQ);
	unhandle_irq(MASTER_BASE + 7);
	unhandle_irq(SLAVE_BASE + 7);
}

TEST(pic_interrupts, .needs = ALL_OF(PIC, CMOS),
     .about =
	     "interrupts that are pending or in service at the 8259A controllers are still so after an action")
{
	struct clock_registers before = begin_interrupts(ICW4_8086);

	move_with_interrupts_off();
	move_in_service();
	move_masked();
	report(!spurious, "no spurious interrupts: %u", spurious);

	end_interrupts(&before);
}

/* If the mode is lost, the next interrupt stays in service, and blocks the one after it. */
TEST(pic_automatic_eoi, .needs = ALL_OF(PIC, CMOS),
     .about = "8259A controllers in automatic EOI mode are still in it after an action")
{
	struct clock_registers before = begin_interrupts(ICW4_8086 | ICW4_AEOI);

	raise();
	migrate_quiet();
	irq_enable();
	check_arrived(1, "after STI");
	irq_disable();
	in_service = false;
	raise();
	irq_enable();
	check_arrived(2, "after the next one and STI");
	end_interrupts(&before);
}

/*
 * In the tests below LVT0 is masked, so the controllers cannot interrupt the CPU. A broken
 * hypervisor forgets which initialisation byte a controller expects next, or what the next read of
 * its port must return.
 */

TEST(pic_half_initialised, .needs = PIC,
     .about =
	     "an 8259A controller that has got some of its initialisation bytes takes the rest after an action")
{
	u8 mask;

	outb(ICW1_ICW4, SLAVE);
	outb(SLAVE_BASE, SLAVE + PIC_IMR);
	migrate_quiet();
	outb(CASCADE, SLAVE + PIC_IMR);
	outb(ICW4_8086, SLAVE + PIC_IMR);
	mask = inb(SLAVE + PIC_IMR);
	report(!mask, "the controller took no initialisation byte for a mask: the mask is %#x",
	       mask);
	pic_initialise(ICW4_8086);
}

TEST(pic_read_selected, .needs = ALL_OF(PIC, CMOS),
     .about = "the 8259A register that the next read returns is still selected after an action")
{
	struct clock_registers before;
	u8 read;

	pic_initialise(ICW4_8086);
	before = start_clock();
	if (raise()) {
		outb(READ_ISR, SLAVE);
		migrate_quiet();
		read = inb(SLAVE);
		report(!read, "port 0xa0 reads the ISR, where nothing is in service: %#x", read);
		outb(READ_IRR, SLAVE);
		migrate_quiet();
		read = inb(SLAVE);
		report(read & BIT(CLOCK_IRQ),
		       "port 0xa0 reads the IRR, where the clock's bit is set: %#x", read);
	}
	stop_clock(&before);
	pic_initialise(ICW4_8086);
}

/*
 * A poll reads the number of the interrupt, with bit 7 set if there is one. KVM 6.1 does not set
 * bit 7, and 6.12 does; this is a known issue. The data sheet also demands that a poll sets the
 * interrupt's in-service bit. No KVM that was tried does so, and the test does not look at that
 * bit.
 */
TEST(pic_polled, .needs = ALL_OF(PIC, CMOS),
     .about = "a poll command that the 8259A got before an action is answered after it")
{
	struct clock_registers before;
	u8 polled;

	pic_initialise(ICW4_8086);
	outb((u8)~BIT(CLOCK_IRQ), SLAVE + PIC_IMR);
	before = start_clock();
	if (raise()) {
		outb(POLL, SLAVE);
		migrate_quiet();
		polled = inb(SLAVE);
		report(polled == (POLLED | CLOCK_IRQ), "the poll reads %#x, and should read %#x",
		       polled, POLLED | CLOCK_IRQ);
	}
	stop_clock(&before);
	pic_initialise(ICW4_8086);
}
