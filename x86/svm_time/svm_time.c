// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest is in flight: L2's TSC, L1's timers and clock, and that no
 * entry or exit is lost or done twice.
 *
 * The truth is AMD's APM volume 2: TSC_OFFSET of the VMCB (15.5.1, appendix B), which is
 * added to what L2 reads of the TSC, and to nothing else; TSC_RATIO (15.30.5), by which
 * L1's TSC is multiplied first; physical interrupts with and without their intercept, with
 * and without V_INTR_MASKING (15.13.1, 15.21.1); GIF (15.17). Of the local APIC's timer the
 * truth is chapter 16.4 and Intel's SDM volume 3 (TSC deadline), of kvmclock Linux's
 * Documentation/virt/kvm/x86/msr.rst.
 *
 * In a move a VMM reads TSC, local APIC and clock while L2 runs, and writes them back into a
 * vCPU that is in L2 already or will be: a hypervisor may take L2's TSC for L1's, add
 * TSC_OFFSET twice or not at all, take it from the VMCB in memory and not from what VMRUN
 * has loaded, forget an interrupt for L1 or give it to L2, or begin L2's last entry anew.
 *
 * What L2 reads is compared with L1's TSC before VMRUN and after #VMEXIT, less the offset.
 * That is exact as to the offset, and says nothing about how fast the TSC goes: a TSC that
 * stands still, or leaps during a move, is seen only where a test says so. An interrupt's
 * place is known by the stack that it interrupts. Timers are measured by the library's time
 * source, which stands still while the guest does and the APIC may count on: so the
 * host is asked how long that was. Late is no failure short of a deadline.
 *
 * What is the same on VMX is in l2-time.c, l2-time-clock.c and l2-time-trips.c.
 *
 * QEMU's TCG may deliver an interrupt twice that KVM injects (docs/findings.md); such a one
 * comes with interrupts off or is not in service in the local APIC, and is counted apart.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "barrier.h"
#include "isr.h"
#include "x86/nested/time.h"
#include "muldiv.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "nested/svm/svm.h"

/* What anything may take longer than it should, at full speed. */
#define PATIENCE_MS 5000

/* ======== what l2-time.c and the others ask for ======== */

bool use_nested_paging(struct l2 *l2)
{
	if (!SVM_NPT[0]->present())
		return false;
	svm_use_npt(l2);
	return true;
}

u64 ask_l1(u64 number, u64 question)
{
	asm volatile("vmmcall" : "+b"(question) : "a"(number) : "memory");
	return question;
}

/* ======== TSC_OFFSET ======== */

struct change {
	struct l2 *l2;
	u64 offset;
	struct look before, changed, moved;
};

static void change_own_vmcb(void *data)
{
	struct change *change = data;

	for (;;) {
		change->before = look_at_tsc();
		change->l2->vmcb->control.tsc_offset = change->offset;
		change->changed = look_at_tsc();
		be_moved();
		change->moved = look_at_tsc();
		l2_call(HERE);
	}
}

/*
 * VMRUN loads the VMCB; nothing loads it again while L2 runs, nor does #VMEXIT store
 * TSC_OFFSET (15.6). A hypervisor that goes by the VMCB in memory when it restores an L2
 * in flight gives it an offset that L1 has not yet run it with.
 */
