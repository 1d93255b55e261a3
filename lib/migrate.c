// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests for migrations and other actions. See migrate.h. */
#include "libcflat.h"
#include "atomic.h"
#include "console.h"

/* These pages are written to during a migration, so that it has to send some of them twice. */
#define DIRTY_PAGES 8
#define PAGE_WORDS  (4096 / sizeof(u64))

static volatile u64 dirty[DIRTY_PAGES][PAGE_WORDS] __aligned(4096);

static void write_somewhere(void)
{
	static u64 counter;
	u64 n = counter++;

	for (int page = 0; page < DIRTY_PAGES; page++)
		dirty[page][n % PAGE_WORDS] = n;
}

/* What the CPU with the request calls while it waits. Only one CPU has a request at a time. */
static void (*called_meanwhile)(void);

/* Writes to pages, too: if the caller's function only reads, no page would be sent twice. */
static void write_and_call(void)
{
	write_somewhere();
	if (called_meanwhile)
		called_meanwhile();
}

static void end_request(void)
{
	machine_line("got", "answer=0");
	host_unlock();
}

static void await_answer(void (*meanwhile)(void))
{
	host_byte(meanwhile, "the host's answer to a request to migrate");
	end_request();
}

static void request_while(const char *sentence, void (*meanwhile)(void))
{
	host_lock();
	called_meanwhile = meanwhile;
	puts(sentence);
	await_answer(write_and_call);
}

static void request(const char *sentence)
{
	request_while(sentence, NULL);
}

void migrate(void)
{
	request("Now migrate the VM, then press a key to continue...\n");
	report_info("Migration complete");
}

void migrate_quiet(void)
{
	request("Now migrate the VM (quiet)\n");
}

void migrate_quiet_while(void (*meanwhile)(void))
{
	request_while("Now migrate the VM (quiet)\n", meanwhile);
}

void migrate_request(void)
{
	host_lock();
	puts("Now migrate the VM (quiet)\n");
}

void migrate_await(void (*meanwhile)(void))
{
	await_answer(meanwhile);
}

void migrate_by_hand_begin(void)
{
	static const char sentence[] = "Now migrate the VM (quiet)";

	host_lock();
	console_raw(sentence, sizeof(sentence) - 1);
	console_newline_elsewhere();
}

void migrate_by_hand_end(void)
{
	end_request();
}

void migrate_once(void)
{
	static u32 done;

	if (!xchg(&done, 1))
		migrate();
}

void migrate_skip(void)
{
	static u32 done;

	if (!xchg(&done, 1))
		request("Skipped VM migration (quiet)\n");
}

void migrate_begin_continuous(void)
{
	request("Begin continuous migration\n");
}

void migrate_end_continuous(void)
{
	request("End continuous migration\n");
}
