// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tests of l2-hyperv.c on VMX (Intel SDM volume 3: 25.6.1 external-interrupt exiting, 25.6.5
 * the TSC offset, 26.2 and 28.2.2 who gets interrupts), and kvmclock while L2 is in flight (Linux's
 * Documentation/virt/kvm/x86/msr.rst).
 */
#include "l2-hyperv.h"
#include "alloc_page.h"
#include "barrier.h"
#include "percpu.h"
#include "pvclock.h"
#include "smp.h"
#include "vmx.h"

FEATURE(L2_KIND, "VMX with TSC offsetting")
{
	return VMX_TSC_OFFSETTING[0]->present();
}

void set_tsc_offset(struct l2 *l2, u64 offset)
{
	l2_control(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	l2_set(l2, TSC_OFFSET, offset);
}

/* Not acknowledged on exit: the interrupt stays in the local APIC, for L1 to take. */
void intercept_interrupts(struct l2 *l2)
{
	l2_control(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
}

/* The MSR bit map does not know them, so they always exit (26.1.3), and L1 does it for L2. */
static bool pass_register(struct l2 *l2)
{
	u32 index = l2->registers.rcx;
	u64 value;

	switch (l2->exit_reason) {
	case EXIT_REASON_MSR_READ:
		value = rdmsr(index);
		l2->rax = (u32)value;
		l2->registers.rdx = value >> 32;
		break;
	case EXIT_REASON_MSR_WRITE:
		wrmsr(index, l2->registers.rdx << 32 | (u32)l2->rax);
		break;
	default:
		return false;
	}
	l2_skip(l2);
	return true;
}

/* Meanwhile L1 takes no interrupts: they are exits, or L2's. */
u64 enter_with_registers(struct l2 *l2)
{
	u64 flags = irq_save();

	do
		l2_enter(l2);
	while (pass_register(l2));
	irq_restore(flags);
	return l2->exit_reason;
}

bool is_interrupt_exit(u64 exit)
{
	return exit == EXIT_REASON_EXTERNAL_INTERRUPT;
}

void begin_with_interrupts_off(struct l2 *l2)
{
	l2_set(l2, GUEST_RFLAGS, l2_get(l2, GUEST_RFLAGS) & ~(u64)X86_EFLAGS_IF);
}

/* L2's RFLAGS.IF is its own; L1's stays off behind the exit. */
void hold_interrupts(void)
{
	irq_disable();
}

/* ======== kvmclock, as svm_time has it ======== */

/* Even as a version; and an hour, by which no clock is off. */
#define DECOY_VERSION 0x54545454
#define LEAP_NS	      (3600 * 1000000000l)

/* Without PVCLOCK_TSC_STABLE_BIT: KVM's CPU may be away between TSC and time (kvmclock.c). */
#define UNSTABLE_SLACK_NS 100000000l

#define STAYS		  20
#define READINGS_PER_STAY 30
#define HERE		  1

/* L2's TSC is days off. */
#define AHEAD  (5ul << 50)
#define BEHIND (-(7ul << 50))

/* This CPU's clock, read by L1 and L2 in one row. */
struct clock {
	struct pvclock_vcpu_time_info *page;
	u64 offset; /* of L2's TSC */
	bool move, unstable;
	u64 last, readings, back, leaps;
	s64 worst;
	u32 msr;
	u64 register_in_l2;
};

static PER_CPU(struct clock, this_clock);

static void read_clock(u64 tsc_offset)
{
	struct clock *clock = &this_cpu(this_clock);
	struct pvclock_vcpu_time_info info;
	s64 step;
	u64 time;

	/* The TSC belongs to the line that is valid when it is read. */
	do {
		info = pvclock_snapshot(clock->page);
		time = pvclock_time_at(&info, rdtsc_ordered() - tsc_offset);
		smp_rmb();
	} while (READ_ONCE(clock->page->version) != info.version);
	step = time - clock->last;
	clock->unstable |= !(info.flags & PVCLOCK_TSC_STABLE_BIT);
	if (clock->readings++) {
		clock->back += step < (clock->unstable ? -UNSTABLE_SLACK_NS : 0);
		clock->leaps += step > LEAP_NS / 2;
		if (step < clock->worst || step > LEAP_NS / 2)
			clock->worst = step;
	}
	clock->last = time;
}

static void read_clock_in_l2(void)
{
	read_clock(this_cpu(this_clock).offset);
}

static struct clock *begin_clock(struct l2 *l2)
{
	struct clock *clock = &this_cpu(this_clock);

	*clock = (struct clock){
		.page = alloc_page(),
		.msr = pvclock_best_msrs()->system_time,
		.offset = smp_id() % 2 ? AHEAD : BEHIND,
	};
	set_tsc_offset(l2, clock->offset + (broken("offset") ? 1ul << 50 : 0));
	return clock;
}

static void end_clock(struct clock *clock, const char *when)
{
	report(!clock->back && !clock->leaps,
	       "%s: %lu readings, %lu steps back, %lu leaps (the worst step: %ld ns; an abandoned "
	       "page is %ld ns ahead)",
	       when, clock->readings, clock->back, clock->leaps, clock->worst, LEAP_NS);
	pvclock_disable(pvclock_best_msrs());
	free_page(clock->page);
}

static void read_clock_and_exit(void *unused)
{
	struct clock *clock = &this_cpu(this_clock);

	for (;;) {
		for (int i = 0; i < READINGS_PER_STAY; i++)
			read_clock_in_l2();
		if (clock->move) {
			clock->move = false;
			migrate_quiet_while(read_clock_in_l2);
		}
		l2_call(HERE);
	}
}

/*
 * A hypervisor that computes the page's line with L2's TSC, whenever it has a reason to do so
 * while L2 runs, is days off, either at once or back in L1.
 */
TEST(kvmclock_in_flight, .on = EACH_CPU, .needs = ALL_OF(L2_KIND, KVMCLOCK),
     .about = "kvmclock, read in turns by L1 and L2, in L2 without pause while it is moved, never "
	      "steps back")
{
	struct l2 *l2 = l2_new(read_clock_and_exit, NULL);
	struct clock *clock = begin_clock(l2);
	u32 done = 0;

	pvclock_register(pvclock_best_msrs(), clock->page);
	for (; done < STAYS; done++) {
		clock->move = done == STAYS / 2;
		read_clock(0);
		enter_with_registers(l2);
		if (!l2_is_call(l2, HERE))
			break;
		l2_skip_call(l2);
		read_clock(0);
	}
	report(done == STAYS, "%u stays in L2 of %d: exit %s", done, STAYS, l2_exit_text(l2));
	end_clock(clock, "in L1 and L2");
	l2_free(l2);
}

static void be_moved_with_clock(void *data)
{
	struct clock *clock = data;

	read_clock_in_l2();
	await_move(read_clock_in_l2);
	read_clock_in_l2();
	clock->register_in_l2 = rdmsr(clock->msr);
	l2_call(HERE);
}

/*
 * The address of the clock page is in a register of L1's that the VMM has not seen yet, and that it
 * reads while L2 runs. L1 asks to be moved, goes to the new page and enters L2: none of
 * these exits lets the VMM look. The page before becomes a decoy.
 */
TEST(kvmclock_moved_in_flight, .on = EACH_CPU, .needs = ALL_OF(L2_KIND, KVMCLOCK),
     .about =
	     "L1's clock, moved to another page just before L2 is entered and moved, goes on there")
{
	struct pvclock_vcpu_time_info *old = alloc_page(), *used, decoy;
	struct clock *clock = &this_cpu(this_clock);
	struct l2 *l2 = l2_new(be_moved_with_clock, clock);
	u64 wrote;

	begin_clock(l2);
	wrote = (u64)clock->page | KVM_MSR_ENABLED;
	pvclock_register(pvclock_best_msrs(), old);
	used = broken("page") ? old : clock->page;
	request_move();
	pvclock_register(pvclock_best_msrs(), used);
	*old = pvclock_snapshot(used);
	old->version = DECOY_VERSION;
	old->system_time += LEAP_NS;
	decoy = *old;
	enter_with_registers(l2);
	report(l2_is_call(l2, HERE), "L2 came to its call: exit %s", l2_exit_text(l2));
	read_clock(0);
	report(clock->register_in_l2 == wrote && rdmsr(clock->msr) == wrote,
	       "MSR 0x%x reads 0x%lx in L2 and 0x%lx in L1 (wrote 0x%lx)", clock->msr,
	       clock->register_in_l2, rdmsr(clock->msr), wrote);
	report(!memcmp(old, &decoy, sizeof(decoy)),
	       "nobody wrote to the page that is not in use, %p: version 0x%x, tsc_timestamp %lu, "
	       "system_time %lu, flags 0x%x",
	       old, old->version, old->tsc_timestamp, old->system_time, old->flags);
	end_clock(clock, "in L2, moved, and in L1");
	l2_free(l2);
	free_page(old);
}
