/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM as a whole: /dev/kvm, what it offers, and its ioctls with an error message each. KVM API
 * documentation 4.1 to 4.4.
 */
#ifndef VMM_KVM_H
#define VMM_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm {
	int fd;
	int run_size;		   /* of the page that a vCPU shares with us, mmap()ed */
	struct kvm_cpuid2 *cpuid;  /* what KVM can give to a guest */
	struct kvm_msr_list *msrs; /* the MSRs that KVM saves and restores */
};

/*
 * Opens DEVICE, usually /dev/kvm. Ends the process with one clear line if it is not there, cannot
 * be used, or lacks a capability that ferry-vmm needs.
 */
void kvm_open(struct kvm *kvm, const char *device);
/* What KVM_CHECK_EXTENSION says of CAPABILITY for FD (/dev/kvm or a VM); 0 if it is missing. */
int kvm_has(int fd, int capability);

/* ioctl(2) that tries again after EINTR. Returns a negative number after failure; errno is set. */
int kvm_try(int fd, unsigned long request, void *argument);
/* The same; ends the process if it fails. NAME is the request's, for the message. */
int kvm_do(int fd, unsigned long request, void *argument, const char *name);
#define KVM_DO(fd, request, argument) kvm_do(fd, request, (void *)(uintptr_t)(argument), #request)

/* Sets VALUE to MSR INDEX of a vCPU. Returns false if the vCPU has no such MSR. */
bool kvm_try_msr(int cpu_fd, uint32_t index, uint64_t *value);
/* Gets and sets one MSR of a vCPU. Ends the process if KVM refuses. */
uint64_t kvm_get_msr(int cpu_fd, uint32_t index);
void kvm_set_msr(int cpu_fd, uint32_t index, uint64_t value);

#endif
