/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this machine's KVM can run UEFI firmware. */
#ifndef FERRY_HOST_UTIL_KVM_FIRMWARE_H
#define FERRY_HOST_UTIL_KVM_FIRMWARE_H

/*
 * Why not, in one line, or NULL if it can. A vCPU that runs a few instructions of the kind that
 * firmware begins with tells; it is asked once. NULL as well if no vCPU can be had at all: that is
 * for kvm_problem() to say.
 */
const char *kvm_firmware_problem(void);

#endif
