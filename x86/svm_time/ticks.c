// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arms L1's APIC timer before L2 is entered, counts its interrupts in L1 and in L2, and checks
 * them.
 */
#include "libcflat.h"
#include "apic.h"
#include "clock-rate.h"
#include "isr.h"
#include "muldiv.h"
#include "processor.h"
#include "x86/svm_time/svm_time.h"

PER_CPU(struct ticks, timer_ticks);

u32 ticks_so_far(void)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);

	return READ_ONCE(ticks->in_l1) + READ_ONCE(ticks->in_l2);
}

/*
 * Some QEMUs do not carry a timer's current count, so that KVM fires a one-shot as soon as it is
 * restored, even one that has fired before (docs/findings.md). Two tests are about that. For all
 * others the handler stops the timer, and a one-shot may be early.
 */
static void on_tick(isr_regs_t *regs)
{
	struct ticks *ticks = &this_cpu(timer_ticks);
	bool in_l2 = l2_owns_stack(ticks->l2, regs->rsp);

	if (ticks->once && !ticks->keep)
		apic_stop_timer();
	if (!ticks_so_far())
		ticks->first_tsc =
			rdtsc_ordered() - (in_l2 ? ticks->l2->vmcb->control.tsc_offset : 0);
	if (in_l2)
		ticks->in_l2++;
	else
		ticks->in_l1++;
	eoi();
}

/*
 * The handler does not do this, since it may interrupt this function. Reading the time source is an
 * exit to the VMM, so this reads it at the first interrupt, and otherwise only so often that the
 * stopwatch loses no time.
 */
void watch_ticks(void)
{
	static PER_CPU(u32, turns);
	struct ticks *ticks = &this_cpu(timer_ticks);
	bool first = !ticks->seen_ns && ticks_so_far();
	u64 ns;

	if (!first && this_cpu(turns)++ % TURNS_PER_LOOK)
		return;
	ns = stopwatch_ns(&ticks->watch);
	if (first)
		ticks->seen_ns = ns;
}

void watch_ticks_and_migration(void)
{
	watch_ticks();
	watch_migration();
}

bool await_ticks(u32 wanted)
{
	return wait_until((watch_ticks(), ticks_so_far() >= wanted),
			  this_cpu(timer_ticks).patience_ms);
}

/*
 * The counter is read outside the time that is measured. So the true frequency is at most this, and
 * the timer takes no less than count / frequency.
 */
u64 apic_hz_at_most(void)
{
	static u64 most = ~0ul;
	struct stopwatch watch;
	u32 first, last;
	u64 ns;

	if (most != ~0ul)
		return most;
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
	apic_write(APIC_TDCR, APIC_TDR_DIV_16);
	apic_start_timer(UINT32_MAX);
	for (int attempt = 0; attempt < 3; attempt++) {
		first = apic_read(APIC_TMCCT);
		stopwatch_start(&watch);
		delay_us(3000);
		ns = stopwatch_ns(&watch);
		last = apic_read(APIC_TMCCT);
		most = MIN(most, mul_div(first - last, NS_PER_SECOND, ns));
	}
	apic_stop_timer();
	return most;
}

static const char *const route_names[] = {
	"intercepted",
	"intercepted with V_INTR_MASKING and IF clear in L2",
	"not intercepted",
};

#define MOST_INTR_EXITS 100000

u32 run_to_call(struct l2 *l2)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	u32 interrupts = 0, for_nothing = 0, before = ticks->in_l1;

	/* Nothing may be printed here: L2 may have been interrupted in the middle of a line. */
	while (l2_enter(l2) == SVM_EXIT_INTR && interrupts < MOST_INTR_EXITS) {
		interrupts++;
		/*
		 * STGI has let the interrupt in. It may have let in others as well, until the next
		 * CLGI.
		 */
		for_nothing += READ_ONCE(ticks->in_l1) == before && !ticks->rescued;
		before = ticks->in_l1;
	}
	report_if_failed(!for_nothing, "%u of %u exits INTR brought L1 no interrupt", for_nothing,
			 interrupts);
	report_if_failed(l2_is_call(l2, HERE),
			 "after %u exits for interrupts L2 should have come to its call: exit %s",
			 interrupts, l2_exit_text(l2));
	return interrupts;
}

