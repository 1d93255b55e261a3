// SPDX-License-Identifier: GPL-2.0-or-later
/* The scripts: what goes wrong, at which moment (fake-qemu.h), and in which process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "fake-qemu.h"

struct script {
	const char *name;
	enum role role;
	const char *moment;
	/* TRUE if the usual behaviour follows. */
	bool (*act)(const struct script *script);
	int number;
	const char *text;
};

static const struct script *chosen;

static bool die(const struct script *this)
{
	if (this->text)
		fprintf(stderr, "%s\n", this->text);
	exit(this->number);
}

static bool die_if_predictable(const struct script *this)
{
	return personality(0xffffffff) & ADDR_NO_RANDOMIZE ? die(this) : true;
}

static bool die_by_signal(const struct script *this)
{
	kill(getpid(), this->number);
	return false;
}

static bool be_silent(const struct script *this)
{
	return false;
}

static bool say_text(const struct script *this)
{
	say("%s", this->text);
	return false;
}

static bool stop_by_itself(const struct script *this)
{
	fprintf(stderr, "%s\n", this->text);
	monitor.status = "internal-error";
	event("STOP", "");
	guest_runs = false;
	return true;
}

static bool refuse(const struct script *this)
{
	say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}%s}", this->text,
	    monitor.answer_id);
	return false;
}

static bool stop_for_good(const struct script *this)
{
	monitor.status = this->text;
	guest_runs = false;
	event("STOP", "");
	return true;
}

/* Completes a migration that the runner wants to cancel. */
static bool complete_all_the_same(const struct script *this)
{
	say("{\"return\": {}}");
	break_off("completed");
	return false;
}

/* Sends nothing, but says that it has sent everything. */
static bool complete_too_early(const struct script *this)
{
	migration.slow_stream = connect_to(migration.destination);
	migration_event("completed");
	return false;
}

static bool refuse_use(const struct script *this)
{
	return strstr(monitor.command, "\"events\"") || refuse(this);
}

static bool refuse_resume(const struct script *this)
{
	return !strstr(monitor.command, "\"resume\":true") || refuse(this);
}

static bool send_all_first(const struct script *this)
{
	migration.keeps_memory_back = false;
	return true;
}

static bool fail_to_migrate(const struct script *this)
{
	migration.failure = this->text;
	migration_event("failed");
	return false;
}

static bool hang(const struct script *this)
{
	for (;;)
		pause();
	return false;
}

static bool close_monitor(const struct script *this)
{
	close(QMP_FD);
	return hang(this);
}

static bool flood(const struct script *this)
{
	for (;;)
		print("this line is one of very many that say nothing at all, but say it often\n");
	return false;
}

static bool lose_bytes(const struct script *this)
{
	next_output.lost_bytes = this->number;
	return true;
}

static bool double_bytes(const struct script *this)
{
	next_output.doubled_bytes = this->number;
	return true;
}

static bool double_line(const struct script *this)
{
	next_output.doubled = true;
	return true;
}

static bool speak(const struct script *this)
{
	print(this->text);
	return true;
}

static bool stamp_wrongly(const struct script *this)
{
	monitor.stamp_seconds = this->number;
	return true;
}

/* The guest dies of an NMI. */
static bool abort_guest(const struct script *this)
{
	machine_line("exception vector=2 error=0x0 rip=0x411aa3 cpu=0");
	print("ABORT: unexpected exception\n");
	exit(GUEST_EXIT(127));
}

static bool abort_in_second_boot(const struct script *this)
{
	return resets ? abort_guest(this) : true;
}

/* The NMI comes so late that the machine is reset before the guest has ended. */
static bool abort_before_reset(const struct script *this)
{
	if (!resets)
		machine_line("exception vector=2 error=0x0 rip=0x411aa3 cpu=0");
	return true;
}

static bool triple_fault(const struct script *this)
{
	event("SHUTDOWN", "{\"guest\": true, \"reason\": \"guest-reset\"}");
	exit(0);
}

static bool triple_fault_in_second_boot(const struct script *this)
{
	return resets ? triple_fault(this) : true;
}

