// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * With a split irqchip, the exit that reports an EOI to the IOAPIC is lost if a signal ends KVM_RUN
 * after the guest's EOI, and the VM is saved then. See kvm-eoi-exit-lost.md. A line is high all the
 * time, so the IOAPIC of this program sends its level-triggered interrupt again with each EOI that
 * KVM reports, and never before. A timer's signals end KVM_RUN now and then. When one comes between
 * an EOI and its exit, the program copies all state that KVM reports into a new VM, where the exit
 * has to come.
 */
#include "repro.h"

enum { PINS = 24, VECTOR = 0x51, MSI_ADDRESS = 0xfee00000, MSI_LEVEL = 1 << 15 | 1 << 14 };

/* The guest's counters, in its memory. It counts an EOI before it writes EOI. */
enum { EOIS = SPARE, SPINS = SPARE + 8 };

asm(".pushsection .rodata\n"
    "guest_code:\n"
    "	mov $0x80b, %ecx\n"
    "	xor %eax, %eax\n"
    "	xor %edx, %edx\n"
    "	sti\n"
    "1:	incq 0x100008\n"
    "	jmp 1b\n"
    "guest_interrupt:\n"
    "	incq 0x100000\n"
    "	wrmsr\n" /* EOI */
    "	iretq\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_interrupt[], guest_end[];

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

/* A signal comes after this time, and then each second, since the first may come before KVM_RUN. */
static void set_timer(unsigned int us)
{
	struct itimerval timer = { .it_value = { us / 1000000, us % 1000000 },
				   .it_interval = { 1, 0 } };

	if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
		err(BROKEN, "setitimer");
}

static uint64_t read64(const struct vm *vm, uint64_t address)
{
	uint64_t value;

	memcpy(&value, vm->memory + address, sizeof(value));
	return value;
}

/* Pin 0 has a level-triggered route, so KVM has to report EOIs of its vector. */
static void create(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = { .head.nr = 1, .entry.type = KVM_IRQ_ROUTING_MSI };

	vm_create_with_pins(vm, PINS);
	routing.entry.u.msi.address_lo = MSI_ADDRESS;
	routing.entry.u.msi.data = VECTOR | MSI_LEVEL;
	CALL(vm->fd, KVM_SET_GSI_ROUTING, &routing);
}

static void start(struct vm *vm)
{
	start_in_long_mode(vm, guest_code, guest_end - guest_code, 0, 0);
	set_interrupt_gate(vm, VECTOR, CODE + (guest_interrupt - guest_code));
	enable_x2apic(vm);
}

static void send_interrupt(struct vm *vm)
{
	struct kvm_msi msi = { .address_lo = MSI_ADDRESS, .data = VECTOR | MSI_LEVEL };

	if (CALL(vm->fd, KVM_SIGNAL_MSI, &msi) != 1)
		errx(BROKEN, "the local APIC did not take the interrupt");
}

/* True if KVM reports an EOI, false if a signal has ended KVM_RUN. */
static int run_to_eoi(struct vm *vm)
{
	if (ioctl(vm->vcpu, KVM_RUN, 0) < 0) {
		if (errno != EINTR)
			err(BROKEN, "KVM_RUN");
		return 0;
	}
	if (vm->run->exit_reason != KVM_EXIT_IOAPIC_EOI || vm->run->eoi.vector != VECTOR)
		errx(BROKEN, "the guest stopped with exit reason %u", vm->run->exit_reason);
	return 1;
}

/*
 * There is always exactly one interrupt: the local APIC has it in its IRR or in its ISR, or the
 * guest has written EOI and the exit has not come.
 */
static int exit_is_due(struct vm *vm)
{
	enum { ISR = 0x100, IRR = 0x200, BYTES_APART = 16 };
	enum { OFFSET = VECTOR / 32 * BYTES_APART, MASK = 1 << VECTOR % 32 };
	struct kvm_lapic_state lapic;
	uint32_t isr, irr;

	CALL(vm->vcpu, KVM_GET_LAPIC, &lapic);
	memcpy(&isr, lapic.regs + ISR + OFFSET, sizeof(isr));
	memcpy(&irr, lapic.regs + IRR + OFFSET, sizeof(irr));
	return !((isr | irr) & MASK);
}

/* Runs until the guest has written an EOI that KVM has not reported. False if it does not. */
static int meet_signal_after_eoi(struct vm *vm)
{
	/* Even a slow host runs some of the guest in the longest time between signals. */
	enum { SECONDS = 60, ENOUGH = 500, LONGEST_US = 1 << 14 };
	uint64_t exits = 0;
	unsigned int interrupted = 0, in_time = 0, longest = 1;
	time_t end = time(NULL) + SECONDS;
	sig_atomic_t before = signals;

	send_interrupt(vm);
	set_timer(1);
	while (time(NULL) < end && in_time < ENOUGH) {
		int eoi = run_to_eoi(vm);

		if (eoi) {
			exits++;
			send_interrupt(vm);
		} else {
			interrupted++;
			if (exit_is_due(vm)) {
				set_timer(0);
				printf("%u signals have ended KVM_RUN, the last one after an EOI\n",
				       interrupted);
				printf("EOIs by the guest %llu, exits with an EOI %llu, the vector is neither in the IRR nor in the ISR\n",
				       (unsigned long long)read64(vm, EOIS),
				       (unsigned long long)exits);
				return 1;
			}
		}
		if (signals == before)
			continue;
		/* A KVM without the bug makes the exit in spite of the signal. */
		in_time += eoi;
		before = signals;
		longest = longest < LONGEST_US ? longest * 2 : 1;
		set_timer(1 + rand() % longest);
	}
	set_timer(0);
	printf("%u signals have ended KVM_RUN, none of them after an EOI; %u EOIs were told in spite of a signal\n",
	       interrupted, in_time);
	if (in_time < ENOUGH)
		cannot_tell("too few signals have come while KVM handled an EOI");
	return 0;
}

static void copy(struct vm *to, struct vm *from)
{
	create(to);
	memcpy(to->memory, from->memory, MEMORY_SIZE);
	copy_vcpu(to, from);
}

/* What a VMM does before it saves a vCPU: KVM completes pending operations, and runs nothing. */
static int complete_eoi(struct vm *vm)
{
	enum { TIMES = 3 };
	int came = 0;

	vm->run->immediate_exit = 1;
	for (int i = 0; i < TIMES && !came; i++)
		came = run_to_eoi(vm);
	vm->run->immediate_exit = 0;
	printf("KVM_RUN with immediate_exit, up to %d times: %s\n", TIMES,
	       came ? "the exit comes" : "no exit");
	return came;
}

/* The other documented way: a signal is pending that only KVM_RUN unmasks. */
static int complete_with_signal(struct vm *vm)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t no_signal[8];
	} mask = { .head.len = sizeof(mask.no_signal) };
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	CALL(vm->vcpu, KVM_SET_SIGNAL_MASK, &mask);
	raise(SIGALRM);
	return run_to_eoi(vm);
}

