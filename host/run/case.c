// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of one case: its guest starts, its plan carries out actions on it, and when there is a
 * verdict (verdict.c), all that belongs to the case ends.
 */
#include "run/case-run.h"
#include "run/known-issues.h"
#include "suite/firmware.h"
#include "util/kvm.h"
#include "util/text.h"

/* How long a VMM may take to answer a command on a fast host. */
#define REPLY_SECONDS 15
/*
 * The same in a lab with an emulated CPU. The measured speed of guests does not tell how much
 * slower a VMM is there, and the lab's own host may be busy.
 */
#define LAB_REPLY_SECONDS 90
/*
 * On an emulated CPU waking the runner costs five times as much as the byte that woke it, so the
 * console's bytes are gathered for this long first.
 */
#define LAB_GATHER_MS 3

const struct vmm_use *case_vmm(const struct case_settings *settings,
			       const struct test_case *test_case)
{
	for (const struct vmm_use *use = settings->vmms; use && use->vmm; use++)
		if (use->vmm == test_case->vmm)
			return use;
	return NULL;
}

void remember_first(char **where, const char *text)
{
	if (!*where)
		*where = text_printable(text, -1);
}

void note_failure(struct case_run *run, enum failure_kind kind, const char *text)
{
	GPtrArray *failures = run->result->failures;
	struct failure *last;

	if (run->over)
		return;
	result_add_failure(run->result, kind, text, run->test.label ? run->test.name : NULL);
	recorder_failure(run->recorder);
	last = failures->pdata[failures->len - 1];
	last->at_ns = recorder_now(run->recorder);
}

void time_test(const struct case_run *run, struct test_result *test)
{
	const struct current_test *current = &run->test;

	test->at_ns = (current->started - run->started) * 1000;
	test->duration_ns = (g_get_monotonic_time() - current->started) * 1000;
	if (current->failed_at)
		test->failed_at_ns = (current->failed_at - run->started) * 1000;
}

void note_violation(struct case_run *run, const char *problem)
{
	remember_first(&run->findings.violation, problem);
	note_failure(run, KIND_HOST_CHECK, problem);
}

void compare_disk(struct case_run *run, guint64 *wrong, guint64 *first)
{
	g_autofree char *problem = disk_check_compare(run->disk, wrong, first);

	if (problem)
		note_violation(run, problem);
}

/* ---- the end ---- */

static void run_free(struct case_run *run)
{
	if (run->deadline)
		g_source_remove(run->deadline);
	standstill_end(run);
	if (run->idle)
		g_source_remove(run->idle);
	if (run->plan)
		plan_end(run->plan);
	if (run->snapshot_source)
		snapshot_source_free(run->snapshot_source);
	if (run->exit)
		g_free(run->exit->stderr_end);
	g_free(run->exit);
	if (run->guest)
		guest_free(run->guest);
	clock_check_free(run->clock_check);
	machine_check_free(run->machine_check);
	if (run->images)
		g_free(ram_images_end(run->images, FALSE));
	disk_check_free(run->disk);
	disk_check_free(run->snapshot_source_disk);
	recorder_free(run->recorder);
	if (run->result)
		result_free(run->result);
	g_free(run->command_line);
	g_free(run->image);
	g_free(run->impatient);
	g_free(run->test.label);
	g_free(run->test.name);
	g_clear_pointer(&run->test.failed, g_ptr_array_unref);
	g_free(run->findings.first_fail);
	g_free(run->findings.first_skip);
	g_free(run->findings.violation);
	g_free(run->findings.unclean);
	g_free(run->findings.abort);
	g_free(run);
}

void case_abandon(struct case_run *run)
{
	run_free(run);
}

/* VMMs tell the start of an action in CLOCK_REALTIME, which somebody may set during the case. */
static void time_actions(struct case_run *run)
{
	GArray *actions = run->result->actions;

	for (guint i = 0; i < actions->len; i++) {
		struct action_stats *action = &g_array_index(actions, struct action_stats, i);

		action->at_ns =
			CLAMP(action->started - run->result->started, 0, run->result->duration_ns);
	}
}

static void tell_story(struct case_run *run)
{
	g_autofree char *transcript =
		g_build_filename(run->result->logdir, run->test_case->vmm->transcript, NULL);

	run->result->story =
		recorder_end(run->recorder, verdict_is_red(run->result->verdict), transcript);
}

