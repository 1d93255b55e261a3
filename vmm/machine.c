// SPDX-License-Identifier: GPL-2.0-or-later
/* See machine.h. The registers at the guest's entry: Multiboot Specification 0.6.96, 3.2. */
#include <string.h>

#include "acpi.h"
#include "cpuid.h"
#include "device.h"
#include "machine.h"
#include "message.h"
#include "save.h"
#include "state/msrs.h"

#define CR0_PE 1
#define CR0_ET 0x10

#define SEGMENT_CODE 11 /* execute, read, accessed */
#define SEGMENT_DATA 3	/* read, write, accessed */

static struct kvm_segment flat_segment(unsigned type, uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static void enter_protected_mode(struct vm *vm, const struct entry *entry)
{
	struct kvm_regs registers = {
		.rax = MULTIBOOT_BOOTLOADER_MAGIC,
		.rbx = entry->information,
		.rip = entry->address,
		.rflags = 2,
	};
	struct kvm_segment data = flat_segment(SEGMENT_DATA, 0x10);
	struct kvm_sregs special;

	KVM_DO(vm->cpu[0].fd, KVM_GET_SREGS, &special);
	special.cr0 = CR0_PE | CR0_ET;
	special.cs = flat_segment(SEGMENT_CODE, 8);
	special.ds = special.es = special.fs = special.gs = special.ss = data;
	KVM_DO(vm->cpu[0].fd, KVM_SET_SREGS, &special);
	KVM_DO(vm->cpu[0].fd, KVM_SET_REGS, &registers);
}

#define MSR_IA32_MISC_ENABLE	 0x1a0
#define MISC_ENABLE_FAST_STRINGS 1

/* Sets MSRs whose values in KVM's new vCPUs differ from a PC's, and QEMU's, after power-on. */
static void set_msrs(const struct machine *machine, int cpu_fd)
{
	/* Firmware turns fast strings on. */
	kvm_set_msr(cpu_fd, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRINGS);
	/* KVM sets SCONTROL when it enables the SynIC. By the TLFS it is 0 at first. */
	if (hyperv_has_synic(machine->vm->shape.hyperv))
		kvm_set_msr(cpu_fd, HV_X64_MSR_SCONTROL, 0);
}

void machine_power_on_cpus(struct machine *machine)
{
	for (unsigned i = 0; i < machine->vm->shape.cpus; i++) {
		cpuid_set(machine, machine->vm, i);
		set_msrs(machine, machine->vm->cpu[i].fd);
	}
}

void machine_boot(struct machine *machine)
{
	const struct options *options = machine->options;
	struct entry entry;

	entry = image_load(&machine->image, options->command_line, &machine->memory);
	acpi_write(&machine->memory, &machine->vm->shape);
	enter_protected_mode(machine->vm, &entry);
	devices_reset(machine);
}

void machine_power_on(struct machine *machine)
{
	machine_power_on_cpus(machine);
	machine_boot(machine);
}

static void check_cpus(const struct kvm *kvm, unsigned cpus)
{
	unsigned most = kvm_has(kvm->fd, KVM_CAP_MAX_VCPUS);

	if (most && cpus > most)
		die(STATUS_UNABLE, "this KVM allows %u vCPUs, and --cpus says %u", most, cpus);
}

void machine_create(struct machine *machine, const struct options *options)
{
	memset(machine, 0, sizeof(*machine));
	machine->options = options;
	if (options->image)
		image_read(&machine->image, options->image);
	kvm_open(&machine->kvm, options->device);
	check_cpus(&machine->kvm, options->shape.cpus);
	memory_create(&machine->memory, options->memory_mib);
	cpuid_prepare(machine);
	machine->vm = vm_create(&machine->kvm, &options->shape, &machine->memory);
	/* A saved guest is restored later, after the runner was greeted: director_run(). */
	machine->held = options->restore_fd >= 0;
	if (!restore_wanted())
		machine_power_on(machine);
}
