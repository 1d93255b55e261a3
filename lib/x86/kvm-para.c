// SPDX-License-Identifier: GPL-2.0-or-later
/* What KVM offers guests that know of it. See kvm-para.h. */
#include "kvm-para.h"

bool kvm_para_has_feature(int bit)
{
	u32 leaf = hypervisor_leaf(KVM_SIGNATURE);

	/* An old KVM's base leaf says that there is no next leaf, but there is one (cpuid.rst). */
	return leaf && (raw_cpuid(leaf + 1, 0).a >> bit & 1);
}
