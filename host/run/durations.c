// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Expected durations. See durations.h.
 *
 * durations.cfg has a group for each kind of host (kvm and tcg are this machine's, others have the
 * name of a lab) with seconds of cases, and the group `plans` with how many times longer a case
 * takes under a plan than under the plan `none`. `ferry results --durations` writes it. What is
 * remembered is in one file for this machine and one for each lab, with a group for each kernel and
 * CPU (remembered.h).
 */
#include <string.h>

#include "lab/kinds.h"
#include "run/durations.h"
#include "run/remembered.h"
#include "util/paths.h"

/* What a case under plan `none` takes, in seconds, if nothing at all is known of its program. */
#define SOME_SECONDS 20
/* What a plan takes, compared with `none`, if the table does not tell. */
#define SOME_PLAN_FACTOR  2
#define SOME_BOOT_SECONDS 15

/* No case has these names, since a case has a '/' in its name. */
#define BOOT  "boot"
#define PLANS "plans"

/*
 * A kind of host. A guest that is emulated twice is slower, so figures from other kinds of hosts
 * are scaled.
 */
struct host {
	const char *group; /* in durations.cfg */
	double slowness;   /* compared with others of this table; a rough guess */
};

/* The kinds of this machine, by the accelerator. The first stands for what is not known. */
static const struct host kinds_here[] = { { "kvm", 1 }, { "tcg", 2 } };

static struct host host_of_lab(const struct lab_kind *lab)
{
	return (struct host){ lab->name, lab->slowness };
}

/* All kinds of hosts, by NUMBER from 0; after the last comes one without a group. */
static struct host nth_host(gsize number)
{
	if (number < G_N_ELEMENTS(kinds_here))
		return kinds_here[number];
	return host_of_lab(&lab_kinds[number - G_N_ELEMENTS(kinds_here)]);
}

struct durations {
	GKeyFile *built_in;
	const char *accel; /* of cases on this machine */
	char *here;	   /* the group of cases on this machine */
	char *cpu;	   /* the end of the groups of labs on this machine */
	gboolean learns;
	gboolean table_only;	/* durations.cfg, and nothing that was measured here */
	GHashTable *remembered; /* "local" or the name of a lab -> struct remembered */
};

static gboolean is_usual(const struct settings *wanted)
{
	return !wanted->args && !wanted->suite && !wanted->firmware &&
	       wanted->moves == DEFAULT_MOVES && wanted->memory_mib == DEFAULT_MEMORY_MIB &&
	       !wanted->keep_ram && !wanted->kvm;
}

struct durations *durations_open(const struct environment *here, const struct settings *wanted)
{
	struct durations *durations = g_new0(struct durations, 1);
	g_autofree char *path = source_path("durations.cfg");
	g_autofree char *local =
		g_strdup_printf("%s, Linux %s on %s", here->accel, here->kernel, here->cpu);
	g_autofree char *cpu = g_strdup_printf(" on %s", here->cpu);

	durations->built_in = g_key_file_new();
	g_key_file_load_from_file(durations->built_in, path, G_KEY_FILE_NONE, NULL);
	durations->learns = !wanted || is_usual(wanted);
	durations->accel = g_intern_string(here->accel);
	durations->here = remembered_group_name(local);
	durations->cpu = remembered_group_name(cpu);
	durations->remembered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						      (GDestroyNotify)remembered_close);
	return durations;
}

struct durations *durations_of_table(void)
{
	const struct environment nowhere = { .accel = (char *)"kvm",
					     .kernel = (char *)"",
					     .cpu = (char *)"" };
	struct durations *durations = durations_open(&nowhere, NULL);

	durations->learns = FALSE;
	durations->table_only = TRUE;
	return durations;
}

void durations_close(struct durations *durations)
{
	g_hash_table_unref(durations->remembered);
	g_key_file_unref(durations->built_in);
	g_free(durations->here);
	g_free(durations->cpu);
	g_free(durations);
}

static struct remembered *memory_of(struct durations *durations, const char *host)
{
	struct remembered *remembered = g_hash_table_lookup(durations->remembered, host);

	if (!remembered) {
		remembered = remembered_open(host);
		g_hash_table_insert(durations->remembered, g_strdup(host), remembered);
	}
	return remembered;
}

static gboolean is_local(const char *host)
{
	return g_str_equal(host, "local");
}

/* Repeats of a case share one figure. The caller frees the name. */
static char *key_of(const char *program, const char *plan)
{
	return g_strconcat(program, "/", plan, NULL);
}

/* A lab's kernel is known only when it has booted. Until then the last one is assumed. */
static double measured(struct durations *durations, const char *host, const char *key)
{
	struct remembered *remembered;
	const char *group;

	if (durations->table_only)
		return 0;
	remembered = memory_of(durations, host);
	group = is_local(host) ? durations->here : remembered_latest(remembered, durations->cpu);
	return remembered_seconds(remembered, group, key);
}

static double built_in(const struct durations *durations, const char *group, const char *key)
{
	return g_key_file_get_double(durations->built_in, group, key, NULL);
}

/* ---- guesses ---- */

static struct host host_kind(const struct durations *durations, const char *host)
{
	const struct lab_kind *lab = is_local(host) ? NULL : lab_kind_find(host);

	if (lab)
		return host_of_lab(lab);
	for (gsize i = 0; is_local(host) && i < G_N_ELEMENTS(kinds_here); i++)
		if (g_str_equal(kinds_here[i].group, durations->accel))
			return kinds_here[i];
	return kinds_here[0];
}

/* "precopy+tcp" takes about as long as "precopy". The caller frees the name. */
static char *without_options(const char *plan)
{
	return g_strndup(plan, strcspn(plan, "+"));
}