TEST(tsc_offset_in_memory, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a TSC_OFFSET written to the VMCB while L2 is in flight counts from the next VMRUN on")
{
	struct change change = { .offset = BEHIND };
	struct stay stay = { .offset = AHEAD }, next = { .offset = BEHIND };
	struct l2 *l2 = l2_new(change_own_vmcb, &change);
	u64 left;

	change.l2 = l2;
	if (visit(l2, &stay)) {
		bool before = check_look(&stay, &change.before, "before the change");
		bool changed = check_look(&stay, &change.changed, "after the change");
		bool moved = check_look(&stay, &change.moved, "after the change and the move");

		if (before && changed && moved)
			report_pass("L2 kept the offset that it was entered with, 0x%lx",
				    stay.offset);
		left = l2->vmcb->control.tsc_offset;
		report(left == change.offset,
		       "#VMEXIT left TSC_OFFSET in the VMCB alone: 0x%lx (L2 wrote 0x%lx)", left,
		       change.offset);
		l2_start(l2, look_twice, &next);
		if (visit(l2, &next))
			check_stay(&next, "at the next entry");
	}
	l2_free(l2);
}

/* ======== TSC_RATIO ======== */

#define RATIO_FRACTION_BITS 32

/* 15.30.5: L2's TSC is L1's * TSC_RATIO + TSC_OFFSET, the ratio in units of 2^-32. */
static u64 scale_tsc(u64 tsc, u64 ratio)
{
	return (unsigned __int128)tsc * ratio >> RATIO_FRACTION_BITS;
}

TEST(ratio_arithmetic, .about = "this program multiplies by a ratio as 15.30.5 says")
{
	static const struct {
		u64 tsc, ratio, scaled;
	} known[] = {
		{ 1000, SVM_TSC_RATIO_DEFAULT, 1000 },
		{ 1001, SVM_TSC_RATIO_DEFAULT / 2, 500 },
		{ 1000, 0x380000000, 3500 },
		{ 1ul << 56, 0x180000000, 3ul << 55 },
		{ 1ul << 33, 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		report(scale_tsc(known[i].tsc, known[i].ratio) == known[i].scaled,
		       "TSC 0x%lx at ratio 0x%lx is 0x%lx (computed 0x%lx)", known[i].tsc,
		       known[i].ratio, known[i].scaled, scale_tsc(known[i].tsc, known[i].ratio));
}

static void check_scaled_look(const struct stay *stay, const struct look *look, u64 ratio,
			      const char *when)
{
	u64 low = scale_tsc(stay->before, ratio) + stay->offset;
	u64 high = scale_tsc(stay->after, ratio) + stay->offset;

	report(in_order(low, look->rdtsc) && in_order(look->rdtsc, look->rdtscp) &&
		       in_order(look->rdtscp, high),
	       "%s: ratio 0x%lx, offset 0x%lx: L1 read 0x%lx (0x%lx for L2), then L2 0x%lx and "
	       "0x%lx, "
	       "then L1 0x%lx (0x%lx for L2)",
	       when, ratio, stay->offset, stay->before, low, look->rdtsc, look->rdtscp, stay->after,
	       high);
}

static void check_ratio_register(u64 ratio, const char *when)
{
	u64 value = rdmsr(MSR_AMD64_TSC_RATIO);

	report(value == ratio, "%s: TSC_RATIO reads 0x%lx, as written (0x%lx)", when, value, ratio);
}

/*
 * The product is of L1's whole TSC: an offset that was computed for another ratio, or L1's
 * own offset left unscaled, puts L2's TSC far off. The ratio is L1's register, no part of the
 * VMCB, and must be carried by itself.
 */
static void run_at_ratio(struct l2 *l2, struct stay *stay, u64 ratio, const char *when)
{
	if (!report_if_failed(!wrmsr_safe(MSR_AMD64_TSC_RATIO, ratio),
			      "TSC_RATIO 0x%lx is refused with #GP", ratio))
		return;
	check_ratio_register(ratio, when);
	if (visit(l2, stay)) {
		check_scaled_look(stay, &stay->first, ratio, when);
		if (stay->move)
			check_scaled_look(stay, &stay->last, ratio, "after the move inside L2");
		report(in_order(stay->before, stay->after) && stay->after - stay->before < FAR_AWAY,
		       "%s: L1's own TSC is not scaled: 0x%lx, then 0x%lx", when, stay->before,
		       stay->after);
	}
	check_ratio_register(ratio, "back in L1");
}

static void check_ratios(u64 moved_at)
{
	static const u64 ratios[] = {
		SVM_TSC_RATIO_DEFAULT / 2, SVM_TSC_RATIO_DEFAULT * 3 / 2, SVM_TSC_RATIO_DEFAULT + 1,
		SVM_TSC_RATIO_DEFAULT / 3, SVM_TSC_RATIO_DEFAULT * 2 + 7, SVM_TSC_RATIO_DEFAULT,
	};
	struct stay stay = { 0 };
	struct l2 *l2 = l2_new(look_twice, &stay);

	for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
		stay.offset = i % 2 ? BEHIND : AHEAD;
		stay.move = ratios[i] == moved_at;
		run_at_ratio(l2, &stay, ratios[i], stay.move ? "before the move" : "in L2");
	}
	wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT);
	l2_free(l2);
}

TEST(tsc_ratio_below_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "L2's TSC is L1's times TSC_RATIO plus TSC_OFFSET; a ratio of a half survives a move")
{
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "at the beginning");
	check_ratios(SVM_TSC_RATIO_DEFAULT / 2);
}

TEST(tsc_ratio_above_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "the same for a move at a ratio of one and a half")
{
	check_ratios(SVM_TSC_RATIO_DEFAULT * 3 / 2);
}

