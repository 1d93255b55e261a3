// SPDX-License-Identifier: GPL-2.0-or-later
/* Passes what happens in a run on to its reports. */
#include "report/reports.h"

#define REPORTER_ENTRY(name) &name##_reporter,
const struct reporter *const reporters[] = { FOR_EACH_REPORTER(REPORTER_ENTRY) NULL };
#undef REPORTER_ENTRY

struct report {
	const struct reporter *reporter;
	void *data;
};

struct reports {
	GArray *list; /* of struct report */
};

#define TELL(reports, function, ...)                                                               \
	for (guint i_ = 0; i_ < (reports)->list->len; i_++) {                                      \
		struct report *report_ = &g_array_index((reports)->list, struct report, i_);       \
                                                                                                   \
		if (report_->reporter->function)                                                   \
			report_->reporter->function(report_->data, __VA_ARGS__);                   \
	}

struct reports *reports_new(void)
{
	struct reports *reports = g_new0(struct reports, 1);

	reports->list = g_array_new(FALSE, FALSE, sizeof(struct report));
	return reports;
}

void reports_free(struct reports *reports)
{
	g_array_unref(reports->list);
	g_free(reports);
}

gboolean reports_begin(struct reports *reports, const struct reporter *reporter, const char *target,
		       const struct environment *environment, const GPtrArray *cases,
		       GError **error)
{
	void *data = reporter->begin(target, environment, cases, error);

	if (!data)
		return FALSE;
	reports_add(reports, reporter, data);
	return TRUE;
}

void reports_add(struct reports *reports, const struct reporter *reporter, void *data)
{
	struct report report = { .reporter = reporter, .data = data };

	g_array_append_val(reports->list, report);
}

void reports_forecast(struct reports *reports, const struct forecast *forecast)
{
	TELL(reports, forecast, forecast);
}

void reports_started(struct reports *reports, const struct test_case *test_case)
{
	TELL(reports, started, test_case);
}

void reports_note(struct reports *reports, const char *text)
{
	TELL(reports, note, text);
}

void reports_progress(struct reports *reports, const struct test_case *test_case, const char *doing)
{
	TELL(reports, progress, test_case, doing);
}

void reports_console(struct reports *reports, const struct test_case *test_case, const char *text)
{
	TELL(reports, console, test_case, text);
}

void reports_ended(struct reports *reports, const struct result *result)
{
	TELL(reports, ended, result);
}

char **reports_end(struct reports *reports, guint not_run, const char *why)
{
	g_autoptr(GStrvBuilder) problems = g_strv_builder_new();

	for (guint i = 0; i < reports->list->len; i++) {
		struct report *report = &g_array_index(reports->list, struct report, i);
		g_autoptr(GError) error = NULL;

		if (report->reporter->end &&
		    !report->reporter->end(report->data, not_run, why, &error))
			g_strv_builder_add(problems, error->message);
	}
	return g_strv_builder_end(problems);
}
