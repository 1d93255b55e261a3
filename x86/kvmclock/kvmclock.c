// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the clock that KVM keeps in a guest's memory.
 *
 * The truth: Linux Documentation/virt/kvm/x86/msr.rst, cpuid.rst and timekeeping.rst,
 * arch/x86/include/asm/pvclock-abi.h, and for PVCLOCK_GUEST_STOPPED the KVM API
 * documentation, KVM_KVMCLOCK_CTRL. A move goes wrong where userspace carries the
 * clock's value (KVM_GET_CLOCK, KVM_SET_CLOCK), the TSC and the address of each
 * vCPU's clock page separately, and they do not fit together on the other side.
 *
 * Two measures stand beside the clock under test: the library's time source (ACPI PM
 * timer), for every wait, and the runner's CLOCK_MONOTONIC, asked for as host_time().
 * The guest reads its clock before it asks and after it has the answer, so that its
 * clock at the moment of the answer lies in between; nothing here depends on how fast
 * the guest runs. A clock may stand still while the host holds the guest or may count
 * that time once: both are seen in the field, and neither is an error.
 *
 * Where a whole test cannot tell two causes apart, its comment says so. In general: a
 * wrong time may be KVM's, or the VMM's that gave KVM a wrong one. The QMP transcript
 * and KVM's ioctls (strace) tell them apart; the guest cannot.
 *
 * On the command line: break=reader, break=page (see pvclock.h), and break=host, which
 * makes the host's clock stand still, as this program sees it.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "muldiv.h"
#include "processor.h"
#include "pvclock.h"
#include "smp.h"
#include "vm.h"

#define NS_PER_MS     1000000l
#define NS_PER_SECOND 1000000000l
#define PPM	      1000000

/* adjtimex(2) slews CLOCK_MONOTONIC by up to 500 ppm; the TSC, and so kvmclock, not. */
#define MOST_SLEW_PPM 500
/* Roundings: the runner gets to know of a pause's ends in microseconds. */
#define ROUNDING_NS (NS_PER_MS / 10)

/*
 * Without PVCLOCK_TSC_STABLE_BIT, KVM takes TSC and time for a clock page one after the
 * other, and separately for each vCPU. Where KVM is itself a guest, its CPU may be away
 * in between for as long as a host lets others run: QEMU's TCG, with one thread for all
 * CPUs, gives each of them 100 ms (TCG_KICK_PERIOD); hardware's schedulers give less.
 */
#define UNSTABLE_SLACK_NS (100 * NS_PER_MS)

/* KVM rewrites all clock pages 100 ms after one vCPU has registered another. */
#define UPDATE_DELAY_US 150000

/* Even as a version, without PVCLOCK_GUEST_STOPPED as flags. */
#define PATTERN	      0x54
#define PATTERN_WORD  0x5454545454545454ul
#define DECOY_VERSION 0x54545454

/* What a clock page that is no longer used is off by: no clock error is as large. */
#define DECOY_AHEAD_NS (3600 * NS_PER_SECOND)

/* ---- every CPU's clock ---- */

struct cpu_clock {
	/* A CPU uses the one or the other. Whole pages, so that nothing else is in them. */
	struct pvclock_vcpu_time_info *pages[2];
	struct pvclock_vcpu_time_info *page; /* registered now */
	const struct pvclock_msrs *msrs;
};

static PER_CPU(struct cpu_clock, this_clock);

static struct cpu_clock *my_clock(void)
{
	struct cpu_clock *clock = &this_cpu(this_clock);

	for (int i = 0; i < 2; i++)
		if (!clock->pages[i])
			clock->pages[i] = alloc_page();
	return clock;
}

static u64 clock_now(void)
{
	return pvclock_read(this_cpu(this_clock).page);
}

static void clock_on(struct cpu_clock *clock, const struct pvclock_msrs *msrs, int page)
{
	clock->msrs = msrs;
	clock->page = clock->pages[page];
	pvclock_register(msrs, clock->page);
}

static void clock_off(struct cpu_clock *clock)
{
	pvclock_disable(clock->msrs);
}

static struct pvclock_vcpu_time_info *other_page(struct cpu_clock *clock)
{
	return clock->pages[clock->page == clock->pages[0]];
}

static void start_here(void *msrs)
{
	struct cpu_clock *clock = my_clock();

	memset(clock->pages[0], 0, PAGE_SIZE);
	memset(clock->pages[1], 0, PAGE_SIZE);
	clock_on(clock, msrs, 0);
}

static void stop_here(void *unused)
{
	clock_off(my_clock());
}

static void start_clocks(const struct pvclock_msrs *msrs)
{
	on_cpus(start_here, (void *)msrs);
}

static void stop_clocks(void)
{
	on_cpus(stop_here, NULL);
}

static void register_again_here(void *unused)
{
	struct cpu_clock *clock = my_clock();

	pvclock_register(clock->msrs, clock->page);
}

/* Gives KVM every reason to write to the clock pages that it knows of. */
static void stir(void)
{
	on_cpus(register_again_here, NULL);
	delay_us(UPDATE_DELAY_US);
	on_cpus(register_again_here, NULL);
}

static void fill(void *page)
{
	memset(page, PATTERN, PAGE_SIZE);
}

/* The offset of the first byte, from `from` on, that is not as filled; or PAGE_SIZE. */
static size_t first_touched(const void *page, size_t from)
{
	const u8 *bytes = page;

	for (size_t at = from; at < PAGE_SIZE; at++) {
		if (IS_ALIGNED(at, sizeof(u64)) && *(const u64 *)(bytes + at) == PATTERN_WORD)
			at += sizeof(u64) - 1;
		else if (bytes[at] != PATTERN)
			return at;
	}
	return PAGE_SIZE;
}

static void report_untouched(const void *page, size_t from, const char *what)
{
	size_t at = first_touched(page, from);

	if (at == PAGE_SIZE)
		report_pass("CPU %d: %s: nobody wrote to the page at %p%s", smp_id(), what, page,
			    from ? " behind the structure" : "");
	else
		report_fail("CPU %d: %s: somebody wrote to the page at %p, offset %lu: 0x%x is "
			    "there instead of 0x%x",
			    smp_id(), what, page, at, ((const u8 *)page)[at], PATTERN);
}

static void report_registered(const struct pvclock_msrs *msrs, u64 wrote)
{
	u64 value = rdmsr(msrs->system_time);

	report(value == wrote, "CPU %d: MSR 0x%x holds what was written (wrote 0x%lx, reads 0x%lx)",
	       smp_id(), msrs->system_time, wrote, value);
}

/* ---- the host's time ---- */

/* Returns the question's number, 0 if nobody answers. */
static u64 ask_host_time(struct host_time *time)
{
	static u64 standing_monotonic, standing_realtime;
	char answer[256];
	u64 question = host_ask("time", answer, sizeof(answer));

	*time = (struct host_time){ 0 };
	if (!question)
		return 0;
	*time = (struct host_time){
		.realtime = answer_number(answer, "realtime"),
		.monotonic = answer_number(answer, "monotonic"),
		.moves = answer_number(answer, "moves"),
		.pause_min = answer_number(answer, "pause_min"),
		.pause_max = answer_number(answer, "pause_max"),
	};
	if (pvclock_broken("host")) {
		if (!standing_monotonic) {
			standing_monotonic = time->monotonic;
			standing_realtime = time->realtime;
		}
		time->monotonic = standing_monotonic;
		time->realtime = standing_realtime;
	}
	return question;
}

/* All clocks, at one moment of the host's. */
struct reading {
	u64 before[MAX_CPUS], after[MAX_CPUS];
	struct host_time host;
	bool answered;
};

static struct reading first_reading, last_reading;

static void read_before(void *data)
{
	((struct reading *)data)->before[smp_id()] = clock_now();
}

static void read_after(void *data)
{
	((struct reading *)data)->after[smp_id()] = clock_now();
}

