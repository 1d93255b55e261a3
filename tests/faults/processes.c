// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds the processes of a run. All its descendants, even those in a session of their own, have the
 * run's mark in their environment: /proc/PID/environ, proc(5).
 */
#include <signal.h>
#include <string.h>

#include "run.h"

static char *read_proc(const char *pid, const char *file, gsize *length)
{
	g_autofree char *path = g_build_filename("/proc", pid, file, NULL);
	char *text;

	return g_file_get_contents(path, &text, length, NULL) ? text : NULL;
}

/* TRUE if WORD is one of the strings in the LENGTH bytes at BYTES. Each string ends with a NUL. */
static gboolean has_string(const char *bytes, gsize length, const char *word)
{
	for (const char *end = bytes + length; bytes && bytes < end; bytes += strlen(bytes) + 1)
		if (g_str_equal(bytes, word))
			return TRUE;
	return FALSE;
}

static void for_each_process(const struct run *run,
			     void (*found)(GPid pid, const char *name, void *data), void *data)
{
	GDir *proc = g_dir_open("/proc", 0, NULL);
	const char *entry;

	while ((entry = g_dir_read_name(proc))) {
		g_autofree char *environment = NULL;
		gsize length = 0;

		if (!g_ascii_isdigit(*entry))
			continue;
		environment = read_proc(entry, "environ", &length);
		if (has_string(environment, length, run->mark))
			found(atoi(entry), entry, data);
	}
	g_dir_close(proc);
}

struct search {
	const struct run *run;
	struct run_vmms vmms;
};

static void look_for_vmm(GPid pid, const char *name, void *data)
{
	struct search *search = data;
	struct run_vmms *vmms = &search->vmms;
	gsize length = 0;
	g_autofree char *command = read_proc(name, "cmdline", &length);

	if (pid == search->run->pid || !has_string(command, length, "-kernel"))
		return;
	vmms->oldest = vmms->count ? MIN(vmms->oldest, pid) : pid;
	vmms->newest = MAX(vmms->newest, pid);
	vmms->count++;
}

struct run_vmms run_find_vmms(const struct run *run)
{
	struct search search = { .run = run };

	for_each_process(run, look_for_vmm, &search);
	return search.vmms;
}

static void list_process(GPid pid, const char *name, void *data)
{
	gsize length = 0;
	g_autofree char *command = read_proc(name, "cmdline", &length);

	g_string_append_printf(data, " %d (%s)", pid, command && *command ? command : "?");
}

GString *list_processes(const struct run *run)
{
	GString *list = g_string_new(NULL);

	for_each_process(run, list_process, list);
	return list;
}

static void kill_process(GPid pid, const char *name, void *data)
{
	kill(pid, SIGKILL);
}

void kill_processes(const struct run *run)
{
	for_each_process(run, kill_process, NULL);
}
