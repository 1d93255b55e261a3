// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of one case: the guest starts, its plan moves it, what both tell is
 * gathered, and in the end there is one verdict with one reason.
 */
#include <string.h>
#include <sys/wait.h>

#include "run/case.h"
#include "guest/clock-check.h"
#include "guest/disk-check.h"
#include "suite/guest-image.h"
#include "guest/machine-check.h"
#include "guest/snapshot-source.h"
#include "util/text.h"

/* How long QEMU may take for an answer on a fast host. */
#define REPLY_SECONDS 15
/* The same in a lab whose own host is busy: the guest's speed does not tell how QEMU's is. */
#define LAB_REPLY_SECONDS 90
/* In a lab a guest's byte costs a fifth of what the runner costs that is woken by it. */
#define LAB_GATHER_MS 3

/* What the guest writes to port 0xf4 (docs/protocol.md). */
enum guest_status {
	GUEST_PASSED = 0,
	GUEST_FAILED = 1,
	GUEST_SKIPPED = 77,
	GUEST_ABORTED = 127,
};

struct case_run {
	const struct test_case *test_case;
	const struct case_settings *settings;
	const struct case_listener *listener;
	void *data;

	char *command_line; /* of the guest */
	struct guest *guest;
	struct plan_run *plan;
	struct snapshot_source
		*snapshot_source; /* of the last snapshot of a running guest, until it is over */
	struct vm_exit *exit;	  /* of the guest, if it was first */
	struct clock_check *clock_check;
	struct machine_check *machine_check;
	struct ram_images *images;		 /* or NULL */
	struct disk_check *disk;		 /* NULL for a guest without */
	struct disk_check *snapshot_source_disk; /* before there is an original */
	struct result *result;
	gint64 started, test_started; /* monotonic, us */
	guint deadline, idle;
	gboolean over;

	char *test; /* that runs now, "NAME on CPU N", or NULL */
	char *test_name;
	unsigned test_cpu, test_round;
	unsigned boots;
	char *first_fail; /* text of the first check that failed */
	char *first_skip;
	char *violation; /* the first, of the protocol or of the host's invariants */
	char *unclean;	 /* all that resets did not bring back, or NULL */
	char *abort;	 /* why the guest aborted: an exception, or its own words */
	gint64 bye;	 /* the status that the guest announced, or -1 */
};

static void remember_first(char **where, const char *text)
{
	if (!*where)
		*where = text_printable(text, -1);
}

/* ---- the end ---- */

static void run_free(struct case_run *run)
{
	if (run->deadline)
		g_source_remove(run->deadline);
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
	if (run->result)
		result_free(run->result);
	g_free(run->command_line);
	g_free(run->test);
	g_free(run->test_name);
	g_free(run->first_fail);
	g_free(run->first_skip);
	g_free(run->violation);
	g_free(run->unclean);
	g_free(run->abort);
	g_free(run);
}

void case_abandon(struct case_run *run)
{
	run_free(run);
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
	if (run->images)
		result->memory = ram_images_end(g_steal_pointer(&run->images),
						result->verdict == VERDICT_FAIL ||
							result->verdict == VERDICT_ERROR);
	run->result = NULL;
	run_free(run);
	listener->ended(listener_data, result);
	return G_SOURCE_REMOVE;
}

/* A test that was running when its guest came to a bad end has failed by that. */
static void fail_unfinished_test(struct case_run *run)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(run->test_name);
	test->cpu = run->test_cpu;
	test->round = run->test_round;
	test->verdict = g_strdup("fail");
	test->reason = g_strdup(run->result->reason);
	test->duration_ns = (g_get_monotonic_time() - run->test_started) * 1000;
	g_ptr_array_add(run->result->tests, test);
}

/*
 * Ends the case; the first verdict stands. The guest cannot be freed from inside
 * its own calls, so the rest happens when the main loop is idle.
 */
static G_GNUC_PRINTF(3, 4) void conclude(struct case_run *run, enum verdict verdict,
					 const char *format, ...)
{
	va_list arguments;

	if (run->over)
		return;
	run->over = TRUE;
	run->result->verdict = verdict;
	if (format) {
		va_start(arguments, format);
		run->result->reason = g_strdup_vprintf(format, arguments);
		va_end(arguments);
	}
	if ((verdict == VERDICT_FAIL || verdict == VERDICT_ERROR) && run->test)
		fail_unfinished_test(run);
	/* A guest that dies in a test does more than fail a check of it. */
	run->result->beyond_tests = run->violation || run->test || verdict == VERDICT_ERROR ||
				    (verdict == VERDICT_FAIL && !run->first_fail);
	run->idle = g_idle_add(tell_end, run);
}

