// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of lab kinds. A new lab machine is a script lab/NAME and a row here. See kinds.h. */
#include "lab/kinds.h"
#include "suite/needs.h"
#include "util/kvm.h"
#include "util/text.h"

/* The machine's kernel can be told to trust its TSC, or not to. */
static const char *const both_clocks[] = { "tsc", "hpet", NULL };

const char *const lab_kernel_words[] = { "small", "distribution", NULL };

static const char *const offered_by_amd[] = { "kvm",	   "kvmclock",	    "hyperv",
					      "svm",	   "smm",	    NEEDS_UEFI,
					      "clock_tsc", "clock_not_tsc", NULL };
static const char *const offered_by_intel[] = { "kvm",	    "kvmclock",	 "hyperv",
						"vmx",	    "smm",	 "tsc_scaling",
						NEEDS_UEFI, "clock_tsc", "clock_not_tsc",
						NULL };

/* The amd lab needs only QEMU, which its script looks for. */
static const char *amd_missing(void)
{
	return NULL;
}

static const char *intel_missing(void)
{
	g_autofree char *bochs = NULL;

	if (kvm_offers_vmx())
		return NULL;
	bochs = g_find_program_in_path(g_getenv("BOCHS") ?: "bochs");
	return bochs ? NULL : "the intel lab has no Bochs (scripts/packages --install lab intel)";
}

/* amd comes first, since Bochs is many times slower than QEMU's TCG. */
const struct lab_kind lab_kinds[] = {
	{
		.name = "amd",
		.offers = offered_by_amd,
		.clocks = both_clocks,
		.missing = amd_missing,
		.emulator = "tcg",
		.is_hardware = kvm_offers_svm,
		.cpus = 2,
		.shares_files = TRUE,
		.boot_seconds = 600,
		/* docs/findings.md, "Emulated CPUs" */
		.no_uefi = "the amd lab's QEMU ends when OVMF's interrupt handlers write CR8",
		.slowness = 6,
	},
	{
		.name = "intel",
		.offers = offered_by_intel,
		.clocks = both_clocks,
		.missing = intel_missing,
		.emulator = "bochs",
		.is_hardware = kvm_offers_vmx,
		.cpus = 1,
		.shares_files = FALSE,
		.uefi_note = "UEFI firmware takes minutes to start there",
		.boot_seconds = 1800,
		.slowness = 8,
	},
	{ 0 },
};

static const struct lab_kind *pretended;

void lab_kind_pretend(const struct lab_kind *kind)
{
	pretended = kind;
}

const struct lab_kind *lab_kind_find(const char *name)
{
	if (pretended && g_str_equal(pretended->name, name))
		return pretended;
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		if (g_str_equal(kind->name, name))
			return kind;
	return NULL;
}

gboolean lab_kind_offers(const struct lab_kind *kind, const char *need)
{
	return g_strv_contains(kind->offers, need);
}

const char *const *lab_clocks(void)
{
	static GPtrArray *clocks;

	if (clocks)
		return (const char *const *)clocks->pdata;
	clocks = g_ptr_array_new();
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		for (const char *const *clock = kind->clocks; *clock; clock++)
			if (!g_ptr_array_find_with_equal_func(clocks, *clock, g_str_equal, NULL))
				g_ptr_array_add(clocks, (gpointer)*clock);
	g_ptr_array_add(clocks, NULL);
	return (const char *const *)clocks->pdata;
}

char *lab_kind_names(void)
{
	GString *text = g_string_new(NULL);

	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		text_add_choice(text, kind->name, !kind[1].name);
	return g_string_free(text, FALSE);
}

char *lab_kind_hosts(void)
{
	g_autofree char *names = lab_kind_names();

	return g_strconcat("auto, local, " ANY_LAB ", ", names, NULL);
}

gboolean lab_kind_check_host(const char *host, GError **error)
{
	g_autofree char *hosts = lab_kind_hosts();

	if (!host || g_str_equal(host, "auto") || g_str_equal(host, "local") ||
	    g_str_equal(host, ANY_LAB) || lab_kind_find(host))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "--host is %s, not '%s'", hosts, host);
	return FALSE;
}
