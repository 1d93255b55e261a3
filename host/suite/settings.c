// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a run's settings into the arguments of a command line. See settings.h. */
#include "suite/settings.h"

const struct settings default_settings = {
	.memory_mib = DEFAULT_MEMORY_MIB,
	.repeat = 1,
	.moves = DEFAULT_MOVES,
};

/* Owns VALUE; NULL stands for an option that was not given. */
static void add(GPtrArray *words, const char *option, char *value)
{
	if (!value)
		return;
	g_ptr_array_add(words, g_strdup(option));
	g_ptr_array_add(words, value);
}

static char *absolute(const char *path)
{
	return path ? g_canonicalize_filename(path, NULL) : NULL;
}

static char *program(const char *name)
{
	return name ? g_find_program_in_path(name) : NULL;
}

char **settings_to_arguments(const struct settings *settings)
{
	GPtrArray *words = g_ptr_array_new();

	add(words, "--seed", g_strdup_printf("%" G_GINT64_FORMAT, settings->seed));
	add(words, "--moves", g_strdup_printf("%d", settings->moves));
	add(words, "--memory", g_strdup_printf("%d", settings->memory_mib));
	add(words, "--repeat", g_strdup_printf("%d", settings->repeat));
	if (settings->retry)
		add(words, "--retry", g_strdup_printf("%d", settings->retry));
	if (settings->fail_fast)
		g_ptr_array_add(words, g_strdup("--fail-fast"));
	add(words, "--timeout", g_strdup_printf("%d", settings->timeout));
	if (settings->timescale)
		add(words, "--timescale", g_strdup_printf("%g", settings->timescale));
	if (settings->verbose)
		g_ptr_array_add(words, g_strdup("--verbose"));
	if (settings->keep_ram)
		g_ptr_array_add(words, g_strdup("--keep-ram"));
	add(words, "--vmm", g_strdup(settings->vmm));
	add(words, "--qemu", program(settings->qemu));
	add(words, "--qemu-dst", program(settings->qemu_dst));
	add(words, "--ferry-vmm", program(settings->ferry_vmm));
	add(words, "--kvm", g_strdup(settings->kvm));
	add(words, "--machine", g_strdup(settings->machine));
	add(words, "--firmware", g_strdup(settings->firmware));
	add(words, "--suite", absolute(settings->suite));
	add(words, "--bindir", absolute(settings->bindir));
	for (char **arg = settings->args; arg && *arg; arg++)
		add(words, "--arg", g_strdup(*arg));
	for (char **file = settings->known_issues; file && *file; file++)
		add(words, "--known-issues",
		    g_str_equal(*file, NO_KNOWN_ISSUES) ? g_strdup(*file) : absolute(*file));
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}
