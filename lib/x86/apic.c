// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The local APIC in xAPIC and x2APIC mode: Intel SDM volume 3, "Advanced Programmable Interrupt
 * Controller (APIC)". By the state diagram in "Extended XAPIC (x2APIC)", the way from x2APIC to
 * xAPIC mode leads through the disabled state.
 */
#include "apic.h"
#include "clock-rate.h"
#include "deadline.h"
#include "io.h"
#include "isr.h"
#include "muldiv.h"
#include "percpu.h"
#include "smp.h"

#define PIC1_DATA 0x21
#define PIC2_DATA 0xa1

#define MAXLVT(version) ((version) >> 16 & 0xff)

/* Whether this CPU's APIC is in x2APIC mode. Reading the MSR each time would be an exit. */
static PER_CPU(bool, x2apic);

static volatile void *mmio(u32 reg)
{
	return (volatile void *)(u64)(APIC_DEFAULT_PHYS_BASE + reg);
}

static u32 x2apic_msr(u32 reg)
{
	return APIC_BASE_MSR + (reg >> 4);
}

u32 apic_read(u32 reg)
{
	if (this_cpu(x2apic))
		return rdmsr(x2apic_msr(reg));
	return readl(mmio(reg));
}

void apic_write(u32 reg, u32 value)
{
	if (this_cpu(x2apic))
		wrmsr(x2apic_msr(reg), value);
	else
		writel(value, mmio(reg));
}

void apic_icr_write(u32 command, u32 destination)
{
	u64 flags;

	if (this_cpu(x2apic)) {
		/* This WRMSR does not serialize (SDM, "MSR Access in x2APIC Mode"). */
		asm volatile("mfence; lfence" : : : "memory");
		wrmsr(x2apic_msr(APIC_ICR), (u64)destination << 32 | command);
		return;
	}
	/* A handler's own IPI must not come between the two writes. */
	flags = irq_save();
	wait_for(!(apic_read(APIC_ICR) & APIC_ICR_BUSY), LIBRARY_DEADLINE_MS,
		 "the last IPI of CPU %d to be sent", smp_id());
	writel(destination << 24, mmio(APIC_ICR2));
	writel(command, mmio(APIC_ICR));
	irq_restore(flags);
}

