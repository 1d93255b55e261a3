// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Measures a host by running the program `calibrate` on it as a case of its own,
 * and keeps the figure in $XDG_CACHE_HOME/ferry/speed, a key file with one group a
 * host.
 */
#include <sys/stat.h>

#include "plan/plan.h"
#include "util/interrupt.h"
#include "run/speed.h"

/*
 * The slowest host on which deadlines need not be multiplied; lib/deadline.h has the same figure.
 */
#define FULL_SPEED_LOOPS_PER_MS 100000
/*
 * Deadlines are multiplied by no more than this, so that a hang is reported in reasonable time. It
 * is enough on slower hosts, too, since programs do less work there (scaled_count()).
 */
#define MOST_TIMESCALE 10

#define KEY "loops_per_ms"

struct measurement {
	GMainLoop *loop;
	struct result *result;
};

static char *cache_path(void)
{
	return g_build_filename(g_get_user_cache_dir(), "ferry", "speed", NULL);
}

/* The name of a key file's group must not hold brackets. The caller frees it. */
static char *group_name(const struct environment *environment)
{
	struct stat status = { 0 };
	char *name;

	stat(environment->binary, &status);
	name = g_strdup_printf("%s, %s, %s, %s of %ld", environment->accel, environment->kernel,
			       environment->cpu, environment->binary, (long)status.st_mtime);
	return g_strdelimit(name, "[]", '_');
}

static double scale(gint64 loops_per_ms)
{
	return CLAMP((double)FULL_SPEED_LOOPS_PER_MS / loops_per_ms, 1, MOST_TIMESCALE);
}

static void on_progress(void *data, const struct test_case *test_case, const char *doing)
{
}

static void on_ended(void *data, struct result *result)
{
	struct measurement *measurement = data;

	measurement->result = result;
	g_main_loop_quit(measurement->loop);
}

static gint64 measure(const struct program *program, const struct case_settings *settings,
		      char **problem)
{
	static const struct case_listener listener = {
		.progress = on_progress,
		.ended = on_ended,
	};
	struct test_case test_case = {
		.program = program,
		.plan = &plan_none,
		.vmm = settings->vmms[0].vmm,
		.plan_name = "none",
		.name = (char *)"calibrate/none",
		.log_name = (char *)"calibrate/none",
	};
	struct measurement measurement = { .loop = g_main_loop_new(NULL, FALSE) };
	/* The user's words for guests may choose tests that this one does not have. */
	struct settings wanted = *settings->wanted;
	struct case_settings own = *settings;
	struct case_run *run;
	const char *value;
	gint64 speed = 0;

	wanted.args = NULL;
	/* What starts a guest does not change how fast it is. */
	wanted.firmware = NULL;
	own.wanted = &wanted;
	/* The program is ours, whatever suite is run. */
	own.kvm_unit_tests = FALSE;
	run = case_start(&test_case, 1, &own, &listener, &measurement);
	interrupt_run_loop(measurement.loop);
	g_main_loop_unref(measurement.loop);
	if (!measurement.result) {
		case_abandon(run);
		return 0; /* interrupted, which the caller notices by itself */
	}
	value = result_mark(measurement.result, "speed", KEY);
	if (value)
		speed = g_ascii_strtoll(value, NULL, 10);
	if (speed <= 0)
		*problem = g_strdup_printf("%s (logs in %s)",
					   measurement.result->reason ? measurement.result->reason
								      : "it did not tell its speed",
					   measurement.result->logdir);
	result_free(measurement.result);
	return speed;
}

/* If the cache cannot be written, the next run measures again. */
static void remember(const char *path, GKeyFile *cache)
{
	g_autofree char *folder = g_path_get_dirname(path);

	if (!g_mkdir_with_parents(folder, 0755))
		g_key_file_save_to_file(cache, path, NULL);
}

double speed_timescale(const struct program *program, const struct case_settings *settings,
		       const struct environment *environment, char **problem)
{
	g_autofree char *path = cache_path(), *group = group_name(environment);
	g_autoptr(GKeyFile) cache = g_key_file_new();
	gint64 speed;

	*problem = NULL;
	g_key_file_load_from_file(cache, path, G_KEY_FILE_NONE, NULL);
	speed = g_key_file_get_int64(cache, group, KEY, NULL);
	if (speed > 0)
		return scale(speed);
	speed = measure(program, settings, problem);
	if (speed <= 0)
		return 1;
	g_key_file_set_int64(cache, group, KEY, speed);
	remember(path, cache);
	return scale(speed);
}