/* Also leaves marks, by which the runner checks the same on its own. */
static void take_reading(struct reading *reading)
{
	u64 question;
	int cpu;

	on_cpus(read_before, reading);
	question = ask_host_time(&reading->host);
	on_cpus(read_after, reading);
	reading->answered = question;
	if (!question)
		return;
	for_each_cpu (cpu)
		mark("clock", "clock=kvmclock cpu=%d before=%lu after=%lu answer=%lu", cpu,
		     reading->before[cpu], reading->after[cpu], question);
}

static bool was_moved(const struct reading *from, const struct reading *to)
{
	return to->host.moves != from->host.moves;
}

/* Between two readings, on every CPU: not backwards, and as much as on the host. */
static void check_elapsed(const struct reading *from, const struct reading *to, const char *when)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + ROUNDING_NS;
	int cpu, bad = 0;

	for_each_cpu (cpu) {
		s64 least = to->before[cpu] - from->after[cpu];
		s64 most = to->after[cpu] - from->before[cpu];

		if (!report_if_failed(least >= 0, "%s: CPU %d: the clock went back by %ld ns", when,
				      cpu, -least)) {
			bad++;
			continue;
		}
		if (!to->answered)
			continue;
		bad += !report_if_failed(least <= host + tolerance,
					 "%s: CPU %d: the clock ran ahead: at least %ld ns passed "
					 "on it, %ld ns on the host (tolerance %ld ns)",
					 when, cpu, least, host, tolerance);
		bad += !report_if_failed(most >= host - pause - tolerance,
					 "%s: CPU %d: the clock fell behind: at most %ld ns passed "
					 "on it, %ld ns on the host, which held the guest for at "
					 "most %ld ns (tolerance %ld ns)",
					 when, cpu, most, host, pause, tolerance);
	}
	if (to->answered)
		report(!bad,
		       "%s: %d clocks went with the host's: %ld ns, of which the guest was "
		       "held for at most %ld",
		       when, cpu_count(), host, pause);
	else
		report(!bad, "%s: %d clocks went forward (nobody tells the host's time)", when,
		       cpu_count());
}

/* How often to begin anew because a move came in between. */
#define MOST_ATTEMPTS 20

/*
 * Runs stretch(data) until the guest has not been moved or paused meanwhile. A move
 * has ended when the host answers, so there is always some time before the next.
 */
static bool undisturbed(void (*stretch)(void *data), void *data)
{
	struct host_time begin, end;

	for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		ask_host_time(&begin);
		stretch(data);
		ask_host_time(&end);
		if (begin.moves == end.moves)
			return true;
	}
	report_skip("the guest was moved in all of %d attempts", MOST_ATTEMPTS);
	return false;
}

/* ---- how often ---- */

#define REPEAT_PROBES 32
#define REPEAT_NS     (300 * NS_PER_MS)

/*
 * How often to call once(data): `most` times on a host that is fast enough to be done with
 * it soon, fewer on others, `fewest` on any. Calls it some times to find out.
 */
static u64 repetitions(void (*once)(void *data), void *data, u64 most, u64 fewest)
{
	struct stopwatch watch;
	u64 count;

	stopwatch_start(&watch);
	for (int i = 0; i < REPEAT_PROBES; i++)
		once(data);
	count = REPEAT_PROBES * REPEAT_NS / MAX(stopwatch_ns(&watch), 1ul);
	return MIN(MAX(count, fewest), most);
}

/* ---- being moved while doing something ---- */

static volatile u64 written_meanwhile[PAGE_SIZE / sizeof(u64)] __aligned(4096);

/* For a live move to have something to send twice. */
static void write_meanwhile(void)
{
	static u64 n;

	n++;
	written_meanwhile[n % ARRAY_SIZE(written_meanwhile)] = n;
}

/*
 * Asks to be moved, and only then begins to call meanwhile(): in turns of some
 * microseconds until the host has answered. Nothing in between makes a VMM look at
 * the vCPUs' registers.
 */
static void migrate_while(void (*meanwhile)(void))
{
	host_lock();
	puts("Now migrate the VM (quiet)\n");
	host_byte(meanwhile, "the host's answer to a request to be moved");
	machine_line("got", "answer=0");
	host_unlock();
}

/* ======== the reader ======== */

/*
 * All else relies on the library's reader, so it comes first, with lines and TSCs whose time
 * is known: msr.rst's formula, on paper. KVM has no part in this.
 */
TEST(reader_arithmetic, .about = "the library reads a clock page as msr.rst says")
{
	static const struct {
		struct pvclock_vcpu_time_info info;
		u64 tsc, time;
	} known[] = {
		/* tsc_to_system_mul is a fraction of 2^32: here a half. */
		{ { .tsc_to_system_mul = 1u << 31 }, 0, 0 },
		{ { .tsc_to_system_mul = 1u << 31 }, 3000, 1500 },
		{ { .tsc_timestamp = 1000, .system_time = 7, .tsc_to_system_mul = 1u << 31 },
		  3001,
		  1007 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = 2 }, 3000, 6000 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -2 }, 3003, 375 },
		/* A product of more than 64 bits: half a year at 4 GHz. */
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -1 }, 1ul << 56, 1ul << 54 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct pvclock_vcpu_time_info *info = &known[i].info;
		u64 time = pvclock_time_at(info, known[i].tsc);

		report(time == known[i].time,
		       "tsc_timestamp %lu, system_time %lu, mul %u, shift %d: TSC %lu is %lu ns "
		       "(read "
		       "%lu)",
		       info->tsc_timestamp, info->system_time, info->tsc_to_system_mul,
		       info->tsc_shift, known[i].tsc, known[i].time, time);
	}
}

/* ======== the registers ======== */

/*
 * A KVM that does not know the MSR, writes somewhere else, or writes only later leaves
 * the page as it was filled; one that writes a larger structure hits what lies behind.
 * Linux reads its clock right after the write, so the page must be valid by then.
 */
static void check_enable(const struct pvclock_msrs *msrs)
{
	struct pvclock_vcpu_time_info info;
	struct cpu_clock *clock = my_clock();
	u64 begin, end, tsc;

	fill(clock->pages[0]);
	clock_on(clock, msrs, 0);
	info = pvclock_snapshot(clock->page);
	tsc = rdtsc_ordered();
	report_registered(msrs, (u64)clock->page | KVM_MSR_ENABLED);
	if (!report(info.version != DECOY_VERSION && info.tsc_to_system_mul,
		    "CPU %d: KVM wrote the clock page at %p as soon as it was registered "
		    "(version 0x%x, mul 0x%x, shift %d)",
		    smp_id(), clock->page, info.version, info.tsc_to_system_mul, info.tsc_shift)) {
		clock_off(clock);
		return;
	}
	report(info.tsc_timestamp <= tsc, "CPU %d: the TSC, %lu, has got past tsc_timestamp, %lu",
	       smp_id(), tsc, info.tsc_timestamp);
	report_untouched(clock->page, sizeof(info), "enabled");
	begin = clock_now();
	delay_us(1000);
	end = clock_now();
	report(end > begin, "CPU %d: the clock goes: from %lu to %lu ns in 1 ms", smp_id(), begin,
	       end);
	clock_off(clock);
}

TEST(enable_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "MSR_KVM_SYSTEM_TIME_NEW enables a clock page, which is valid at once")
{
	check_enable(&pvclock_new_msrs);
}

TEST(enable_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "MSR_KVM_SYSTEM_TIME enables a clock page, which is valid at once")
{
	check_enable(&pvclock_old_msrs);
}

/*
 * "The hypervisor may update this structure at any time it sees fit until anything with
 * bit0 == 0 is written": a KVM that goes on corrupts memory that a guest has freed. It
 * is given reasons to write (other vCPUs register anew) and longer than it postpones.
 */