static gboolean tell_end(gpointer data)
{
	struct case_run *run = data;
	const struct case_listener *listener = run->listener;
	struct result *result = run->result;
	void *listener_data = run->data;

	run->idle = 0;
	if (run->plan) {
		g_array_unref(result->actions);
		result->actions = g_array_ref(run->plan->actions);
	}
	result->duration_ns = (g_get_monotonic_time() - run->started) * 1000;
	result->started = g_get_real_time() * 1000 - result->duration_ns;
	time_actions(run);
	tell_story(run);
	if (run->images)
		result->memory = ram_images_end(g_steal_pointer(&run->images),
						verdict_is_red(result->verdict));
	run->result = NULL;
	run_free(run);
	listener->ended(listener_data, result);
	return G_SOURCE_REMOVE;
}

void case_over(struct case_run *run)
{
	run->idle = g_idle_add(tell_end, run);
}

/* In seconds. While firmware runs, its own limit counts and the case's does not. */
static double time_left(const struct case_run *run)
{
	gint64 spent = g_get_monotonic_time() - run->started - guest_firmware_us(run->guest);
	gint64 in_firmware = guest_in_firmware_us(run->guest);

	return in_firmware ? run->firmware_limit - in_firmware / 1e6 : run->limit - spent / 1e6;
}

static gboolean on_deadline(gpointer data)
{
	struct case_run *run = data;

	run->deadline = 0;
	if (time_left(run) > 0)
		case_set_deadline(run);
	else
		conclude_deadline(run);
	return G_SOURCE_REMOVE;
}

void case_set_deadline(struct case_run *run)
{
	if (run->deadline)
		g_source_remove(run->deadline);
	run->deadline = 0;
	if (run->limit)
		run->deadline =
			g_timeout_add(CLAMP(time_left(run) * 1000, 1, G_MAXINT), on_deadline, run);
}

static void on_plan_failed(void *data, const char *problem)
{
	struct case_run *run = data;

	conclude_problem(run, guest_vmm_crashed(run->guest) ? KIND_VMM : KIND_PLAN, problem);
}

/* ---- the start ---- */

/* On KVM, a guest's TSC should not look like that of a VM that was just created (lib/x86/tsc.h). */
static gboolean wants_tsc_ahead(const struct environment *environment)
{
	return g_str_equal(environment->accel, "kvm") && host_trusts_tsc();
}

static void add_word(GString *words, const char *word)
{
	if (word && *word)
		g_string_append_printf(words, " %s", word);
}

static char *guest_command_line(const struct test_case *test_case,
				const struct case_settings *settings,
				const struct environment *environment)
{
	const struct program *program = test_case->program;
	g_autofree char *expected = NULL;
	GString *words;

	if (settings->kvm_unit_tests)
		return g_strdup(program->test_args);
	words = g_string_new(NULL);
	g_string_append_printf(words, "timescale=%u", (unsigned)(environment->timescale + 0.999));
	for (char **arg = settings->wanted->args; arg && *arg; arg++)
		add_word(words, *arg);
	add_word(words, program->test_args);
	if (settings->known_issues)
		expected = known_issues_expected(settings->known_issues, test_case,
						 settings->lab ? settings->lab : environment->host,
						 environment);
	add_word(words, expected);
	if (wants_tsc_ahead(environment))
		add_word(words, "tsc-ahead=1");
	if (environment->other_binary)
		add_word(words, "other-vmm=1");
	if (settings->wanted->fail_fast)
		add_word(words, "failfast=1");
	return g_string_free(words, FALSE);
}

/*
 * Images of source and destination can only be compared if the guest does not run while they are
 * made. The caller frees the reason; NULL: they can be compared.
 */
static char *why_no_images(const struct test_case *test_case)
{
	const struct plan *plan = test_case->plan;

	if (plan->next)
		return g_strdup("the plan has actions of several kinds");
	if (plan->kills_source)
		return g_strdup("the source is killed when it has sent all");
	if (plan->capabilities & VMM_CAN_MIGRATE_POSTCOPY)
		return g_strdup("the guest runs while its memory comes");
	if (plan->capabilities & VMM_CAN_SAVE_RUNNING)
		return g_strdup("the guest runs while it is saved");
	if (plan->capabilities & (VMM_CAN_FILE | VMM_CAN_FORK))
		return g_strdup_printf("the %s VMM makes none", test_case->vmm->name);
	if (plan->capabilities & (VMM_CAN_MIGRATE | VMM_CAN_SAVE) &&
	    !(plan->capabilities & VMM_CAN_BREAK_MIGRATION))
		return NULL;
	return g_strdup("the guest stays where it is");
}

/* Returns what makes images in the case's folder; NULL if none are wanted, or none can be made. */
static struct ram_images *start_images(struct case_run *run)
{
	g_autofree char *reason = why_no_images(run->test_case);

	ram_images_clear(run->result->logdir);
	if (!run->settings->wanted->keep_ram)
		return NULL;
	run->images = ram_images_new(run->result->logdir);
	if (reason)
		ram_images_give_up(run->images, reason);
	return reason ? NULL : run->images;
}

