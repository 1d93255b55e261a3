// SPDX-License-Identifier: GPL-2.0-or-later
/* What KVM offers guests that know of it. See kvm-para.h. */
#include "cpuid.h"
#include "exception.h"
#include "kvm-para.h"

bool kvm_para_has_feature(int bit)
{
	u32 leaf = hypervisor_leaf(KVM_SIGNATURE);

	/* An old KVM's base leaf says that there is no next leaf, but there is one (cpuid.rst). */
	return leaf && (raw_cpuid(leaf + 1, 0).a >> bit & 1);
}

static bool vmmcall;

long kvm_hypercall2(u64 number, u64 a0, u64 a1)
{
	long result;

	if (vmmcall)
		asm volatile("vmmcall" : "=a"(result) : "a"(number), "b"(a0), "c"(a1) : "memory");
	else
		asm volatile("vmcall" : "=a"(result) : "a"(number), "b"(a0), "c"(a1) : "memory");
	return result;
}

static void call_nothing(void *data)
{
	kvm_hypercall2(KVM_HC_VAPIC_POLL_IRQ, 0, 0);
}

/* A software KVM was seen that shows an AMD CPU, and takes Intel's instruction. */
bool kvm_para_can_call(void)
{
	if (!hypervisor_leaf(KVM_SIGNATURE))
		return false;
	vmmcall = is_amd();
	if (catch_exception(call_nothing, NULL) == NO_EXCEPTION)
		return true;
	vmmcall = !vmmcall;
	return catch_exception(call_nothing, NULL) == NO_EXCEPTION;
}
