// SPDX-License-Identifier: GPL-2.0-or-later
/* See cycle.h. */
#include "cycle.h"
#include "machine.h"

bool cycle_may_at_poll(const struct machine *machine)
{
	return true;
}

void cycle_carry_out(struct machine *machine)
{
}
