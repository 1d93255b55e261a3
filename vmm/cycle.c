// SPDX-License-Identifier: GPL-2.0-or-later
/* See cycle.h. */
#include <time.h>

#include "coverage.h"
#include "cycle.h"
#include "machine.h"
#include "state/state.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

bool cycle_may_at_poll(const struct machine *machine)
{
	return true;
}

void cycle_carry_out(struct machine *machine)
{
	uint64_t begin = now_ns();
	struct state *state = state_save(machine);
	struct vm *old = machine->vm;

	machine->vm = vm_create(&machine->kvm, &machine->options->shape, &machine->memory);
	state_restore(machine, state);
	state_check(machine, state);
	coverage_count(state, machine->vm->shape.cpus);
	state_free(state);
	vm_close_aside(old);
	machine->figures.cycles++;
	machine->figures.stopped_ns += now_ns() - begin;
}