static void check_disable(const struct pvclock_msrs *msrs)
{
	struct cpu_clock *clock;
	u64 values[2];

	start_clocks(pvclock_best_msrs());
	clock = my_clock();
	values[0] = 0;
	values[1] = (u64)clock->pages[0]; /* an address, but not bit 0 */
	for (int i = 0; i < 2; i++) {
		clock_on(clock, msrs, 0);
		wrmsr(msrs->system_time, values[i]);
		fill(clock->page);
		report_registered(msrs, values[i]);
		delay_us(UPDATE_DELAY_US);
		report_untouched(clock->page, 0,
				 i ? "disabled by an address without bit 0" : "disabled by 0");
	}
	stop_clocks();
}

TEST(disable_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "a clock disabled by MSR_KVM_SYSTEM_TIME_NEW is no longer written")
{
	check_disable(&pvclock_new_msrs);
}

TEST(disable_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "a clock disabled by MSR_KVM_SYSTEM_TIME is no longer written")
{
	check_disable(&pvclock_old_msrs);
}

/*
 * A KVM that adds the new page to the old one, or takes the new one only at some later
 * time: the old page, filled with a pattern, must stay so, and the new one be written.
 */
static void check_reregister(const struct pvclock_msrs *msrs)
{
	struct pvclock_vcpu_time_info *old;
	struct cpu_clock *clock;
	u32 version;
	u64 before, after;
	u8 flags;

	start_clocks(msrs);
	clock = my_clock();
	old = clock->page;
	fill(clock->pages[1]);
	before = pvclock_read_flags(old, &flags);
	clock_on(clock, msrs, 1);
	after = clock_now();
	fill(old);
	report_registered(msrs, (u64)clock->page | KVM_MSR_ENABLED);
	report(after >= before && after - before < DECOY_AHEAD_NS,
	       "CPU %d: the clock went on from the new page: %lu ns, then %lu ns", smp_id(), before,
	       after);
	version = pvclock_snapshot(clock->page).version;
	stir();
	report(pvclock_snapshot(clock->page).version != version,
	       "CPU %d: KVM goes on to write the new page (version %u, later %u)", smp_id(),
	       version, pvclock_snapshot(clock->page).version);
	report_untouched(clock->page, sizeof(*clock->page), "on another page");
	report_untouched(old, 0, "left for another page");
	stop_clocks();
}

TEST(reregister_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "a second write of MSR_KVM_SYSTEM_TIME_NEW moves the clock to another page")
{
	check_reregister(&pvclock_new_msrs);
}

TEST(reregister_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "a second write of MSR_KVM_SYSTEM_TIME moves the clock to another page")
{
	check_reregister(&pvclock_old_msrs);
}

/* 4-byte aligned, anywhere in a page that ends behind it. */
static void check_offset(struct cpu_clock *clock, size_t offset)
{
	struct pvclock_vcpu_time_info *at = (void *)clock->pages[0] + offset, info;

	fill(clock->pages[0]);
	pvclock_register(clock->msrs, at);
	info = pvclock_snapshot(at);
	report(info.version != DECOY_VERSION && info.tsc_to_system_mul,
	       "CPU %d: the clock at offset %lu of a page was written (version 0x%x, mul 0x%x)",
	       smp_id(), offset, info.version, info.tsc_to_system_mul);
	pvclock_disable(clock->msrs);
	memset(at, PATTERN, sizeof(*at));
	report_untouched(clock->pages[0], 0, "a clock at an offset");
}

/* What msr.rst does not allow: refused with #GP, or taken and of no consequence. */
static void check_odd_value(struct cpu_clock *clock, u64 value, const char *what)
{
	u64 before = rdmsr(clock->msrs->system_time), after;
	int vector = wrmsr_safe(clock->msrs->system_time, value);

	after = rdmsr(clock->msrs->system_time);
	report(vector ? vector == GP_VECTOR && after == before : after == value,
	       "CPU %d: %s, 0x%lx, is %s (MSR 0x%x before 0x%lx, now 0x%lx)", smp_id(), what, value,
	       vector ? "refused" : "taken", clock->msrs->system_time, before, after);
}

/*
 * A KVM that does not check the address it is given writes to memory that it does not
 * own, or to the wrong guest memory. Behind every odd value the clock must still be
 * good for a right one. What KVM does with an address that is no RAM is not written
 * anywhere, so that more cannot be asked. A structure that crosses a page's end is
 * not excluded by msr.rst; a KVM that leaves it unwritten (kvm_gpc_activate() takes none)
 * passes all the same.
 */
TEST(odd_values, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "odd offsets work as documented, and odd addresses do no harm")
{
	struct cpu_clock *clock = my_clock();
	u8 *two_pages = alloc_pages(1);
	struct pvclock_vcpu_time_info *crossing = (void *)(two_pages + PAGE_SIZE - 16);
	u64 before, after;

	clock_on(clock, pvclock_best_msrs(), 1);
	before = clock_now();
	check_offset(clock, 4);
	check_offset(clock, PAGE_SIZE / 2 + 12);
	check_offset(clock, PAGE_SIZE - sizeof(struct pvclock_vcpu_time_info));

	check_odd_value(clock, ~0ul, "all ones");
	check_odd_value(clock, 1ul << 46 | KVM_MSR_ENABLED, "an address far behind memory");
	fill(clock->pages[0]);
	check_odd_value(clock, (u64)clock->pages[0] | 2 | KVM_MSR_ENABLED,
			"an address with bit 1 set");
	pvclock_disable(clock->msrs);
	report_untouched(clock->pages[0], 2 + sizeof(*crossing), "bit 1 set");

	fill(two_pages);
	fill(two_pages + PAGE_SIZE);
	check_odd_value(clock, (u64)crossing | KVM_MSR_ENABLED, "a structure across two pages");
	pvclock_disable(clock->msrs);
	report_info("CPU %d: KVM %s a clock page that crosses the end of a page", smp_id(),
		    crossing->version == DECOY_VERSION ? "does not write" : "writes");
	memset(crossing, PATTERN, sizeof(*crossing));
	report_untouched(two_pages, 0, "across two pages");
	report_untouched(two_pages + PAGE_SIZE, 0, "across two pages");
	free_pages(two_pages);

	clock_on(clock, pvclock_best_msrs(), 0);
	after = clock_now();
	report(after > before && after - before < DECOY_AHEAD_NS,
	       "CPU %d: the clock goes on afterwards: %lu ns, then %lu ns", smp_id(), before,
	       after);
	clock_off(clock);
}

/* ======== the version protocol ======== */

/* What one CPU sees of another's clock page while KVM rewrites it. */
struct watch {
	const struct pvclock_vcpu_time_info *page;
	bool stop;
	bool started;
	struct pvclock_vcpu_time_info last;
	u64 samples, odd, changed_meanwhile, versions, torn, back, scales;
	struct pvclock_vcpu_time_info torn_copy, torn_twin;
};

static void watch_once(struct watch *watch)
{
	struct pvclock_vcpu_time_info copy;
	u32 version = READ_ONCE(watch->page->version);

	smp_rmb();
	copy = *(const volatile struct pvclock_vcpu_time_info *)watch->page;
	smp_rmb();
	if (version & 1) {
		watch->odd++;
		return;
	}
	if (READ_ONCE(watch->page->version) != version || copy.version != version) {
		watch->changed_meanwhile++;
		return;
	}
	if (watch->samples++) {
		if (version == watch->last.version) {
			if (memcmp(&copy, &watch->last, sizeof(copy)) && !watch->torn++) {
				watch->torn_copy = watch->last;
				watch->torn_twin = copy;
			}
		} else {
			watch->versions++;
			watch->back += (s32)(version - watch->last.version) < 0;
		}
		watch->scales += copy.tsc_to_system_mul != watch->last.tsc_to_system_mul ||
				 copy.tsc_shift != watch->last.tsc_shift;
	}
	watch->last = copy;
}

/* Enough versions seen; or as many as could be in this time, where CPUs share a core. */
#define WATCH_VERSIONS 50000
#define WATCH_NS       (1500 * NS_PER_MS)
#define WATCH_PER_LOOK 64

static void watch_and_stop(void *data)
{
	struct watch *watch = data;
	struct stopwatch time;

	stopwatch_start(&time);
	WRITE_ONCE(watch->started, true);
	do {
		for (int i = 0; i < WATCH_PER_LOOK; i++)
			watch_once(watch);
	} while (watch->versions < WATCH_VERSIONS && stopwatch_ns(&time) < WATCH_NS);
	WRITE_ONCE(watch->stop, true);
}

