// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See pause.h. KVM_KVMCLOCK_CTRL: KVM API documentation 4.67. The page of a vCPU's clock, and the
 * MSRs that say where it is: Documentation/virt/kvm/x86/msr.rst. KVM counts up the page's version
 * whenever it writes the page, and it does so before the vCPU runs.
 */
#include <stdbool.h>
#include <string.h>

#include "machine.h"
#include "pause.h"

#define MSR_KVM_SYSTEM_TIME	0x12
#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01
#define SYSTEM_TIME_ENABLE	1

static struct {
	bool told;
	uint32_t version; /* of its clock's page at that time */
} cpus[MOST_CPUS];

/* Returns false if the vCPU has no kvmclock. */
static bool read_version(const struct machine *machine, unsigned cpu, uint32_t *version)
{
	int fd = machine->vm->cpu[cpu].fd;
	uint64_t where = 0;
	const void *page;

	if (!kvm_try_msr(fd, MSR_KVM_SYSTEM_TIME_NEW, &where) || !(where & SYSTEM_TIME_ENABLE))
		kvm_try_msr(fd, MSR_KVM_SYSTEM_TIME, &where);
	page = memory_at(&machine->memory, where & ~(uint64_t)SYSTEM_TIME_ENABLE, sizeof(*version));
	if (!(where & SYSTEM_TIME_ENABLE) || !page)
		return false;
	memcpy(version, page, sizeof(*version));
	return true;
}

static void tell(struct machine *machine, unsigned cpu)
{
	cpus[cpu].told = read_version(machine, cpu, &cpus[cpu].version);
	if (cpus[cpu].told)
		kvm_try(machine->vm->cpu[cpu].fd, KVM_KVMCLOCK_CTRL, NULL);
}

void pause_tell(struct machine *machine)
{
	for (unsigned cpu = 0; cpu < machine->vm->shape.cpus; cpu++)
		tell(machine, cpu);
}

void pause_tell_again(struct machine *machine)
{
	for (unsigned cpu = 0; cpu < machine->vm->shape.cpus; cpu++) {
		uint32_t version;

		if (cpus[cpu].told && read_version(machine, cpu, &version) &&
		    version == cpus[cpu].version)
			tell(machine, cpu);
		else
			cpus[cpu].told = false;
	}
}