/* " in test X on CPU 1; last line: ..." for a guest that did not end as it should. */
static char *whereabouts(struct case_run *run)
{
	const char *last = console_last_line(guest_console(run->guest));
	GString *text = g_string_new(NULL);

	if (run->test)
		g_string_append_printf(text, " in test %s", run->test);
	if (!run->settings->kvm_unit_tests && !console_speaks_protocol(guest_console(run->guest)))
		g_string_append(text, "; the guest never said hello");
	if (*last)
		g_string_append_printf(text, "; last line: %s", last);
	else
		g_string_append(text, "; it has written nothing");
	return g_string_free(text, FALSE);
}

/* The last of several boots may have skipped all that was left, and knows of nothing else. */
static gboolean passed_before(const struct case_run *run)
{
	return run->boots > 1 && run->result->checks > run->result->skipped_checks;
}

static void conclude_status(struct case_run *run, int status)
{
	const char *problem = run->first_fail  ? run->first_fail
			      : run->violation ? run->violation
					       : run->unclean;
	gboolean both = run->first_fail && run->violation;
	gboolean ours = console_speaks_protocol(guest_console(run->guest));
	g_autofree char *where = whereabouts(run), *shortfall = NULL;

	if (!ours && !run->settings->kvm_unit_tests)
		conclude(run, VERDICT_FAIL, "the guest left with status %d%s", status, where);
	else if (ours && run->bye != status && status != GUEST_ABORTED)
		conclude(run, VERDICT_FAIL, "the guest left with status %d without a word%s",
			 status, where);
	else if (status == GUEST_ABORTED)
		conclude(run, VERDICT_FAIL, "%s%s", run->abort ? run->abort : "the guest aborted",
			 where);
	else if (problem)
		conclude(run, VERDICT_FAIL, "%s%s%s", problem, both ? "; and " : "",
			 both ? run->violation : "");
	else if (status == GUEST_SKIPPED && !passed_before(run))
		conclude(run, VERDICT_SKIP, "%s",
			 run->first_skip ? run->first_skip : "the guest skipped everything");
	else if (status == GUEST_FAILED)
		conclude(run, VERDICT_FAIL, "the guest reports a failure%s", where);
	else if (status != GUEST_PASSED && status != GUEST_SKIPPED)
		conclude(run, VERDICT_FAIL, "the guest left with the unknown status %d%s", status,
			 where);
	else if ((shortfall = plan_shortfall(run->plan)))
		conclude(run, VERDICT_ERROR, "%s", shortfall);
	else
		conclude(run, VERDICT_PASS, NULL);
}

/* Whatever else is wrong is told first. */
static void compare_disk(struct case_run *run, guint64 *wrong, guint64 *first)
{
	g_autofree char *problem = disk_check_compare(run->disk, wrong, first);

	if (problem)
		remember_first(&run->violation, problem);
}

static void conclude_exit(struct case_run *run, const struct vm_exit *exit)
{
	const struct console *console = guest_console(run->guest);
	g_autofree char *death = vm_exit_describe(exit), *where = whereabouts(run);
	const char *log_problem = guest_log_problem(run->guest);

	if (run->disk)
		compare_disk(run, NULL, NULL);
	if (log_problem)
		conclude(run, VERDICT_ERROR, "%s", log_problem);
	else if (!WIFEXITED(exit->wait_status))
		conclude(run, VERDICT_ERROR, "%s died%s (%s)", run->settings->vmm->name, where,
			 death);
	else if (!console_bytes(console) && (!exit->started || exit->stderr_end))
		conclude(run, VERDICT_ERROR, "%s did not start (%s)", run->settings->vmm->name,
			 death);
	else if (exit->reset)
		conclude(run, VERDICT_FAIL,
			 "the guest reset itself, by a triple fault or by order%s", where);
	else if (exit->guest_status < 0)
		conclude(run, VERDICT_ERROR, "%s ended without the guest's leaving (%s)%s",
			 run->settings->vmm->name, death, where);
	else if (exit->doubtful && run->bye < 0 && console_speaks_protocol(console))
		/* Only our guests say bye before they leave. */
		conclude(run, VERDICT_ERROR, "%s failed (%s)%s", run->settings->vmm->name, death,
			 where);
	else
		conclude_status(run, exit->guest_status);
}

