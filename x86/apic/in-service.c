// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: interrupts in service, and the processor priority that follows from them (Intel SDM volume
 * 3, "Interrupt, Task, and Processor Priority", "Signaling Interrupt Servicing Completion"). A part
 * of the program apic: see apic.c.
 *
 * Three interrupts are in service at once, and others wait behind each of them, when the host acts.
 * A broken hypervisor restores the in-service register, and forgets how many interrupts are in it
 * or which one is the highest. Then one that should wait comes, or an EOI ends nothing, or ends
 * another interrupt than the highest, and what waits behind it waits for ever.
 *
 * The test sees which interrupts come, and after which EOI, and reads the in-service register. On
 * an APIC that shows nothing in service it skips.
 */
#include "apic.h"
#include "deadline.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/apic/local-apic.h"

/* In service, from the lowest to the highest. */
static const u8 served[] = { 0x32, 0x55, 0x78 };
/* Each waits behind the one of the same index. The last has the same class as what is in service.
 */
static const u8 waiting[] = { 0x3b, 0x5c, 0x71 };
#define LEVELS ARRAY_SIZE(served)
#define HIGHER 0x93
#define MOST   16

static PER_CPU(u32, came);
static PER_CPU(u8, order[MOST]);

static void note(isr_regs_t *regs)
{
	u32 count = this_cpu(came);

	if (count < MOST)
		this_cpu(order)[count] = regs->vector;
	WRITE_ONCE(this_cpu(came), count + 1);
}

static void take_and_end(isr_regs_t *regs)
{
	note(regs);
	eoi();
}

static bool come(u32 count)
{
	return wait_until(READ_ONCE(this_cpu(came)) >= count, ARRIVAL_MS);
}

/* Whether COUNT have come and no more, and the last of them is VECTOR. */
static bool last_is(u32 count, u8 vector)
{
	bool good = come(count);

	delay_us(SILENCE_US);
	return good && this_cpu(came) == count && this_cpu(order)[count - 1] == vector;
}

static bool is_highest_in_service(int vector)
{
	u32 words[8], expected[8] = { 0 };
	bool good = true;

	for (size_t i = 0; i < LEVELS; i++)
		if (served[i] <= vector)
			expected[served[i] / 32] |= 1u << served[i] % 32;
	for (int i = 0; i < 8; i++) {
		words[i] = apic_read(APIC_ISR + i * 0x10);
		good &= words[i] == expected[i];
	}
	return report_if_failed(
		good,
		"in service is %08x %08x %08x (from vector 0x7f down to 0x20), and should be %08x %08x %08x",
		words[3], words[2], words[1], expected[3], expected[2], expected[1]);
}

static bool take_into_service(void)
{
	for (size_t i = 0; i < LEVELS; i++) {
		apic_send_self_ipi(served[i]);
		if (!report_if_failed(come(i + 1), "interrupt 0x%x comes", served[i]))
			return false;
	}
	return apic_read_bit(APIC_ISR, served[LEVELS - 1]);
}

/* One EOI ends what is in service at LEVEL, and brings what has waited behind it. */
static bool end_level(int level)
{
	u32 before = this_cpu(came);

	eoi();
	return report_if_failed(
		       last_is(before + 1, waiting[level]),
		       "an EOI of 0x%x brings 0x%x, which waited behind it: %u came, the last is 0x%x",
		       served[level], waiting[level], this_cpu(came) - before,
		       this_cpu(order)[this_cpu(came) - 1]) &&
	       is_highest_in_service(level ? served[level - 1] : 0);
}

static void leave_nothing(void)
{
	for (size_t i = 0; i < 2 * LEVELS; i++)
		eoi();
	for (size_t i = 0; i < LEVELS; i++) {
		unhandle_irq(served[i]);
		unhandle_irq(waiting[i]);
	}
	unhandle_irq(HIGHER);
}

static bool check_levels(void)
{
	bool good = true;

	good &= report_if_failed(
		this_cpu(came) == LEVELS,
		"what has a lower priority waits: %u came in the action, the last is 0x%x",
		this_cpu(came) - (u32)LEVELS, this_cpu(order)[this_cpu(came) - 1]);
	good &= is_highest_in_service(served[LEVELS - 1]);
	/* It comes at once, and its EOI ends it and nothing else. */
	apic_send_self_ipi(HIGHER);
	good &= report_if_failed(last_is(LEVELS + 1, HIGHER), "0x%x, which is higher, comes",
				 HIGHER);
	good &= is_highest_in_service(served[LEVELS - 1]);
	for (int level = LEVELS - 1; good && level >= 0; level--)
		good &= end_level(level);
	return good;
}

static void check_in_service(void)
{
	bool good;

	this_cpu(came) = 0;
	for (size_t i = 0; i < LEVELS; i++) {
		handle_irq(served[i], note);
		handle_irq(waiting[i], take_and_end);
	}
	handle_irq(HIGHER, take_and_end);
	if (!take_into_service()) {
		leave_nothing();
		report_skip("this APIC shows nothing in service");
		return;
	}
	for (size_t i = 0; i < LEVELS; i++)
		apic_send_self_ipi(waiting[i]);
	migrate_quiet();
	good = check_levels();
	leave_nothing();
	report(good, "three interrupts in service end one after the other, the highest first");
}

TEST(in_service, .on = EACH_CPU,
     .about =
	     "interrupts in service hold back lower ones after an action, and each EOI ends the highest")
{
	check_in_service();
}

TEST(in_service_x2apic, .on = EACH_CPU, .needs = X2APIC,
     .about =
	     "in x2APIC mode, interrupts in service hold back lower ones after an action, and each EOI ends the highest")
{
	enable_x2apic();
	check_in_service();
	enable_xapic();
}