void set_route(struct l2 *l2, enum route route)
{
	struct vmcb *vmcb = l2->vmcb;

	if (route != TO_L2)
		svm_set_intercept(l2, INTERCEPT_INTR);
	if (route == TO_L1_ALWAYS) {
		vmcb->control.v_intr |= V_INTR_MASKING_MASK;
		vmcb->save.rflags &= ~X86_EFLAGS_IF;
	}
}

void begin_ticks(struct l2 *l2)
{
	handle_irq(TIMER_VECTOR, on_tick);
	this_cpu(timer_ticks) = (struct ticks){ .l2 = l2, .once = true };
}

void end_ticks(void)
{
	apic_cleanup_timer();
	delay_us(1);
	unhandle_irq(TIMER_VECTOR);
}

/* With the largest divisor, the timer can be armed for longer than a long migration takes. */
void arm_timer(struct arming *arming)
{
	arming->count = MIN(mul_div(apic_hz_at_most(), arming->ns, NS_PER_SECOND), 0xfffffffful);
	host_time(&arming->host);
	apic_setup_timer(TIMER_VECTOR, arming->mode);
	apic_write(APIC_TDCR, APIC_TDR_DIV_16);
	this_cpu(timer_ticks).once = arming->mode != APIC_LVT_TIMER_PERIODIC;
	/* The last migration may have been long and this one short; and tsc_hz() may be inexact. */
	this_cpu(timer_ticks).patience_ms = PATIENCE_MS + 4 * arming->ns / NS_PER_MS;
	clgi();
	stopwatch_start(&this_cpu(timer_ticks).watch);
	if (arming->mode == APIC_LVT_TIMER_TSCDEADLINE) {
		arming->deadline = rdtsc() + mul_div(tsc_hz(), arming->ns, NS_PER_SECOND);
		arming->earliest = apic_arm_deadline(arming->deadline);
	} else {
		apic_start_timer(arming->count);
	}
}

/* Two ticks of the time source, which is not synchronous with the timer. */
#define ROUNDING_NS 1000

/*
 * How far the timer may have counted since it was armed, if the time source says NS. The timer may
 * go on while the host stops the guest, when the time source stands still.
 */
u64 counts_at_most(const struct arming *arming, u64 ns, u64 *paused)
{
	struct host_time now = { 0 };

	host_time(&now);
	*paused = now.pause_max - arming->host.pause_max;
	return mul_div(ns + *paused + ROUNDING_NS + ns / PPM * TIMER_SLEW_PPM, apic_hz_at_most(),
		       NS_PER_SECOND);
}

void check_first(const struct arming *arming)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool early;
	u64 paused;

	if (!ticks_so_far())
		return;
	early = counts_at_most(arming, ticks->seen_ns, &paused) < arming->count;
	if (arming->mode == APIC_LVT_TIMER_TSCDEADLINE) {
		/* A migration arms the deadline anew, while the guest stands still. */
		u64 earliest = arming->earliest - mul_div(tsc_hz(), paused, NS_PER_SECOND);

		report(tsc_in_order(earliest, ticks->first_tsc),
		       "it did not come before its deadline: L1's TSC 0x%lx, armed for 0x%lx (0x%lx if the host stopped the guest and migrated it)",
		       ticks->first_tsc, arming->deadline, earliest);
		return;
	}
	report(!early,
	       "it did not come before its time: after %lu ns, and at most %lu ns in which the guest stood still; armed for %u counts at %lu Hz at most",
	       ticks->seen_ns, paused, arming->count, apic_hz_at_most());
}

/* A periodic timer's interrupt may also come to L1 between an exit and the next entry. */
void check_places(enum route route, u32 exits, u32 least, u32 most)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool to_l1 = route != TO_L2;
	u32 here = to_l1 ? ticks->in_l1 : ticks->in_l2;
	u32 elsewhere = to_l1 ? ticks->in_l2 : ticks->in_l1;
	bool exits_good = !to_l1 ? !exits : ticks->once ? exits == here : exits <= here;

	report(here >= least && here <= most && !elsewhere && exits_good,
	       "%s: %u interrupts in L1, %u in L2, %u exits INTR; there should be %u to %u in %s and %s",
	       route_names[route], ticks->in_l1, ticks->in_l2, exits, least, most,
	       to_l1 ? "L1" : "L2", to_l1 ? "an exit for each" : "no exits");
}
