// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/run/select.c and placement.c: which cases a command line selects, where each of them runs,
 * and why some are skipped.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "lab/kinds.h"
#include "plan/plan.h"
#include "run/environment.h"
#include "run/select.h"
#include "util/kvm.h"
#include "util/text.h"
#include "util/userfault.h"

static const char config[] =
	"[alpha]\nfile = alpha.flat\n"
	"[alpine]\nfile = alpha.flat\nplans = none, precopy\n"
	"[beta]\nfile = alpha.flat\nplans = none\nneeds = kvm\n"
	"[hidden]\nfile = alpha.flat\nplans = none\ngroups = nodefault slow\n"
	"[wide]\nfile = alpha.flat\nplans = none\nsmp = 255\n"
	"[arm]\nfile = alpha.flat\nplans = none\narch = arm64\n"
	"[virt]\nfile = alpha.flat\nplans = none\naccel = kvm\n"
	"[strict]\nfile = alpha.flat\nplans = none\ncheck = /proc/self/comm=x\n"
	"[lost]\nfile = lost.flat\nplans = none\ngroups = nodefault\n";

/* Makes a folder with TEXT as its unittests.cfg and one binary. */
struct folder {
	char *path, *config, *binary;
};

static struct folder make_folder(const char *text)
{
	struct folder folder = { .path = g_dir_make_tmp("unit-select-XXXXXX", NULL) };

	g_assert_nonnull(folder.path);
	folder.config = g_build_filename(folder.path, "unittests.cfg", NULL);
	folder.binary = g_build_filename(folder.path, "alpha.flat", NULL);
	g_assert_true(g_file_set_contents(folder.config, text, -1, NULL));
	g_assert_true(g_file_set_contents(folder.binary, "", 0, NULL));
	return folder;
}

static void drop_folder(struct folder *folder)
{
	g_unlink(folder->config);
	g_unlink(folder->binary);
	g_rmdir(folder->path);
	g_free(folder->path);
	g_free(folder->config);
	g_free(folder->binary);
}

static char **split(const char *words)
{
	return words && !*words ? g_new0(char *, 1) : words ? g_strsplit(words, " ", -1) : NULL;
}

static struct settings settings_with(int repeat, gint64 seed, const char *accel)
{
	struct settings settings = default_settings;

	settings.repeat = repeat;
	settings.seed = seed;
	settings.accel = (char *)accel;
	return settings;
}

/*
 * The cases that PATTERNS and PLANS (words, or NULL) select, each as "name" or "name(reason)"; or
 * "error: MESSAGE", without the folder's name.
 */
static char *chosen(const char *text, gboolean kvm_unit_tests, const char *patterns,
		    const char *plans, unsigned repeat)
{
	struct folder folder = make_folder(text);
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) pattern_list = split(patterns), plan_list = split(plans);
	struct settings wanted = settings_with(repeat, 1, "tcg");
	struct selection selection = {
		.patterns = pattern_list,
		.plan_names = plan_list,
		.wanted = &wanted,
		.accel = "tcg",
		.vmm = vmms[0],
	};
	struct suite *suite = suite_load(folder.config, folder.path, kvm_unit_tests, &error);
	GString *told = g_string_new(NULL);
	GPtrArray *cases;

	g_assert_no_error(error);
	cases = select_cases(suite, &selection, &error);
	g_assert_true(!cases == (error != NULL));
	for (guint i = 0; cases && i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		g_string_append_printf(told, "%s%s", i ? " " : "", test_case->name);
		if (test_case->skip_reason)
			g_string_append_printf(told, "(%s)", test_case->skip_reason);
	}
	if (error) {
		g_auto(GStrv) pieces = g_strsplit(error->message, folder.path, -1);
		g_autofree char *message = g_strjoinv("DIR", pieces);

		g_string_append_printf(told, "error: %s", message);
	} else {
		g_ptr_array_unref(cases);
	}
	suite_free(suite);
	drop_folder(&folder);
	return g_string_free(told, FALSE);
}