/*
 * KVM's reasons to write are the guest's writes of the MSR. On the boot CPU the two MSRs
 * in turn, if there are both: KVM then changes its way to keep the time, and so what it
 * writes (boot_vcpu_runs_old_kvmclock). The pauses differ, so that the other CPU sees
 * every version more than once, and in all its stages.
 */
static void rewrite_until_stopped(void *data)
{
	struct watch *watch = data;
	struct cpu_clock *clock = my_clock();
	bool in_turns =
		smp_id() == 0 && KVMCLOCK_OLD_MSRS[0]->present() && KVMCLOCK_NEW_MSRS[0]->present();
	struct deadline deadline;

	wait_for(READ_ONCE(watch->started), LIBRARY_DEADLINE_MS, "another CPU to watch");
	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	for (u64 i = 0; !READ_ONCE(watch->stop) && !deadline_passed(&deadline); i++) {
		pvclock_register(in_turns && i % 2 ? &pvclock_old_msrs : clock->msrs, clock->page);
		for (u64 n = i % 16; n; n--)
			pause();
	}
	pvclock_register(clock->msrs, clock->page);
}

static void check_watch(const struct watch *watch, int writer, int reader)
{
	const struct pvclock_vcpu_time_info *a = &watch->torn_copy, *b = &watch->torn_twin;

	report(watch->versions, "CPU %d saw CPU %d's clock page change %lu times in %lu samples",
	       reader, writer, watch->versions, watch->samples);
	if (watch->torn)
		report_fail(
			"CPU %d saw two contents for one version of CPU %d's clock page (%lu "
			"times; version %u with tsc_timestamp %lu, system_time %lu, and with %lu, "
			"%lu)",
			reader, writer, watch->torn, a->version, a->tsc_timestamp, a->system_time,
			b->tsc_timestamp, b->system_time);
	else
		report_pass("CPU %d saw one content for each version of CPU %d's clock page",
			    reader, writer);
	report(!watch->back, "CPU %d saw CPU %d's version only grow (%lu times not)", reader,
	       writer, watch->back);
	report(!watch->scales, "CPU %d saw CPU %d's mul and shift stay (%lu times not)", reader,
	       writer, watch->scales);
	report_info("CPU %d saw odd versions %lu times, changes while it read %lu times", reader,
		    watch->odd, watch->changed_meanwhile);
}

static void hammer(int writer, int reader)
{
	struct watch watch = { .page = cpu_ptr(this_clock, writer)->page };

	on_cpu_async(writer == smp_id() ? reader : writer,
		     writer == smp_id() ? watch_and_stop : rewrite_until_stopped, &watch);
	if (writer == smp_id())
		rewrite_until_stopped(&watch);
	else
		watch_and_stop(&watch);
	on_cpu_wait(writer == smp_id() ? reader : writer);
	check_watch(&watch, writer, reader);
}

/*
 * A KVM that writes a clock page without making its version odd before and even again
 * after, or in another order, lets a reader on another CPU see parts of two. Then one
 * version is seen with two contents. What is never seen within the test cannot be told
 * from what never happens: that an odd version was seen at all is not demanded.
 */
TEST(version_protocol, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "another CPU never sees a torn clock page, nor a version with two contents")
{
	int other = cpu_count() - 1;

	start_clocks(pvclock_best_msrs());
	hammer(0, other);
	hammer(other, 0);
	stop_clocks();
}

/* ======== the wall clock ======== */

/*
 * KVM takes wall clock and system time at one moment where the clock is stable, else
 * one after the other (see UNSTABLE_SLACK_NS).
 */
#define WALL_CLOCK_TOLERANCE_NS NS_PER_MS

struct wall_clock_check {
	const struct pvclock_msrs *msrs;
	struct pvclock_wall_clock *page;
	struct pvclock_wall_clock wall;
	u64 before, after;
	u8 flags;
	struct host_time host;
};

static void read_wall_clock(void *data)
{
	struct wall_clock_check *check = data;

	fill(check->page);
	check->wall = pvclock_wall_clock(check->msrs, check->page);
	check->before = pvclock_read_flags(this_cpu(this_clock).page, &check->flags);
	ask_host_time(&check->host);
	check->after = clock_now();
}

static void compare_wall_clock(struct wall_clock_check *check, const char *when)
{
	s64 tolerance = WALL_CLOCK_TOLERANCE_NS;
	u64 wall, value;
	s64 early, late;

	if (!undisturbed(read_wall_clock, check))
		return;
	if (!(check->flags & PVCLOCK_TSC_STABLE_BIT))
		tolerance += UNSTABLE_SLACK_NS;
	value = rdmsr(check->msrs->wall_clock);
	report(value == (u64)check->page, "%s: CPU %d: MSR 0x%x holds 0x%lx (wrote 0x%lx)", when,
	       smp_id(), check->msrs->wall_clock, value, (u64)check->page);
	report(check->wall.nsec < NS_PER_SECOND && check->wall.version != DECOY_VERSION,
	       "%s: CPU %d: KVM wrote the wall clock: version %u, %u s, %u ns", when, smp_id(),
	       check->wall.version, check->wall.sec, check->wall.nsec);
	report_untouched(check->page, sizeof(check->wall), when);

	wall = check->wall.sec * (u64)NS_PER_SECOND + check->wall.nsec;
	early = wall + check->before - check->host.realtime;
	late = wall + check->after - check->host.realtime;
	report(early <= tolerance && late >= -tolerance,
	       "%s: CPU %d: wall clock and system time make the host's CLOCK_REALTIME, %lu ns, but "
	       "for something between %ld and %ld ns (tolerance %ld ns)",
	       when, smp_id(), check->host.realtime, early, late, tolerance);
}

static void check_wall_clock(const struct pvclock_msrs *msrs)
{
	struct wall_clock_check check = { .msrs = msrs, .page = alloc_page() };

	start_clocks(pvclock_best_msrs());
	compare_wall_clock(&check, "at first");
	migrate_quiet();
	compare_wall_clock(&check, "later");
	pvclock_disable_wall_clock(msrs);
	stop_clocks();
	free_page(check.page);
}

/*
 * A KVM that gives the wall clock of another moment than system time's 0: off by the
 * length of pauses, by the host's uptime, or by time zones. The guest asks KVM anew after
 * a move, since only the moment of the write is promised; what a move does to a wall clock
 * page that the guest left registered is not. A host whose CLOCK_REALTIME is set while
 * the test runs cannot be told from a broken KVM.
 */
TEST(wall_clock_new, .on = EACH_CPU, .needs = ALL_OF(KVMCLOCK_NEW_MSRS, HOST_ANSWERS),
     .about = "MSR_KVM_WALL_CLOCK_NEW and system time make the host's real time")
{
	check_wall_clock(&pvclock_new_msrs);
}

TEST(wall_clock_old, .on = EACH_CPU, .needs = ALL_OF(KVMCLOCK_OLD_MSRS, HOST_ANSWERS),
     .about = "MSR_KVM_WALL_CLOCK and system time make the host's real time")
{
	check_wall_clock(&pvclock_old_msrs);
}

/* ======== never backwards ======== */

#define READS	     1000000
#define FEWEST_READS 1000

/* What readers have seen, of one clock or of all. */
struct order {
	u64 last; /* the latest time that anybody has read */
	atomic64_t reads, back;
	s64 worst;
	int worst_cpu;
	u8 flags; /* that all had */
};

static void order_begin(struct order *order)
{
	*order = (struct order){ .flags = 0xff };
}

