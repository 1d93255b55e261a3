// SPDX-License-Identifier: GPL-2.0-or-later
/* The process of a QEMU, from its start to its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/text.h"
#include "vmm/qemu/command-line.h"
#include "vmm/qemu/preforked.h"
#include "vmm/qemu/qemu.h"

/* ---- the start ---- */

struct child_orders {
	pid_t runner;
	gboolean high_priority, predictable;
};

static void in_child(gpointer data)
{
	const struct child_orders *orders = data;

	child_bind(orders->runner, SIGKILL);
	if (orders->high_priority)
		child_raise_priority();
	if (orders->predictable)
		child_be_predictable();
}

gboolean qemu_spawn(struct qemu *qemu, const struct vm_config *config, int console, int output,
		    int monitor, GError **error)
{
	g_autoptr(GPtrArray) arguments = qemu_command_line(config);
	int files[] = { console, output, -1, monitor, config->endpoint.restore };
	const int targets[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, MONITOR_FD,
				RESTORE_FD };
	unsigned count = config->endpoint.restore ? 5 : 4;
	struct child_orders orders = { getpid(), qemu->high_priority,
				       config->machine.options & OPTION_NO_RANDOM };
	g_autoptr(GError) problem = NULL;
	gboolean started;

	if (!qemu_has_firmware(config, error) ||
	    (config->endpoint.command_path && !qemu_write_command(config, error)))
		return FALSE;
	files[2] = vm_stderr_open(&qemu->words, config->endpoint.stderr_path, error);
	if (files[2] < 0)
		return FALSE;
	if (config->tuning.preforked && !orders.predictable)
		qemu->pid = preforked_start(config->tuning.preforked, (char **)arguments->pdata,
					    files, targets, count, qemu->high_priority);
	started = qemu->pid > 0 ||
		  g_spawn_async_with_pipes_and_fds(
			  NULL, (const char *const *)arguments->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, in_child, &orders,
			  files[0], files[1], files[2], files + 3, targets + 3, count - 3,
			  &qemu->pid, NULL, NULL, NULL, &problem);
	close(files[2]);
	if (!started)
		g_set_error(error, FERRY_ERROR, 0, "cannot start %s: %s", config->endpoint.binary,
			    problem->message);
	return started;
}

/* ---- the end ---- */

static void tell_exit(struct qemu *qemu)
{
	if (!qemu->console.held)
		vm_console_drain(&qemu->console);
	vm_console_unwatch(&qemu->console);
	qemu->listener->exited(qemu->owner, &qemu->vm, &qemu->exit);
}

/* Called from the main loop, since quit() may have been called by the listener. */
static gboolean tell_held_exit(gpointer data)
{
	struct qemu *qemu = data;

	qemu->quit_deadline = 0;
	tell_exit(qemu);
	return G_SOURCE_REMOVE;
}

void qemu_kill(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->exit.ordered = TRUE;
	if (qemu->pid)
		kill(qemu->pid, SIGKILL);
}

static gboolean quit_too_late(gpointer data)
{
	struct qemu *qemu = data;

	qemu->quit_deadline = 0;
	qemu_break(qemu, "QEMU did not end when it was told to quit");
	return G_SOURCE_REMOVE;
}

void qemu_quit(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	if (!qemu->pid) {
		if (qemu->exit_held)
			qemu->quit_deadline = g_idle_add(tell_held_exit, qemu);
		return;
	}
	qmp_execute(qemu->qmp, "quit", NULL, NULL, NULL);
	qemu->quit_deadline = g_timeout_add_seconds(qemu->reply_seconds, quit_too_late, qemu);
}

/*
 * The device isa-debug-exit ends QEMU with twice the guest's status plus 1. QEMU's own failures end
 * it with 1, as a guest's status 0 does, but they leave words on stderr.
 */
static void note_guest_status(struct vm_exit *exit)
{
	int status = WIFEXITED(exit->wait_status) ? WEXITSTATUS(exit->wait_status) : -1;

	exit->guest_status = status >= 0 && status & 1 ? status >> 1 : -1;
	exit->doubtful = status == 1 && exit->stderr_end;
}

void qemu_on_process_end(GPid pid, gint wait_status, gpointer data)
{
	struct qemu *qemu = data;

	qemu->child_watch = 0;
	qemu->exit.wait_status = wait_status;
	qemu->exit.stderr_end = vm_stderr_last_line(&qemu->words);
	note_guest_status(&qemu->exit);
	qemu->vm.crashed = WIFSIGNALED(wait_status) && !qemu->exit.ordered;
	/* First handle all that QEMU has told, so that the action is not judged by half of it. */
	qmp_drain(qemu->qmp);
	qemu->pid = 0;
	if (qemu->quit_deadline)
		g_source_remove(qemu->quit_deadline);
	qemu->quit_deadline = 0;
	qemu_action_progress(qemu);
	/*
	 * Only the action releases held output, when it ends. An action that kills its source goes
	 * on until the guest has arrived.
	 */
	if (qemu->action && (qemu->console.held || qemu->exit.ordered))
		qemu->exit_held = TRUE;
	else
		tell_exit(qemu);
}

void qemu_release_output(struct vm *vm)
{
	struct qemu *qemu = (struct qemu *)vm;

	qemu->console.held = FALSE;
	if (qemu->exit_held)
		tell_exit(qemu);
	else
		vm_console_watch(&qemu->console);
}