static void test_patterns(void)
{
	static const struct {
		const char *patterns, *plans, *cases;
	} rows[] = {
		/* Without a list, PLANS means all plans of the table. */
		{ "al*", "none", "alpha/none alpine/none" },
		{ "alp?a", "storm", "alpha/storm" },
		{ "alpha/precopy", NULL, "alpha/precopy" },
		{ "*/precopy", NULL, "alpha/precopy alpine/precopy" },
		{ "alpine/*", NULL, "alpine/none alpine/precopy" },
		/* Cases come in the order of the suite, each once. */
		{ "alpine alpha/none alpine/none", NULL, "alpha/none alpine/none alpine/precopy" },
		{ "alpine", "pause storm", "alpine/pause alpine/storm" },
		/* A program outside of the default group runs if its name is given, as a glob or
		   not. */
		{ "hidden", NULL, "hidden/none" },
		{ "hid*", NULL, "hidden/none" },
		{ "beta", NULL, "beta/none(needs KVM, and this runs on TCG)" },
		{ "wide", NULL, "wide/none" },
		{ "arm", NULL, "arm/none(is for arm64, and this is x86_64)" },
		{ "virt", NULL, "virt/none(is for kvm, and this runs on tcg)" },
		{ "strict", NULL,
		  "strict/none(needs /proc/self/comm to be x, and it is unit-select)" },
		{ "alpho", NULL, "error: no case matches 'alpho' (did you mean 'alpha'?)" },
		{ "alpho/none", NULL,
		  "error: no case matches 'alpho/none' (did you mean 'alpha'?)" },
		{ "alpine/storm", NULL,
		  "error: no case matches 'alpine/storm'; 'ferry list' shows what there is" },
		{ "something", NULL,
		  "error: no case matches 'something'; 'ferry list' shows what there is" },
		{ "alpha nothing-like-it", NULL,
		  "error: no case matches 'nothing-like-it'; 'ferry list' shows what there is" },
		{ "alpha", "precpy",
		  "error: --plan: unknown plan 'precpy' (did you mean 'precopy'?)" },
		{ "alpha", "none teleport",
		  "error: --plan: unknown plan 'teleport'; known: PLANS" },
		{ "alpha", "", "error: --plan: no plan is named; known: PLANS" },
		{ "alpha", "none none", "error: --plan: 'none' is named twice" },
		/* Options of plans in any order, and globs that match them. */
		{ "alpha", "precopy+xbzrle+multifd", "alpha/precopy+multifd+xbzrle" },
		{ "alpha", "storm+tcp+tcp", "alpha/storm+tcp" },
		{ "alpha/*", "none precopy+tcp", "alpha/none alpha/precopy+tcp" },
		{ "al*/precopy+*", "precopy precopy+tcp", "alpha/precopy+tcp alpine/precopy+tcp" },
		{ "alpha/precopy+tcp", "precopy precopy+tcp", "alpha/precopy+tcp" },
		{ "alpha", "precopy+dirtyring",
		  "alpha/precopy+dirtyring(plan precopy+dirtyring needs KVM for its dirty rings, and this runs on TCG)" },
		{ "alpha", "precopy+memfd+tcp precopy+tcp+memfd",
		  "error: --plan: 'precopy+memfd+tcp' is named twice" },
		{ "alpha", "precopy+xbzrl",
		  "error: --plan: plan 'precopy' has no option 'xbzrl' (did you mean 'xbzrle'?)" },
		{ "alpha", "precopy+",
		  "error: --plan: plan 'precopy' has no option ''; known: multifd, zlib, xbzrle, compress, autoconverge, dirtyring, hugepages, memfd, tcp, exec, file, delay, norandom, peek" },
		{ "alpha", "postcopy+nothing-like-it",
		  "error: --plan: plan 'postcopy' has no option 'nothing-like-it'; known: multifd, zlib, dirtyring, hugepages, memfd, tcp, delay, norandom, preempt, releaseram" },
		{ "alpha", "none+tcp",
		  "error: --plan: plan 'none' takes no options, and 'none+tcp' names some" },
		{ "alpha", "precopy+tcp+exec",
		  "error: --plan: option 'exec' of plan 'precopy' does not go with 'tcp'" },
		{ "alpha", "precpy+tcp",
		  "error: --plan: unknown plan 'precpy' (did you mean 'precopy'?)" },
		{ "lost", NULL,
		  "error: DIR/unittests.cfg:30: [lost]: DIR/lost.flat does not exist; correct 'file', or run make" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *told = chosen(config, FALSE, rows[i].patterns, rows[i].plans, 1);
		g_auto(GStrv) pieces = g_strsplit(rows[i].cases, "PLANS", -1);
		g_autofree char *all = g_strjoinv(", ", (char **)plan_names());
		g_autofree char *cases = g_strjoinv(all, pieces);

		g_test_message("%s, plans %s", rows[i].patterns, rows[i].plans);
		g_assert_cmpstr(told, ==, cases);
	}
}

/* Without a list of plans a program runs under the default VMM's plans that need no name. */
static void test_default_plans(void)
{
	static const char *const in[] = { "none",  "pause", "precopy",	"postcopy",
					  "reset", "storm", "snapshot", NULL };
	/* The last two are for another VMM. */
	static const char *const out[] = { "cancel-precopy", "precopy-pause", "file", "cycle@exit",
					   NULL };
	g_autofree char *told = chosen(config, FALSE, "alpha", NULL, 1);
	g_auto(GStrv) cases = g_strsplit(told, " ", -1);

	for (const char *const *plan = in; *plan; plan++) {
		g_autofree char *name = g_strconcat("alpha/", *plan, NULL);

		g_assert_true(g_strv_contains((const char *const *)cases, name));
	}
	for (const char *const *plan = out; *plan; plan++) {
		g_autofree char *name = g_strconcat("alpha/", *plan, NULL);

		g_assert_false(g_strv_contains((const char *const *)cases, name));
	}
}

static void test_all_leaves_out_nodefault(void)
{
	static const char *const all[] = { NULL, "*" };

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autofree char *told = chosen(config, FALSE, all[i], "none", 1);

		g_assert_null(strstr(told, "hidden"));
		g_assert_true(g_str_has_prefix(told, "alpha/none alpine/none beta/none("));
	}
}

