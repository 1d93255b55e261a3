// SPDX-License-Identifier: GPL-2.0-or-later
/* See director.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "device.h"
#include "director.h"
#include "machine.h"
#include "message.h"
#include "moment.h"
#include "save.h"
#include "vcpu.h"

/* The guest's input; its end closes nothing but this. */
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

static int run(struct machine *machine)
{
	for (;;) {
		struct pollfd files[] = {
			{ .fd = vcpus_event_fd(), .events = POLLIN },
			{ .fd = serial_room() ? input : -1, .events = POLLIN },
			{ .fd = control_fd(), .events = POLLIN },
			{ .fd = moment_fd(), .events = POLLIN },
		};
		unsigned events;

		if (poll(files, sizeof(files) / sizeof(files[0]), -1) < 0) {
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
		if (!files[0].revents && !files[3].revents)
			continue;
		vcpus_stop(machine);
		/* What the vCPUs did until they stood still counts, too. */
		events = vcpus_take_events();
		if (events & VCPU_ENDED) {
			save_was_missed(machine);
			return vcpus_end_status();
		}
		if (events & VCPU_RESET) {
			control_say("event reset");
			return STATUS_SHUTDOWN;
		}
		if (files[3].revents)
			moment_take();
		if (save_when_due(machine))
			return STATUS_SHUTDOWN;
		if (events & VCPU_CYCLE_DUE || files[3].revents)
			cycle_when_due(machine);
		director_go(machine);
		if (files[3].revents)
			moment_arm(machine);
	}
}

int director_run(struct machine *machine)
{
	int status;

	vcpus_start(machine);
	control_open(machine, machine->options->control);
	moment_open(machine);
	restore_carry_out(machine);
	director_go(machine);
	moment_arm(machine);
	status = run(machine);
	cycle_summary(machine);
	control_close(machine);
	return status;
}