static void on_ended(void *data, const struct vm_exit *exit)
{
	struct case_run *run = data;

	if (!run->snapshot_source) {
		conclude_exit(run, exit);
		return;
	}
	run->exit = g_memdup2(exit, sizeof(*exit));
	run->exit->stderr_end = g_strdup(exit->stderr_end);
}

/* ---- the original of a snapshot ---- */

/* What an `end` line tells of a test; REASON is perhaps more than it says. */
static struct test_result *add_test(struct case_run *run, const struct machine_line *line,
				    const char *reason)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(machine_line_value(line, "test"));
	test->verdict = g_strdup(machine_line_value(line, "verdict"));
	test->reason = g_strdup(reason);
	test->cpu = machine_line_number(line, "cpu", 0);
	test->round = machine_line_number(line, "round", 1);
	test->checks = machine_line_number(line, "checks", 0);
	g_ptr_array_add(run->result->tests, test);
	return test;
}

static void on_snapshot_source_test_failed(void *data, const struct machine_line *line,
					   const char *reason)
{
	add_test(data, line, reason);
}

static void on_snapshot_source_over(void *data, const char *problem, const char *failure)
{
	struct case_run *run = data;

	if (problem)
		remember_first(&run->violation, problem);
	if (failure)
		remember_first(&run->first_fail, failure);
	snapshot_source_free(g_steal_pointer(&run->snapshot_source));
	guest_end_snapshot_source(run->guest, problem || failure);
	if (run->exit)
		conclude_exit(run, run->exit);
}

static const struct snapshot_source_listener snapshot_source_listener = {
	.test_failed = on_snapshot_source_test_failed,
	.over = on_snapshot_source_over,
};

/* The disk that is open is the original's from now on; the copy gets a copy. */
static void on_stands_still(void *data)
{
	struct case_run *run = data;
	g_autoptr(GError) error = NULL;

	if (!run->disk)
		return;
	/* Of a snapshot that was not made. */
	disk_check_free(run->snapshot_source_disk);
	run->snapshot_source_disk = disk_check_split(run->disk, &error);
	if (!run->snapshot_source_disk)
		conclude(run, VERDICT_ERROR, "%s", error->message);
}

static void on_snapshot_source(void *data, struct guest *source)
{
	struct case_run *run = data;

	run->snapshot_source = snapshot_source_follow(source, run->test != NULL,
						      g_steal_pointer(&run->snapshot_source_disk),
						      &snapshot_source_listener, run);
}

static void on_failed(void *data, const char *problem)
{
	struct case_run *run = data;
	g_autofree char *where = whereabouts(run);

	conclude(run, VERDICT_ERROR, "%s%s", problem, where);
}

static void on_unable(void *data, const char *reason)
{
	struct case_run *run = data;

	conclude(run, VERDICT_SKIP, "plan %s needs what %s cannot do here: %s",
		 run->test_case->plan->name, run->settings->vmm->name, reason);
}

static gboolean on_deadline(gpointer data)
{
	struct case_run *run = data;
	const char *wait =
		run->exit ? "the original of the last snapshot has not come to its test's end"
			  : guest_waits_for(run->guest);
	g_autofree char *where = whereabouts(run);

	run->deadline = 0;
	conclude(run, VERDICT_FAIL, "no end within %.0f s%s%s%s",
		 (g_get_monotonic_time() - run->started) / 1e6, where, wait ? "; " : "",
		 wait ? wait : "");
	return G_SOURCE_REMOVE;
}

/* ---- what the guest tells ---- */

/* Those of the moves before are the ones to look at. */
static void freeze_images(struct case_run *run)
{
	if (run->images)
		ram_images_freeze(run->images);
}

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct case_run *run = data;
	g_autofree char *failure = NULL;

	switch (kind) {
	case HUMAN_FAIL:
		run->result->checks++;
		failure = g_strdup_printf("%s (console line %u)", strstr(text, ": ") + 2, number);
		remember_first(&run->first_fail, failure);
		freeze_images(run);
		break;
	case HUMAN_SKIP:
		run->result->checks++;
		run->result->skipped_checks++;
		remember_first(&run->first_skip, strstr(text, ": ") + 2);
		break;
	case HUMAN_PASS:
	case HUMAN_XFAIL:
	case HUMAN_XPASS:
		run->result->checks++;
		break;
	case HUMAN_STACK:
		if (!run->result->detail)
			run->result->detail =
				guest_image_backtrace(run->test_case->program->file, text);
		break;
	case HUMAN_ABORT:
		remember_first(&run->abort, strstr(text, ": ") + 2);
		freeze_images(run);
		break;
	case HUMAN_SUMMARY:
	case HUMAN_OTHER:
		break;
	}
}

