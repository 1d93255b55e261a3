// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plans with options after their names. Each VMM knows what an option means to it. This file finds
 * out whether this machine's kernel has what an option needs: KVM API documentation 8.29
 * (KVM_CAP_DIRTY_LOG_RING), Documentation/admin-guide/mm/hugetlbpage.rst, personality(2).
 */
#include "util/child.h"
#include "util/kvm.h"
#include "plan/option.h"
#include "util/text.h"

#define HUGE_PAGES    "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_PAGE_MIB 2
/* At most: a source that ends, the VMM that has the guest, and the next destination. */
#define VMMS_AT_A_TIME 3

const struct plan_option plan_options[] = {
	{ "multifd", "memory goes over several connections", OPTION_MULTIFD,
	  OPTION_EXEC | OPTION_FILE },
	{ "zlib", "memory goes over several connections, and zlib compresses it",
	  OPTION_MULTIFD | OPTION_ZLIB, OPTION_EXEC | OPTION_FILE },
	{ "xbzrle", "a page that was sent before is sent as a difference", OPTION_XBZRLE, 0 },
	{ "compress", "pages are compressed (QEMU before 9.1)", OPTION_COMPRESS, 0 },
	{ "autoconverge", "vCPUs are slowed down until memory can be sent", OPTION_AUTO_CONVERGE,
	  0 },
	{ "dirtyring", "KVM tells of written pages in rings and not in a bitmap", OPTION_DIRTY_RING,
	  0 },
	{ "hugepages", "the guest's memory is in pages of 2 MiB", OPTION_HUGE_PAGES, OPTION_MEMFD },
	{ "memfd", "the guest's memory is a shared memfd", OPTION_MEMFD, OPTION_HUGE_PAGES },
	{ "tcp", "the stream goes over TCP", OPTION_TCP, OPTION_EXEC | OPTION_FILE },
	{ "exec", "the stream goes through two processes and a FIFO", OPTION_EXEC,
	  OPTION_TCP | OPTION_FILE | OPTION_MULTIFD },
	{ "file", "the stream goes into a file, from which the guest is then read (QEMU 8.2)",
	  OPTION_FILE, OPTION_TCP | OPTION_EXEC | OPTION_MULTIFD },
	{ "delay", "0 to 50 ms pass before each action, at random", OPTION_DELAY, 0 },
	{ "norandom", "all VMMs have the guest's memory at the same addresses", OPTION_NO_RANDOM,
	  0 },
	{ "diskerror", "the disk refuses a write before the guest is saved", OPTION_DISK_ERROR, 0 },
	{ "preempt", "pages that the guest waits for have a stream of their own (QEMU 7.1)",
	  OPTION_PREEMPT, OPTION_MULTIFD },
	{ "releaseram", "the source gives back the memory that it has sent", OPTION_RELEASE_RAM,
	  OPTION_HUGE_PAGES | OPTION_MEMFD },
	{ "late", "a migration is broken off when the guest was stopped for it", OPTION_LATE, 0 },
	{ "peek", "QEMU reads all registers of the stopped guest before it goes on", OPTION_PEEK,
	  0 },
	{ 0 },
};

static char *names_of(unsigned options, const char *separator, const char *last_separator)
{
	GString *names = g_string_new(NULL);

	for (const struct plan_option *option = plan_options; option->name; option++) {
		if (!(options & option->bit))
			continue;
		options &= ~option->bit;
		if (names->len)
			g_string_append(names, options ? separator : last_separator);
		g_string_append(names, option->name);
	}
	return g_string_free(names, FALSE);
}

char *plan_options_idle(unsigned unused, unsigned attempts)
{
	g_autofree char *names = names_of(unused, ", ", " and ");

	return g_strdup_printf("query-migrate shows no use of %s in %u attempts", names, attempts);
}

/* ---- names ---- */

static const struct plan_option *find_option(const char *name)
{
	for (const struct plan_option *option = plan_options; option->name; option++)
		if (g_str_equal(option->name, name))
			return option;
	return NULL;
}

static const struct plan *find_base(const char *name)
{
	for (const struct plan *const *plan = plans; *plan; plan++)
		if (g_str_equal((*plan)->name, name))
			return *plan;
	return NULL;
}

static char *unknown_plan(const char *name)
{
	g_autofree char *suggestion = text_suggest(name, plan_names());

	return g_strdup_printf("unknown plan '%s'%s", name, suggestion);
}

