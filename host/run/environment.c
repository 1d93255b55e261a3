// SPDX-License-Identifier: GPL-2.0-or-later
/* Describes this machine. See environment.h. */
#include <string.h>
#include <sys/utsname.h>

#include "run/environment.h"
#include "util/kvm-parameters.h"
#include "util/kvm.h"
#include "util/text.h"

const char *choose_accel(const char *option, const char *host, GError **error)
{
	gboolean in_lab = host && !g_str_equal(host, "local");

	if (!option)
		return "kvm";
	if (!g_str_equal(option, "kvm") && !g_str_equal(option, "tcg"))
		g_set_error(error, FERRY_ERROR, 0, "--accel is kvm or tcg, not '%s'", option);
	else if (g_str_equal(option, "tcg") && in_lab)
		g_set_error(
			error, FERRY_ERROR, 0,
			"--accel tcg is TCG on this machine, and --host %s is KVM in a lab; leave one out",
			host);
	else if (g_str_equal(option, "kvm") && !in_lab && kvm_problem())
		g_set_error(error, FERRY_ERROR, 0, "--accel kvm: %s", kvm_problem());
	else
		return g_str_equal(option, "tcg") ? "tcg" : "kvm";
	return NULL;
}

/* The first VALUE of "NAME : VALUE" in /proc/cpuinfo, or NULL. The caller frees it. */
static char *cpu_info(const char *name)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
		return NULL;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, name) && strchr(*line, ':'))
			return g_strdup(g_strstrip(strchr(*line, ':') + 1));
	return NULL;
}

static char *kernel_release(void)
{
	struct utsname names;

	return g_strdup(uname(&names) ? "unknown" : names.release);
}

struct environment *environment_here(const char *vmm, const char *binary, const char *other_binary,
				     const char *accel, guint32 seed)
{
	struct environment *environment = g_new0(struct environment, 1);

	environment->host = g_strdup("local");
	environment->vmm = g_strdup(vmm);
	environment->binary = g_strdup(binary);
	environment->other_binary = g_strdup(other_binary);
	environment->accel = g_strdup(accel);
	environment->kernel = kernel_release();
	environment->cpu = cpu_info("model name") ?: g_strdup("unknown CPU");
	environment->microcode = cpu_info("microcode");
	environment->kvm_parameters = kvm_parameters();
	environment->clock = host_clock_source();
	environment->seed = seed;
	environment->timescale = 1;
	return environment;
}
