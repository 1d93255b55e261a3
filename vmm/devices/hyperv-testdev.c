// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other end of Hyper-V's connections (TLFS, "Inter-Partition Communication"), with the ports of
 * QEMU's hyperv-testdev: a message that the guest posts to a connection, and an event that it
 * signals, come back to the vCPU and SINT for which the connection was made.
 *
 * KVM itself writes the messages of timers into a vCPU's message page, on the vCPU's thread. This
 * device writes on the same thread, before the vCPU runs, so that the two never write at once. Only
 * KVM's MSRs say where the pages are.
 *
 * KVM signals an eventfd when the guest has written to EOM. A message whose slot is busy waits for
 * that. Trying too early is harmless. So all waiting messages are tried again after any EOM and
 * after each restore, and the eventfd is no part of the state.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device.h"
#include "hyperv.h"
#include "machine.h"
#include "message.h"
#include "routes.h"
#include "state/msrs.h"

#define PORT 0x3000

enum command {
	ROUTE_CREATE = 1,
	ROUTE_DESTROY,
	ROUTE_RAISE,
	MESSAGE_CREATE,
	MESSAGE_DESTROY,
	EVENT_CREATE,
	EVENT_DESTROY,
};

#define HYPERCALL_POST_MESSAGE 0x5c
#define HYPERCALL_SIGNAL_EVENT 0x5d
#define HYPERCALL_CODE	       0xffff
#define HYPERCALL_FAST	       (1u << 16)
#define CONNECTION_BITS	       0xffffffull
#define FLAG_NUMBER_BITS       0xffff00000000ull

enum status_code {
	SUCCESS = 0,
	INVALID_HYPERCALL_CODE = 2,
	INVALID_HYPERCALL_INPUT = 3,
	INVALID_ALIGNMENT = 4,
	INSUFFICIENT_MEMORY = 0xb,
	INVALID_PORT = 0x11,
	INVALID_CONNECTION = 0x12,
	INSUFFICIENT_BUFFERS = 0x13,
};

#define REGISTER_ENABLE 1
#define PAGE_BITS	(~0xfffull)

#define MESSAGE_PENDING 1
#define PAYLOAD_BYTES	240
#define SLOT_BYTES	256

/* A slot of the message page. */
struct slot {
	uint32_t type; /* 0: the slot is free */
	uint8_t payload_size, flags, reserved[2];
	uint64_t origin;
	uint8_t payload[PAYLOAD_BYTES];
};

/* What HvCallPostMessage finds in memory. */
struct post_input {
	uint32_t connection, reserved, type, payload_size;
	uint8_t payload[PAYLOAD_BYTES];
};

#define MOST_ROUTES	 64
#define MOST_CONNECTIONS 16
#define FIRST_MESSAGE	 MOST_ROUTES
#define FIRST_EVENT	 (FIRST_MESSAGE + MOST_CONNECTIONS)
_Static_assert(FIRST_EVENT + MOST_CONNECTIONS <= MOST_SINT_ROUTES, "routes for all");

struct target {
	uint8_t used, number, cpu, sint; /* a route has no number */
};

enum staged { NOTHING, TO_DELIVER, WAITS_FOR_EOM };

static struct {
	struct target route[MOST_ROUTES], message[MOST_CONNECTIONS], event[MOST_CONNECTIONS];
	uint8_t staged[MOST_CONNECTIONS];   /* of enum staged, for each message connection */
	uint8_t signaled[MOST_CONNECTIONS]; /* events that are to be delivered */
	struct slot staged_message[MOST_CONNECTIONS];
} testdev;

/* ---- the end of a message, which KVM signals ---- */

/* KVM signals EOM_FD. The others stand for interrupt lines, and are never written to. */
static int eom_fd = -1, line_fd[MOST_CONNECTIONS];
/* Messages that wait for EOM and are to be tried again. */
static bool try_again[MOST_CONNECTIONS];

