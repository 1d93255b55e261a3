// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whose virtual machine is it? See foreign-vmm.h. Follows proc(5), and the kernel's
 * include/uapi/linux/nsfs.h (PID_NS_INIT_INO). How a VM's file is called is in KVM's
 * virt/kvm/kvm_main.c (kvm_dev_ioctl_create_vm()).
 */
#include <string.h>

#include "util/foreign-vmm.h"

#define FIRST_PID_NAMESPACE "pid:[4026531836]"
#define VM_FILE		    "anon_inode:kvm-vm"
/* More ancestors than any process has. A folder that changes meanwhile might show a circle. */
#define MOST_ANCESTORS 1000

static const char *proc(void)
{
	return g_getenv("FERRY_PROC") ?: "/proc";
}

static gboolean links_to(const char *path, const char *wanted)
{
	g_autofree char *target = g_file_read_link(path, NULL);

	return g_strcmp0(target, wanted) == 0;
}

static gboolean in_first_namespace(void)
{
	g_autofree char *path = g_build_filename(proc(), "self/ns/pid", NULL);

	return links_to(path, FIRST_PID_NAMESPACE);
}

/* A number in the status file of a process or a thread; 0 if it cannot be read. */
static GPid number_in_status(GPid pid, const char *name)
{
	g_autofree char *path = g_strdup_printf("%s/%d/status", proc(), pid);
	g_autofree char *text = NULL, *line = g_strdup_printf("\n%s:\t", name);
	const char *found;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	found = strstr(text, line);
	return found ? g_ascii_strtoll(found + strlen(line), NULL, 10) : 0;
}

static gboolean has_vm(GPid process)
{
	g_autofree char *folder = g_strdup_printf("%s/%d/fd", proc(), process);
	GDir *files = g_dir_open(folder, 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (files && !found && (name = g_dir_read_name(files))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		found = links_to(path, VM_FILE);
	}
	if (files)
		g_dir_close(files);
	return found;
}

gboolean foreign_vmm(GPid thread, GPid runner)
{
	GPid process = number_in_status(thread, "Tgid"), ancestor = process;

	if (!process || !in_first_namespace() || !has_vm(process))
		return FALSE;
	for (int i = 0; i < MOST_ANCESTORS && ancestor != runner; i++) {
		/* The first process has none: 0. */
		if (ancestor == 1)
			return TRUE;
		ancestor = number_in_status(ancestor, "PPid");
		if (!ancestor)
			return FALSE;
	}
	return FALSE;
}
