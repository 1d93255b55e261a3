// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks /dev/kvm what it offers: KVM API documentation 4.1 (KVM_GET_API_VERSION),
 * 4.4 (KVM_CHECK_EXTENSION), 4.46 (KVM_GET_SUPPORTED_CPUID); paravirtual features:
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <asm/kvm_para.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/kvm.h"

/* More CPUID entries than any KVM has. */
#define MOST_CPUID_ENTRIES 512
/* Intel SDM volume 4, table 2-2. */
#define MSR_IA32_ARCH_CAPABILITIES 0x10a

/* AMD APM volume 3, appendix E.4.2: feature identifiers. */
#define CPUID_EXTENDED_FEATURES 0x80000001
#define CPUID_ECX_SVM		(1u << 2)
/* Intel SDM volume 2, CPUID: feature information. */
#define CPUID_FEATURES 0x1
#define CPUID_ECX_VMX  (1u << 5)

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

static struct {
	gboolean asked;
	char *problem;
	int max_vcpus, dirty_ring_bytes;
	gboolean has_synic;
	gboolean refuses_arch_capabilities;
	struct kvm_cpuid2 *cpuid;
} kvm;

/*
 * Some KVMs advertise a value of IA32_ARCH_CAPABILITIES (a feature MSR, KVM API 4.18), and refuse
 * it when it is set in a vCPU. QEMU before version 9 ends then.
 */
static gboolean refuses_arch_capabilities(int fd, int vm)
{
	g_autofree struct kvm_msrs *msrs = g_malloc0(sizeof(*msrs) + sizeof(msrs->entries[0]));
	gboolean refuses;
	int vcpu;

	msrs->nmsrs = 1;
	msrs->entries[0].index = MSR_IA32_ARCH_CAPABILITIES;
	if (ioctl(fd, KVM_GET_MSRS, msrs) != 1)
		return FALSE;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return FALSE;
	refuses = ioctl(vcpu, KVM_SET_MSRS, msrs) != 1;
	close(vcpu);
	return refuses;
}

/*
 * KVM API 8.29. Since Linux 6.1 a KVM may have only the second capability, which QEMU knows since
 * 7.2. On x86 it has both or none.
 */
static int dirty_ring_bytes(int vm)
{
	int plain = ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING);

#ifdef KVM_CAP_DIRTY_LOG_RING_ACQ_REL
	plain = MAX(plain, ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL));
#endif
	return MAX(0, plain);
}

static char *ask_open_kvm(int fd)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);
	int vm;

	if (version != KVM_API_VERSION)
		return g_strdup_printf("/dev/kvm speaks API version %d, not %d", version,
				       KVM_API_VERSION);
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	if (vm < 0)
		return g_strdup_printf("/dev/kvm cannot create a VM: %s", g_strerror(errno));
	kvm.refuses_arch_capabilities = refuses_arch_capabilities(fd, vm);
	kvm.dirty_ring_bytes = dirty_ring_bytes(vm);
	close(vm);
	kvm.max_vcpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	kvm.has_synic = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) > 0;
	kvm.cpuid = g_malloc0(sizeof(*kvm.cpuid) +
			      MOST_CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
	kvm.cpuid->nent = MOST_CPUID_ENTRIES;
	if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, kvm.cpuid) < 0)
		return g_strdup_printf("/dev/kvm does not tell its CPUID: %s", g_strerror(errno));
	return NULL;
}

const char *kvm_problem(void)
{
	int fd;

	if (kvm.asked)
		return kvm.problem;
	kvm.asked = TRUE;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		kvm.problem = g_strdup_printf("cannot open /dev/kvm: %s", g_strerror(errno));
	} else {
		kvm.problem = ask_open_kvm(fd);
		close(fd);
	}
	return kvm.problem;
}

unsigned kvm_most_vcpus(void)
{
	return kvm_problem() ? 0 : kvm.max_vcpus;
}

/* All registers are 0 if KVM does not know FUNCTION. */
static struct kvm_cpuid_entry2 supported_cpuid(guint32 function)
{
	for (guint i = 0; !kvm_problem() && i < kvm.cpuid->nent; i++)
		if (kvm.cpuid->entries[i].function == function)
			return kvm.cpuid->entries[i];
	return (struct kvm_cpuid_entry2){ 0 };
}

gboolean kvm_offers_svm(void)
{
	return supported_cpuid(CPUID_EXTENDED_FEATURES).ecx & CPUID_ECX_SVM;
}

gboolean kvm_offers_vmx(void)
{
	return supported_cpuid(CPUID_FEATURES).ecx & CPUID_ECX_VMX;
}

gboolean kvm_offers_kvmclock(void)
{
	guint32 features = supported_cpuid(KVM_CPUID_FEATURES).eax;

	return features & (1u << KVM_FEATURE_CLOCKSOURCE | 1u << KVM_FEATURE_CLOCKSOURCE2);
}

gboolean kvm_offers_synic(void)
{
	return !kvm_problem() && kvm.has_synic;
}

unsigned kvm_dirty_ring_bytes(void)
{
	return kvm_problem() ? 0 : kvm.dirty_ring_bytes;
}

gboolean kvm_refuses_arch_capabilities(void)
{
	return !kvm_problem() && kvm.refuses_arch_capabilities;
}

char *host_clock_source(void)
{
	char *name = NULL;

	if (!g_file_get_contents(CLOCK_SOURCE, &name, NULL, NULL))
		return g_strdup("unknown");
	return g_strchomp(name);
}