static void try_all_again(struct machine *machine)
{
	for (unsigned i = 0; i < MOST_CONNECTIONS; i++)
		if (testdev.staged[i] == WAITS_FOR_EOM) {
			try_again[i] = true;
			device_wants_cpu(machine, testdev.message[i].cpu);
		}
}

static void *retry_after_eom(void *data)
{
	struct machine *machine = data;
	uint64_t count;

	for (;;) {
		if (read(eom_fd, &count, sizeof(count)) < 0 && errno != EINTR)
			die(STATUS_KVM, "cannot read an eventfd: %s", strerror(errno));
		devices_lock();
		try_all_again(machine);
		devices_unlock();
	}
	return NULL;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0)
		die(STATUS_SETUP, "cannot make an eventfd: %s", strerror(errno));
	return fd;
}

static void wait_for_eoms(struct machine *machine)
{
	pthread_attr_t detached;
	pthread_t thread;
	int error;

	eom_fd = new_eventfd();
	for (unsigned i = 0; i < MOST_CONNECTIONS; i++)
		line_fd[i] = new_eventfd();
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &detached, retry_after_eom, machine);
	pthread_attr_destroy(&detached);
	if (error)
		die(STATUS_SETUP, "cannot make a thread: %s", strerror(error));
}

/* KVM API documentation 4.75: the end of an interrupt signals RESAMPLEFD. */
static void watch_eom(struct machine *machine, unsigned connection, bool on)
{
	struct kvm_irqfd irqfd = {
		.gsi = sint_gsi(FIRST_MESSAGE + connection),
		.flags = on ? KVM_IRQFD_FLAG_RESAMPLE : KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (eom_fd < 0)
		wait_for_eoms(machine);
	irqfd.fd = line_fd[connection];
	irqfd.resamplefd = on ? eom_fd : 0;
	KVM_DO(machine->vm->fd, KVM_IRQFD, &irqfd);
}

/* ---- into the guest's memory, in the thread of the vCPU ---- */

static uint64_t read_msr(struct machine *machine, unsigned cpu, uint32_t index)
{
	return kvm_get_msr(machine->vm->cpu[cpu].fd, index);
}

/* The slot of the target's SINT in the page that MSR names, or NULL if the page is off. */
static void *slot_of(struct machine *machine, const struct target *target, uint32_t msr)
{
	uint64_t page = read_msr(machine, target->cpu, msr);

	if (!(page & REGISTER_ENABLE) ||
	    !(read_msr(machine, target->cpu, HV_X64_MSR_SCONTROL) & REGISTER_ENABLE))
		return NULL;
	return memory_to_write(&machine->memory, (page & PAGE_BITS) + target->sint * SLOT_BYTES,
			       SLOT_BYTES);
}

static void deliver_message(struct machine *machine, unsigned i)
{
	struct slot *slot = slot_of(machine, &testdev.message[i], HV_X64_MSR_SIMP);

	try_again[i] = false;
	testdev.staged[i] = NOTHING;
	if (!slot)
		return;
	if (slot->type) {
		slot->flags |= MESSAGE_PENDING;
		memory_wrote(&machine->memory, slot, sizeof(*slot));
		testdev.staged[i] = WAITS_FOR_EOM;
		return;
	}
	*slot = testdev.staged_message[i];
	memory_wrote(&machine->memory, slot, sizeof(*slot));
	sint_raise(machine, FIRST_MESSAGE + i);
}

static void deliver_event(struct machine *machine, unsigned i)
{
	const struct target *event = &testdev.event[i];
	uint8_t *flags = slot_of(machine, event, HV_X64_MSR_SIEFP);
	uint8_t bit = 1u << event->number % 8, before;

	testdev.signaled[i] = 0;
	if (!flags)
		return;
	before = __atomic_fetch_or(&flags[event->number / 8], bit, __ATOMIC_SEQ_CST);
	memory_wrote(&machine->memory, flags, SLOT_BYTES);
	/* Raise only one interrupt until the guest has cleared the flag. */
	if (!(before & bit))
		sint_raise(machine, FIRST_EVENT + i);
}

static void before_run(struct machine *machine, unsigned cpu)
{
	for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
		if (testdev.message[i].cpu == cpu &&
		    (testdev.staged[i] == TO_DELIVER ||
		     (testdev.staged[i] == WAITS_FOR_EOM && try_again[i])))
			deliver_message(machine, i);
		if (testdev.signaled[i] && testdev.event[i].cpu == cpu)
			deliver_event(machine, i);
	}
}