static double plan_factor(const struct durations *durations, const char *plan)
{
	g_autofree char *name = without_options(plan);
	double factor = built_in(durations, PLANS, name);

	if (g_str_equal(name, "none"))
		return 1;
	return factor > 0 ? factor : SOME_PLAN_FACTOR;
}

/* The caller frees the key. */
static char *key_without_options(const struct program *program, const char *plan)
{
	g_autofree char *name = without_options(plan);

	return key_of(program->name, name);
}

/* What the program takes under plan `none`, by what is known of it on this host; 0: unknown. */
static double base_of_program(struct durations *durations, const char *program, const char *host)
{
	struct host kind = host_kind(durations, host);
	g_auto(GStrv) plans = g_key_file_get_keys(durations->built_in, PLANS, NULL, NULL);

	for (char **plan = plans; plan && *plan; plan++) {
		g_autofree char *key = key_of(program, *plan);
		double seconds = measured(durations, host, key);

		if (!seconds)
			seconds = built_in(durations, kind.group, key);
		if (seconds > 0)
			return seconds / plan_factor(durations, *plan);
	}
	return 0;
}

/* The same binary as PROGRAM with another number of vCPUs. The caller frees the name. */
static char *sibling(const char *program)
{
	if (g_str_has_suffix(program, ONE_VCPU))
		return program_family(program);
	return g_strconcat(program, ONE_VCPU, NULL);
}

/* What PROGRAM takes under plan `none`, by what durations.cfg has of it on other kinds of hosts. */
static double base_elsewhere(struct durations *durations, const struct program *program,
			     struct host kind)
{
	g_autofree char *key = key_of(program->name, "none");

	for (gsize i = 0; nth_host(i).group; i++) {
		struct host other = nth_host(i);
		double seconds = built_in(durations, other.group, key);

		if (seconds > 0)
			return seconds * kind.slowness / other.slowness;
	}
	return 0;
}

/* What any program takes under plan `none` on this kind of host; 0: the table has none. */
static double base_of_kind(const struct durations *durations, struct host kind)
{
	g_auto(GStrv) keys = g_key_file_get_keys(durations->built_in, kind.group, NULL, NULL);
	double sum = 0;
	guint count = 0;

	for (char **key = keys; key && *key; key++)
		if (g_str_has_suffix(*key, "/none")) {
			sum += built_in(durations, kind.group, *key);
			count++;
		}
	return count ? sum / count : 0;
}

static double guess(struct durations *durations, const struct program *program, const char *plan,
		    const char *host)
{
	struct host kind = host_kind(durations, host);
	double base = base_of_program(durations, program->name, host);
	g_autofree char *other = sibling(program->name);

	if (!base)
		base = base_of_program(durations, other, host);
	if (!base)
		base = base_elsewhere(durations, program, kind);
	if (!base)
		base = base_of_kind(durations, kind);
	if (!base)
		base = SOME_SECONDS;
	return base * plan_factor(durations, plan);
}

/* ---- for users of durations ---- */

double expected_seconds(struct durations *durations, const struct test_case *test_case,
			enum duration_source *source)
{
	const struct program *program = test_case->program;
	const char *plan = test_case->plan_name, *host = test_case->host;
	g_autofree char *key = key_of(program->name, plan);
	g_autofree char *plain_key = key_without_options(program, plan);
	enum duration_source unused = DURATION_GUESSED;
	double seconds;

	source = source ? source : &unused;
	*source = DURATION_MEASURED;
	if ((seconds = measured(durations, host, key)) > 0)
		return seconds;
	*source = g_str_equal(key, plain_key) ? DURATION_BUILT_IN : DURATION_GUESSED;
	if ((seconds = measured(durations, host, plain_key)) > 0 ||
	    (seconds = built_in(durations, host_kind(durations, host).group, plain_key)) > 0)
		return seconds;
	*source = DURATION_GUESSED;
	return guess(durations, program, plan, host);
}

double expected_boot_seconds(struct durations *durations, const char *lab)
{
	double seconds = measured(durations, lab, BOOT);

	if (!seconds)
		seconds = built_in(durations, lab, BOOT);
	return seconds > 0 ? seconds : SOME_BOOT_SECONDS;
}

/* The group of what is learned on HOST with this KERNEL. The caller frees it. */
static char *group_on(const struct durations *durations, const char *host, const char *kernel)
{
	g_autofree char *name = NULL, *cleaned = NULL;

	if (is_local(host))
		return g_strdup(durations->here);
	name = g_strdup_printf("Linux %s", kernel);
	cleaned = remembered_group_name(name);
	return g_strconcat(cleaned, durations->cpu, NULL);
}

static gboolean ended_well(enum verdict verdict)
{
	return verdict == VERDICT_PASS || verdict == VERDICT_XFAIL || verdict == VERDICT_SKIP;
}

void durations_learn(struct durations *durations, const struct result *result)
{
	const struct environment *environment = result->environment;
	const char *host = environment->host;
	g_autofree char *group = NULL, *key = NULL;

	/* A case without logs never started. */
	if (!durations->learns || !result->logdir || !environment->kernel)
		return;
	group = group_on(durations, host, environment->kernel);
	key = key_of(result->test_case->program->name, result->test_case->plan_name);
	remembered_learn(memory_of(durations, host), group, key, result->duration_ns / 1e9,
			 ended_well(result->verdict));
}

void durations_learn_boot(struct durations *durations, const char *lab, const char *kernel,
			  double seconds)
{
	g_autofree char *group = group_on(durations, lab, kernel);

	remembered_learn(memory_of(durations, lab), group, BOOT, seconds, TRUE);
}