TEST(tsc_ratio_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "a write to TSC_RATIO with a reserved bit, 40 to 63, raises #GP and changes nothing")
{
	for (int bit = 40; bit < 64; bit++) {
		int vector = wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT | 1ul << bit);

		report(vector == GP_VECTOR, "bit %d: exception %d", bit, vector);
	}
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "afterwards");
}

/* ======== L1's APIC timer ======== */

#define TIMER_VECTOR  0x41
#define RESCUE_VECTOR 0x42

/* What came of the timer on this CPU, told by the stack that it interrupted. */
struct ticks {
	const struct l2 *l2;
	u32 in_l1, in_l2;
	/* Came though nobody may have sent them: interrupts were off, or not in service. */
	u32 uncalled;
	u64 first_tsc; /* L1's TSC at the first */
	bool once;     /* not periodic: the handler stops it */
	bool keep;     /* but not this one */
	bool rescued;

	/* Since the arming, by the time source; and when the first had been seen. */
	struct stopwatch watch;
	u64 seen_ns;
	u64 patience_ms; /* for those that this CPU waits for */
};

static PER_CPU(struct ticks, timer_ticks);

static u32 ticks_so_far(void)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);

	return READ_ONCE(ticks->in_l1) + READ_ONCE(ticks->in_l2);
}

/*
 * A QEMU that does not carry a timer's current count has KVM fire a one-shot as soon as it
 * is restored, even one that has fired before (docs/findings.md). Two tests are about that;
 * for all others the handler stops the timer, and a one-shot may be early.
 */