/* ---- hypercalls ---- */

static int find(const struct target *targets, unsigned count, uint64_t number)
{
	for (unsigned i = 0; i < count; i++)
		if (targets[i].used && targets[i].number == number)
			return i;
	return -1;
}

static enum status_code post_message(struct machine *machine, uint64_t address, bool fast)
{
	const struct post_input *input = memory_at(&machine->memory, address, sizeof(*input));
	struct slot *staged;
	int i;

	if (fast)
		return INVALID_HYPERCALL_CODE;
	if (address % sizeof(uint64_t))
		return INVALID_ALIGNMENT;
	if (!input)
		return INSUFFICIENT_MEMORY;
	if (input->payload_size > PAYLOAD_BYTES)
		return INVALID_HYPERCALL_INPUT;
	i = find(testdev.message, MOST_CONNECTIONS, input->connection & CONNECTION_BITS);
	if (i < 0)
		return INVALID_CONNECTION;
	if (testdev.staged[i] != NOTHING)
		return INSUFFICIENT_BUFFERS;
	staged = &testdev.staged_message[i];
	*staged = (struct slot){ .type = input->type, .payload_size = input->payload_size };
	memcpy(staged->payload, input->payload, input->payload_size);
	testdev.staged[i] = TO_DELIVER;
	device_wants_cpu(machine, testdev.message[i].cpu);
	return SUCCESS;
}

static enum status_code signal_event(struct machine *machine, uint64_t input, bool fast)
{
	int i;

	if (!fast) {
		const uint64_t *words = memory_at(&machine->memory, input, sizeof(*words));

		if (input % sizeof(uint64_t))
			return INVALID_ALIGNMENT;
		if (!words)
			return INSUFFICIENT_MEMORY;
		input = *words;
	}
	/* A connection has one flag, number 0. */
	if (input & FLAG_NUMBER_BITS)
		return INVALID_PORT;
	if (input & ~CONNECTION_BITS)
		return INVALID_HYPERCALL_INPUT;
	i = find(testdev.event, MOST_CONNECTIONS, input);
	if (i < 0)
		return INVALID_CONNECTION;
	testdev.signaled[i] = 1;
	device_wants_cpu(machine, testdev.event[i].cpu);
	return SUCCESS;
}

void hyperv_hypercall(struct machine *machine, struct kvm_hyperv_exit *exit)
{
	uint64_t input = exit->u.hcall.input;
	bool fast = input & HYPERCALL_FAST;

	devices_lock();
	switch (input & HYPERCALL_CODE) {
	case HYPERCALL_POST_MESSAGE:
		exit->u.hcall.result = post_message(machine, exit->u.hcall.params[0], fast);
		break;
	case HYPERCALL_SIGNAL_EVENT:
		exit->u.hcall.result = signal_event(machine, exit->u.hcall.params[0], fast);
		break;
	default:
		exit->u.hcall.result = INVALID_HYPERCALL_CODE;
	}
	devices_unlock();
}

/* ---- ports ---- */

/* Finds a place for a new route or connection. Several routes may lead to the same SINT. */
static struct target *place(struct target *targets, unsigned count, const struct target *new)
{
	for (unsigned i = 0; i < count; i++)
		if (!targets[i].used) {
			targets[i] = *new;
			return &targets[i];
		}
	die(STATUS_KVM, "the guest makes more than %u connections of one kind at a time", count);
}

