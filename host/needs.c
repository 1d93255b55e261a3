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

#include "needs.h"

/* More CPUID entries than any KVM has. */
#define MOST_CPUID_ENTRIES 512
/* MAX_CPUS of QEMU's q35 machine under TCG. */
#define MOST_TCG_VCPUS 255

/* AMD APM volume 3, appendix E.4.2: feature identifiers. */
#define CPUID_EXTENDED_FEATURES 0x80000001
#define CPUID_ECX_SVM		(1u << 2)

static struct {
	gboolean asked;
	char *problem;
	int max_vcpus;
	gboolean has_synic;
	struct kvm_cpuid2 *cpuid;
} kvm;

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

unsigned most_vcpus(const char *accel)
{
	if (g_str_equal(accel, "tcg"))
		return MOST_TCG_VCPUS;
	return kvm_problem() ? 0 : kvm.max_vcpus;
}

/* All registers 0 where KVM does not know the function. */
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

static const char *missing_kvm(const char *accel)
{
	return g_str_equal(accel, "kvm") ? NULL : "needs KVM, and this runs on TCG";
}

static const char *missing_kvmclock(const char *accel)
{
	guint32 features;

	if (missing_kvm(accel))
		return "needs kvmclock, which KVM offers and TCG does not";
	features = supported_cpuid(KVM_CPUID_FEATURES).eax;
	if (!(features & (1u << KVM_FEATURE_CLOCKSOURCE)) &&
	    !(features & (1u << KVM_FEATURE_CLOCKSOURCE2)))
		return "needs kvmclock, which this KVM does not offer "
		       "(CPUID 0x40000001 EAX bits 0 and 3 are clear)";
	return NULL;
}

static const char *missing_hyperv(const char *accel)
{
	if (missing_kvm(accel))
		return "needs Hyper-V's synthetic timers, which KVM offers and TCG does not";
	if (!kvm.has_synic)
		return "needs Hyper-V's SynIC, which this KVM does not offer "
		       "(KVM_CAP_HYPERV_SYNIC2 is 0)";
	return NULL;
}

/* Labs are named where the machine that they emulate has what is needed. */
static const struct need {
	const char *name;
	const char *(*missing)(const char *accel);
	const char *labs[3]; /* ended by NULL */
} needs[] = {
	{ "kvm", missing_kvm, { "amd" } },
	{ "kvmclock", missing_kvmclock, { "amd" } },
	{ "hyperv", missing_hyperv, { "amd" } },
};

gboolean need_met_by_lab(const char *need, const char *lab)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		if (g_str_equal(needs[i].name, need))
			return g_strv_contains(needs[i].labs, lab);
	return FALSE;
}

const char *const *need_names(void)
{
	static const char *names[G_N_ELEMENTS(needs) + 1];

	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		names[i] = needs[i].name;
	return names;
}

const char *need_missing(const char *need, const char *accel)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		if (g_str_equal(needs[i].name, need))
			return needs[i].missing(accel);
	return "needs something that the runner does not know";
}