static void on_tick(isr_regs_t *regs)
{
	struct ticks *ticks = &this_cpu(timer_ticks);
	bool in_l2 = l2_owns_stack(ticks->l2, regs->rsp);

	if (!(regs->rflags & X86_EFLAGS_IF) || !apic_read_bit(APIC_ISR, TIMER_VECTOR)) {
		ticks->uncalled++;
		return;
	}
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
 * Not from the handler, which may come in the middle of it. A look at the time is an exit to
 * the VMM: one at the first tick, and else now and then, for the stopwatch not to lose time.
 */
static void watch_ticks(void)
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

static void watch_ticks_and_move(void)
{
	watch_ticks();
	watch_move();
}

static bool await_ticks(u32 wanted)
{
	return wait_until((watch_ticks(), ticks_so_far() >= wanted),
			  this_cpu(timer_ticks).patience_ms);
}

/*
 * A bound that the timer's frequency does not exceed, so that count / frequency is no longer
 * than the time: the ticks of a stretch that embraces the one of which the time is known.
 */
static u64 apic_hz_at_most(void)
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

/* Who gets a physical interrupt while L2 runs. */
enum route {
	TO_L1,	      /* intercepted */
	TO_L1_ALWAYS, /* intercepted, V_INTR_MASKING: whatever L2's IF, which is 0 */
	TO_L2,	      /* not intercepted: through L2's IDT, which is L1's */
};

static const char *const route_names[] = {
	"intercepted",
	"intercepted with V_INTR_MASKING and IF clear in L2",
	"not intercepted",
};

struct wait {
	bool periodic, halt;
	u32 wanted, at_move, halts;
	bool moved, came;
};

/* Time for what must not come any more. */
#define LINGER_US 2000

static void be_moved_and_wait(void *data)
{
	struct wait *wait = data;

	if (wait->periodic)
		await_ticks(2);
	be_moved_with(watch_ticks_and_move);
	WRITE_ONCE(wait->moved, true);
	wait->at_move = ticks_so_far();
	wait->wanted = wait->periodic ? wait->at_move + 3 : 1;
	if (wait->halt) {
		irq_disable();
		while (ticks_so_far() < wait->wanted && !this_cpu(timer_ticks).rescued) {
			wait->halts++;
			safe_halt();
			irq_disable();
		}
		irq_enable();
	}
	wait->came = await_ticks(wait->wanted);
	watch_ticks();
	if (wait->periodic)
		apic_cleanup_timer();
	delay_us(LINGER_US);
	l2_call(HERE);
}

#define MOST_INTR_EXITS 100000

/* L2 up to its call, entered again after each INTR; gives how many of these there were. */
static u32 run_to_call(struct l2 *l2)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	u32 interrupts = 0, for_nothing = 0, before = ticks->in_l1;

	/* Nothing may be printed here: L2 may have been interrupted in the middle of a line. */
	while (l2_enter(l2) == SVM_EXIT_INTR && interrupts < MOST_INTR_EXITS) {
		interrupts++;
		/* STGI has let it in; and others perhaps, until the next CLGI. */
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

static void set_route(struct l2 *l2, enum route route)
{
	struct vmcb *vmcb = l2->vmcb;

	if (route != TO_L2)
		svm_set_intercept(l2, INTERCEPT_INTR);
	if (route == TO_L1_ALWAYS) {
		vmcb->control.v_intr |= V_INTR_MASKING_MASK;
		vmcb->save.rflags &= ~X86_EFLAGS_IF;
	}
}

static void begin_ticks(struct l2 *l2)
{
	handle_irq(TIMER_VECTOR, on_tick);
	this_cpu(timer_ticks) = (struct ticks){ .l2 = l2, .once = true };
}

static void end_ticks(void)
{
	u32 uncalled = this_cpu(timer_ticks).uncalled;

	apic_cleanup_timer();
	delay_us(1);
	unhandle_irq(TIMER_VECTOR);
	if (uncalled)
		report_xfail(is_tcg(), false,
			     "%u interrupts came while interrupts were off, or not in service",
			     uncalled);
}

/* Armed so, now; GIF is 0 until VMRUN, so that it can only come to L2's time. */
struct arming {
	u32 mode;
	u64 ns;	      /* meant */
	u32 count;    /* of the APIC's timer */
	u64 deadline; /* L1's TSC */
	u64 earliest; /* the same, if the host was held up while it was armed */
	struct host_time host;
};

/* The timer counts slowly, so that a long move does not outlast it. */
static void arm_timer(struct arming *arming)
{
	arming->count = MIN(mul_div(apic_hz_at_most(), arming->ns, NS_PER_SECOND), 0xfffffffful);
	host_time(&arming->host);
	apic_setup_timer(TIMER_VECTOR, arming->mode);
	apic_write(APIC_TDCR, APIC_TDR_DIV_16);
	this_cpu(timer_ticks).once = arming->mode != APIC_LVT_TIMER_PERIODIC;
	/* The last move may have been long, and this one short; and tsc_hz() may be off. */
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

/* Two ticks of the time source, which runs by itself. */
#define ROUNDING_NS 1000
#define PPM	    1000000
#define CLOCKS_PPM  1000

/* ns must have been enough for the timer to count; nothing but the host's pauses helps. */
static bool not_early(const struct arming *arming, u64 ns, u64 counts, u64 *paused)
{
	struct host_time now = { 0 };

	host_time(&now);
	*paused = now.pause_max - arming->host.pause_max;
	return ns + *paused + ROUNDING_NS + ns / PPM * CLOCKS_PPM >=
	       mul_div(counts, NS_PER_SECOND, apic_hz_at_most());
}

static void check_first(const struct arming *arming)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool early;
	u64 paused;

	if (!ticks_so_far())
		return;
	early = !not_early(arming, ticks->seen_ns, arming->count, &paused);
	if (arming->mode == APIC_LVT_TIMER_TSCDEADLINE) {
		/* A move arms it anew, while the guest stands still. */
		u64 earliest = arming->earliest - mul_div(tsc_hz(), paused, NS_PER_SECOND);

		report(in_order(earliest, ticks->first_tsc),
		       "it came not before its deadline: L1's TSC 0x%lx, armed for 0x%lx (0x%lx if "
		       "the host was held up, and moved)",
		       ticks->first_tsc, arming->deadline, earliest);
		return;
	}
	report(!early,
	       "it came not before its time: after %lu ns, and at most %lu ns in which the guest "
	       "stood still; armed for %u counts at %lu Hz at most",
	       ticks->seen_ns, paused, arming->count, apic_hz_at_most());
}

/* A periodic timer may also come to L1 between an exit and the next entry. */
static void check_places(enum route route, u32 exits, u32 least, u32 most)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool to_l1 = route != TO_L2;
	u32 here = to_l1 ? ticks->in_l1 : ticks->in_l2;
	u32 elsewhere = to_l1 ? ticks->in_l2 : ticks->in_l1;
	bool exits_good = !to_l1 ? !exits : ticks->once ? exits == here : exits <= here;

	report(here >= least && here <= most && !elsewhere && exits_good,
	       "%s: %u interrupts in L1, %u in L2, %u exits INTR; there should be %u to %u in %s "
	       "and %s",
	       route_names[route], ticks->in_l1, ticks->in_l2, exits, least, most,
	       to_l1 ? "L1" : "L2", to_l1 ? "an exit for each" : "no exits");
}

/*
 * Where in a move the timer expires: late in it, so that it may be while the guest stands
 * still, or after it. It changes from CPU to CPU and round to round.
 */
static u64 expiry_ns(bool after)
{
	u64 percent = after || (smp_id() + current_round()) % 2 ? 130 : 90;

	return last_move_ns() * percent / 100 + 2 * NS_PER_MS;
}

#define PERIOD_NS (10 * NS_PER_MS)

/*
 * A hypervisor that looks for L1's interrupts only in L1, that restores the local APIC before
 * L2 and takes its interrupt for L2's, or drops the one that was about to become an exit. L2's
 * TSC is far off: a deadline that is compared with it comes at once, or never.
 */
static void timer_in_flight(u32 mode, enum route route)
{
	struct wait wait = { .periodic = mode == APIC_LVT_TIMER_PERIODIC };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = mode };
	u32 exits, most = 1;
	u64 ns, paused;

	set_route(l2, route);
	l2->vmcb->control.tsc_offset = smp_id() % 2 ? AHEAD : BEHIND;
	begin_ticks(l2);
	arming.ns = wait.periodic ? PERIOD_NS * timescale() : expiry_ns(false);
	arm_timer(&arming);
	exits = run_to_call(l2);
	ns = stopwatch_ns(&this_cpu(timer_ticks).watch);
	report(wait.came, "%u of %u interrupts came in time (%u until the move was over)",
	       ticks_so_far(), wait.wanted, wait.at_move);
	if (wait.periodic) {
		not_early(&arming, ns, 0, &paused);
		most = mul_div(ns + paused, apic_hz_at_most(), NS_PER_SECOND) / arming.count;
	}
	check_places(route, exits, wait.wanted, most);
	if (mode != APIC_LVT_TIMER_ONESHOT)
		check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(oneshot_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "L1's one-shot APIC timer ends L2 with INTR once, across a move")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1);
}