/* Not before what is in order->last already: rdtsc_ordered() waits for that to be read. */
static void read_in_order(void *data)
{
	struct order *order = data;
	u64 last = READ_ONCE(order->last), seen, time;
	u8 flags;

	time = pvclock_read_flags(this_cpu(this_clock).page, &flags);
	atomic64_inc(&order->reads);
	if (order->flags & ~flags)
		__atomic_and_fetch(&order->flags, flags, __ATOMIC_SEQ_CST);
	if (time < last) {
		atomic64_inc(&order->back);
		if ((s64)(last - time) > order->worst) {
			order->worst = last - time;
			order->worst_cpu = smp_id();
		}
	}
	while ((seen = READ_ONCE(order->last)) < time && cmpxchg(&order->last, seen, time) != seen)
		;
}

static void check_order(const struct order *order, const char *who)
{
	s64 slack = order->flags & PVCLOCK_TSC_STABLE_BIT ? 0 : UNSTABLE_SLACK_NS;

	report(order->worst <= slack,
	       "%s: time went back %ld times in %ld reads, at most by %ld ns, on CPU %d (%s, so "
	       "that "
	       "%ld ns are allowed)",
	       who, atomic64_read(&order->back), atomic64_read(&order->reads), order->worst,
	       order->worst_cpu, slack ? "not always stable" : "stable all the time", slack);
}

static void read_many_in_order(void *order)
{
	for (u64 n = repetitions(read_in_order, order, READS, FEWEST_READS); n; n--)
		read_in_order(order);
}

/*
 * A KVM whose next description of the line lies below the last one's end; a TSC that was
 * set back by a move. PVCLOCK_TSC_STABLE_BIT promises order across CPUs, and a reader
 * trusts it on one CPU too (Linux __pvclock_clocksource_read() keeps a last value without).
 */
TEST(monotonic_one_cpu, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "on one CPU time never goes back, whatever is done to the guest meanwhile")
{
	static struct order order;

	start_clocks(pvclock_best_msrs());
	order_begin(&order);
	read_many_in_order(&order);
	check_order(&order, "one CPU");
	stop_clocks();
}

/*
 * vCPUs whose clock pages describe different lines, or whose TSCs are apart, though the
 * flag promises one time for all: seen when one CPU reads less than another read before.
 * The test does not know whether page or TSC is wrong; stable_flag compares the pages.
 */
TEST(monotonic_all_cpus, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "across all CPUs stable time never goes back, without a lock")
{
	static struct order order;

	start_clocks(pvclock_best_msrs());
	order_begin(&order);
	on_cpus(read_many_in_order, &order);
	if (order.flags & PVCLOCK_TSC_STABLE_BIT)
		check_order(&order, "all CPUs");
	else
		report_skip("KVM did not set PVCLOCK_TSC_STABLE_BIT on all CPUs all the time");
	stop_clocks();
}

#define REGISTRATIONS	     100000
#define FEWEST_REGISTRATIONS 300

static void register_in_order(void *data)
{
	struct cpu_clock *clock = my_clock();

	read_in_order(data);
	clock_on(clock, clock->msrs, clock->page == clock->pages[0]);
	read_in_order(data);
}

static void check_no_step_back(const struct pvclock_msrs *msrs)
{
	struct order order;

	start_clocks(msrs);
	order_begin(&order);
	for (u64 n = repetitions(register_in_order, &order, REGISTRATIONS, FEWEST_REGISTRATIONS); n;
	     n--)
		register_in_order(&order);
	check_order(&order, "registering again and again");
	stop_clocks();
}

/*
 * Each registration has KVM describe the line anew. One that takes TSC and time apart,
 * or that forgets an offset, makes a step; a step forward is seen by marks and by
 * rate_against_host, one backward here.
 */
TEST(reregister_monotonic_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "time never goes back when a clock page is registered anew")
{
	check_no_step_back(&pvclock_new_msrs);
}

TEST(reregister_monotonic_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "the same by the old MSR, with which KVM may keep time in another way")
{
	check_no_step_back(&pvclock_old_msrs);
}

/* ======== the rate ======== */

/* The TSC at a moment of the time source: between these two. */
struct tsc_moment {
	u64 ns;
	u64 least, most;
};

struct rate_check {
	u64 least_hz, most_hz;
};

#define RATE_PROBES 8
#define RATE_NS	    (50 * NS_PER_MS)

/* The narrowest of some probes: an exit to the VMM lies in each. */
static struct tsc_moment probe(struct stopwatch *watch)
{
	struct tsc_moment best = { .most = ~0ul };

	for (int i = 0; i < RATE_PROBES; i++) {
		struct tsc_moment moment;

		moment.least = rdtsc_ordered();
		moment.ns = stopwatch_ns(watch);
		moment.most = rdtsc_ordered();
		if (moment.most - moment.least < best.most - best.least)
			best = moment;
	}
	return best;
}

static void measure_rate(void *data)
{
	struct rate_check *check = data;
	u64 tick = NS_PER_SECOND / time_source.hz + 1;
	struct tsc_moment begin, end;
	struct stopwatch watch;

	stopwatch_start(&watch);
	begin = probe(&watch);
	do
		pause();
	while (stopwatch_ns(&watch) < begin.ns + RATE_NS);
	end = probe(&watch);
	check->least_hz = mul_div(end.least - begin.most, NS_PER_SECOND, end.ns - begin.ns + tick);
	check->most_hz = mul_div(end.most - begin.least, NS_PER_SECOND, end.ns - begin.ns - tick);
}

/*
 * A KVM that computes tsc_to_system_mul or tsc_shift wrongly, or for another TSC
 * frequency than the vCPU's (TSC scaling, a move to a host with another frequency): the
 * clock page says how many ticks there are in a second, and the time source counts them.
 * Both sides of each look at the time source are taken into account. The time source is
 * the VMM's; one that runs at the wrong rate looks the same.
 */
TEST(rate_against_tsc, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "tsc_to_system_mul and tsc_shift are those of the TSC")
{
	struct pvclock_vcpu_time_info info;
	struct rate_check check;
	u64 hz, slew;

	start_clocks(pvclock_best_msrs());
	if (undisturbed(measure_rate, &check)) {
		info = pvclock_snapshot(my_clock()->page);
		hz = pvclock_tsc_hz(&info);
		slew = hz / PPM * MOST_SLEW_PPM;
		report(hz + slew >= check.least_hz && hz <= check.most_hz + slew,
		       "CPU %d: mul %u and shift %d stand for %lu Hz, %s measures %lu to %lu Hz "
		       "(tolerance %d ppm)",
		       smp_id(), info.tsc_to_system_mul, info.tsc_shift, hz, time_source_name(),
		       check.least_hz, check.most_hz, MOST_SLEW_PPM);
	}
	stop_clocks();
}

#define LONG_MS 200

/*
 * The same with what counts: time itself, over a stretch that is long against asking.
 * A reader that is wrong and a KVM that is wrong look alike here; rate_against_tsc does
 * not use the reader's arithmetic.
 */
TEST(rate_against_host, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "as much time passes on all clocks as on the host's")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	delay_us(LONG_MS * 1000);
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "left alone");
	stop_clocks();
}

/* ======== the flags ======== */

struct line {
	struct pvclock_vcpu_time_info info, again;
	u64 tsc;
};

static struct line lines[MAX_CPUS];

static void take_line(void *unused)
{
	struct line *line = &lines[smp_id()];

	line->info = pvclock_snapshot(this_cpu(this_clock).page);
	line->tsc = rdtsc_ordered();
}

static void take_line_again(void *unused)
{
	lines[smp_id()].again = pvclock_snapshot(this_cpu(this_clock).page);
}

static bool lines_changed(void)
{
	int cpu;

	for_each_cpu (cpu)
		if (lines[cpu].info.version != lines[cpu].again.version)
			return true;
	return false;
}

/* Rounding to nanoseconds, twice. */
#define LINE_TOLERANCE_NS 2

/*
 * PVCLOCK_TSC_STABLE_BIT: "time measures taken across multiple cpus are guaranteed to be
 * monotonic". With one TSC for all, that means one line for all. All clock pages are
 * copied, and again: if none was rewritten in between, all were valid at once, and must
 * give the same time for the same TSC. This sees errors smaller than a read takes, which
 * monotonic_all_cpus cannot; it sees no TSCs that are apart, which that one does.
 */