static void test_repeat(void)
{
	g_autofree char *told = chosen(config, FALSE, "alpine", NULL, 2);

	g_assert_cmpstr(told, ==, "alpine/none#1 alpine/none#2 alpine/precopy#1 alpine/precopy#2");
}

static void test_complaints_about_the_suite(void)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "[a]\nfile = alpha.flat\n\n[b]\nfile = alpha.flat\nplans = none strom\n",
		  "error: DIR/unittests.cfg:4: [b]: unknown plan 'strom' (did you mean 'storm'?)" },
		{ "[a]\nfile = alpha.flat\nneeds = kvmclok\n",
		  "error: DIR/unittests.cfg:1: [a] names the unknown need 'kvmclok' (did you mean 'kvmclock'?)" },
		{ "[a]\nfile = alpha.flat\nplans = none none\n",
		  "error: DIR/unittests.cfg:1: [a] names the plan 'none' twice" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *told = chosen(rows[i].text, FALSE, NULL, NULL, 1);

		g_assert_cmpstr(told, ==, rows[i].told);
	}
}

/* Programs of another suite run under plan none, and those of the group `migration` migrate. */
static void test_kvm_unit_tests(void)
{
	g_autofree char *told = chosen("[a]\nfile = alpha.flat\n"
				       "[m]\nfile = alpha.flat\ngroups = migration\n"
				       "[x]\nfile = absent.flat\n",
				       TRUE, NULL, NULL, 1);

	g_assert_true(g_str_has_prefix(told, "a/none m/precopy x/none("));
	g_assert_nonnull(strstr(told, "absent.flat does not exist"));
}

/* A case gets its own random choices from the seed, the same each time. */
static void test_seeds(void)
{
	struct folder folder = make_folder(config);
	struct suite *suite = suite_load(folder.config, folder.path, FALSE, NULL);
	g_auto(GStrv) patterns = split("alpine");
	struct settings wanted = settings_with(2, 7, "tcg");
	struct selection selection = {
		.patterns = patterns, .wanted = &wanted, .accel = "tcg", .vmm = vmms[0]
	};
	g_autoptr(GPtrArray) once = select_cases(suite, &selection, NULL);
	g_autoptr(GPtrArray) again = select_cases(suite, &selection, NULL);

	for (guint i = 0; i < once->len; i++) {
		const struct test_case *a = once->pdata[i], *b = again->pdata[i];

		g_assert_cmpuint(a->seed, ==, b->seed);
		for (guint j = 0; j < i; j++)
			g_assert_cmpuint(a->seed, !=, ((struct test_case *)once->pdata[j])->seed);
	}
	suite_free(suite);
	drop_folder(&folder);
}

/* ---- where a case runs ---- */

static const struct kvm_offers no_kvm = { .problem = "no /dev/kvm here" };
static const struct kvm_offers plain_kvm = { .most_vcpus = 8, .kvmclock = TRUE };
static const struct kvm_offers shadow_kvm = {
	.most_vcpus = 8, .kvmclock = TRUE, .dirty_ring_bytes = 1 << 20, .shadow_paging = TRUE
};
static const struct kvm_offers amd_kvm = {
	.most_vcpus = 300, .kvmclock = TRUE, .synic = TRUE, .svm = TRUE
};
static const struct kvm_offers intel_kvm = { .most_vcpus = 300, .kvmclock = TRUE, .vmx = TRUE };

