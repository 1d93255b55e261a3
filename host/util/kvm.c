// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asks /dev/kvm what it offers: KVM API documentation 4.1 (KVM_GET_API_VERSION),
 * 4.3 (KVM_GET_MSR_INDEX_LIST), 4.4 (KVM_CHECK_EXTENSION), 4.24 (KVM_CREATE_IRQCHIP), 4.46
 * (KVM_GET_SUPPORTED_CPUID); paravirtual features: Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <asm/kvm_para.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
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

#define CLOCK_SOURCE		"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define AVAILABLE_CLOCK_SOURCES "/sys/devices/system/clocksource/clocksource0/available_clocksource"

/* KVM API documentation 4.143; the headers of older kernels do not have it. */
#define CAP_PRE_FAULT_MEMORY 236

#define EPT "/sys/module/kvm_intel/parameters/ept"
#define NPT "/sys/module/kvm_amd/parameters/npt"

/* In this variable tests name another file. */
#define DEVICE_VARIABLE "FERRY_KVM"
#define USUAL_DEVICE	"/dev/kvm"

static gboolean was_asked;
static struct kvm_offers offers;

/*
 * Some KVMs advertise a value of IA32_ARCH_CAPABILITIES (a feature MSR, KVM API 4.18), and refuse
 * it when it is set in a vCPU. QEMU before version 9 exits in that case.
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

static gboolean is_on(const char *parameter)
{
	g_autofree char *value = NULL;

	return g_file_get_contents(parameter, &value, NULL, NULL) &&
	       (*value == 'Y' || *value == '1');
}

/*
 * Since Linux 6.11, KVM_CAP_PRE_FAULT_MEMORY is there if the hardware walks the guest's page
 * tables. Before, only the parameters of KVM's modules tell. A KVM with another module has no such
 * hardware.
 */
static gboolean uses_shadow_paging(int fd)
{
	return ioctl(fd, KVM_CHECK_EXTENSION, CAP_PRE_FAULT_MEMORY) <= 0 && !is_on(EPT) &&
	       !is_on(NPT);
}

/* All registers are 0 if KVM does not know FUNCTION. */
static struct kvm_cpuid_entry2 find_cpuid(const struct kvm_cpuid2 *cpuid, guint32 function)
{
	for (guint i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			return cpuid->entries[i];
	return (struct kvm_cpuid_entry2){ 0 };
}

/* FALSE if KVM does not tell. */
static gboolean ask_cpuid(int fd)
{
	g_autofree struct kvm_cpuid2 *cpuid =
		g_malloc0(sizeof(*cpuid) + MOST_CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
	const guint32 clocks = 1u << KVM_FEATURE_CLOCKSOURCE | 1u << KVM_FEATURE_CLOCKSOURCE2;

	cpuid->nent = MOST_CPUID_ENTRIES;
	if (ioctl(fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
		return FALSE;
	offers.kvmclock = find_cpuid(cpuid, KVM_CPUID_FEATURES).eax & clocks;
	offers.svm = find_cpuid(cpuid, CPUID_EXTENDED_FEATURES).ecx & CPUID_ECX_SVM;
	offers.vmx = find_cpuid(cpuid, CPUID_FEATURES).ecx & CPUID_ECX_VMX;
	return TRUE;
}

/* If KVM does not tell, there are none. */
static void ask_msrs(int fd)
{
	struct kvm_msr_list none = { 0 }, *list;

	/* It fails with E2BIG, and tells how many there are. */
	if (ioctl(fd, KVM_GET_MSR_INDEX_LIST, &none) < 0 && errno != E2BIG)
		return;
	list = g_malloc0(sizeof(*list) + none.nmsrs * sizeof(list->indices[0]));
	list->nmsrs = none.nmsrs;
	if (ioctl(fd, KVM_GET_MSR_INDEX_LIST, list) < 0) {
		g_free(list);
		return;
	}
	/* They are kept as long as the process lives, as the other answers are. */
	offers.msrs = list->indices;
	offers.msr_count = list->nmsrs;
}

/* Makes a VM as QEMU does, with interrupt controllers in KVM. Returns why that fails, or NULL. */
static char *ask_vm(const char *device, int fd, int vm)
{
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
		return g_strdup_printf("%s cannot create interrupt controllers: %s", device,
				       g_strerror(errno));
	offers.refuses_arch_capabilities = refuses_arch_capabilities(fd, vm);
	offers.dirty_ring_bytes = dirty_ring_bytes(vm);
	offers.shadow_paging = uses_shadow_paging(fd);
	offers.most_vcpus = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	ask_msrs(fd);
	offers.synic = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_HYPERV_SYNIC2) > 0;
	offers.smm = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) > 0;
	offers.tsc_scaling = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
	if (!ask_cpuid(fd))
		return g_strdup_printf("%s does not tell its CPUID: %s", device, g_strerror(errno));
	return NULL;
}

static char *ask_device(const char *device, int fd)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);
	char *problem;
	int vm;