static void on_begin(struct case_run *run, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "test");
	g_autofree char *printable = text_printable(name ? name : "?", -1);

	g_free(run->test_name);
	run->test_name = g_strdup(name);
	run->test_cpu = machine_line_number(line, "cpu", 0);
	run->test_round = machine_line_number(line, "round", 1);
	g_free(run->test);
	run->test = g_strdup_printf("%s on CPU %u", printable, run->test_cpu);
	plan_test_begins(run->plan, name ? name : "?", run->test_cpu);
	run->test_started = g_get_monotonic_time();
	run->listener->progress(run->data, run->test_case, run->test);
}

static void on_test_end(struct case_run *run, const struct machine_line *line)
{
	struct test_result *test = add_test(run, line, machine_line_value(line, "reason"));

	test->duration_ns = (g_get_monotonic_time() - run->test_started) * 1000;
	g_clear_pointer(&run->test, g_free);
}

static void on_mark(struct case_run *run, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "name");
	g_autofree char *problem = NULL;
	struct mark *mark;

	if (!name)
		return;
	if (g_str_equal(name, "clock")) {
		problem = clock_check_mark(run->clock_check, line);
		if (problem)
			remember_first(&run->violation, problem);
		return;
	}
	if (run->disk && g_str_equal(name, "disk")) {
		problem = disk_check_mark(run->disk, line);
		if (problem)
			remember_first(&run->violation, problem);
		return;
	}
	mark = g_new0(struct mark, 1);
	mark->name = g_strdup(name);
	mark->values = g_hash_table_ref(line->values);
	g_ptr_array_add(run->result->marks, mark);
}

static void on_machine_state(struct case_run *run, const struct machine_line *line)
{
	g_autofree char *problem = machine_check_line(run->machine_check, line);
	char *all;

	/* One that is known must not hide another. */
	if (!problem)
		return;
	all = run->unclean ? g_strconcat(run->unclean, "; ", problem, NULL) : g_strdup(problem);
	g_free(run->unclean);
	run->unclean = all;
}

/* A test that the last boot did not end has no result: it begins anew. */
static void on_hello(struct case_run *run)
{
	run->boots++;
	g_clear_pointer(&run->test, g_free);
	clock_check_free(run->clock_check);
	run->clock_check = clock_check_new();
	if (run->disk)
		disk_check_forget(run->disk);
	run->bye = -1;
	plan_hello(run->plan);
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct case_run *run = data;

	if (g_str_equal(line->verb, "hello")) {
		on_hello(run);
	} else if (g_str_equal(line->verb, "begin")) {
		on_begin(run, line);
	} else if (g_str_equal(line->verb, "end")) {
		on_test_end(run, line);
	} else if (g_str_equal(line->verb, "mark")) {
		on_mark(run, line);
	} else if (g_str_equal(line->verb, "machine")) {
		on_machine_state(run, line);
	} else if (g_str_equal(line->verb, "exception")) {
		g_free(run->abort);
		run->abort = g_strdup_printf(
			"unexpected exception %" G_GINT64_FORMAT " at %s on CPU %" G_GINT64_FORMAT,
			machine_line_number(line, "vector", -1),
			machine_line_value(line, "rip") ? machine_line_value(line, "rip") : "?",
			machine_line_number(line, "cpu", -1));
	} else if (g_str_equal(line->verb, "bye")) {
		run->bye = machine_line_number(line, "status", -1);
	}
}

static void on_violation(void *data, const char *problem)
{
	struct case_run *run = data;

	remember_first(&run->violation, problem);
	freeze_images(run);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct case_run *run = data;

	plan_sentence(run->plan, sentence);
}

static void on_version(void *data, const char *version)
{
	struct case_run *run = data;

	if (!run->result->vmm_version)
		run->result->vmm_version = g_strdup(version);
	else if (run->settings->environment->other_binary && !run->result->other_vmm_version)
		run->result->other_vmm_version = g_strdup(version);
}

static void on_time_told(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			 gint64 pause_max)
{
	struct case_run *run = data;

	clock_check_answered(run->clock_check, sequence, monotonic, pause_min, pause_max);
}

static gboolean on_wants_more(void *data)
{
	struct case_run *run = data;

	return plan_wants_more(run->plan);
}

static char *on_boot_asked(void *data, unsigned boot)
{
	struct case_run *run = data;

	return plan_answer_boot(run->plan, boot);
}

static char *on_disk_asked(void *data)
{
	struct case_run *run = data;
	guint64 wrong, first;

	if (!run->disk)
		return NULL;
	compare_disk(run, &wrong, &first);
	return disk_check_answer(wrong, first);
}