struct placement_row {
	const char *pattern;
	const struct kvm_offers *kvm;
	const char *host, *accel; /* --host and --accel; NULL: not given */
	const char *told;	  /* "HOST: why", or "skip: the reason" */
	const char *userfault;	  /* what is wrong with userfaultfd; NULL: nothing */
	char *firmware;		  /* --firmware; NULL: not given */
};

/* Without bochs in PATH. The user is told to install it, which is no error. */
static const struct placement_row without_bochs[] = {
	{ "vmx/none", &no_kvm, NULL, NULL,
	  "skip: no /dev/kvm here; the intel lab has no Bochs (scripts/packages --install lab intel)" },
	{ "vmx/none", &intel_kvm, NULL, NULL, "local: the local host offers kvm, vmx" },
	{ "svm/none", &no_kvm, NULL, NULL, "amd: no /dev/kvm here" },
};

static const struct placement_row with_bochs[] = {
	/* A program that needs nothing but KVM. */
	{ "alpine/none", &no_kvm, NULL, NULL, "amd: no /dev/kvm here" },
	{ "alpine/none", &plain_kvm, NULL, NULL, "local: it needs no more than the local KVM" },
	{ "alpine/none", &plain_kvm, "local", NULL, "local: it needs no more than the local KVM" },
	{ "alpine/none", &no_kvm, "local", NULL,
	  "skip: no /dev/kvm here; without --host local it runs in the amd lab, and with --accel tcg on QEMU's TCG" },
	{ "alpine/none", &no_kvm, NULL, "tcg", "local: --accel tcg" },
	{ "alpine/none", &plain_kvm, NULL, "tcg", "local: --accel tcg" },
	{ "alpine/none", &plain_kvm, NULL, "kvm", "local: --accel kvm" },
	{ "alpine/none", &plain_kvm, "amd", NULL, "amd: --host amd" },
	{ "alpine/none", &plain_kvm, ANY_LAB, NULL, "amd: --host lab" },
	{ "wide/none", &plain_kvm, NULL, NULL, "amd: needs 255 vCPUs, and kvm offers 8" },
	{ "wide/none", &amd_kvm, NULL, NULL, "local: it needs no more than the local KVM" },

	/* Programs that need more. */
	{ "clock/none", &plain_kvm, NULL, NULL, "local: the local host offers kvmclock" },
	{ "clock/none", &no_kvm, NULL, NULL, "amd: no /dev/kvm here" },
	{ "clock/none", &no_kvm, NULL, "tcg",
	  "skip: needs kvmclock, which KVM offers and TCG does not" },
	{ "hyper/none", &plain_kvm, NULL, NULL,
	  "amd: needs hyperv, which the local host does not offer" },
	{ "hyper/none", &amd_kvm, NULL, NULL, "local: the local host offers hyperv" },
	{ "hyper/none", &plain_kvm, NULL, "kvm",
	  "skip: needs Hyper-V's SynIC, which this KVM does not offer (KVM_CAP_HYPERV_SYNIC2 is 0)" },
	{ "svm/none", &plain_kvm, NULL, NULL,
	  "amd: needs svm, which the local host does not offer" },
	{ "svm/none", &intel_kvm, NULL, NULL,
	  "amd: needs svm, which the local host does not offer" },
	{ "svm/none", &amd_kvm, NULL, NULL, "local: the local host offers kvm, svm" },
	{ "svm/none", &plain_kvm, "intel", NULL, "intel: --host intel" },
	{ "vmx/none", &amd_kvm, NULL, NULL,
	  "intel: needs vmx, which the local host does not offer" },
	{ "vmx/none", &no_kvm, NULL, NULL, "intel: no /dev/kvm here" },
	{ "vmx/none", &intel_kvm, NULL, NULL, "local: the local host offers kvm, vmx" },
	{ "vmx/none", &plain_kvm, ANY_LAB, NULL, "intel: --host lab" },
	{ "vmx/none", &plain_kvm, "local", NULL,
	  "skip: needs nested VMX, which this KVM does not offer (CPUID 1 ECX bit 5 is clear; kvm-intel's parameter `nested`)" },
	{ "both/none", &no_kvm, NULL, NULL, "skip: no /dev/kvm here" },
	{ "both/none", &no_kvm, ANY_LAB, NULL, "skip: no lab offers all that it needs" },

	/* No lab helps here. */
	{ "arm/none", &no_kvm, NULL, NULL, "skip: is for arm64, and this is x86_64" },
	{ "arm/none", &no_kvm, "amd", NULL, "skip: is for arm64, and this is x86_64" },
	{ "emulated/none", &no_kvm, NULL, NULL,
	  "skip: is for tcg, and this runs on kvm; --accel tcg runs it" },
	{ "emulated/none", &plain_kvm, NULL, NULL,
	  "skip: is for tcg, and this runs on kvm; --accel tcg runs it" },
	{ "emulated/none", &no_kvm, NULL, "tcg", "local: --accel tcg" },
	/* Requirements on the host are checked where the case runs. */
	{ "strict/none", &plain_kvm, NULL, NULL,
	  "skip: needs /proc/self/comm to be x, and it is unit-select" },
	{ "strict/none", &no_kvm, NULL, NULL, "amd: no /dev/kvm here" },

	/* Needs of a plan besides KVM are checked where the case runs. */
	{ "alpine/postcopy", &plain_kvm, NULL, NULL, "local: it needs no more than the local KVM" },
	{ "alpine/postcopy", &plain_kvm, NULL, NULL,
	  "skip: plan postcopy needs userfaultfd; --host lab runs it in a lab", "userfaultfd" },
	{ "alpine/bgsnapshot", &plain_kvm, "local", NULL, "skip: plan bgsnapshot needs userfaultfd",
	  "userfaultfd" },
	{ "alpine/postcopy", &no_kvm, NULL, NULL, "amd: no /dev/kvm here", "userfaultfd" },
	{ "svm/postcopy", &plain_kvm, NULL, NULL,
	  "amd: needs svm, which the local host does not offer", "userfaultfd" },
	{ "alpine/precopy", &plain_kvm, NULL, NULL, "local: it needs no more than the local KVM",
	  "userfaultfd" },
	{ "alpine/precopy+dirtyring", &plain_kvm, NULL, NULL,
	  "amd: plan precopy+dirtyring needs dirty rings, and this KVM has none (Linux 5.11 has; KVM_CAP_DIRTY_LOG_RING)" },
	{ "alpine/dirtyring", &plain_kvm, NULL, NULL,
	  "amd: plan dirtyring needs dirty rings, and this KVM has none (Linux 5.11 has; KVM_CAP_DIRTY_LOG_RING)" },
	{ "alpine/dirtyring", &shadow_kvm, NULL, NULL,
	  "amd: plan dirtyring needs EPT or NPT: without them KVM overruns its dirty rings, and writes are lost" },
	{ "alpine/dirtyring", &shadow_kvm, "local", NULL,
	  "skip: plan dirtyring needs EPT or NPT: without them KVM overruns its dirty rings, and writes are lost" },
	{ "alpine/dirtylog", &shadow_kvm, NULL, NULL,
	  "local: it needs no more than the local KVM" },
	/* No lab has huge pages. */
	{ "alpine/precopy+hugepages", &no_kvm, NULL, NULL,
	  "skip: no /dev/kvm here; labs have no huge pages" },
	{ "alpine/precopy+hugepages", &no_kvm, "amd", NULL, "amd: --host amd" },

	/* UEFI firmware. */
	{ "alpine/none", &no_kvm, NULL, NULL,
	  "intel: no /dev/kvm here; UEFI firmware takes minutes to start there",
	  .firmware = "uefi" },
	{ "alpine/none", &no_kvm, "amd", NULL,
	  "skip: the amd lab's QEMU ends when OVMF's interrupt handlers write CR8; --accel tcg runs it on QEMU's TCG",
	  .firmware = "uefi" },
	{ "alpine/none", &no_kvm, ANY_LAB, NULL,
	  "intel: --host lab; UEFI firmware takes minutes to start there", .firmware = "uefi" },
	/* On hardware it has no problems. */
	{ "vmx/none", &intel_kvm, "intel", NULL, "intel: --host intel", .firmware = "uefi" },
};