/* The guest announces this status and leaves with it. */
static bool leave_with(const struct script *this)
{
	machine_line("bye status=%d", this->number);
	exit(GUEST_EXIT(this->number));
}

static bool speak_in_second_boot(const struct script *this)
{
	return resets ? speak(this) : true;
}

/* The host's kernel says something, in the file that the runner reads instead of /dev/kmsg. */
static bool let_kernel_speak(const struct script *this)
{
	FILE *file = fopen(getenv("FERRY_KMSG"), "a");

	fputs(this->text, file);
	fclose(file);
	return true;
}

static bool let_kernel_speak_and_hang(const struct script *this)
{
	let_kernel_speak(this);
	return hang(this);
}

/* The guest will suspend the machine (docs/protocol.md, "Suspend marks"). */
static bool announce_sleep(const struct script *this)
{
	guest.sleep = this->number;
	machine_line("mark name=suspend wake=100");
	return true;
}

static bool set_clock(const struct script *this)
{
	clock_percent = this->number;
	return true;
}

static bool let_clock_leap(const struct script *this)
{
	clock_leap_ms = this->number;
	return true;
}

/* The guest ends by itself in the middle of its second migration. */
static bool end_in_second_migration(const struct script *this)
{
	if (!guest.actions)
		return true;
	machine_line("end test=fake cpu=0 round=%u verdict=pass checks=1", guest.round);
	leave();
	return true;
}

static bool claim_wrong_status(const struct script *this)
{
	machine_line("bye status=%d", this->number);
	return false;
}

static bool reset_and_stay_down(const struct script *this)
{
	reset_guest(false);
	guest_runs = false;
	return false;
}

static bool reset_by_guest(const struct script *this)
{
	say("{\"return\": {}}");
	reset_guest(true);
	return false;
}

/* Lines from before the reset, one of them cut off, arrive while the machine is reset. */
static bool speak_up_to_the_reset(const struct script *this)
{
	ask("time");
	print("a line that\nis whole, and then @1");
	return true;
}

static bool jump_to_the_start(const struct script *this)
{
	restart_guest();
	return true;
}

static bool tell_other_state(const struct script *this)
{
	if (!resets)
		return true;
	machine_line("machine cpu=0 one=0x1 two=0x22 three=0x3");
	return false;
}

#define CUT_HERE    "4,10,10,-;------------[ cut here ]------------\n"
#define KVM_WARNING "4,11,11,-;WARNING: CPU: 1 PID: 9 at arch/x86/kvm/x86.c:612 x+0x1/0x2 [kvm]\n"