static const struct guest_listener guest_listener = {
	.human = on_human,
	.machine = on_machine,
	.violation = on_violation,
	.sentence = on_sentence,
	.version = on_version,
	.time_told = on_time_told,
	.wants_more = on_wants_more,
	.boot_asked = on_boot_asked,
	.stands_still = on_stands_still,
	.snapshot_source = on_snapshot_source,
	.disk_asked = on_disk_asked,
	.ended = on_ended,
	.failed = on_failed,
	.unable = on_unable,
};

/* ---- the start ---- */

static char *guest_command_line(const struct program *program, const struct case_settings *settings)
{
	g_autofree char *words = NULL;
	char **args = settings->wanted->args;

	if (settings->kvm_unit_tests)
		return g_strdup(program->test_args);
	words = args ? g_strjoinv(" ", args) : g_strdup("");
	return g_strdup_printf("timescale=%u%s%s%s%s",
			       (unsigned)(settings->environment->timescale + 0.999),
			       *words ? " " : "", words, program->test_args ? " " : "",
			       program->test_args ? program->test_args : "");
}

/* Two images of the same moment are to be had where nobody runs at that moment. */
static const char *why_no_images(const struct plan *plan)
{
	if (plan->kills_source)
		return "the source is killed when it has sent all";
	if (plan->capabilities & VMM_CAN_MIGRATE_POSTCOPY)
		return "the guest runs while its memory comes";
	if (plan->capabilities & VMM_CAN_SAVE_RUNNING)
		return "the guest runs while it is saved";
	if (plan->capabilities & (VMM_CAN_MIGRATE | VMM_CAN_SAVE) &&
	    !(plan->capabilities & VMM_CAN_BREAK_MIGRATION))
		return NULL;
	return "the guest stays where it is";
}

/* Those that can be, in the case's folder. */
static struct ram_images *start_images(struct case_run *run)
{
	const char *reason = why_no_images(run->test_case->plan);

	ram_images_clear(run->result->logdir);
	if (!run->settings->wanted->keep_ram)
		return NULL;
	run->images = ram_images_new(run->result->logdir);
	if (reason)
		ram_images_give_up(run->images, reason);
	return reason ? NULL : run->images;
}

static gboolean start_guest(struct case_run *run, GError **error)
{
	const struct program *program = run->test_case->program;
	const struct case_settings *settings = run->settings;
	const struct environment *environment = settings->environment;
	struct guest_config config = {
		.vmm = settings->vmm,
		.binary = environment->binary,
		.other_binary = environment->other_binary,
		.machine = {
			.accel = environment->accel,
			.file = program->file,
			.command_line = run->command_line,
			.runner_word = settings->kvm_unit_tests ? NULL : "runner=ferry",
			.smp = program->smp,
			.memory_mib = settings->wanted->memory_mib,
			.type = *program->machine ? program->machine : NULL,
			.versions = settings->machine_types,
			.arguments = program->qemu_params,
			.kvm_unit_test = settings->kvm_unit_tests,
			.uses = run->test_case->plan->capabilities,
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
	run->guest = guest_start(&config, &guest_listener, run, error);
	return run->guest != NULL;
}

struct case_run *case_start(const struct test_case *test_case, const struct case_settings *settings,
			    const struct case_listener *listener, void *data)
{
	struct case_run *run = g_new0(struct case_run, 1);
	const struct settings *wanted = settings->wanted;
	unsigned timeout =
		wanted->timeout ? (unsigned)wanted->timeout : test_case->program->timeout;
	double milliseconds = timeout * 1000.0 * settings->environment->timescale;
	g_autoptr(GError) error = NULL;

	run->test_case = test_case;
	run->settings = settings;
	run->listener = listener;
	run->data = data;
	run->bye = -1;
	run->command_line = guest_command_line(test_case->program, settings);
	run->clock_check = clock_check_new();
	run->machine_check = machine_check_new();
	run->started = run->test_started = g_get_monotonic_time();
	run->result = result_new(test_case, settings->environment);
	run->result->logdir = g_build_filename(settings->logdir, test_case->log_name, NULL);
	if (!start_guest(run, &error)) {
		conclude(run, VERDICT_ERROR, "%s", error->message);
		return run;
	}
	run->plan = plan_begin(test_case->plan, run->guest, test_case->seed, wanted->moves,
			       on_failed, run);
	if (timeout)
		run->deadline = g_timeout_add(MIN(milliseconds, G_MAXINT), on_deadline, run);
	return run;
}
