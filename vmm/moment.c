// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See moment.h. The time until a moment is random, by the seed, in units of a cycle's duration. So
 * a guest has about the same share of the time on each host, and the same seed gives about the same
 * moments. They are not exactly the same, since the guest's speed depends on the host.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "host-time.h"
#include "machine.h"
#include "message.h"
#include "moment.h"
#include "random.h"

/*
 * One moment in FEW comes after a very short time. A new VM has no page tables at first, so the
 * first instructions after a restore fault, which is a state of its own. If all moments were
 * short, the guest would not get anywhere.
 */
#define FEW	 4
#define SHORT_NS (50 * NS_PER_US)

static int timer = -1;

void moment_open(const struct machine *machine)
{
	const struct options *options = machine->options;

	/* With a runner, the runner says when the guest is to be migrated. */
	if (!cycle_is_random(options->cycle.when) && (!options->carry || options->control >= 0))
		return;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer < 0)
		die(STATUS_SETUP, "cannot make a timer: %s", strerror(errno));
}

int moment_fd(void)
{
	return timer;
}

void moment_arm(const struct machine *machine)
{
	/* The mean time is half of this. With BUSY 2, guest and cycles have equal shares. */
	uint64_t most = 2 * (machine->options->cycle.busy - 1) * cycle_mean_ns(machine);
	uint64_t ns = 1 + (random_below(FEW) ? random_below(most + 1) : random_below(SHORT_NS));
	struct itimerspec when = {
		.it_value = { .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND },
	};

	if (timer >= 0 && timerfd_settime(timer, 0, &when, NULL) < 0)
		die(STATUS_SETUP, "cannot set a timer: %s", strerror(errno));
}

void moment_take(void)
{
	uint64_t count;

	if (read(timer, &count, sizeof(count)) < 0 && errno != EAGAIN)
		die(STATUS_SETUP, "cannot read a timer: %s", strerror(errno));
}
