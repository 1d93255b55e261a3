// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lacks: KVM_GET_CLOCK does not set KVM_CLOCK_TSC_STABLE, and does not announce it
// Files: arch/x86/kvm/x86.c
//
// This is KVM before Linux 4.9. QEMU does not rely on such a clock, and reads the guest's clock
// page.

@@
expression r;
@@
- r = KVM_CLOCK_VALID_FLAGS;
+ r = 1;

@@
struct kvm_clock_data *data;
@@
- data->flags |= KVM_CLOCK_TSC_STABLE;