TEST(stable_flag, .needs = KVMCLOCK_STABLE_BIT,
     .about = "clock pages with PVCLOCK_TSC_STABLE_BIT on all CPUs describe one line")
{
	int cpu, attempt, stable = 0, off = 0;
	u64 time;

	start_clocks(pvclock_best_msrs());
	/* KVM rewrites them all a little after the last has been registered. */
	delay_us(UPDATE_DELAY_US);
	for (attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		on_cpus(take_line, NULL);
		on_cpus(take_line_again, NULL);
		if (!lines_changed())
			break;
	}
	stop_clocks();
	if (attempt == MOST_ATTEMPTS) {
		report_skip("clock pages were rewritten in all of %d attempts", MOST_ATTEMPTS);
		return;
	}
	for_each_cpu (cpu)
		stable += lines[cpu].info.flags & PVCLOCK_TSC_STABLE_BIT;
	if (stable < cpu_count()) {
		report_skip("KVM sets PVCLOCK_TSC_STABLE_BIT on %d of %d CPUs", stable,
			    cpu_count());
		return;
	}
	time = pvclock_time_at(&lines[0].info, lines[0].tsc);
	for_each_cpu (cpu) {
		s64 apart = pvclock_time_at(&lines[cpu].info, lines[0].tsc) - time;

		off += !report_if_failed(apart >= -LINE_TOLERANCE_NS && apart <= LINE_TOLERANCE_NS,
					 "CPU %d's line is %ld ns off CPU 0's at TSC %lu "
					 "(tsc_timestamp %lu and %lu, system_time %lu and %lu)",
					 cpu, apart, lines[0].tsc, lines[cpu].info.tsc_timestamp,
					 lines[0].info.tsc_timestamp, lines[cpu].info.system_time,
					 lines[0].info.system_time);
	}
	report(!off, "the clock pages of %d CPUs describe one line", cpu_count());
}

static u8 flags_seen[MAX_CPUS];

/* "Checking and clearing the flag must be an atomic operation." */
static void clear_stopped(void *unused)
{
	flags_seen[smp_id()] = __atomic_fetch_and(&this_cpu(this_clock).page->flags,
						  (u8)~PVCLOCK_GUEST_STOPPED, __ATOMIC_SEQ_CST);
}

/* Waits for less time in each attempt, since a guest may be moved ever so often. */
static void stay_unstopped(void *delay)
{
	on_cpus(clear_stopped, NULL);
	on_cpus(register_again_here, NULL);
	delay_us(*(u64 *)delay);
	on_cpus(register_again_here, NULL);
	on_cpus(clear_stopped, NULL);
	*(u64 *)delay /= 2;
}

static int count_stopped(void)
{
	int cpu, stopped = 0;

	for_each_cpu (cpu)
		stopped += !!(flags_seen[cpu] & PVCLOCK_GUEST_STOPPED);
	return stopped;
}

static void report_not_stopped(const char *when)
{
	u64 delay = UPDATE_DELAY_US;
	int cpu;

	if (!undisturbed(stay_unstopped, &delay))
		return;
	for_each_cpu (cpu)
		report_if_failed(!(flags_seen[cpu] & PVCLOCK_GUEST_STOPPED),
				 "%s: CPU %d: PVCLOCK_GUEST_STOPPED came back though nobody "
				 "stopped the guest (flags 0x%x)",
				 when, cpu, flags_seen[cpu]);
	report(!count_stopped(), "%s: PVCLOCK_GUEST_STOPPED stays clear on %d CPUs", when,
	       cpu_count());
}

/*
 * A VMM that does not tell KVM (KVM_KVMCLOCK_CTRL) that it stopped the guest, or tells it
 * for some vCPUs only or before their clock pages are known; a KVM that forgets, or that
 * puts the flag back after the guest has cleared it. The guest then takes the pause for a
 * lockup of its own. VMM and KVM are not told apart. Only the vCPU that runs sees its flag
 * in time, so each one looks at its own.
 */
TEST(guest_stopped, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "PVCLOCK_GUEST_STOPPED is set on every CPU by a pause, and by nothing else")
{
	struct host_time begin, end;
	int cpu;

	start_clocks(pvclock_best_msrs());
	report_not_stopped("before");
	ask_host_time(&begin);
	on_cpus(clear_stopped, NULL);
	migrate_quiet();
	on_cpus(clear_stopped, NULL);
	ask_host_time(&end);
	if (end.moves != begin.moves) {
		for_each_cpu (cpu)
			report_if_failed(
				flags_seen[cpu] & PVCLOCK_GUEST_STOPPED,
				"CPU %d: PVCLOCK_GUEST_STOPPED is clear after %lu moves or "
				"pauses (flags 0x%x)",
				cpu, end.moves - begin.moves, flags_seen[cpu]);
		report(count_stopped() == cpu_count(),
		       "PVCLOCK_GUEST_STOPPED is set on %d of %d CPUs after %lu moves or pauses",
		       count_stopped(), cpu_count(), end.moves - begin.moves);
	}
	report_not_stopped("afterwards");
	stop_clocks();
}

/* ======== across a move ======== */

static void check_msr_here(void *bad)
{
	struct cpu_clock *clock = my_clock();
	u64 wrote = (u64)clock->page | KVM_MSR_ENABLED;
	u64 value = rdmsr(clock->msrs->system_time);

	if (!report_if_failed(value == wrote, "CPU %d: MSR 0x%x reads 0x%lx, wrote 0x%lx", smp_id(),
			      clock->msrs->system_time, value, wrote))
		atomic_inc(bad);
}

static void check_msrs(const char *when)
{
	atomic_t bad = ATOMIC_INIT(0);

	on_cpus(check_msr_here, &bad);
	report(!atomic_read(&bad), "%s: the MSRs hold what each of %d CPUs wrote", when,
	       cpu_count());
}

static void check_move(const struct pvclock_msrs *msrs)
{
	start_clocks(msrs);
	take_reading(&first_reading);
	migrate();
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading,
		      was_moved(&first_reading, &last_reading) ? "moved" : "not moved");
	check_msrs("afterwards");
	stop_clocks();
}

/*
 * A VMM that saves the clock before the guest stops, or sets it after the guest runs; that
 * gives the destination a TSC and a clock of different moments; a KVM that keeps the old
 * host's TSC in a clock page. Forward by up to as long as the host held the guest is
 * right, and so is standing still meanwhile.
 */
TEST(moved_new, .needs = KVMCLOCK_NEW_MSRS,
     .about = "across a move no clock goes back, or further than the host's; MSRs stay")
{
	check_move(&pvclock_new_msrs);
}

/* The same with MSRs that a VMM may forget to carry, and with the clock not stable. */
TEST(moved_old, .needs = KVMCLOCK_OLD_MSRS,
     .about = "the same with clocks that the old MSRs enabled")
{
	check_move(&pvclock_old_msrs);
}

#define MANY_MOVES 20

/*
 * An error too small to be seen in one move adds up: the bounds for all moves together
 * have the same constant as those for one. What stays within what the host held the guest
 * for cannot be seen, as standing still is allowed.
 */
TEST(moved_twenty_times, .needs = KVMCLOCK, .about = "after 20 moves the errors have not added up")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	for (int i = 0; i < MANY_MOVES; i++)
		migrate_quiet();
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "20 requests to be moved");
	check_msrs("afterwards");
	if (last_reading.answered)
		mark("drift", "moves=%lu host=%lu clock=%lu held_at_most=%lu",
		     last_reading.host.moves - first_reading.host.moves,
		     last_reading.host.monotonic - first_reading.host.monotonic,
		     last_reading.after[0] - first_reading.after[0],
		     last_reading.host.pause_max - first_reading.host.pause_max);
	stop_clocks();
}

static struct order order_of_all;
static bool work_is_over;

static void work_until_over(void *unused)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(work_is_over) && !deadline_passed(&deadline))
		read_in_order(&order_of_all);
}

