// SPDX-License-Identifier: GPL-2.0-or-later
/* host/util/foreign-vmm.c, with a folder instead of /proc. */
#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "util/foreign-vmm.h"

#define RUNNER 50

/* Processes 60 and 70 have a VM each. A script that RUNNER has started has started 60. */
static const struct entry {
	const char *path;
	const char *text;   /* NULL: a link */
	const char *target; /* where it leads to */
} entries[] = {
	{ "1/status", "Name:\tinit\nTgid:\t1\nPPid:\t0\n" },
	{ "50/status", "Name:\tferry\nTgid:\t50\nPPid:\t1\n" },
	{ "55/status", "Name:\tsh\nTgid:\t55\nPPid:\t50\n" },
	{ "60/status", "Name:\tqemu\nTgid:\t60\nPPid:\t55\n" },
	{ "60/fd/3", NULL, "anon_inode:kvm-vm" },
	{ "61/status", "Name:\tCPU 0/KVM\nTgid:\t60\nPPid:\t55\n" },
	{ "70/status", "Name:\tqemu\nTgid:\t70\nPPid:\t1\n" },
	{ "70/fd/1", NULL, "/dev/null" },
	{ "70/fd/9", NULL, "anon_inode:kvm-vm" },
	{ "71/status", "Name:\tCPU 0/KVM\nTgid:\t70\nPPid:\t1\n" },
	/* A program without a VM; and one that may not be looked into. */
	{ "80/status", "Name:\tcc1\nTgid:\t80\nPPid:\t1\n" },
	{ "80/fd/1", NULL, "anon_inode:kvm-vcpu" },
	{ "90/status", "Name:\tqemu\nTgid:\t90\nPPid:\t1\n" },
	/* Its ancestors have ended. */
	{ "95/status", "Name:\tqemu\nTgid:\t95\nPPid:\t94\n" },
	{ "95/fd/3", NULL, "anon_inode:kvm-vm" },
};

static char *proc;

static void make_link(const char *path, const char *target)
{
	g_autofree char *whole = g_build_filename(proc, path, NULL);
	g_autofree char *folder = g_path_get_dirname(whole);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_unlink(whole);
	g_assert_cmpint(symlink(target, whole), ==, 0);
}

static void make_file(const char *path, const char *text)
{
	g_autofree char *whole = g_build_filename(proc, path, NULL);
	g_autofree char *folder = g_path_get_dirname(whole);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(whole, text, -1, NULL));
}

static void test_threads(void)
{
	make_link("self/ns/pid", "pid:[4026531836]");
	g_assert_true(foreign_vmm(70, RUNNER));
	g_assert_true(foreign_vmm(71, RUNNER));
	g_assert_false(foreign_vmm(RUNNER, RUNNER));
	g_assert_false(foreign_vmm(60, RUNNER));
	g_assert_false(foreign_vmm(61, RUNNER));
	g_assert_true(foreign_vmm(61, 70));
}

static void test_unknown(void)
{
	make_link("self/ns/pid", "pid:[4026531836]");
	g_assert_false(foreign_vmm(80, RUNNER));
	g_assert_false(foreign_vmm(90, RUNNER));
	g_assert_false(foreign_vmm(95, RUNNER));
	g_assert_false(foreign_vmm(99, RUNNER));
}

/* Where processes have other numbers than in the kernel's log. */
static void test_namespace(void)
{
	make_link("self/ns/pid", "pid:[4026532201]");
	g_assert_false(foreign_vmm(71, RUNNER));
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	proc = g_dir_make_tmp("unit-foreign-vmm-XXXXXX", NULL);
	g_setenv("FERRY_PROC", proc, TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
		if (entries[i].text)
			make_file(entries[i].path, entries[i].text);
		else
			make_link(entries[i].path, entries[i].target);
	}
	g_test_add_func("/foreign-vmm/threads", test_threads);
	g_test_add_func("/foreign-vmm/unknown", test_unknown);
	g_test_add_func("/foreign-vmm/namespace", test_namespace);
	status = g_test_run();
	if (proc) {
		g_autofree char *command = g_strconcat("rm -r ", proc, NULL);

		g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
	}
	return status;
}
