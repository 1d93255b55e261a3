// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry merge`: joins the results of a run's shards, and tells what is missing. Files that do not
 * belong together are refused, since nobody could tell afterwards which result came from which run.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "report/counts.h"
#include "report/results-file.h"
#include "util/text.h"

static struct {
	char *output;
	char **files;
} options;

static const GOptionEntry entries[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "Where the results go",
	  "FILE" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, NULL, "FILE..." },
	{ 0 },
};

struct merge {
	const char *file;	 /* that is being read */
	GHashTable *values;	 /* what all must agree on -> struct agreed */
	GHashTable *case_files;	 /* name of a case -> its file */
	GHashTable *shard_files; /* "2/4" -> its file */
	unsigned shards;	 /* how many there are; 0: the run was not divided */
	guint cases;		 /* of the whole run; 0: unknown */
	struct counts counts;
	guint results;
	GError *error;
};

struct agreed {
	char *value;
	const char *file;
};

static void agreed_free(struct agreed *agreed)
{
	g_free(agreed->value);
	g_free(agreed);
}

static G_GNUC_PRINTF(2, 3) void refuse(struct merge *merge, const char *format, ...)
{
	va_list arguments;

	if (merge->error)
		return;
	va_start(arguments, format);
	merge->error = g_error_new_valist(FERRY_ERROR, 0, format, arguments);
	va_end(arguments);
}

/* Refuses files in which WHAT has another VALUE. In a case that never started VALUE may be NULL. */
static void agree(struct merge *merge, const char *what, const char *value)
{
	struct agreed *agreed = g_hash_table_lookup(merge->values, what);

	if (!value)
		return;
	if (!agreed) {
		agreed = g_new0(struct agreed, 1);
		agreed->value = g_strdup(value);
		agreed->file = merge->file;
		g_hash_table_insert(merge->values, g_strdup(what), agreed);
	} else if (!g_str_equal(agreed->value, value)) {
		refuse(merge,
		       "%s and %s do not belong together: %s is %s in one and %s in the other",
		       agreed->file, merge->file, what, agreed->value, value);
	}
}

/* Each lab has a kernel and a QEMU of its own. */
static void agree_on_host(struct merge *merge, const struct result *result)
{
	const struct environment *environment = result->environment;
	g_autofree char *kernel = g_strdup_printf("the kernel of host %s", environment->host);
	g_autofree char *vmm =
		g_strdup_printf("the version of %s on host %s",
				environment->vmm ? environment->vmm : "the VMM", environment->host);
	g_autofree char *other = g_strconcat(vmm, " (--qemu-dst)", NULL);

	agree(merge, kernel, environment->kernel);
	agree(merge, vmm, result->vmm_version);
	agree(merge, other, result->other_vmm_version);
}

static void add_shard(struct merge *merge, const struct environment *environment)
{
	g_autofree char *cases = g_strdup_printf("%u", environment->run_cases);
	const char *file;
	unsigned index, count;

	if (!environment->shard || sscanf(environment->shard, "%u/%u", &index, &count) != 2)
		return;
	file = g_hash_table_lookup(merge->shard_files, environment->shard);
	if (file && file != merge->file)
		refuse(merge, "shard %s came twice: in %s and in %s", environment->shard, file,
		       merge->file);
	else if (!file)
		g_hash_table_insert(merge->shard_files, g_strdup(environment->shard),
				    (gpointer)merge->file);
	if (merge->shards && merge->shards != count)
		refuse(merge, "%s is a shard of %u, and the files before are of %u", merge->file,
		       count, merge->shards);
	agree(merge, "the number of cases of the whole run", cases);
	merge->shards = count;
	merge->cases = environment->run_cases;
}

static void add(void *data, const struct result *result)
{
	struct merge *merge = data;
	const char *kvm = result->environment->kvm;
	/* A sweep of KVM's parameters has each case several times. */
	g_autofree char *name =
		g_strconcat(result->test_case->name, kvm ? " with " : NULL, kvm, NULL);
	const char *file = g_hash_table_lookup(merge->case_files, name);

	/*
	 * This comes first: if a shard came twice, the message names the shard and not its first
	 * case.
	 */
	add_shard(merge, result->environment);
	if (file)
		refuse(merge, "the case %s came twice: in %s and in %s", name, file, merge->file);
	else
		g_hash_table_insert(merge->case_files, g_strdup(name), (gpointer)merge->file);
	agree(merge, "Ferry's commit", result->environment->ferry);
	agree_on_host(merge, result);
	counts_add(&merge->counts, result);
	merge->results++;
}

/* Adds the whole lines of FILE. FALSE and ERROR if it cannot be read. */
static gboolean append_lines(GString *text, const char *file, GError **error)
{
	g_autofree char *bytes = NULL;
	char *end;

	if (!g_file_get_contents(file, &bytes, NULL, error))
		return FALSE;
	end = strrchr(bytes, '\n');
	if (end)
		g_string_append_len(text, bytes, end + 1 - bytes);
	return TRUE;
}

static gboolean read_all(struct merge *merge, GString *text, GError **error)
{
	for (char **file = options.files; *file; file++) {
		merge->file = *file;
		if (!results_file_read(*file, add, merge, error) ||
		    !append_lines(text, *file, error))
			return FALSE;
		if (!merge->error)
			continue;
		g_propagate_error(error, g_steal_pointer(&merge->error));
		return FALSE;
	}
	return TRUE;
}

/*
 * Tells which shards have no result. A shard may be empty, so a missing one does no harm if all
 * cases have results.
 */
static gboolean is_complete(const struct merge *merge)
{
	if (!merge->shards || merge->results >= merge->cases)
		return TRUE;
	for (unsigned i = 1; i <= merge->shards; i++) {
		g_autofree char *shard = g_strdup_printf("%u/%u", i, merge->shards);

		if (!g_hash_table_contains(merge->shard_files, shard))
			printf("shard %s is missing\n", shard);
	}
	printf("%u of %u cases have no result\n", merge->cases - merge->results, merge->cases);
	return FALSE;
}

static int merge_files(void)
{
	struct merge merge = {
		.values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						(GDestroyNotify)agreed_free),
		.case_files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
		.shard_files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	int status = EXIT_USAGE;

	if (read_all(&merge, text, &error) &&
	    g_file_set_contents(options.output, text->str, text->len, &error)) {
		g_autofree char *counts = counts_text(&merge.counts, 0);

		status = is_complete(&merge) ? EXIT_ALL_PASSED : EXIT_SOME_FAILED;
		printf("%s\n", counts);
	}
	g_hash_table_unref(merge.values);
	g_hash_table_unref(merge.case_files);
	g_hash_table_unref(merge.shard_files);
	return error ? usage_error("%s", error->message) : status;
}

static int merge(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(
		context,
		"Joins the results of the shards of one run, which 'ferry run --shard I/N --json FILE'\n"
		"wrote, and tells what is missing. 'ferry results' and 'ferry compare' read the result.\n"
		"Exit status: 0 nothing is missing, 1 something is, 2 they do not belong together.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	if (!options.files || !options.output)
		return usage_error(
			"name the results, and with -o where they go; see 'ferry merge --help'");
	return merge_files();
}

const struct command merge_command = {
	.name = "merge",
	.about = "join the results of a run's shards",
	.run = merge,
};
