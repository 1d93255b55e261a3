// SPDX-License-Identifier: GPL-2.0-or-later
/* See migrate.h. */
#include "libcflat.h"
#include "atomic.h"
#include "console.h"

/* What is written to during a move, so that it has something to send twice. */
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

static void request(const char *sentence)
{
	host_lock();
	puts(sentence);
	host_byte(write_somewhere, "the host's answer to a request to be moved");
	machine_line("got", "answer=0");
	host_unlock();
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
