/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this machine's KVM can run UEFI firmware. */
#ifndef FERRY_HOST_UTIL_KVM_FIRMWARE_H
#define FERRY_HOST_UTIL_KVM_FIRMWARE_H

/*
 * One line that says why it cannot, or NULL if it can. To find out, a vCPU runs a few instructions
 * like those that firmware begins with; this is done once. Also NULL if no vCPU can be made at all:
 * then kvm_problem() says why.
 */
const char *kvm_firmware_problem(void);

#endif