	if (version < 0)
		return g_strdup_printf("%s is no KVM: %s", device, g_strerror(errno));
	if (version != KVM_API_VERSION)
		return g_strdup_printf("%s speaks API version %d, not %d", device, version,
				       KVM_API_VERSION);
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	if (vm < 0)
		return g_strdup_printf("%s cannot create a VM: %s", device, g_strerror(errno));
	problem = ask_vm(device, fd, vm);
	close(vm);
	return problem;
}

char *kvm_open_problem(const char *device, int error, const char *group)
{
	if (error == ENOENT)
		return g_strdup_printf("no %s here", device);
	if (error == ENODEV || error == ENXIO)
		return g_strdup_printf(
			"%s: %s; is KVM's module loaded, and virtualization enabled in the firmware?",
			device, g_strerror(error));
	if (error == EACCES && group)
		return g_strdup_printf("%s: %s; add yourself to group %s", device,
				       g_strerror(error), group);
	if (error == EACCES)
		return g_strdup_printf("%s: %s; be root, or let a group use it", device,
				       g_strerror(error));
	return g_strdup_printf("%s: %s", device, g_strerror(error));
}

/* The group whose members may use DEVICE; NULL if there is none, or if it is root's. */
static const char *group_of(const char *device)
{
	struct stat status;
	const struct group *group;

	if (stat(device, &status) < 0 || !status.st_gid ||
	    (status.st_mode & (S_IRGRP | S_IWGRP)) != (S_IRGRP | S_IWGRP))
		return NULL;
	group = getgrgid(status.st_gid);
	return group ? group->gr_name : NULL;
}

const char *kvm_device(void)
{
	return g_getenv(DEVICE_VARIABLE) ?: USUAL_DEVICE;
}

static char *ask(void)
{
	const char *device = kvm_device();
	int fd = open(device, O_RDWR | O_CLOEXEC);
	char *problem;

	if (fd < 0)
		return kvm_open_problem(device, errno, group_of(device));
	problem = ask_device(device, fd);
	close(fd);
	return problem;
}

void kvm_pretend(const struct kvm_offers *pretended)
{
	was_asked = TRUE;
	offers = *pretended;
}

const struct kvm_offers *kvm_offers(void)
{
	char *problem;

	if (was_asked)
		return &offers;
	was_asked = TRUE;
	problem = ask();
	if (problem)
		offers = (struct kvm_offers){ .problem = problem };
	return &offers;
}

const char *kvm_problem(void)
{
	return kvm_offers()->problem;
}

gboolean kvm_offers_svm(void)
{
	return kvm_offers()->svm;
}

gboolean kvm_offers_vmx(void)
{
	return kvm_offers()->vmx;
}

char *host_clock_source(void)
{
	char *name = NULL;

	if (!g_file_get_contents(CLOCK_SOURCE, &name, NULL, NULL))
		return g_strdup("unknown");
	return g_strchomp(name);
}

gboolean host_trusts_tsc(void)
{
	g_autofree char *names = NULL;
	g_auto(GStrv) words = NULL;

	/* A TSC that was found unstable is no clock source any more, or is not listed. */
	if (!g_file_get_contents(AVAILABLE_CLOCK_SOURCES, &names, NULL, NULL))
		return FALSE;
	words = g_strsplit(g_strchomp(names), " ", -1);
	return g_strv_contains((const char *const *)words, "tsc");
}