static char *unknown_option(const struct plan *base, const char *name)
{
	const char *known[G_N_ELEMENTS(plan_options)] = { NULL };
	g_autofree char *suggestion = NULL;
	gsize count = 0;

	for (const struct plan_option *option = plan_options; option->name; option++)
		if (base->takes & option->bit)
			known[count++] = option->name;
	suggestion = text_suggest(name, known);
	return g_strdup_printf("plan '%s' has no option '%s'%s", base->name, name, suggestion);
}

/*
 * Sets BASE and OPTIONS to what NAME means. Returns NULL, or why NAME means nothing, which the
 * caller frees.
 */
static char *parse(const char *name, const struct plan **base, unsigned *options)
{
	g_auto(GStrv) words = g_strsplit(name, "+", -1);

	*options = 0;
	*base = *words ? find_base(*words) : NULL;
	if (!*base)
		return unknown_plan(*words ? *words : "");
	for (char **word = words + 1; *word; word++) {
		const struct plan_option *option = find_option(*word);

		if (!(*base)->takes)
			return g_strdup_printf("plan '%s' takes no options, and '%s' names some",
					       (*base)->name, name);
		if (!option || !((*base)->takes & option->bit))
			return unknown_option(*base, *word);
		if (*options & option->excludes) {
			g_autofree char *other = names_of(*options & option->excludes, "+", "+");

			return g_strdup_printf("option '%s' of plan '%s' does not go with '%s'",
					       *word, (*base)->name, other);
		}
		*options |= option->bit;
	}
	return NULL;
}

char *plan_problem(const char *name)
{
	const struct plan *base;
	unsigned options;

	return parse(name, &base, &options);
}

const struct plan *plan_find(const char *name)
{
	static GHashTable *known; /* full name -> struct plan; lives as long as the runner */
	g_autofree char *problem = NULL, *names = NULL;
	g_autofree char *full = NULL;
	const struct plan *base;
	struct plan *plan;
	unsigned options;

	problem = parse(name, &base, &options);
	if (problem)
		return NULL;
	if (!options)
		return base;
	if (!known)
		known = g_hash_table_new(g_str_hash, g_str_equal);
	names = names_of(options, "+", "+");
	full = g_strconcat(base->name, "+", names, NULL);
	plan = g_hash_table_lookup(known, full);
	if (plan)
		return plan;
	plan = g_new(struct plan, 1);
	*plan = *base;
	plan->name = g_steal_pointer(&full);
	plan->options = options;
	plan->base = base;
	g_hash_table_insert(known, (gpointer)plan->name, plan);
	return plan;
}

/* ---- what this machine has ---- */

static gint64 read_number(const char *path)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	return g_ascii_strtoll(text, NULL, 10);
}

static char *huge_pages_missing(unsigned memory_mib)
{
	gint64 wanted = VMMS_AT_A_TIME * memory_mib / HUGE_PAGE_MIB;
	gint64 free = read_number(HUGE_PAGES "free_hugepages");
	gint64 promised = read_number(HUGE_PAGES "resv_hugepages");

	if (free < 0)
		return g_strdup("pages of 2 MiB, and this kernel has none (CONFIG_HUGETLBFS)");
	free -= MAX(0, promised);
	if (free >= wanted)
		return NULL;
	return g_strdup_printf(
		"%" G_GINT64_FORMAT
		" free pages of 2 MiB for each guest that runs at a time, and %" G_GINT64_FORMAT
		" are free (sysctl vm.nr_hugepages=%" G_GINT64_FORMAT ")",
		wanted, free, wanted * g_get_num_processors());
}

char *plan_options_missing(unsigned options, const char *accel, unsigned memory_mib)
{
	if (options & OPTION_DIRTY_RING && !g_str_equal(accel, "kvm"))
		return g_strdup("KVM for its dirty rings, and this runs on TCG");
	if (options & OPTION_DIRTY_RING && !kvm_offers()->dirty_ring_bytes)
		return g_strdup(
			"dirty rings, and this KVM has none (Linux 5.11 has; KVM_CAP_DIRTY_LOG_RING)");
	if (options & OPTION_DIRTY_RING && kvm_offers()->shadow_paging)
		return g_strdup(
			"EPT or NPT: without them KVM overruns its dirty rings, and writes are lost");
	if (options & OPTION_NO_RANDOM && !child_can_be_predictable())
		return g_strdup(
			"a process whose addresses are not random, and personality(2) refuses it here (a container's seccomp filter may)");
	return options & OPTION_HUGE_PAGES ? huge_pages_missing(memory_mib) : NULL;
}