int main(void)
{
	enum { WAIT_US = 2000000 };
	struct sigaction action = { .sa_handler = count_signal };
	struct vm vm, restored;
	uint64_t spins;
	int came;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (sigaction(SIGALRM, &action, NULL) < 0)
		err(BROKEN, "sigaction");
	create(&vm);
	start(&vm);
	if (!meet_signal_after_eoi(&vm) || complete_eoi(&vm))
		verdict(1, "the exit with the EOI comes before the VM can be saved", "");

	/* The restored VM's IOAPIC waits for the EOI, and sends nothing. */
	copy(&restored, &vm);
	spins = read64(&restored, SPINS);
	set_timer(WAIT_US);
	came = run_to_eoi(&restored);
	set_timer(0);
	spins = read64(&restored, SPINS) - spins;
	printf("restored in a new VM: %s, the guest has spun %llu times\n",
	       came ? "the exit comes" : "no exit within 2 s", (unsigned long long)spins);
	if (!came) {
		if (spins == 0)
			errx(BROKEN, "the restored guest does not run");
		send_interrupt(&restored);
		set_timer(WAIT_US);
		if (!run_to_eoi(&restored))
			errx(BROKEN, "the new VM has no exits at all");
		set_timer(0);
		printf("the same VM, with an interrupt that its IOAPIC may not send: the exit comes\n");
	}
	if (!complete_with_signal(&vm))
		errx(BROKEN, "the exit does not come in the old VM either");
	printf("the old VM, KVM_RUN with a signal pending: the exit comes\n");
	verdict(came, "the exit with the EOI comes in the restored VM",
		"an EOI that KVM has not told of is in nothing that it saves");
}
