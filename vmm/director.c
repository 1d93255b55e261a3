// SPDX-License-Identifier: GPL-2.0-or-later
/* See director.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "carry.h"
#include "control.h"
#include "device.h"
#include "director.h"
#include "machine.h"
#include "message.h"
#include "moment.h"
#include "random.h"
#include "save.h"
#include "vcpu.h"

/* The guest's input; -1 after its end, which has no other effect. */
static int input = STDIN_FILENO;

static void feed_console(void)
{
	uint8_t bytes[256];
	size_t room = serial_room();
	ssize_t count;

	count = read(input, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	if (count > 0)
		serial_receive(bytes, count);
	else if (count == 0 || errno != EINTR)
		input = -1;
}

void director_go(struct machine *machine)
{
	struct pollfd file = { .fd = vcpus_event_fd(), .events = POLLIN };

	if (!machine->held && poll(&file, 1, 0) == 0)
		vcpus_go(machine);
}

/*
 * Begins the action of a random moment: a migration with --carry, else a cycle, for which it
 * returns true.
 */
static bool moment_has_come(struct machine *machine)
{
	moment_take();
	if (machine->options->carry)
		carry_begin(machine, NULL);
	return !machine->options->carry;
}

enum goes_on {
	GOES_ON,
	HAS_ENDED,
};

/*
 * Stops all vCPUs and handles their events. KICKED: a random moment has come, which asks for a
 * cycle.
 */
static enum goes_on handle_events(struct machine *machine, bool kicked, int *status)
{
	unsigned events;

	vcpus_stop(machine);
	/* These include the events of vCPUs that were still running. */
	events = vcpus_take_events();
	if (events & VCPU_ENDED) {
		save_was_missed(machine);
		*status = vcpus_end_status();
		return HAS_ENDED;
	}
	if (events & VCPU_RESET) {
		control_say("event reset");
		*status = STATUS_SHUTDOWN;
		return HAS_ENDED;
	}
	if (save_when_due(machine)) {
		*status = STATUS_SHUTDOWN;
		return HAS_ENDED;
	}
	if (events & VCPU_RING_FULL)
		carry_ring_full(machine);
	if (events & VCPU_CYCLE_DUE || kicked)
		cycle_when_due(machine);
	director_go(machine);
	if (kicked)
		moment_arm(machine);
	return GOES_ON;
}

static int run(struct machine *machine)
{
	int status;

	for (;;) {
		struct pollfd files[] = {
			{ .fd = vcpus_event_fd(), .events = POLLIN },
			{ .fd = serial_room() ? input : -1, .events = POLLIN },
			/* The next request waits until the migration has been replied to. */
			{ .fd = carry_is_on() ? -1 : control_fd(), .events = POLLIN },
			{ .fd = moment_fd(), .events = POLLIN },
		};
		bool kicked;

		if (poll(files, sizeof(files) / sizeof(files[0]), carry_wait_ms()) < 0) {
			if (errno != EINTR)
				die(STATUS_SETUP, "poll: %s", strerror(errno));
			continue;
		}
		if (files[1].revents)
			feed_console();
		if (files[2].revents && !control_serve(machine)) {
			vcpus_stop(machine);
			return STATUS_SHUTDOWN;
		}
		kicked = files[3].revents && moment_has_come(machine);
		if ((files[0].revents || kicked) &&
		    handle_events(machine, kicked, &status) == HAS_ENDED)
			return status;
		/* After events, too: a guest that keeps filling its rings would hold it up. */
		if (carry_is_on())
			carry_on(machine);
	}
}

int director_run(struct machine *machine)
{
	int status;

	random_seed(machine->options->cycle.seed);
	vcpus_start(machine);
	control_open(machine, machine->options->control);
	moment_open(machine);
	restore_carry_out(machine);
	director_go(machine);
	moment_arm(machine);
	status = run(machine);
	cycle_summary(machine);
	carry_summary(machine);
	control_close(machine);
	return status;
}
