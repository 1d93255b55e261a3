// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ACPI PM timer: 32 bits at 3.579545 MHz (ACPI Specification 6.5, 4.8.3.3). It counts with the
 * host's clock, also while the guest is stopped, since it belongs to the chipset. It does not begin
 * anew in another process: CLOCK_MONOTONIC is the same for all.
 */
#include "acpi.h"
#include "device.h"
#include "host-time.h"

#define PM_TIMER_HZ 3579545

static uint32_t in(struct machine *machine, unsigned offset, unsigned size)
{
	struct timespec now;
	uint64_t ticks;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ticks = now.tv_sec * (uint64_t)PM_TIMER_HZ +
		now.tv_nsec * (uint64_t)PM_TIMER_HZ / NS_PER_SECOND;
	return ticks >> (8 * offset);
}

static bool is_polled(unsigned offset)
{
	return true;
}

const struct device pm_timer_device = {
	.name = "pm-timer",
	.port = PM_TIMER_PORT,
	.ports = 4,
	.in = in,
	.is_polled = is_polled,
};
