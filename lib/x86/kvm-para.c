// SPDX-License-Identifier: GPL-2.0-or-later
/* KVM's paravirtual features. See kvm-para.h. */
#include "cpuid.h"
#include "exception.h"
#include "kvm-para.h"
#include "processor.h"
#include "vm.h"

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

/* One software KVM shows the guest an AMD CPU but takes only Intel's instruction. */
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

FEATURE(STEAL_TIME, "KVM's steal time (CPUID 0x40000001 EAX bit 5)")
{
	return kvm_para_has_feature(KVM_FEATURE_STEAL_TIME);
}

FEATURE(ASYNC_PF, "KVM's asynchronous page faults")
{
	return kvm_para_has_feature(KVM_FEATURE_ASYNC_PF) &&
	       kvm_para_has_feature(KVM_FEATURE_ASYNC_PF_INT);
}

void async_pf_enable(volatile struct async_pf *shared, u8 vector, u64 options)
{
	shared->flags = shared->token = 0;
	wrmsr(MSR_KVM_ASYNC_PF_INT, vector);
	wrmsr(MSR_KVM_ASYNC_PF_EN, virt_to_phys((const void *)shared) | ASYNC_PF_ENABLED |
					   ASYNC_PF_DELIVERY_AS_INT | options);
}

void async_pf_disable(void)
{
	wrmsr(MSR_KVM_ASYNC_PF_EN, 0);
}

u32 async_pf_take_token(volatile struct async_pf *shared)
{
	u32 token = shared->token;

	shared->token = 0;
	wrmsr(MSR_KVM_ASYNC_PF_ACK, 1);
	return token;
}
