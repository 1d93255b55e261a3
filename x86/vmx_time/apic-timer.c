// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's APIC timer, whose interrupt comes while L2 runs (Intel SDM volume 3, 26.2 and 28.2.2 for
 * external interrupts).
 *
 * A broken hypervisor loses the interrupt in a migration, delivers it twice, or gives it to L2
 * instead of L1.
 */
#include "libcflat.h"
#include "apic.h"
#include "ghost.h"
#include "isr.h"
#include "muldiv.h"
#include "percpu.h"
#include "processor.h"
#include "x86/vmx_time/vmx_time.h"

#define TIMER_VECTOR 0x41

/* Where the timer's interrupts came, and when. */
struct ticks {
	struct l2 *l2;
	u64 due, arrived;
	volatile u32 in_l1, in_l2;
	volatile bool moved; /* the migration in L2 is over */
	bool in_time;
	u64 patience_ms;
};

static PER_CPU(struct ticks, this_ticks);

static void on_tick(isr_regs_t *regs)
{
	struct ticks *ticks = &this_cpu(this_ticks);

	if (ghost_drop_out_of_service(regs))
		return;
	ticks->arrived = rdtsc_ordered();
	if (l2_owns_stack(ticks->l2, regs->rsp))
		ticks->in_l2++;
	else
		ticks->in_l1++;
	eoi();
}

static void be_migrated_and_wait(void *data)
{
	struct ticks *ticks = data;

	be_migrated();
	ticks->moved = true;
	ticks->in_time = wait_until(ticks->in_l1 + ticks->in_l2, ticks->patience_ms);
}

static void arm_tick(struct ticks *ticks, u64 ns)
{
	if (!broken("lost"))
		ticks->due = apic_arm_deadline(rdtsc() + mul_div(tsc_hz(), ns, NS_PER_SECOND));
}

/* Arms the timer for after the migration in L2, if that takes no longer than the last one. */
static struct ticks *begin_tick(bool exits)
{
	struct ticks *ticks = &this_cpu(this_ticks);
	u64 ns;

	be_migrated();
	ns = 2 * last_migration_ns() + 20 * NS_PER_MS;
	*ticks = (struct ticks){ .patience_ms = PATIENCE_MS + ns / NS_PER_MS };
	ticks->l2 = l2_new(be_migrated_and_wait, ticks);
	if (exits && !broken("given"))
		vmx_set_controls(ticks->l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	/* One test calls the handler by INT n. */
	handle_irq_any(TIMER_VECTOR, on_tick);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_TSCDEADLINE);
	arm_tick(ticks, ns);
	return ticks;
}

static void end_tick(struct ticks *ticks, u32 in_l1, u32 in_l2)
{
	report(l2_is_call(ticks->l2, L2_RETURNED), "L2 should return: exit %s",
	       l2_exit_text(ticks->l2));
	report(ticks->in_time && ticks->in_l1 == in_l1 && ticks->in_l2 == in_l2,
	       "the timer interrupted L1 %u times and L2 %u times, expected %u and %u",
	       ticks->in_l1, ticks->in_l2, in_l1, in_l2);
	report(tsc_in_order(ticks->due, ticks->arrived),
	       "the timer came at TSC 0x%lx, expected not before 0x%lx", ticks->arrived,
	       ticks->due);
	apic_cleanup_timer();
	unhandle_irq(TIMER_VECTOR);
	l2_free(ticks->l2);
}

TEST(apic_timer_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about =
	     "L1's APIC timer that runs during a migration in L2 makes L2 exit, and L1 takes it, once")
{
	struct ticks *ticks = begin_tick(true);
	u32 exits = 0;

	while (l2_enter(ticks->l2) == EXIT_REASON_EXTERNAL_INTERRUPT)
		exits++;
	report(exits >= ticks->in_l1, "%u exits for an external interrupt", exits);
	end_tick(ticks, 1, 0);
}

TEST(apic_timer_in_l2, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about =
	     "L1's APIC timer that runs during a migration in L2 interrupts L2, once, if it does not make L2 exit")
{
	struct ticks *ticks = begin_tick(false);

	l2_enter(ticks->l2);
	end_tick(ticks, 0, broken("given") ? 0 : 1);
}

/*
 * The exit acknowledges the interrupt, so L1 gets its vector and calls the handler itself (28.2.2).
 * If the timer comes while L2 is still asking for the migration, and so holds the console, L1 arms
 * it once more.
 */
TEST(apic_timer_acknowledged, .on = EACH_CPU, .needs = ALL_OF(VMX_ACK_INTR_ON_EXIT, TSC_DEADLINE),
     .about =
	     "an interrupt of L1's APIC timer that an exit acknowledges is in service, with its vector in the VMCS, across migrations")
{
	struct ticks *ticks = begin_tick(true);
	u64 expected = INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | TIMER_VECTOR, information;
	u64 later_ns = 100 * NS_PER_MS;

	vmx_set_controls(ticks->l2, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT);
	while (l2_enter(ticks->l2) == EXIT_REASON_EXTERNAL_INTERRUPT) {
		information = vmx_get(ticks->l2, VM_EXIT_INTR_INFO);
		if (information == expected && !ticks->moved) {
			eoi();
			arm_tick(ticks, later_ns *= 2);
			continue;
		}
		report(information == expected && apic_read_bit(APIC_ISR, TIMER_VECTOR),
		       "the interruption information is 0x%lx, expected 0x%lx; in service: %d",
		       information, expected, apic_read_bit(APIC_ISR, TIMER_VECTOR));
		if (information != expected)
			break;
		migrate_quiet();
		report(vmx_get(ticks->l2, VM_EXIT_INTR_INFO) == expected &&
			       apic_read_bit(APIC_ISR, TIMER_VECTOR) && !ticks->in_l1,
		       "after a migration in L1 the interruption information is 0x%lx; in service: %d; taken %u times",
		       vmx_get(ticks->l2, VM_EXIT_INTR_INFO), apic_read_bit(APIC_ISR, TIMER_VECTOR),
		       ticks->in_l1);
		asm volatile("int %0" : : "i"(TIMER_VECTOR) : "memory");
	}
	end_tick(ticks, 1, 0);
}