/*
 * A guest of another project says no hello after which a continuous plan could begin, and may be
 * gone within a fraction of a second. So the plan begins before the guest's first instruction.
 */
static gboolean begins_with_migration(const struct case_run *run)
{
	const struct plan *plan = run->test_case->plan;

	return run->settings->kvm_unit_tests && plan->continuous &&
	       plan->capabilities & VMM_CAN_MIGRATE;
}

static gboolean start_guest(struct case_run *run, GError **error)
{
	const struct program *program = run->test_case->program;
	const struct case_settings *settings = run->settings;
	const struct vmm_use *use = case_vmm(settings, run->test_case);
	const struct environment *environment = run->environment;
	struct guest_config config = {
		.vmm = use->vmm,
		.binary = environment->binary,
		.other_binary = environment->other_binary,
		.machine = {
			.accel = environment->accel,
			.firmware = firmware_of(settings->wanted->firmware),
			.file = run->image,
			.command_line = run->command_line,
			.runner_word = settings->kvm_unit_tests ? NULL : "runner=ferry",
			.smp = program->smp,
			.memory_mib = settings->wanted->memory_mib,
			.type = *program->machine ? program->machine : NULL,
			.versions = &use->programs.types,
			.arguments = program->qemu_params,
			.kvm_unit_test = settings->kvm_unit_tests,
			.waits_for_migration = begins_with_migration(run),
			.habit = run->test_case->plan->habit,
			.seed = run->test_case->seed,
			.uses = plan_uses(run->test_case->plan),
			.options = run->test_case->plan->options,
		},
		.tuning = {
			.preforked = settings->preforked,
			.gather_ms = settings->emulated_host ? LAB_GATHER_MS : 0,
			.high_priority = settings->emulated_host,
			.reply_seconds = environment->timescale * (settings->emulated_host ?
					 LAB_REPLY_SECONDS : REPLY_SECONDS),
		},
		.logdir = run->result->logdir,
		.socket_dir = settings->socket_dir,
	};

	if (g_mkdir_with_parents(run->result->logdir, 0755) < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot create %s", run->result->logdir);
		return FALSE;
	}
	config.images = start_images(run);
	if (program->disk) {
		run->disk = disk_check_new(settings->socket_dir, program->disk, error);
		if (!run->disk)
			return FALSE;
		config.machine.disk = disk_check_path(run->disk);
	}
	run->guest = guest_start(&config, &case_guest_listener, run, error);
	return run->guest != NULL;
}

/* "logs/kvmclock/precopy", and "logs/kvmclock/precopy.attempt-2" */
static char *log_folder(const struct test_case *test_case, unsigned attempt,
			const struct case_settings *settings)
{
	g_autofree char *name =
		attempt > 1 ? g_strdup_printf("%s.attempt-%u", test_case->log_name, attempt)
			    : g_strdup(test_case->log_name);

	return g_build_filename(settings->logdir, name, NULL);
}

struct case_run *case_start(const struct test_case *test_case, unsigned attempt,
			    const struct case_settings *settings,
			    const struct case_listener *listener, void *data)
{
	struct case_run *run = g_new0(struct case_run, 1);
	const struct settings *wanted = settings->wanted;
	const struct environment *environment = case_vmm(settings, test_case)->environment;
	g_autoptr(GError) error = NULL;

	run->test_case = test_case;
	run->settings = settings;
	run->environment = environment;
	run->listener = listener;
	run->data = data;
	run->findings.bye = -1;
	run->limit = case_limit_seconds(test_case, wanted, environment->timescale,
					settings->emulated_host);
	run->firmware_limit =
		firmware_limit_seconds(wanted, environment->timescale, settings->emulated_host);
	/*
	 * Nobody knows when firmware ends and another suite's guest begins, so the two limits are
	 * added.
	 */
	if (settings->kvm_unit_tests && run->limit)
		run->limit += run->firmware_limit;
	run->image = firmware_image(firmware_of(wanted->firmware), test_case->program->file);
	run->command_line = guest_command_line(test_case, settings, environment);
	run->machine_check = machine_check_new();
	run->recorder = recorder_new();
	run->clock_check =
		clock_check_new(recorder_story(run->recorder), recorder_began(run->recorder));
	run->started = run->test.started = g_get_monotonic_time();
	run->result = result_new(test_case, environment);
	run->result->logdir = log_folder(test_case, attempt, settings);
	if (!start_guest(run, &error)) {
		conclude_error(run, error->message);
		return run;
	}
	run->plan = plan_begin(test_case->plan, run->guest, test_case->seed, wanted->moves,
			       on_plan_failed, run);
	if (begins_with_migration(run))
		plan_hello(run->plan);
	case_set_deadline(run);
	standstill_watch(run);
	return run;
}
