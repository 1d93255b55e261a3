// SPDX-License-Identifier: GPL-2.0-or-later
/* The process of a ferry-vmm, from its start to its end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/text.h"
#include "vmm/native/native.h"
#include "vmm/native/words.h"

/* ferry-vmm's exit status when what it restored differs from what was saved. */
#define STATUS_DIFFERENCE 4
/* Its exit status when this KVM, or ferry-vmm, lacks something that the machine is to have. */
#define STATUS_UNABLE 8

/* ---- the start ---- */

struct child_orders {
	pid_t runner;
	gboolean predictable;
};

static void in_child(gpointer data)
{
	const struct child_orders *orders = data;

	child_bind(orders->runner, SIGKILL);
	if (orders->predictable)
		child_be_predictable();
}

gboolean native_spawn(struct native *native, const struct vm_config *config, int input, int output,
		      int control, GError **error)
{
	g_autoptr(GPtrArray) arguments = native_command_line(config);
	const int files[] = { control, config->endpoint.restore };
	const int targets[] = { NATIVE_CONTROL_FD, NATIVE_RESTORE_FD };
	struct child_orders orders = { getpid(), config->machine.options & OPTION_NO_RANDOM };
	g_autoptr(GError) problem = NULL;
	gboolean started;
	int words;

	if (config->endpoint.command_path && !native_write_command(config, error))
		return FALSE;
	words = vm_stderr_open(&native->words, config->endpoint.stderr_path, error);
	if (words < 0)
		return FALSE;
	started = g_spawn_async_with_pipes_and_fds(
		NULL, (const char *const *)arguments->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
		in_child, &orders, input, output, words, files, targets,
		config->endpoint.restore ? 2 : 1, &native->pid, NULL, NULL, NULL, &problem);
	close(words);
	if (!started)
		g_set_error(error, FERRY_ERROR, 0, "cannot start %s: %s", config->endpoint.binary,
			    problem->message);
	return started;
}

/* ---- the end ---- */

/* "ferry-vmm: this KVM has ..." without the name, which the runner says itself. */
static const char *reason_of(const char *line)
{
	return line && g_str_has_prefix(line, "ferry-vmm: ") ? line + strlen("ferry-vmm: ") : line;
}

static void tell_exit(struct native *native)
{
	int status = native->exit.wait_status;

	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_UNABLE && native->exit.stderr_end)
		native->listener->unable(native->owner, &native->vm,
					 reason_of(native->exit.stderr_end));
	if (!native->console.held)
		vm_console_drain(&native->console);
	vm_console_unwatch(&native->console);
	native->listener->exited(native->owner, &native->vm, &native->exit);
}

void native_kill(struct vm *vm)
{
	struct native *native = (struct native *)vm;

	native->exit.ordered = TRUE;
	if (native->pid)
		kill(native->pid, SIGKILL);
}

static gboolean end_too_late(gpointer data)
{
	struct native *native = data;

	native->end_deadline = 0;
	native_break(native, native->failure ? "ferry-vmm said that it had failed, and did not end"
					     : "ferry-vmm did not end when it was told to quit");
	return G_SOURCE_REMOVE;
}

void native_expect_end(struct native *native)
{
	if (!native->end_deadline)
		native->end_deadline =
			g_timeout_add_seconds(native->reply_seconds, end_too_late, native);
}

void native_quit(struct vm *vm)
{
	struct native *native = (struct native *)vm;

	native->quits = TRUE;
	native_channel_ask(native->channel, "quit", -1, NULL, NULL);
	native_expect_end(native);
}

/* docs/native-vmm.md lists the statuses: odd ones are the guest's. */
static void note_status(struct native *native)
{
	struct vm_exit *exit = &native->exit;
	int status = WIFEXITED(exit->wait_status) ? WEXITSTATUS(exit->wait_status) : -1;

	exit->guest_status = status >= 0 && status & 1 ? status >> 1 : -1;
	exit->differs = status == STATUS_DIFFERENCE;
	if (status == 0 && !native->quits)
		exit->reset = TRUE;
	exit->stderr_end =
		native->failure ? g_strdup(native->failure) : vm_stderr_last_line(&native->words);
}

void native_on_process_end(GPid pid, gint wait_status, gpointer data)
{
	struct native *native = data;

	native->child_watch = 0;
	native->exit.wait_status = wait_status;
	/* First handle all that it has told, so that the action is not judged by half of it. */
	native_channel_drain(native->channel);
	note_status(native);
	native->vm.crashed = WIFSIGNALED(wait_status) && !native->exit.ordered;
	native->pid = 0;
	if (native->end_deadline)
		g_source_remove(native->end_deadline);
	native->end_deadline = 0;
	/* Nothing releases held output before the action has ended. */
	if (native->action.done && native->console.held && !native->exit.ordered)
		native_action_died(native);
	else
		tell_exit(native);
}

void native_release_output(struct vm *vm)
{
	struct native *native = (struct native *)vm;

	vm_console_watch(&native->console);
}
