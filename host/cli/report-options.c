// SPDX-License-Identifier: GPL-2.0-or-later
/* Options that choose reports. See report-options.h. */
#include "cli/report-options.h"
#include "report/kcidb.h"
#include "report/progress.h"
#include "util/color.h"

/* One choice for each of `reporters`. */
static struct choice {
	char *file;	    /* NULL: not chosen */
	gboolean is_wanted; /* chosen, if it takes no file */
} * choices;

static int progress_seconds = -1;
static char *kcidb_origin, *kcidb_build;

static const GOptionEntry more_entries[] = {
	{ "progress", 0, 0, G_OPTION_ARG_INT, &progress_seconds,
	  "In plain output, say every N seconds how far the run is; 0: never (default: 60)", "N" },
	{ "kcidb-origin", 0, 0, G_OPTION_ARG_STRING, &kcidb_origin,
	  "The CI system that --kcidb names as the results' origin (default: ferry)", "NAME" },
	{ "kcidb-build", 0, 0, G_OPTION_ARG_STRING, &kcidb_build,
	  "The build of the kernel that --kcidb names as tested (default: one for each kernel release)",
	  "ID" },
};

static GOptionEntry entry_of(const struct reporter *reporter, struct choice *choice)
{
	return (GOptionEntry){
		.long_name = reporter->name,
		.flags = reporter->about ? 0 : G_OPTION_FLAG_HIDDEN,
		.arg = reporter->takes_file ? G_OPTION_ARG_FILENAME : G_OPTION_ARG_NONE,
		.arg_data =
			reporter->takes_file ? (void *)&choice->file : (void *)&choice->is_wanted,
		.description = reporter->about,
		.arg_description = reporter->takes_file ? "FILE" : NULL,
	};
}

const GOptionEntry *report_options_entries(void)
{
	static GArray *entries;
	guint count = 0;

	if (entries)
		return (const GOptionEntry *)entries->data;
	while (reporters[count])
		count++;
	choices = g_new0(struct choice, count);
	entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
	g_array_append_vals(entries, more_entries, G_N_ELEMENTS(more_entries));
	for (guint i = 0; i < count; i++) {
		GOptionEntry entry = entry_of(reporters[i], &choices[i]);

		g_array_append_val(entries, entry);
	}
	return (const GOptionEntry *)entries->data;
}

static gboolean some_beside(void)
{
	for (guint i = 0; reporters[i]; i++)
		if (reporters[i]->beside && choices[i].is_wanted)
			return TRUE;
	return FALSE;
}

/*
 * A terminal gets the live display, unless another display was chosen or a report is printed beside
 * it. The lines of such a report would go into the middle of the live line.
 */
static const struct reporter *choose_display(void)
{
	for (guint i = 0; reporters[i]; i++)
		if (choices[i].is_wanted && !reporters[i]->beside)
			return reporters[i];
	return terminal_is_capable() && !some_beside() ? &live_reporter : &plain_reporter;
}

gboolean report_options_for_people(void)
{
	const struct reporter *display = choose_display();

	return display == &plain_reporter || display == &live_reporter;
}

gboolean report_options_begin(struct reports *reports, const struct environment *environment,
			      const GPtrArray *cases, GError **error)
{
	if (!kcidb_set_names(kcidb_origin, kcidb_build, error))
		return FALSE;
	if (progress_seconds >= 0)
		progress_set_interval(progress_seconds);
	for (guint i = 0; reporters[i]; i++)
		if ((choices[i].file || (choices[i].is_wanted && reporters[i]->beside)) &&
		    !reports_begin(reports, reporters[i], choices[i].file, environment, cases,
				   error))
			return FALSE;
	return reports_begin(reports, choose_display(), NULL, environment, cases, error);
}
