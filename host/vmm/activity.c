// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a VMM's vCPUs do anything. A vCPU that halts, and that nothing wakes, is a thread that
 * sleeps in the kernel. Each time that a thread sleeps or is made to wait, the kernel counts it in
 * /proc/PID/task/TID/status (proc(5)), so a thread that sleeps now and whose counts have not
 * changed has not run in between.
 */
#include <string.h>

#include "vmm/activity.h"

/* How often the thread with the status file PATH gave up its CPU; -1 if it does not sleep now. */
static gint64 switches_of(const char *path)
{
	static const char *const counts[] = { "\nvoluntary_ctxt_switches:",
					      "\nnonvoluntary_ctxt_switches:" };
	g_autofree char *text = NULL;
	gint64 sum = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, "\nState:\tS"))
		return -1;
	for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
		const char *line = strstr(text, counts[i]);

		if (!line)
			return -1;
		sum += g_ascii_strtoll(line + strlen(counts[i]), NULL, 10);
	}
	return sum;
}

/*
 * The main thread, whose number is that of the process, runs no vCPU. It may wake by itself, so its
 * count does not matter. But it must be asleep now, since it may still be starting the guest. Other
 * threads that run no vCPU, such as those for disks, work only when a vCPU or an action has made
 * them.
 */
gint64 vm_activity(GPid pid)
{
	g_autofree char *folder = g_strdup_printf("/proc/%d/task", pid);
	GDir *threads = pid ? g_dir_open(folder, 0, NULL) : NULL;
	gint64 sum = 0, others = 0;
	const char *name;

	if (!threads)
		return -1;
	while (sum >= 0 && (name = g_dir_read_name(threads))) {
		g_autofree char *path = g_build_filename(folder, name, "status", NULL);
		gboolean main_thread = g_ascii_strtoll(name, NULL, 10) == pid;
		gint64 switches;

		others += !main_thread;
		switches = switches_of(path);
		sum = switches < 0 ? -1 : sum + (main_thread ? 0 : switches);
	}
	g_dir_close(threads);
	return others ? sum : -1;
}
