// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The local APIC's registers with unusual values, in xAPIC and in x2APIC mode: Intel SDM volume 3,
 * "Advanced Programmable Interrupt Controller (APIC)". All interrupt sources stay masked. The task
 * priority keeps some interrupts pending in IRR. One more interrupt is in service.
 */
#include "registers.h"
#include "apic.h"
#include "isr.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

/* Their priority class is not above that of the task priority, so they stay pending. */
#define FIRST_WAITING 0x31
#define WAITING	      4
#define PRIORITY      0x40

static bool read_apic(u32 reg, u64 *value)
{
	*value = apic_read(reg);
	return true;
}

static bool write_apic(u32 reg, u64 value)
{
	apic_write(reg, value);
	return true;
}

static const struct register_access apic_access = { read_apic, write_apic };

/* ---- what there is ---- */

static bool has_lvt(unsigned number)
{
	return (apic_read(APIC_LVR) >> 16 & 0xff) >= number;
}

static bool has_lvterr(void)
{
	return has_lvt(3);
}

static bool has_lvtpc(void)
{
	return has_lvt(4);
}

static bool has_lvtthmr(void)
{
	return has_lvt(5);
}

static bool has_lvtcmci(void)
{
	return has_lvt(6);
}

static bool is_xapic(void)
{
	return !is_x2apic_enabled();
}

static bool has_deadline(void)
{
	return this_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER);
}

/* ---- values ---- */

/* Turns the focus processor check off, which only an xAPIC has. */
static u64 make_svr(int cpu, int n, u64 own)
{
	return own | (is_xapic() ? 0x200 : 0);
}

static u64 make_lvtt(int cpu, int n, u64 own)
{
	u32 mode =
		has_deadline() && !(cpu & 1) ? APIC_LVT_TIMER_TSCDEADLINE : APIC_LVT_TIMER_PERIODIC;

	return APIC_LVT_MASKED | mode | (0x50 + cpu % 16);
}

/* Another priority class on each CPU. Test task_priority covers the low bits. */
static u64 make_priority(int cpu, int n, u64 own)
{
	return PRIORITY + (1 + cpu % 8) * 0x10;
}

/* Hours ahead. The timer is masked. */
static u64 make_deadline(int cpu, int n, u64 own)
{
	return rdtsc() + (1ul << 45) + register_noise(MSR_IA32_TSC_DEADLINE, cpu, n) % (1ul << 40);
}

/* The timer counts down for minutes. */
static u64 make_tmict(int cpu, int n, u64 own)
{
	return has_deadline() && !(cpu & 1) ? own : 0xf0000000 + cpu * 0x1234;
}

static u64 make_tdcr(int cpu, int n, u64 own)
{
	return cpu & 1 ? APIC_TDR_DIV_128 : 0x9; /* by 64 */
}

#define MASKED_BASE APIC_LVT_MASKED | 0x60

#define APIC_REGISTER(name, reg) name, reg, .access = &apic_access
#define APIC_ROWS                                                                                  \
	{ APIC_REGISTER("APIC ID", APIC_ID) }, { APIC_REGISTER("APIC version", APIC_LVR) },        \
		{ APIC_REGISTER("TPR", APIC_TASKPRI), .make = make_priority },                     \
		{ APIC_REGISTER("SVR", APIC_SPIV), .make = make_svr },                             \
		{ APIC_REGISTER("ISR word %d", APIC_ISR), .count = 8, .step = 0x10 },              \
		{ APIC_REGISTER("TMR word %d", APIC_TMR), .count = 8, .step = 0x10 },              \
		{ APIC_REGISTER("IRR word %d", APIC_IRR), .count = 8, .step = 0x10 },              \
		{ APIC_REGISTER("ESR", APIC_ESR) },                                                \
		{ APIC_REGISTER("LVT timer", APIC_LVTT), .make = make_lvtt },                      \
		{ APIC_REGISTER("LVT thermal", APIC_LVTTHMR), .base = MASKED_BASE, .vary = 0x41f,  \
		  .there = has_lvtthmr },                                                          \
		{ APIC_REGISTER("LVT performance counters", APIC_LVTPC), .base = MASKED_BASE,      \
		  .vary = 0x41f, .there = has_lvtpc },                                             \
		{ APIC_REGISTER("LVT LINT0", APIC_LVT0), .base = MASKED_BASE | 0x2000,             \
		  .vary = 0x871f },                                                                \
		{ APIC_REGISTER("LVT LINT1", APIC_LVT1), .base = MASKED_BASE | 0x2400,             \
		  .vary = 0x801f },                                                                \
		{ APIC_REGISTER("LVT error", APIC_LVTERR), .base = MASKED_BASE, .vary = 0x1f,      \
		  .there = has_lvterr },                                                           \
		{ APIC_REGISTER("LVT CMCI", APIC_LVTCMCI), .base = MASKED_BASE, .vary = 0x41f,     \
		  .there = has_lvtcmci },                                                          \
		{ APIC_REGISTER("timer's divider", APIC_TDCR), .make = make_tdcr },                \
		{ APIC_REGISTER("timer's initial count", APIC_TMICT), .make = make_tmict },        \
	{                                                                                          \
		"IA32_TSC_DEADLINE", MSR_IA32_TSC_DEADLINE, .make = make_deadline,                 \
							    .there = has_deadline                  \
	}