u32 apic_id(void)
{
	return this_cpu(x2apic) ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_read_bit(u32 reg, int n)
{
	return apic_read(reg + n / 32 * 0x10) >> n % 32 & 1;
}

u8 apic_get_tpr(void)
{
	return apic_read(APIC_TASKPRI);
}

void apic_set_tpr(u8 priority)
{
	apic_write(APIC_TASKPRI, priority);
}

bool is_x2apic_enabled(void)
{
	u64 both = MSR_IA32_APICBASE_ENABLE | MSR_IA32_APICBASE_EXTD;

	return (rdmsr(MSR_IA32_APICBASE) & both) == both;
}

/* Enables the APIC in its present mode, with all LVTs masked and TPR 0. */
static void initialise(void)
{
	u32 last = MAXLVT(apic_read(APIC_LVR));

	apic_write(APIC_SPIV, APIC_SPIV_APIC_ENABLED | SPURIOUS_VECTOR);
	apic_write(APIC_TASKPRI, 0);
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
	apic_write(APIC_LVT0, APIC_LVT_MASKED);
	apic_write(APIC_LVT1, APIC_LVT_MASKED);
	if (last >= 3)
		apic_write(APIC_LVTERR, APIC_LVT_MASKED);
}

static u64 base_without_mode(void)
{
	return rdmsr(MSR_IA32_APICBASE) & ~(MSR_IA32_APICBASE_ENABLE | MSR_IA32_APICBASE_EXTD);
}

void disable_apic(void)
{
	this_cpu(x2apic) = false;
	wrmsr(MSR_IA32_APICBASE, base_without_mode());
}

void enable_xapic(void)
{
	u64 flags = irq_save();

	if (is_x2apic_enabled())
		disable_apic();
	this_cpu(x2apic) = false;
	wrmsr(MSR_IA32_APICBASE, base_without_mode() | MSR_IA32_APICBASE_ENABLE);
	initialise();
	irq_restore(flags);
}

bool enable_x2apic(void)
{
	u64 base, flags;

	if (!this_cpu_has(X86_FEATURE_X2APIC))
		return false;
	flags = irq_save();
	base = base_without_mode() | MSR_IA32_APICBASE_ENABLE;
	/* Going from disabled to x2APIC in one step is not allowed. */
	if (!is_x2apic_enabled())
		wrmsr(MSR_IA32_APICBASE, base);
	wrmsr(MSR_IA32_APICBASE, base | MSR_IA32_APICBASE_EXTD);
	this_cpu(x2apic) = true;
	initialise();
	irq_restore(flags);
	return true;
}

void apic_send_ipi(int cpu, u8 vector)
{
	apic_icr_write(APIC_DM_FIXED | APIC_INT_ASSERT | vector, cpu_apic_id(cpu));
}

void apic_send_nmi(int cpu)
{
	apic_icr_write(APIC_DM_NMI | APIC_INT_ASSERT, cpu_apic_id(cpu));
}

void apic_send_self_ipi(u8 vector)
{
	apic_icr_write(APIC_DEST_SELF | APIC_DM_FIXED | APIC_INT_ASSERT | vector, 0);
}

void apic_send_ipi_all_but_self(u8 vector)
{
	apic_icr_write(APIC_DEST_ALLBUT | APIC_DM_FIXED | APIC_INT_ASSERT | vector, 0);
}

void apic_setup_timer(u8 vector, u32 mode)
{
	apic_cleanup_timer();
	apic_write(APIC_TDCR, APIC_TDR_DIV_1);
	apic_write(APIC_LVTT, mode | vector);
	/* The SDM demands this between the LVT and a WRMSR to IA32_TSC_DEADLINE. */
	asm volatile("mfence" : : : "memory");
}

u64 apic_arm_deadline(u64 deadline)
{
	u64 before = rdtsc_ordered(), remaining;
	u64 after;

	wrmsr(MSR_IA32_TSC_DEADLINE, deadline);
	after = rdtsc_ordered();
	if (deadline <= after)
		return deadline;
	/*
	 * KVM reads its clock, then the TSC. It computes the remaining time from the TSC and adds
	 * it to the clock's reading. So the timer is too early by the time between the two
	 * readings.
	 */
	remaining = deadline - before;
	return before + less_timer_slew(remaining) - (after - before);
}

void apic_start_timer(u32 count)
{
	apic_write(APIC_TMICT, count);
}

void apic_stop_timer(void)
{
	apic_write(APIC_TMICT, 0);
}

void apic_cleanup_timer(void)
{
	u32 mode = apic_read(APIC_LVTT) & (APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE);

	if (mode == APIC_LVT_TIMER_TSCDEADLINE)
		wrmsr(MSR_IA32_TSC_DEADLINE, 0);
	else
		apic_stop_timer();
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
}

/* Measures once. Returns 0 if the counter has stopped meanwhile. */
static u64 measure_timer_hz(void)
{
	struct stopwatch watch;
	u64 ns;
	u32 left;

	apic_start_timer(UINT32_MAX);
	stopwatch_start(&watch);
	delay_us(2000);
	left = apic_read(APIC_TMCCT);
	ns = stopwatch_ns(&watch);
	apic_stop_timer();
	return left ? mul_div(UINT32_MAX - left, 1000000000, ns) : 0;
}

#define MOST_MEASUREMENTS 100

/*
 * A migration in the middle spoils a measurement: QEMU does not migrate the count, and KVM treats a
 * timer without a count as expired (docs/findings.md). A host that is busy between two readings
 * spoils it, too. So measure until two results in a row agree to a quarter.
 */
u64 apic_timer_hz(void)
{
	static u64 hz;
	u64 last = 0, now = 0;
	u32 lvt;

	if (hz)
		return hz;
	/* The caller may have set the timer up already: restore the LVT afterwards. */
	lvt = apic_read(APIC_LVTT);
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
	apic_write(APIC_TDCR, APIC_TDR_DIV_1);
	for (int i = 0; i < MOST_MEASUREMENTS; i++) {
		now = measure_timer_hz();
		if (now && now <= last + last / 4 && last <= now + now / 4)
			break;
		last = now;
	}
	apic_write(APIC_LVTT, lvt);
	if (!now)
		report_abort("the local APIC's timer does not count");
	hz = now;
	return hz;
}

void mask_pic_interrupts(void)
{
	outb(0xff, PIC1_DATA);
	outb(0xff, PIC2_DATA);
}