TEST(oneshot_intercepted_always, .on = EACH_CPU, .needs = SVM,
     .about = "the same with V_INTR_MASKING, where L2 with interrupts off cannot hold it up")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1_ALWAYS);
}

TEST(oneshot_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same timer without the intercept interrupts L2 once, and no exit comes of it")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L2);
}

TEST(periodic_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "L1's periodic timer goes on after a move in L2: one exit INTR for each interrupt, "
	      "none too many")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L1);
}

TEST(periodic_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same without the intercept: all interrupts are L2's")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L2);
}

TEST(deadline_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about = "L1's TSC deadline, moved while L2 with another TSC runs, ends L2 once, not before "
	      "its time")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L1);
}

TEST(deadline_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about = "the same without the intercept: L2 gets the interrupt at L1's deadline")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L2);
}

static void take_and_be_moved(void *data)
{
	struct wait *wait = data;

	wait->came = await_ticks(1);
	be_moved();
	wait->at_move = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/* A hypervisor, or a VMM, that arms a timer by its initial count though nothing is left of it. */
TEST(oneshot_kept_expired, .on = EACH_CPU, .needs = SVM,
     .about = "a one-shot APIC timer that has fired does not fire again because L2 is moved")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(take_and_be_moved, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	this_cpu(timer_ticks).keep = true;
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(wait.came, "it came before the move (%u times until after it)", wait.at_move);
	check_places(TO_L1, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

/* A hypervisor or a VMM that carries the initial count and not the current one. */
TEST(oneshot_kept_armed, .on = EACH_CPU, .needs = SVM,
     .about = "a one-shot APIC timer that is armed when L2 is moved does not fire before its time")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = expiry_ns(true) };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	check_places(TO_L1, exits, 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

/* ---- L2 halted ---- */

/* Another CPU wakes the one that halts, if nothing else does. */
struct rescuer {
	int cpu;
	const struct wait *wait;
	bool over;
};

static void on_rescue(isr_regs_t *regs)
{
}

static void rescue_in_time(void *data)
{
	struct rescuer *rescuer = data;

	wait_until(READ_ONCE(rescuer->wait->moved), ANSWER_DEADLINE_MS);
	if (wait_until(READ_ONCE(rescuer->over), cpu_ptr(timer_ticks, rescuer->cpu)->patience_ms))
		return;
	WRITE_ONCE(cpu_ptr(timer_ticks, rescuer->cpu)->rescued, true);
	apic_send_ipi(rescuer->cpu, RESCUE_VECTOR);
}

/*
 * A halted L2 is a state of the vCPU that a move carries by itself (its "MP state"), and
 * L1's interrupt has to end both that and L2. Behind the move the timer is not yet due.
 */
static void halted(enum route route)
{
	struct wait wait = { .halt = true };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_TSCDEADLINE };
	struct rescuer rescuer = { .cpu = smp_id(), .wait = &wait };
	int other = other_cpu();
	u32 exits;

	set_route(l2, route);
	begin_ticks(l2);
	handle_irq_eoi(RESCUE_VECTOR, on_rescue);
	on_cpu_async(other, rescue_in_time, &rescuer);
	arming.ns = expiry_ns(true);
	arm_timer(&arming);
	exits = run_to_call(l2);
	WRITE_ONCE(rescuer.over, true);
	on_cpu_wait(other);
	unhandle_irq(RESCUE_VECTOR);
	report(!this_cpu(timer_ticks).rescued && wait.came,
	       "the timer woke L2 after the move%s (it halted %u times)",
	       this_cpu(timer_ticks).rescued ? ", but only with another CPU's help" : "",
	       wait.halts);
	check_places(route, exits - (route != TO_L2 && this_cpu(timer_ticks).rescued), 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(halted_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about = "L2, halted after a move, is ended by L1's timer, and goes on behind its HLT")
{
	halted(TO_L1);
}

TEST(halted_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about = "L2, halted after a move, is woken by L1's timer, which interrupts it itself")
{
	halted(TO_L2);
}

/* ---- expired, and not yet taken ---- */

static bool is_requested(void)
{
	return apic_read_bit(APIC_IRR, TIMER_VECTOR);
}

static void count_start(void *data)
{
	(*(volatile u32 *)data)++;
	l2_call(HERE);
}

/*
 * What a hypervisor does that looks for work a last time before VMRUN: the interrupt comes
 * between CLGI and VMRUN, which sets GIF. It is recognized before L2's first instruction.
 */
TEST(expired_under_clgi, .on = EACH_CPU, .needs = SVM,
     .about = "a timer that expires while GIF is clear, moved so, ends L2 before its first "
	      "instruction")
{
	u32 starts = 0;
	struct l2 *l2 = l2_new(count_start, &starts);
	u64 rip = l2->vmcb->save.rip;
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	bool requested, still;
	u32 early;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	requested = wait_until(is_requested(), PATIENCE_MS);
	be_moved();
	still = is_requested();
	early = ticks_so_far();
	l2_enter(l2);
	report(requested && still && !early,
	       "while GIF was clear the interrupt was requested (%d, after the move %d) and not "
	       "taken "
	       "(%u times)",
	       requested, still, early);
	report(l2->vmcb->control.exitcode == SVM_EXIT_INTR && l2->vmcb->save.rip == rip && !starts,
	       "VMRUN ended with INTR at L2's first instruction, 0x%lx: exit %s", rip,
	       l2_exit_text(l2));
	check_places(TO_L1, l2->vmcb->control.exitcode == SVM_EXIT_INTR, 1, 1);
	run_to_call(l2);
	report(starts == 1, "then L2 ran once: %u times", starts);
	end_ticks();
	l2_free(l2);
}

struct held {
	bool requested, still;
	u32 early, after;
};

static void hold_and_be_moved(void *data)
{
	struct held *held = data;

	irq_disable();
	held->requested = wait_until(is_requested(), PATIENCE_MS);
	be_moved();
	held->still = is_requested();
	held->early = ticks_so_far();
	irq_enable();
	held->after = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/*
 * Without V_INTR_MASKING L2's IF holds up L1's interrupt, intercepted or not (15.21.1). A
 * hypervisor that restores the local APIC and asks at once whether the interrupt can be
 * delivered may ask while it has L1's IF in hand.
 */
static void held_up(enum route route)
{
	struct held held = { 0 };
	struct l2 *l2 = l2_new(hold_and_be_moved, &held);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, route);
	l2->vmcb->save.rflags &= ~X86_EFLAGS_IF;
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(held.requested && held.still && !held.early,
	       "while L2 had interrupts off the timer's was requested (%d, after the move %d) and "
	       "not "
	       "taken (%u times)",
	       held.requested, held.still, held.early);
	report(held.after == 1, "STI let it in at once: %u times", held.after);
	check_places(route, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

TEST(held_up_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a timer that expires while L2 has interrupts off, moved so, ends L2 at its STI, once")
{
	held_up(TO_L1);
}

TEST(held_up_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same without the intercept interrupts L2 behind its STI, once")
{
	held_up(TO_L2);
}
