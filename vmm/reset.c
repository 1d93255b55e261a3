// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See reset.h. KVM has no ioctl that resets a VM, so user space has to set everything. The values
 * are those of a new VM. The VM's clock goes on over a reset, as it does with QEMU, since it
 * belongs to the host; the guest's kvmclock MSRs are cleared, so that nothing is written to the
 * pages that it had given to KVM. The TSC begins anew.
 */
#include <string.h>

#include "action.h"
#include "control.h"
#include "director.h"
#include "machine.h"
#include "reset.h"
#include "state/state.h"
#include "vcpu.h"

/*
 * CPUID does not change, and KVM may refuse to set it for a vCPU that has run. Devices are not
 * KVM's.
 */
static const char *const kept[] = { "cpuid", "clock", "device", NULL };
/* This leaves L2 and VMX operation, on which the meaning of most other state depends. */
static const char *const first[] = { "nested", NULL };
/*
 * Timers and interrupt controllers, which could put interrupts into a LAPIC that is reset already.
 */
static const char *const second[] = { "msrs", "pit", "pic-master", "pic-slave", "ioapic", NULL };

/* "device" stands for all devices: "device:serial" and so on. */
static bool is_in(const char *const *names, const char *name)
{
	size_t length = strcspn(name, ":");

	for (; *names; names++)
		if (strlen(*names) == length && !strncmp(*names, name, length))
			return true;
	return false;
}

/* A copy of those values of STATE whose piece is in NAMES, or (WANTED is false) of the others. */
static struct state *select_pieces(const struct state *state, const char *const *names, bool wanted)
{
	struct state *some = state_new();

	for (unsigned i = 0; i < state->count; i++)
		if (is_in(names, state->values[i].piece) == wanted)
			state_copy(some, &state->values[i]);
	return some;
}

static void restore_pieces(struct machine *machine, const struct state *state,
			   const char *const *names, bool wanted)
{
	struct state *some = select_pieces(state, names, wanted);

	state_restore(machine, some);
	state_free(some);
}

struct state *reset_state(struct machine *machine)
{
	struct vm *vm = machine->vm;
	struct state *all, *state;

	machine->vm = vm_create(&machine->kvm, &machine->options->shape, &machine->memory);
	machine_power_on_cpus(machine);
	all = state_save(machine);
	vm_close_aside(machine->vm);
	machine->vm = vm;
	state = select_pieces(all, kept, false);
	state_free(all);
	return state;
}

void reset_vm_to(struct machine *machine, const struct state *state)
{
	restore_pieces(machine, state, first, true);
	restore_pieces(machine, state, second, true);
	state_restore(machine, state);
}

void reset_restore(struct machine *machine, const struct state *state)
{
	static const char *const fixed[] = { "cpuid", NULL };

	restore_pieces(machine, state, fixed, false);
}

void reset_same_vm(struct machine *machine)
{
	struct state *state = reset_state(machine);

	reset_vm_to(machine, state);
	state_check(machine, state);
	state_free(state);
	machine_boot(machine);
}

void reset_new_vm(struct machine *machine)
{
	struct vm *old = machine->vm;

	machine->vm = vm_create(&machine->kvm, &machine->options->shape, &machine->memory);
	vcpus_renew_threads(machine);
	machine_power_on(machine);
	vm_close_aside(old);
}

void action_reset(struct machine *machine, struct request *request)
{
	static bool next_in_new;

	if (!machine->options->image) {
		control_error(request, "reset: the guest is from a file, and there is no image");
		return;
	}
	vcpus_stop(machine);
	if (next_in_new)
		reset_new_vm(machine);
	else
		reset_same_vm(machine);
	control_ok(request, "vm=%s", next_in_new ? "new" : "same");
	next_in_new = !next_in_new;
	director_go(machine);
}