static void __attribute__((noreturn)) complain(const char *what)
{
	die(STATUS_KVM, "the guest uses hyperv-testdev wrongly: %s", what);
}

static int find_route(const struct target *wanted)
{
	for (unsigned i = 0; i < MOST_ROUTES; i++)
		if (testdev.route[i].used && testdev.route[i].cpu == wanted->cpu &&
		    testdev.route[i].sint == wanted->sint)
			return i;
	complain("a route that is not there");
}

static int find_connection(const struct target *targets, uint8_t number)
{
	int i = find(targets, MOST_CONNECTIONS, number);

	if (i < 0)
		complain("a connection that is not there");
	return i;
}

static void create(struct machine *machine, struct target *targets, unsigned count,
		   const struct target *new, unsigned first_route)
{
	unsigned i = place(targets, count, new) - targets;

	sint_route_set(machine, first_route + i, new->cpu, new->sint);
	if (targets == testdev.message)
		watch_eom(machine, i, true);
}

static void out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	struct target target = {
		.used = 1,
		.number = value >> 24,
		.cpu = value >> 8,
		.sint = value,
	};
	int i;

	if (!hyperv_has_synic(machine->vm->shape.hyperv))
		return;
	if (target.cpu >= machine->vm->shape.cpus)
		complain("a vCPU that is not there");
	switch ((enum command)(value >> 16 & 0xff)) {
	case ROUTE_CREATE:
		create(machine, testdev.route, MOST_ROUTES, &target, 0);
		break;
	case ROUTE_DESTROY:
		i = find_route(&target);
		testdev.route[i].used = 0;
		sint_route_remove(machine, i);
		break;
	case ROUTE_RAISE:
		sint_raise(machine, find_route(&target));
		break;
	case MESSAGE_CREATE:
		create(machine, testdev.message, MOST_CONNECTIONS, &target, FIRST_MESSAGE);
		break;
	case MESSAGE_DESTROY:
		i = find_connection(testdev.message, target.number);
		watch_eom(machine, i, false);
		testdev.message[i].used = testdev.staged[i] = 0;
		sint_route_remove(machine, FIRST_MESSAGE + i);
		break;
	case EVENT_CREATE:
		create(machine, testdev.event, MOST_CONNECTIONS, &target, FIRST_EVENT);
		break;
	case EVENT_DESTROY:
		i = find_connection(testdev.event, target.number);
		testdev.event[i].used = testdev.signaled[i] = 0;
		sint_route_remove(machine, FIRST_EVENT + i);
		break;
	}
}

/* Reading 0 shows that the device is there. */
static uint32_t in(struct machine *machine, unsigned offset, unsigned size)
{
	return hyperv_has_synic(machine->vm->shape.hyperv) ? 0 : 0xffffffff;
}

static void reset(struct machine *machine)
{
	/* A reset may keep the VM, in which KVM would go on to signal. */
	for (unsigned i = 0; i < MOST_CONNECTIONS; i++)
		if (testdev.message[i].used)
			watch_eom(machine, i, false);
	memset(&testdev, 0, sizeof(testdev));
}

/* routes.c restores the routes themselves. */
static void connect(struct machine *machine)
{
	for (unsigned i = 0; i < MOST_CONNECTIONS; i++) {
		if (testdev.message[i].used)
			watch_eom(machine, i, true);
		if (testdev.staged[i] == TO_DELIVER)
			device_wants_cpu(machine, testdev.message[i].cpu);
		if (testdev.signaled[i])
			device_wants_cpu(machine, testdev.event[i].cpu);
	}
	try_all_again(machine);
}

const struct device hyperv_testdev_device = {
	.name = "hyperv-testdev",
	.port = PORT,
	.ports = 4,
	.in = in,
	.out = out,
	.before_run = before_run,
	.reset = reset,
	.state = &testdev,
	.state_size = sizeof(testdev),
	.connect = connect,
};
