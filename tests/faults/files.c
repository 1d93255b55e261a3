// SPDX-License-Identifier: GPL-2.0-or-later
/* Full disks, and files and folders that cannot be made. */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "faults.h"

/* The log NAME cannot grow, as if its disk were full. */
static void fill_disk_under(struct run *run, const char *name)
{
	g_autofree char *folder = run_path(run, "logs/selftest/none");
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_mkdir_with_parents(folder, 0755);
	g_assert_cmpint(symlink("/dev/full", path), ==, 0);
}

static void fill_disk_under_console(struct run *run)
{
	fill_disk_under(run, "console");
}

static void fill_disk_under_transcript(struct run *run)
{
	fill_disk_under(run, "qmp");
}

static void fill_disk_under_command(struct run *run)
{
	fill_disk_under(run, "command");
}

/* Locks the log folder, like another run that writes its logs there. */
static void use_log_folder(struct run *run)
{
	g_autofree char *folder = run_path(run, "logs");
	g_autofree char *path = g_build_filename(folder, ".lock", NULL);
	int fd;

	g_mkdir_with_parents(folder, 0755);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
	run_hold(run, fd);
}

static void make_file_named_like_case_folder(struct run *run)
{
	g_autofree char *folder = run_path(run, "logs");
	g_autofree char *path = g_build_filename(folder, "selftest", NULL);

	g_mkdir_with_parents(folder, 0755);
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

static const struct fault rows[] = {
	{ "full-disk-console", "run selftest/none", "", 1, "ERROR",
	  "^ERROR selftest/none: cannot write .*/selftest/none/console: No space left on device",
	  .prepare = fill_disk_under_console, .kind = "runner" },
	{ "full-disk-transcript", "run selftest/none", "", 1, "ERROR",
	  "^ERROR selftest/none: cannot write .*/selftest/none/qmp: No space left on device",
	  .prepare = fill_disk_under_transcript },
	{ "full-disk-command", "run selftest/none", "", 1, "ERROR",
	  "^ERROR selftest/none: cannot write .*/selftest/none/command: No space left on device",
	  .prepare = fill_disk_under_command, .keeps_no_logs = TRUE, .kind = "runner" },
	{ "file-size-limit", "run selftest/none", "floods", 1, "ERROR",
	  "^ERROR selftest/none: cannot write .*/console: File too large",
	  .wrapper = "ulimit -f 64; exec \"$@\"" },
	{ "full-disk-json", "run selftest/none --junit /dev/full", "", 2, "PASS",
	  "^ferry: cannot write /dev/full: No space left on device" },
	{ "full-disk-summary", "run selftest/none --github", "", 2, "PASS",
	  "^ferry: cannot write /dev/full: No space left on device",
	  .wrapper = "GITHUB_STEP_SUMMARY=/dev/full exec \"$@\"" },
	{ "full-disk-kcidb", "run selftest/none --kcidb /dev/full", "", 2, "PASS",
	  "^ferry: cannot write /dev/full: No space left on device" },
	{ "full-disk-output", "run selftest/none", "", 2, "PASS",
	  "^ferry: cannot write to standard output", .wrapper = "exec \"$@\" >/dev/full" },
	{ "reader-of-output-leaves", "run selftest/storm --moves 100", "", 0, "PASS", "^status 2$",
	  .wrapper = "{ \"$@\"; echo status $? >&2; } | true" },
	{ "log-folder-cannot-be", "run selftest/none --logdir /dev/null/logs", "", 2, NULL,
	  "^ferry: cannot write to the log folder /dev/null/logs: Not a directory" },
	{ "log-folder-in-use", "run selftest/none", "", 2, NULL,
	  "^ferry: another run writes to .*/logs; give this one its own with --logdir",
	  .prepare = use_log_folder },
	{ "case-folder-cannot-be", "run selftest/none", "", 1, "ERROR",
	  "^ERROR selftest/none: cannot create .*/logs/selftest/none",
	  .prepare = make_file_named_like_case_folder, .keeps_no_logs = TRUE },
	{ "no-folder-for-sockets", "run selftest/none", "", 2, NULL,
	  "^ferry: cannot make a folder for sockets in /dev/null: ",
	  .wrapper = "TMPDIR=/dev/null exec \"$@\"" },
	{ "json-cannot-be", "run selftest/none --junit /nowhere/x", "", 2, NULL,
	  "^ferry: cannot create /nowhere/x: No such file or directory" },
};

const struct fault_table file_faults = { rows, G_N_ELEMENTS(rows) };
