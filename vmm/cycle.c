// SPDX-License-Identifier: GPL-2.0-or-later
/* See cycle.h. */
#include "ahead.h"
#include "coverage.h"
#include "cycle.h"
#include "host-time.h"
#include "machine.h"
#include "message.h"
#include "pause.h"
#include "revert.h"
#include "sentence.h"
#include "state/state.h"
#include "vcpu.h"

/* The guest's time between two cycles at polled ports is doubled at most this often. */
#define MOST_DOUBLINGS 8

/* What a cycle is taken to last before there was one. */
#define FIRST_CYCLE_NS 1000000

/* The director writes these while all vCPUs stand still. */
static uint64_t first_ns, last_end_ns, last_took_ns;
static unsigned polled_in_a_row;
/* vCPUs' threads set it. */
static bool at_poll;

/*
 * The guest runs at least BUSY - 1 times as long as the last cycle took. A guest that only polls
 * gets twice as much each time: it may wait for the PIT, whose period begins anew at each restore,
 * and the wait must be able to end.
 */
bool cycle_may_at_poll(const struct machine *machine)
{
	uint64_t wanted = last_took_ns * (machine->options->cycle.busy - 1) << polled_in_a_row;

	if (host_ns(CLOCK_MONOTONIC) - last_end_ns < wanted)
		return false;
	at_poll = true;
	return true;
}

/* VMs made in advance have the memory of that time, but --carry replaces it. */
static void restore_in_new_vm(struct machine *machine, const struct state *state)
{
	struct vm *old = machine->vm;

	machine->vm = machine->options->carry
			      ? vm_create(&machine->kvm, &machine->options->shape, &machine->memory)
			      : ahead_take(machine);
	vcpus_renew_threads(machine);
	state_restore(machine, state);
	vm_close_aside(old);
}

void cycle_carry_out(struct machine *machine)
{
	uint64_t begin = host_ns(CLOCK_MONOTONIC);
	struct state *state = state_save(machine);

	if (machine->options->cycle.when == CYCLE_REVERT)
		revert_carry_out(machine, state);
	else
		restore_in_new_vm(machine, state);
	state_check(machine, state);
	pause_tell_again(machine);
	coverage_count(state, machine->vm->shape.cpus);
	state_free(state);

	if (!first_ns)
		first_ns = begin;
	last_end_ns = host_ns(CLOCK_MONOTONIC);
	last_took_ns = last_end_ns - begin;
	machine->figures.cycles++;
	machine->figures.stopped_ns += last_took_ns;
	if (!at_poll)
		polled_in_a_row = 0;
	else if (polled_in_a_row < MOST_DOUBLINGS)
		polled_in_a_row++;
	at_poll = false;
}

void cycle_when_due(struct machine *machine)
{
	if (machine->options->cycle.when != CYCLE_NEVER)
		cycle_carry_out(machine);
	sentence_answer(machine);
}

uint64_t cycle_mean_ns(const struct machine *machine)
{
	const struct cycle_figures *figures = &machine->figures;

	return figures->cycles ? figures->stopped_ns / figures->cycles : FIRST_CYCLE_NS;
}

void cycle_summary(const struct machine *machine)
{
	const struct cycle_figures *figures = &machine->figures;
	uint64_t all_ns = first_ns ? host_ns(CLOCK_MONOTONIC) - first_ns : 0;

	if (machine->options->cycle.when == CYCLE_NEVER || machine->options->control >= 0)
		return;
	message("%llu cycles in %.3f s, %.0f a second; the guest was stopped for %.3f s of them",
		(unsigned long long)figures->cycles, all_ns / 1e9,
		all_ns ? figures->cycles * 1e9 / all_ns : 0.0, figures->stopped_ns / 1e9);
}
