// SPDX-License-Identifier: GPL-2.0-or-later
/* See kvm.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm.h"
#include "message.h"

/* More CPUID entries than any KVM has. */
#define MOST_CPUID_ENTRIES 512

/*
 * The capabilities that ferry-vmm needs to run and restore guests, and the first Linux with each.
 */
static const struct {
	int number;
	const char *name, *since;
} needed[] = {
	{ KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", "2.6.20" },
	{ KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "2.6.24" },
	{ KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", "2.6.26" },
	{ KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", "2.6.26" },
	{ KVM_CAP_PIT2, "KVM_CAP_PIT2", "2.6.30" },
	{ KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS", "2.6.33" },
	{ KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS", "2.6.34" },
	{ KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK", "2.6.33" },
	{ KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "4.13" },
};

int kvm_try(int fd, unsigned long request, void *argument)
{
	int result;

	do
		result = ioctl(fd, request, argument);
	while (result < 0 && errno == EINTR);
	return result;
}

int kvm_do(int fd, unsigned long request, void *argument, const char *name)
{
	int result = kvm_try(fd, request, argument);

	if (result < 0)
		die(STATUS_KVM, "KVM refuses %s: %s", name, strerror(errno));
	return result;
}

/* KVM_GET_MSRS and KVM_SET_MSRS take a list of MSRs. This list has one entry. */
union one_msr {
	struct kvm_msrs list;
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

bool kvm_try_msr(int cpu_fd, uint32_t index, uint64_t *value)
{
	union one_msr msr = { .list.nmsrs = 1 };

	msr.list.entries[0].index = index;
	if (KVM_DO(cpu_fd, KVM_GET_MSRS, &msr) != 1)
		return false;
	*value = msr.list.entries[0].data;
	return true;
}

uint64_t kvm_get_msr(int cpu_fd, uint32_t index)
{
	uint64_t value;

	if (!kvm_try_msr(cpu_fd, index, &value))
		die(STATUS_KVM, "KVM does not give MSR 0x%x", index);
	return value;
}

void kvm_set_msr(int cpu_fd, uint32_t index, uint64_t value)
{
	union one_msr msr = { .list.nmsrs = 1 };

	msr.list.entries[0].index = index;
	msr.list.entries[0].data = value;
	if (KVM_DO(cpu_fd, KVM_SET_MSRS, &msr) != 1)
		die(STATUS_KVM, "KVM refuses to set MSR 0x%x to 0x%llx", index,
		    (unsigned long long)value);
}

int kvm_has(int fd, int capability)
{
	int has = ioctl(fd, KVM_CHECK_EXTENSION, capability);

	return has < 0 ? 0 : has;
}

static void open_device(struct kvm *kvm, const char *device)
{
	int version;

	kvm->fd = open(device, O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0 && errno == EACCES)
		die(STATUS_SETUP, "%s: no permission; add yourself to its group, often 'kvm'",
		    device);
	if (kvm->fd < 0)
		die(STATUS_SETUP,
		    "%s: %s; is KVM's module loaded, and is virtualization enabled in the firmware?",
		    device, strerror(errno));
	version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		die(STATUS_SETUP, "%s is no KVM: %s", device, strerror(errno));
	if (version != KVM_API_VERSION)
		die(STATUS_SETUP, "%s has KVM API version %d, and ferry-vmm needs %d", device,
		    version, KVM_API_VERSION);
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!kvm_has(kvm->fd, needed[i].number))
			die(STATUS_UNABLE,
			    "this KVM is too old: it lacks %s, which Linux has since %s",
			    needed[i].name, needed[i].since);
}

static void read_cpuid(struct kvm *kvm)
{
	kvm->cpuid =
		allocate(sizeof(*kvm->cpuid) + MOST_CPUID_ENTRIES * sizeof(kvm->cpuid->entries[0]));
	kvm->cpuid->nent = MOST_CPUID_ENTRIES;
	KVM_DO(kvm->fd, KVM_GET_SUPPORTED_CPUID, kvm->cpuid);
}

static void read_msr_list(struct kvm *kvm)
{
	struct kvm_msr_list none = { 0 };

	/* The list has no room, so this fails with E2BIG and sets nmsrs to the number of MSRs. */
	if (kvm_try(kvm->fd, KVM_GET_MSR_INDEX_LIST, &none) < 0 && errno != E2BIG)
		die(STATUS_KVM, "KVM refuses KVM_GET_MSR_INDEX_LIST: %s", strerror(errno));
	kvm->msrs = allocate(sizeof(none) + none.nmsrs * sizeof(none.indices[0]));
	kvm->msrs->nmsrs = none.nmsrs;
	KVM_DO(kvm->fd, KVM_GET_MSR_INDEX_LIST, kvm->msrs);
}

void kvm_open(struct kvm *kvm, const char *device)
{
	open_device(kvm, device);
	kvm->run_size = KVM_DO(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	read_cpuid(kvm);
	read_msr_list(kvm);
}
