// SPDX-License-Identifier: GPL-2.0-or-later
/* host/util/kvm.c: it says why KVM cannot be used, and what to do. */
#include <errno.h>

#include "util/kvm.h"

static void test_open_problem(void)
{
	static const struct {
		int error;
		const char *group, *told;
	} rows[] = {
		{ ENOENT, NULL, "no /dev/kvm here" },
		{ EACCES, "kvm", "/dev/kvm: Permission denied; add yourself to group kvm" },
		{ EACCES, NULL, "/dev/kvm: Permission denied; be root, or let a group use it" },
		{ EPERM, NULL, "/dev/kvm: Operation not permitted" },
		{ ENODEV, "kvm",
		  "/dev/kvm: No such device; is KVM's module loaded, and virtualization enabled in the firmware?" },
		{ EMFILE, "kvm", "/dev/kvm: Too many open files" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *told = kvm_open_problem("/dev/kvm", rows[i].error, rows[i].group);

		g_assert_cmpstr(told, ==, rows[i].told);
	}
}

/* A device that is no KVM, as in a container that has mounted something else there. */
static void test_no_kvm(void)
{
	const struct kvm_offers *offers;

	if (!g_test_subprocess()) {
		g_setenv("FERRY_KVM", "/dev/null", TRUE);
		g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
		g_unsetenv("FERRY_KVM");
		g_test_trap_assert_passed();
		return;
	}
	offers = kvm_offers();
	g_assert_cmpstr(offers->problem, ==, "/dev/null is no KVM: Inappropriate ioctl for device");
	g_assert_cmpstr(kvm_problem(), ==, offers->problem);
	g_assert_cmpuint(offers->most_vcpus, ==, 0);
	g_assert_false(kvm_offers_svm() || kvm_offers_vmx() || offers->kvmclock || offers->synic);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/kvm/open-problem", test_open_problem);
	g_test_add_func("/kvm/no-kvm", test_no_kvm);
	return g_test_run();
}