static void work_meanwhile(void)
{
	read_in_order(&order_of_all);
	write_meanwhile();
}

#define WORKING_MOVES 3

/*
 * The move hits the guest between any two instructions: with one CPU's clock page already
 * rewritten and another's not, or between the read of the page and that of the TSC. A KVM
 * that lets a vCPU run before all its clock is set is seen by a step back at that moment.
 */
TEST(moved_while_working, .needs = KVMCLOCK,
     .about = "time never goes back on CPUs that read it all the while they are moved")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	order_begin(&order_of_all);
	WRITE_ONCE(work_is_over, false);
	for_each_cpu (cpu)
		if (cpu != smp_id())
			on_cpu_async(cpu, work_until_over, NULL);
	for (int i = 0; i < WORKING_MOVES; i++)
		migrate_while(work_meanwhile);
	read_many_in_order(&order_of_all);
	WRITE_ONCE(work_is_over, true);
	for_each_cpu (cpu)
		on_cpu_wait(cpu);
	check_order(&order_of_all, "working");
	stop_clocks();
}

struct page_before {
	struct pvclock_vcpu_time_info info;
	u64 tsc;
};

static struct page_before pages_before[MAX_CPUS];

/*
 * Where it is safe, what the page says is spoilt, too: a VMM may read the boot CPU's
 * clock page for the time (QEMU where KVM_GET_CLOCK is not reliable), and would be right
 * to trust it. The version is KVM's to go on from.
 */
static void leave_page(void *unused)
{
	struct pvclock_vcpu_time_info *page = this_cpu(this_clock).page;
	struct page_before *before = &pages_before[smp_id()];

	before->info = pvclock_snapshot(page);
	memset((u8 *)page + sizeof(*page), PATTERN, PAGE_SIZE - sizeof(*page));
	before->tsc = rdtsc_ordered();
	if (smp_id()) {
		WRITE_ONCE(page->system_time, PATTERN_WORD);
		WRITE_ONCE(page->tsc_timestamp, PATTERN_WORD);
		WRITE_ONCE(page->tsc_to_system_mul, DECOY_VERSION);
	}
}

static void check_rewritten(void *unused)
{
	struct pvclock_vcpu_time_info *page = this_cpu(this_clock).page;
	struct page_before *before = &pages_before[smp_id()];
	struct pvclock_vcpu_time_info info = pvclock_snapshot(page);

	report(info.version != before->info.version && info.tsc_timestamp > before->tsc &&
		       info.tsc_timestamp <= rdtsc_ordered(),
	       "CPU %d: the clock page was written after the guest had left: version %u, before "
	       "%u; "
	       "tsc_timestamp %lu, the TSC before was %lu, now is %lu",
	       smp_id(), info.version, before->info.version, info.tsc_timestamp, before->tsc,
	       rdtsc_ordered());
	report(info.tsc_to_system_mul != DECOY_VERSION && info.system_time != PATTERN_WORD,
	       "CPU %d: what the guest had scribbled into its clock page is gone (mul %u, "
	       "system_time "
	       "%lu)",
	       smp_id(), info.tsc_to_system_mul, info.system_time);
	report_untouched(page, sizeof(*page), "moved");
}

static bool moved_since_left;

static void leave_and_be_moved(void *unused)
{
	struct host_time begin, end;

	ask_host_time(&begin);
	on_cpus(leave_page, NULL);
	migrate_quiet();
	ask_host_time(&end);
	moved_since_left = end.moves != begin.moves;
}

/*
 * A destination that only copies the clock page leaves the guest with a line drawn for
 * the other host's TSC. It goes unnoticed while both hosts have the same TSC and the clock
 * stands still with it, as in a test on one machine: so this looks at the page itself. The
 * source has no reason to rewrite it, as this waits until it has; one that did so as its
 * last act would pass.
 */
TEST(moved_page_rewritten, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "the destination writes every clock page anew, and repairs a spoilt one")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	delay_us(UPDATE_DELAY_US);
	take_reading(&first_reading);
	leave_and_be_moved(NULL);
	if (moved_since_left) {
		for_each_cpu (cpu)
			on_cpu(cpu, check_rewritten, NULL);
	} else {
		report_info("the host did not move the guest");
		on_cpus(register_again_here, NULL);
	}
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "with clock pages that were left spoilt");
	stop_clocks();
}

/* ======== clocks that are not there during the move ======== */

static u64 times[MAX_CPUS];

static void note_time(void *unused)
{
	times[smp_id()] = clock_now();
}

static void stop_and_fill(void *unused)
{
	struct cpu_clock *clock = my_clock();

	clock_off(clock);
	fill(clock->pages[0]);
	fill(clock->pages[1]);
}

static void check_still_off(void *unused)
{
	struct cpu_clock *clock = my_clock();
	u64 value = rdmsr(clock->msrs->system_time);

	report(!(value & KVM_MSR_ENABLED), "CPU %d: MSR 0x%x is still disabled (reads 0x%lx)",
	       smp_id(), clock->msrs->system_time, value);
	report_untouched(clock->pages[0], 0, "disabled before the move");
	report_untouched(clock->pages[1], 0, "disabled before the move");
}

/*
 * A VMM that restores an address that the guest has taken back has KVM write to memory
 * that is something else by now. Where nothing moves the guest this repeats disable_*.
 */
TEST(disabled_stays_disabled, .needs = KVMCLOCK,
     .about = "a clock that was disabled before a move stays so, its page untouched")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	on_cpus(stop_and_fill, NULL);
	migrate_quiet();
	delay_us(UPDATE_DELAY_US);
	for_each_cpu (cpu)
		on_cpu(cpu, check_still_off, NULL);
}

/*
 * A VMM that sets the clock only if a vCPU uses it at the time of the move; a KVM that
 * starts another line for a late one. All clocks are disabled while the guest is moved, and
 * enabled again on other pages.
 */
TEST(enabled_after_move, .needs = KVMCLOCK,
     .about = "clocks that are off during a move go on from where they would be")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	stop_clocks();
	migrate_quiet();
	start_clocks(pvclock_best_msrs());
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "off during the move");
	stop_clocks();
}

static void start_late(void *unused)
{
	start_here((void *)pvclock_best_msrs());
	note_time(NULL);
}

static bool is_stable(int cpu)
{
	return cpu_ptr(this_clock, cpu)->page->flags & PVCLOCK_TSC_STABLE_BIT;
}

/*
 * The same for CPUs whose clocks were never on, beside the boot CPU's that always was: they
 * must come in on its line.
 */
TEST(late_cpu_same_line, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "a CPU that enables its clock only after a move has the boot CPU's time")
{
	struct cpu_clock *clock = my_clock();
	u64 before, after;
	s64 slack;
	int cpu;

	start_here((void *)pvclock_best_msrs());
	before = clock_now();
	migrate_quiet();
	after = clock_now();
	report(after >= before, "CPU 0: time went on: %lu ns, later %lu ns", before, after);
	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		before = clock_now();
		on_cpu(cpu, start_late, NULL);
		after = clock_now();
		slack = is_stable(0) && is_stable(cpu) ? 0 : UNSTABLE_SLACK_NS;
		report((s64)(times[cpu] - before) >= -slack && (s64)(after - times[cpu]) >= -slack,
		       "CPU %d: late, its time is %lu ns, CPU 0's %lu ns before and %lu ns after "
		       "(%ld ns allowed)",
		       cpu, times[cpu], before, after, slack);
	}
	clock_off(clock);
	stop_clocks();
}

/* ======== userspace that does not know the current clock page ======== */

