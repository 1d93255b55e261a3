// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's VMX-preemption timer never fires if its deadline has passed when KVM_SET_NESTED_STATE
 * restores it. See kvm-preemption-timer-passed.md. L1 enters L2 with the timer on, and the VM is
 * saved in L2. It is restored twice, each time into a new VM: first with L1's TSC shortly before
 * the deadline, to see that the exit comes at all, and then with the TSC past it. Only L1's TSC is
 * measured, so a slow host does no harm.
 */
#include "repro-vmx.h"

enum { PORT_IN_L2 = 0x10, MSR_TSC = 0x10, MSR_FEATURE_CONTROL = 0x3a, MSR_VMX_MISC = 0x485 };
enum { PREEMPTION_TIMER = 1 << 6, TIMER_VALUE = 0x482e, EXIT_PREEMPTION_TIMER = 52 };

/* L2 writes to a port for ever. After each write KVM enters L2 again, and looks at the timer. */
asm(".pushsection .rodata\n" L1_CODE "1:	out %al, $0x10\n"
    "	jmp 1b\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

static struct {
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_vcpu_events events;
	struct {
		struct kvm_nested_state head;
		struct kvm_vmx_nested_state_data data;
	} nested;
} saved;

static uint64_t read_tsc(struct vm *vm)
{
	uint64_t tsc;

	if (!get_msr(vm, MSR_TSC, &tsc))
		errx(BROKEN, "KVM does not tell the TSC");
	return tsc;
}

/* KVM completes the write to the port, which advances RIP, and runs nothing. */
static void finish_write(struct vm *vm)
{
	vm->run->immediate_exit = 1;
	if (ioctl(vm->vcpu, KVM_RUN, 0) == 0)
		errx(BROKEN, "KVM_RUN ran on in spite of immediate_exit");
	vm->run->immediate_exit = 0;
}

/* Returns the deadline, in units of the timer. */
static uint64_t save(struct vm *vm)
{
	CALL(vm->vcpu, KVM_GET_SREGS, &saved.sregs);
	CALL(vm->vcpu, KVM_GET_REGS, &saved.regs);
	CALL(vm->vcpu, KVM_GET_VCPU_EVENTS, &saved.events);
	saved.nested.head.size = sizeof(saved.nested);
	CALL(vm->vcpu, KVM_GET_NESTED_STATE, &saved.nested);
	if (!(saved.nested.head.flags & KVM_STATE_NESTED_GUEST_MODE))
		errx(BROKEN, "the vCPU is not in L2");
	if (!(saved.nested.head.hdr.vmx.flags & KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE))
		cannot_tell("this KVM does not save the deadline of the timer");
	return saved.nested.head.hdr.vmx.preemption_timer_deadline;
}

/* Restores into a new VM. The TSC is set before the deadline, which depends on it. */
static void restore(struct vm *vm, const struct vm *from, uint64_t tsc)
{
	vm_create(vm);
	memcpy(vm->memory, from->memory, MEMORY_SIZE);
	if (!set_msr(vm, MSR_FEATURE_CONTROL, 5) || !set_msr(vm, MSR_TSC, tsc))
		errx(BROKEN, "KVM does not take the MSRs");
	CALL(vm->vcpu, KVM_SET_SREGS, &saved.sregs);
	CALL(vm->vcpu, KVM_SET_REGS, &saved.regs);
	CALL(vm->vcpu, KVM_SET_VCPU_EVENTS, &saved.events);
	CALL(vm->vcpu, KVM_SET_NESTED_STATE, &saved.nested);
}

/* Runs on. True if L1 gets the exit of the timer, false if L2 has come to its write first. */
static int timer_fires(struct vm *vm)
{
	uint32_t value;
	int port = run_to_port(vm, &value);

	if (port == PORT_IN_L2)
		return 0;
	if (port != PORT_EXIT || value != EXIT_PREEMPTION_TIMER)
		errx(BROKEN, "L2 ended with 0x%x at port 0x%x", value, port);
	return 1;
}

/*
 * True if L1 gets the exit before its TSC is at `limit`. L2 runs for some more entries after the
 * limit, since this program may have been preempted until then.
 */
static int exit_comes(struct vm *vm, uint64_t limit)
{
	enum { MORE_ENTRIES = 100 };
	unsigned int writes = 0, late = 0;

	while (late < MORE_ENTRIES) {
		if (timer_fires(vm)) {
			printf("L2 wrote to its port %u times, then L1 got the exit\n", writes);
			return 1;
		}
		writes++;
		late += read_tsc(vm) >= limit;
	}
	printf("L2 wrote to its port %u times, and no exit came\n", writes);
	return 0;
}

int main(void)
{
	enum { TIMER_SECONDS = 10 };
	uint64_t misc, deadline, second, now;
	struct vm vm, before, after;
	int shift;

	vmx_create(&vm, guest_code, guest_end - guest_code, PREEMPTION_TIMER, 0, 0);
	if (!get_msr(&vm, MSR_VMX_MISC, &misc))
		cannot_tell("this KVM has not all of VMX's capability MSRs");
	shift = misc & 0x1f; /* the timer counts once when this bit of the TSC changes */
	second = CALL(vm.vcpu, KVM_GET_TSC_KHZ, 0) * 1000ull;

	/* The first entry has a timer of 0, which expires before L2's first instruction. */
	if (!timer_fires(&vm))
		errx(BROKEN, "a timer of 0 has let L2 run");
	SET_FIELDS(&vm, { TIMER_VALUE, TIMER_SECONDS * second >> shift });
	expect_port(&vm, PORT_IN_L2);
	finish_write(&vm);
	deadline = save(&vm) << shift;
	now = read_tsc(&vm);
	printf("saved in L2, the deadline is in %lld ms of L1's TSC\n",
	       (long long)(deadline - now) * 1000 / (long long)second);

	restore(&before, &vm, deadline - second / 4);
	now = read_tsc(&before);
	if (now >= deadline)
		cannot_tell("this host is too slow to restore L2 before the deadline");
	printf("restored %llu ms before the deadline: ",
	       (unsigned long long)((deadline - now) * 1000 / second));
	if (!exit_comes(&before, deadline + second))
		errx(BROKEN, "the timer does not fire even if it is restored before the deadline");

	restore(&after, &vm, deadline + second);
	now = read_tsc(&after);
	if (now < deadline)
		errx(BROKEN, "the TSC is not what was restored");
	printf("restored %llu ms after the deadline: ",
	       (unsigned long long)((now - deadline) * 1000 / second));
	verdict(exit_comes(&after, now + second), "a timer that is over fires at once",
		"a timer that is over when it is restored does not fire");
}