static const struct register_row xapic_rows[] = {
	APIC_ROWS,
	{ .name = "IA32_APIC_BASE", .index = MSR_IA32_APICBASE },
	{ APIC_REGISTER("LDR", APIC_LDR), .base = 0x01000000, .vary = 0xfe000000 },
	{ APIC_REGISTER("DFR", APIC_DFR), .base = 0x0fffffff },
	{ APIC_REGISTER("ICR, low half", APIC_ICR), .ignore = APIC_ICR_BUSY },
	/* Writing the high half alone sends no IPI. */
	{ APIC_REGISTER("ICR, high half", APIC_ICR2), .vary = 0xff000000 },
	{},
};

static const struct register_row x2apic_rows[] = {
	APIC_ROWS,
	{ .name = "IA32_APIC_BASE", .index = MSR_IA32_APICBASE },
	{ APIC_REGISTER("LDR", APIC_LDR) },
	/* 64 bits in one register. */
	{ "ICR", APIC_BASE_MSR + (APIC_ICR >> 4), .ignore = APIC_ICR_BUSY },
	{},
};

/* ---- an interrupt in service, and interrupts that wait ---- */

/*
 * One of these vectors is in service during the action: its handler returns without EOI. Their
 * priority class is below that of the pending interrupts.
 */
#define FIRST_SERVED 0x21
#define SERVED	     8

static PER_CPU(bool, served);

static void serve(isr_regs_t *regs)
{
	WRITE_ONCE(this_cpu(served), true);
}

static void take_into_service(void)
{
	u8 vector = FIRST_SERVED + smp_id() % SERVED;

	handle_irq(vector, serve);
	this_cpu(served) = false;
	apic_send_self_ipi(vector);
	report_if_failed(wait_until(READ_ONCE(this_cpu(served)), 2000),
			 "CPU %d: interrupt 0x%x, which it has sent to itself, did not come",
			 smp_id(), vector);
	/* One software KVM ends each interrupt by itself. */
	if (!apic_read_bit(APIC_ISR, vector))
		report_info("CPU %d: this local APIC shows nothing in service", smp_id());
}

/* No other interrupt is in service, so this EOI ends that of take_into_service(). */
static void end_service(void)
{
	if (this_cpu(served))
		eoi();
	this_cpu(served) = false;
}

static PER_CPU(u32, taken);
static PER_CPU(u32, waiting);

static void take(isr_regs_t *regs)
{
	this_cpu(taken)++;
	this_cpu(waiting) &= ~(1u << (regs->vector - FIRST_WAITING));
}

/* Sends interrupts that the task priority keeps pending. Each CPU has another set of vectors. */
static void let_interrupts_wait(void)
{
	u64 noise = register_noise(APIC_IRR, smp_id(), 0);

	take_into_service();
	for (int i = 0; i < WAITING; i++)
		handle_irq_eoi(FIRST_WAITING + i, take);
	this_cpu(taken) = 0;
	this_cpu(waiting) = 1u << smp_id() % WAITING | (noise & (BIT(WAITING) - 1));
	apic_set_tpr(PRIORITY);
	for (int i = 0; i < WAITING; i++)
		if (this_cpu(waiting) & 1u << i)
			apic_send_self_ipi(FIRST_WAITING + i);
}

static void take_interrupts(void)
{
	irq_enable();
	apic_set_tpr(0);
	report_if_failed(
		wait_until(!READ_ONCE(this_cpu(waiting)), 2000),
		"CPU %d: interrupts that had waited did not come: of vectors 0x%x on, 0x%x",
		smp_id(), FIRST_WAITING, this_cpu(waiting));
	end_service();
}

static void begin_x2apic(void)
{
	enable_x2apic();
	let_interrupts_wait();
}

static void end_x2apic(void)
{
	take_interrupts();
	enable_xapic();
}

static const struct register_row priority_rows[] = {
	{ APIC_REGISTER("TPR", APIC_TASKPRI), .base = PRIORITY, .vary = 0xf },
	{},
};
const struct register_group priority_registers = { .name = "task priority", .rows = priority_rows };

const struct register_group apic_registers = { "local APIC", xapic_rows, let_interrupts_wait,
					       take_interrupts };
const struct register_group x2apic_registers = { "local APIC in x2APIC mode", x2apic_rows,
						 begin_x2apic, end_x2apic };
