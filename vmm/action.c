// SPDX-License-Identifier: GPL-2.0-or-later
/* See action.h. */
#include "action.h"
#include "control.h"
#include "director.h"
#include "host-time.h"
#include "machine.h"
#include "pause.h"
#include "vcpu.h"

#define US_PER_SECOND 1000000ul

void action_pause(struct machine *machine, struct request *request)
{
	unsigned long microseconds = control_number(request, "us", 0);
	struct timespec time = {
		.tv_sec = microseconds / US_PER_SECOND,
		.tv_nsec = microseconds % US_PER_SECOND * NS_PER_US,
	};
	unsigned long long stopped;

	vcpus_stop(machine);
	stopped = host_ns(CLOCK_MONOTONIC);
	pause_tell(machine);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
	stopped = host_ns(CLOCK_MONOTONIC) - stopped;
	director_go(machine);
	control_ok(request, "stopped_ns=%llu", stopped);
}

void action_cycle(struct machine *machine, struct request *request)
{
	unsigned long count = control_number(request, "count", 1);
	unsigned long long stopped = machine->figures.stopped_ns;

	vcpus_stop(machine);
	while (count--)
		cycle_carry_out(machine);
	pause_tell(machine);
	director_go(machine);
	control_ok(request, "cycles=%llu stopped_ns=%llu",
		   (unsigned long long)machine->figures.cycles,
		   (unsigned long long)machine->figures.stopped_ns - stopped);
}