static const struct script scripts[] = {
	{ "too-old", ANY, "greeting", say_text, 0, GREETING(4, 2) },
	{ "opens-files", ANY, "greeting", say_text, 0, GREETING(11, 1) },
	{ "no-greeting", ANY, "greeting", be_silent },
	{ "nonsense", ANY, "greeting", say_text, 0, "Welcome to \\x01 the monitor!" },
	{ "nonsense-later", ANY, "migrate", say_text, 0, "{\"return\": " },
	{ "two-answers", ANY, "migrate", say_text, 0,
	  "{\"return\": {}}\r\n{\"return\": {}}\r\n{\"return\": {}}" },
	{ "no-answer", ANY, "qmp_capabilities", be_silent },
	{ "no-answer-to-incoming", ANY, "migrate-incoming", be_silent },
	{ "closes-monitor", ANY, "stop", close_monitor },
	{ "refuses-capabilities", ANY, "migrate-set-capabilities", refuse, 0,
	  "No such capability" },
	{ "dies-at-start", ANY, "start", die, 1, "fake-qemu: -machine: no machine today" },
	{ "tells-if-predictable", ANY, "start", die_if_predictable, 1,
	  "fake-qemu: my addresses are not random" },
	{ "dies-by-signal", ANY, "hello", die_by_signal, SIGSEGV },
	{ "exits-under-the-guest", ANY, "migrate", die, 1, "fake-qemu: lost my way" },
	{ "source-dies", SOURCE, "mid-migration", die_by_signal, SIGKILL },
	{ "destination-dies-at-start", DESTINATION, "start", die, 1, "fake-qemu: no more room" },
	{ "destination-dies-in-move", DESTINATION, "mid-migration", die, 1,
	  "fake-qemu: bad section" },
	{ "destination-killed-in-move", DESTINATION, "mid-migration", die_by_signal, SIGKILL },
	{ "destination-dies-later", DESTINATION, "arrived", die_by_signal, SIGABRT },
	{ "refuses-migrate", ANY, "migrate", refuse, 0, "State blocked\\nby \\u001b[1mdevice" },
	{ "migration-fails", ANY, "mid-migration", fail_to_migrate, 0, "Unable to\\nwrite" },
	{ "migration-hangs", ANY, "mid-migration", be_silent },
	{ "ignores-quit", SOURCE, "quit", be_silent },
	{ "dies-on-quit", SOURCE, "quit", die_by_signal, SIGSEGV },
	{ "not-live", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"ram\": {\"page-size\": 4096, \"transferred\": 1000, \"dirty-sync-count\": 2, \"normal\": 20, \"duplicate\": 80, \"total\": 409600}}}" },
	{ "no-figures", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"ram\": {\"page-size\": 4096, \"total\": 409600}}}" },
	{ "refuses-use", ANY, "migrate-set-capabilities", refuse_use, 0,
	  "Userfaultfd is not to be had" },
	{ "refuses-peek", ANY, "human-monitor-command", refuse, 0, "Not now" },
	{ "refuses-postcopy", ANY, "migrate-start-postcopy", refuse, 0, "Too early" },
	{ "not-early", ANY, "start", send_all_first },
	{ "nothing-late", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"downtime\": 1, \"total-time\": 9, \"ram\": {\"page-size\": 4096, \"mbps\": 1.5, \"transferred\": 1000, \"dirty-sync-count\": 2, \"normal\": 20, \"duplicate\": 80, \"total\": 409600, \"postcopy-requests\": 0, \"postcopy-bytes\": 0, \"remaining\": 0}}}" },
	{ "refuses-file", ANY, "migrate", refuse, 0, "unknown migration protocol" },
	{ "deaf", ANY, "migrate-incoming", say_text, 0, "{\"return\": {}}" },
	{ "refuses-pause", ANY, "migrate-pause", refuse, 0, "Not in the mood" },
	{ "refuses-recover", ANY, "migrate-recover", refuse, 0, "Incoming is busy" },
	{ "refuses-resume", ANY, "migrate", refuse_resume, 0, "Cannot resume" },
	{ "dies-when-recovered", DESTINATION, "recovered", die_by_signal, SIGKILL },
	{ "refuses-cancel", ANY, "migrate_cancel", refuse, 0, "Not now" },
	{ "completes-when-cancelled", ANY, "migrate_cancel", complete_all_the_same },
	{ "stops-when-cancelled", ANY, "migrate_cancel", stop_for_good, 0, "paused" },
	{ "paused-by-lost-destination", SOURCE, "lost-destination", stop_for_good, 0, "paused" },
	{ "stopped-by-lost-destination", SOURCE, "lost-destination", stop_for_good, 0,
	  "internal-error" },
	{ "nothing-sent", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"active\", \"ram\": {\"page-size\": 4096, \"normal\": 0, \"duplicate\": 0, \"remaining\": 409600, \"total\": 409600}}}" },
	{ "nothing-left", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"active\", \"ram\": {\"page-size\": 4096, \"normal\": 20, \"duplicate\": 80, \"remaining\": 0, \"total\": 409600}}}" },
	{ "not-in-flight", ANY, "query-migrate", say_text, 0,
	  "{\"return\": {\"status\": \"completed\", \"ram\": {\"page-size\": 4096}}}" },
	{ "completes-too-early", SOURCE, "mid-migration", complete_too_early },
	{ "stands-still", ANY, "background", be_silent },
	{ "original-loses-a-byte", SOURCE, "goes-on", lose_bytes, 1 },
	{ "original-fails-a-check", SOURCE, "goes-on", speak, 0,
	  "FAIL: fake: a word was 1, not 2\n" },
	{ "fails-when-answered", ANY, "answered", speak, 0, "FAIL: fake: a word was 1, not 2\n" },
	{ "original-dies", SOURCE, "answered", die_by_signal, SIGABRT },
	{ "original-stands-still", SOURCE, "goes-on", be_silent },
	{ "cannot-save", ANY, "mid-save", fail_to_migrate, 0,
	  "Unable to write to file: No space left on device" },
	{ "dies-in-save", ANY, "mid-save", die_by_signal, SIGKILL },
	{ "save-hangs", ANY, "mid-save", be_silent },
	{ "restore-hangs", ANY, "cont", be_silent },
	{ "refuses-getfd", ANY, "getfd", refuse, 0, "No file descriptor supplied via SCM_RIGHTS" },
	{ "destination-killed-late", DESTINATION, "late-pages", die_by_signal, SIGKILL },
	{ "refuses-pmemsave", ANY, "pmemsave", refuse, 0, "Could not open the file" },
	{ "dies-in-pmemsave", DESTINATION, "pmemsave", die_by_signal, SIGKILL },
	{ "odd-figures", ANY, "query-migrate", say_text, 0, "{\"return\": [1]}" },
	{ "stale-stamps", ANY, "start", stamp_wrongly, -1000000 },
	{ "future-stamps", DESTINATION, "start", stamp_wrongly, 1000000 },
	{ "loses-a-byte", DESTINATION, "arrived", lose_bytes, 1 },
	{ "doubles-a-byte", DESTINATION, "arrived", double_bytes, 1 },
	{ "doubles-a-line", DESTINATION, "arrived", double_line },
	{ "loses-first-byte", ANY, "hello", lose_bytes, 1 },
	{ "prints-garbage", ANY, "bye", speak, 0, "\x80\xff\x1b[2J \x01\r\n" },
	{ "mad-backtrace", ANY, "bye", speak, 0, "STACK: @@/dev/zero --help\n" },
	{ "hangs", ANY, "hello", hang },
	{ "internal-error", ANY, "hello", stop_by_itself, 0, "KVM internal error. Suberror: 1" },
	{ "floods", ANY, "hello", flood },
	{ "silent-guest", ANY, "hello", die, GUEST_EXIT(0) },
	{ "no-bye", ANY, "bye", be_silent },
	{ "another-bye", ANY, "bye", claim_wrong_status, 1 },
	{ "ends-in-move", ANY, "mid-migration", end_in_second_migration },
	{ "no-set-action", ANY, "set-action", refuse, 0,
	  "The command set-action has not been found" },
	{ "refuses-reset", ANY, "system_reset", refuse, 0, "Not today" },
	{ "no-reset", ANY, "reset", be_silent },
	{ "stays-down", ANY, "reset", reset_and_stay_down },
	{ "guest-resets-first", ANY, "set-action", reset_by_guest },
	{ "cut-line", ANY, "reset", speak_up_to_the_reset },
	{ "jumps-to-start", ANY, "bye", jump_to_the_start },
	{ "aborts-in-test", ANY, "begun", abort_guest },
	{ "aborts-between-tests", ANY, "ended", abort_guest },
	{ "aborts-after-tests", ANY, "bye", abort_guest },
	{ "aborts-in-second-boot", ANY, "booted", abort_in_second_boot },
	{ "aborts-before-reset", ANY, "begun", abort_before_reset },
	{ "aborts-when-moved", DESTINATION, "answered", abort_guest },
	{ "aborts-beside-snapshot", SOURCE, "answered", abort_guest },
	{ "triple-faults-in-test", ANY, "begun", triple_fault },
	{ "triple-faults-between-tests", ANY, "ended", triple_fault },
	{ "triple-faults-after-tests", ANY, "bye", triple_fault },
	{ "triple-faults-in-second-boot", ANY, "booted", triple_fault_in_second_boot },
	{ "silent-in-test", ANY, "begun", die, GUEST_EXIT(0) },
	{ "silent-between-tests", ANY, "ended", die, GUEST_EXIT(1) },
	{ "unknown-status", ANY, "bye", leave_with, 5 },
	{ "leaves-in-test", ANY, "begun", leave_with, 1 },
	{ "hangs-in-test", ANY, "begun", hang },
	{ "hangs-between-tests", ANY, "ended", hang },
	{ "hangs-after-tests", ANY, "bye", hang },
	{ "dies-in-test", ANY, "begun", die_by_signal, SIGSEGV },
	{ "dies-between-tests", ANY, "ended", die_by_signal, SIGSEGV },
	{ "dies-after-tests", ANY, "bye", die_by_signal, SIGSEGV },
	{ "quits-after-tests", ANY, "bye", die, 0 },
	{ "fails-after-tests", ANY, "bye", die, 1, "fake-qemu: lost my way" },
	{ "stops-between-tests", ANY, "ended", stop_by_itself, 0,
	  "KVM internal error. Suberror: 1" },
	{ "floods-after-tests", ANY, "bye", flood },
	{ "fails-outside-of-tests", ANY, "bye", speak, 0, "FAIL: a check of no test\n" },
	{ "fails-in-second-boot", ANY, "booted", speak_in_second_boot, 0,
	  "FAIL: a check of no test\n" },
	{ "refuses-use-later", DESTINATION, "migrate-set-capabilities", refuse_use, 0,
	  "Userfaultfd is not to be had" },
	{ "kernel-warns", ANY, "begun", let_kernel_speak, 0,
	  CUT_HERE KVM_WARNING "4,12,12,-;CPU: 1 UID: 0 PID: 9 Comm: CPU 0/KVM Not tainted 6.12.0\n"
			       "4,12,12,-;RSP: 0018:ffff8880030b3d60 EFLAGS: 00000286\n"
			       "4,12,12,-;Call Trace:\n4,13,13,-; kvm_vcpu_ioctl+0x1/0x2 [kvm]\n"
			       "4,14,14,-;---[ end trace 0000000000000000 ]---\n" },
	{ "kernel-warns-late", ANY, "bye", let_kernel_speak, 0, CUT_HERE KVM_WARNING },
	{ "kernel-warns-in-all", ANY, "begun", let_kernel_speak_and_hang, 0, CUT_HERE KVM_WARNING },
	{ "kernel-warns-of-others", ANY, "begun", let_kernel_speak, 0,
	  CUT_HERE "4,11,11,-;WARNING: CPU: 0 PID: 7 at net/core/dev.c:12 netif_rx+0x1/0x2\n" },
	{ "kernel-stalls", ANY, "begun", let_kernel_speak, 0,
	  "3,10,10,-;rcu: INFO: rcu_sched self-detected stall on CPU\n"
	  "4,11,11,-;RIP: 0010:vcpu_enter_guest+0x1/0x2 [kvm]\n" },
	{ "sleeps", ANY, "begun", announce_sleep, SLEEPS },
	{ "says-it-sleeps", ANY, "begun", announce_sleep, SAYS_IT_SLEEPS },
	{ "sleeps-for-ever", ANY, "begun", announce_sleep, SLEEPS_FOR_EVER },
	{ "kernel-chats", ANY, "begun", let_kernel_speak, 0,
	  "4,10,10,-;kvm [9]: vcpu0, guest rIP: 0x401410 ignored wrmsr: 0x8b data 0x0\n" },
	{ "unclean-machine", ANY, "machine", tell_other_state },
	{ "clock-agrees", ANY, "start", set_clock, 100 },
	{ "clock-stands-still", ANY, "start", set_clock, 0 },
	{ "clock-too-slow", ANY, "start", set_clock, 10 },
	{ "clock-too-fast", ANY, "start", set_clock, 1000 },
	{ "clock-leaps-ahead", ANY, "start", let_clock_leap, 5000 },
	{ "clock-leaps-back", ANY, "start", let_clock_leap, -5000 },
};

void choose_script(const char *name)
{
	static const char failing[] = "failing:";

	test_fails = name && !strncmp(name, failing, strlen(failing));
	if (test_fails)
		name += strlen(failing);
	if (!name || !*name)
		return;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		if (!strcmp(scripts[i].name, name))
			chosen = &scripts[i];
	if (!chosen) {
		fprintf(stderr, "fake-qemu: no script '%s'\n", name);
		exit(2);
	}
}

bool usual(const char *moment)
{
	if (!chosen || strcmp(chosen->moment, moment) ||
	    (chosen->role != ANY && chosen->role != role))
		return true;
	return chosen->act(chosen);
}