/*
 * A guest may move its clock page at any time, and the VMM is not told: it learns the
 * address when it next reads the vCPU's MSRs, which it does late in a move, and not at all
 * for a pause. A VMM or a KVM that goes by an address from before takes the time from an
 * abandoned page, or has it written there, or restores it. So here the guest says that it
 * wants to be moved, and only then goes to another page, by one instruction that makes no
 * exit to the VMM; the old page becomes a decoy, a clock page like any other that is one
 * hour ahead. Afterwards:
 *
 * - no time may have come from the decoy: a clock that is an hour ahead is this;
 * - nobody may have written to the decoy;
 * - the new page must be in use: KVM writes to it when asked, and marks it when the guest
 *   was stopped (PVCLOCK_GUEST_STOPPED);
 * - the MSR must hold the new address.
 *
 * The same from KVM and from the VMM looks alike, but for a decoy that was written to: that
 * only KVM can have done, told by whomever.
 *
 * page_moved_*: each CPU leaves its page once, after the request and before the move. This
 * sees all of the above. page_moving_*: it goes to and fro until the host has answered, so
 * that the move falls on any instruction of it; each stay is looked at when it ends.
 */
struct hopper {
	bool hops; /* does this CPU change pages? */
	struct pvclock_vcpu_time_info decoy;
	u64 last, count, stops, decoys_written, back, leaps;
	struct pvclock_vcpu_time_info written;
	s64 worst;
	bool stable;
};

static struct hopper hoppers[MAX_CPUS];
static bool hop_now, hop_on;

/* Makes the page that this CPU does not use a decoy. */
static void make_decoy(struct cpu_clock *clock, struct hopper *hopper)
{
	struct pvclock_vcpu_time_info *page = other_page(clock);

	hopper->decoy = pvclock_snapshot(clock->page);
	hopper->decoy.version = DECOY_VERSION;
	hopper->decoy.system_time += DECOY_AHEAD_NS;
	hopper->decoy.flags &= ~PVCLOCK_GUEST_STOPPED;
	*page = hopper->decoy;
}

static void look_at_decoy(struct cpu_clock *clock, struct hopper *hopper)
{
	struct pvclock_vcpu_time_info *page = other_page(clock);

	if (memcmp(page, &hopper->decoy, sizeof(*page)) && !hopper->decoys_written++)
		hopper->written = *page;
}

static void look_at_time(struct cpu_clock *clock, struct hopper *hopper)
{
	u8 flags;
	u64 time = pvclock_read_flags(clock->page, &flags);
	s64 step = time - hopper->last;

	hopper->stable &= flags & PVCLOCK_TSC_STABLE_BIT;
	hopper->back += step < (hopper->stable ? 0 : -UNSTABLE_SLACK_NS);
	hopper->leaps += step > DECOY_AHEAD_NS / 2;
	if (step < hopper->worst || step > DECOY_AHEAD_NS / 2)
		hopper->worst = step;
	hopper->last = time;
}

static bool is_stopped(const struct pvclock_vcpu_time_info *page)
{
	return READ_ONCE(page->flags) & PVCLOCK_GUEST_STOPPED;
}

static void hop(struct cpu_clock *clock, struct hopper *hopper)
{
	look_at_decoy(clock, hopper);
	clock_on(clock, clock->msrs, clock->page == clock->pages[0]);
	/* Now the other page is the one that was used until now. */
	hopper->stops += is_stopped(other_page(clock));
	make_decoy(clock, hopper);
	look_at_time(clock, hopper);
	hopper->count++;
}

static void hop_here(void)
{
	hop(my_clock(), &hoppers[smp_id()]);
}

static void hop_begin(void *unused)
{
	struct hopper *hopper = &hoppers[smp_id()];
	struct cpu_clock *clock = my_clock();
	bool hops = hopper->hops;

	*hopper = (struct hopper){ .hops = hops, .last = clock_now(), .stable = true };
	__atomic_fetch_and(&clock->page->flags, (u8)~PVCLOCK_GUEST_STOPPED, __ATOMIC_SEQ_CST);
	make_decoy(clock, hopper);
}

/* What a CPU other than the boot CPU does from before the request until after the answer. */
static void hop_when_told(void *unused)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(hop_now) && !deadline_passed(&deadline))
		;
	do
		hop_here();
	while (READ_ONCE(hop_on) && !deadline_passed(&deadline));
}

static void hop_and_write(void)
{
	WRITE_ONCE(hop_now, true);
	if (hoppers[0].hops && (READ_ONCE(hop_on) || !hoppers[0].count))
		hop_here();
	write_meanwhile();
}

static void check_hopper(void *moved)
{
	struct hopper *hopper = &hoppers[smp_id()];
	struct cpu_clock *clock = my_clock();
	struct pvclock_vcpu_time_info *old = other_page(clock);
	int cpu = smp_id();
	u32 version;

	look_at_time(clock, hopper);
	look_at_decoy(clock, hopper);
	hopper->stops += is_stopped(clock->page);
	report(!hopper->leaps && !hopper->back,
	       "CPU %d: time went on while the page changed %lu times: %lu leaps, %lu steps back "
	       "(worst step %ld ns; an abandoned page is %ld ns ahead)",
	       cpu, hopper->count, hopper->leaps, hopper->back, hopper->worst, DECOY_AHEAD_NS);
	report(!hopper->decoys_written,
	       "CPU %d: nobody wrote to an abandoned clock page (%lu times; version %u, "
	       "tsc_timestamp %lu, system_time %lu, flags 0x%x at %p)",
	       cpu, hopper->decoys_written, hopper->written.version, hopper->written.tsc_timestamp,
	       hopper->written.system_time, hopper->written.flags, old);
	report_registered(clock->msrs, (u64)clock->page | KVM_MSR_ENABLED);
	if (*(bool *)moved)
		report(hopper->stops,
		       "CPU %d: KVM set PVCLOCK_GUEST_STOPPED on the page in use at the move", cpu);
	version = pvclock_snapshot(clock->page).version;
	delay_us(UPDATE_DELAY_US);
	pvclock_register(clock->msrs, clock->page);
	report(pvclock_snapshot(clock->page).version != version,
	       "CPU %d: the page in use, %p, is written (version %u, now %u)", cpu, clock->page,
	       version, pvclock_snapshot(clock->page).version);
	look_at_decoy(clock, hopper);
	report(!hopper->decoys_written, "CPU %d: nor did anybody later", cpu);
}

static void move_pages(int first, int last, bool again_and_again)
{
	bool moved;
	int cpu;

	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	hop_now = false;
	hop_on = again_and_again;
	for_each_cpu (cpu)
		hoppers[cpu].hops = cpu >= first && cpu <= last;
	on_cpus(hop_begin, NULL);
	for_each_cpu (cpu)
		if (cpu && hoppers[cpu].hops)
			on_cpu_async(cpu, hop_when_told, NULL);
	migrate_while(hop_and_write);
	/* A host that answers before the guest has looked once. */
	hop_and_write();
	WRITE_ONCE(hop_on, false);
	for_each_cpu (cpu)
		on_cpu_wait(cpu);
	take_reading(&last_reading);
	moved = was_moved(&first_reading, &last_reading);
	check_elapsed(&first_reading, &last_reading, "with another page");
	for_each_cpu (cpu)
		if (hoppers[cpu].hops)
			on_cpu(cpu, check_hopper, &moved);
	stop_clocks();
}

TEST(page_moved_boot_cpu, .needs = KVMCLOCK,
     .about = "the boot CPU's clock page moves just before the guest is moved")
{
	move_pages(0, 0, false);
}

TEST(page_moved_other_cpu, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "another CPU's clock page moves just before the guest is moved")
{
	move_pages(cpu_count() - 1, cpu_count() - 1, false);
}

TEST(page_moved_all_cpus, .needs = KVMCLOCK,
     .about = "all clock pages move just before the guest is moved")
{
	move_pages(0, cpu_count() - 1, false);
}

TEST(page_moving_boot_cpu, .needs = KVMCLOCK,
     .about = "the boot CPU's clock page moves to and fro while the guest is moved")
{
	move_pages(0, 0, true);
}

TEST(page_moving_other_cpu, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "another CPU's clock page moves to and fro while the guest is moved")
{
	move_pages(cpu_count() - 1, cpu_count() - 1, true);
}

TEST(page_moving_all_cpus, .needs = KVMCLOCK,
     .about = "all clock pages move to and fro while the guest is moved")
{
	move_pages(0, cpu_count() - 1, true);
}