static void check_placement(const struct suite *suite, const struct placement_row *row)
{
	g_auto(GStrv) pattern = split(row->pattern);
	g_auto(GStrv) plan = split(strchr(row->pattern, '/') + 1);
	struct settings wanted = settings_with(1, 0, row->accel);
	struct selection selection = { .patterns = pattern,
				       .plan_names = plan,
				       .wanted = &wanted,
				       .accel = row->accel ?: "kvm",
				       .host = row->host };
	g_autoptr(GPtrArray) cases = NULL;
	g_autofree char *told = NULL;
	const struct test_case *test_case;

	wanted.firmware = row->firmware;
	kvm_pretend(row->kvm);
	userfault_pretend(row->userfault);
	cases = select_cases(suite, &selection, NULL);
	g_assert_cmpuint(cases->len, ==, 1);
	test_case = cases->pdata[0];
	told = g_strdup_printf("%s: %s", test_case->skip_reason ? "skip" : test_case->host,
			       test_case->skip_reason ?: test_case->why);
	g_test_message("%s, --host %s, --accel %s", row->pattern, row->host, row->accel);
	g_assert_cmpstr(told, ==, row->told);
	g_assert_true(!test_case->why == !!test_case->skip_reason);
	/* A skipped case belongs to this machine, whatever host was wanted. */
	g_assert_true(!test_case->skip_reason || g_str_equal(test_case->host, "local"));
}

/* A lab runs cases that this machine's KVM cannot run, unless the user wants no lab. */
static void test_placement(void)
{
	g_autofree char *text = g_strconcat(config,
					    "[clock]\nfile = alpha.flat\nneeds = kvmclock\n"
					    "[hyper]\nfile = alpha.flat\nneeds = hyperv\n"
					    "[vmx]\nfile = alpha.flat\nneeds = kvm vmx\n"
					    "[svm]\nfile = alpha.flat\nneeds = kvm svm\n"
					    "[both]\nfile = alpha.flat\nneeds = svm vmx\n"
					    "[emulated]\nfile = alpha.flat\naccel = tcg\n",
					    NULL);
	struct folder folder = make_folder(text);
	struct suite *suite = suite_load(folder.config, folder.path, FALSE, NULL);
	g_autofree char *bochs = g_build_filename(folder.path, "bochs", NULL);
	g_autofree char *efi = g_build_filename(folder.path, "alpha.efi", NULL);

	g_assert_true(g_file_set_contents(efi, "", 0, NULL));
	g_setenv("PATH", folder.path, TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(without_bochs); i++)
		check_placement(suite, &without_bochs[i]);
	/* The emulator of the intel lab only has to be found, so an empty file will do. */
	g_assert_true(g_file_set_contents_full(bochs, "", 0, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(with_bochs); i++)
		check_placement(suite, &with_bochs[i]);
	g_unlink(bochs);
	g_unlink(efi);
	suite_free(suite);
	drop_folder(&folder);
}

/* --accel chooses the accelerator. It is refused if it contradicts --host or is missing here. */
static void test_accel(void)
{
	static const struct {
		const struct kvm_offers *kvm;
		const char *accel, *host, *told;
	} rows[] = {
		{ &no_kvm, NULL, NULL, "kvm" },
		{ &no_kvm, "tcg", NULL, "tcg" },
		{ &plain_kvm, "tcg", "local", "tcg" },
		{ &plain_kvm, "kvm", NULL, "kvm" },
		{ &no_kvm, "kvm", "amd", "kvm" },
		{ &no_kvm, "kvm", NULL, "--accel kvm: no /dev/kvm here" },
		{ &no_kvm, "kvm", "local", "--accel kvm: no /dev/kvm here" },
		{ &plain_kvm, "hvf", NULL, "--accel is kvm or tcg, not 'hvf'" },
		{ &plain_kvm, "tcg", "intel",
		  "--accel tcg is TCG on this machine, and --host intel is KVM in a lab; leave one out" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		const char *accel;

		kvm_pretend(rows[i].kvm);
		accel = choose_accel(rows[i].accel, rows[i].host, &error);
		g_assert_cmpstr(accel ? accel : error->message, ==, rows[i].told);
		g_assert_true(!accel == (error != NULL));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* The tests choose the emulator by PATH, and BOCHS would take precedence. */
	g_unsetenv("BOCHS");
	g_test_add_func("/select/patterns", test_patterns);
	g_test_add_func("/select/default-plans", test_default_plans);
	g_test_add_func("/select/nodefault", test_all_leaves_out_nodefault);
	g_test_add_func("/select/repeat", test_repeat);
	g_test_add_func("/select/complaints", test_complaints_about_the_suite);
	g_test_add_func("/select/kvm-unit-tests", test_kvm_unit_tests);
	g_test_add_func("/select/seeds", test_seeds);
	g_test_add_func("/select/placement", test_placement);
	g_test_add_func("/select/accel", test_accel);
	return g_test_run();
}
