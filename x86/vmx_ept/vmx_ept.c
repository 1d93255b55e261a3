// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPT, and what exists only with EPT, across a migration: violations and misconfigurations here;
 * #VE, accessed and dirty flags, page-modification logging and EPTP switching in the other files
 * of this folder. vmx_memory has the rest of L2's memory.
 *
 * Intel SDM volume 3: 29.3.3 (violations and misconfigurations), 28.2.1 (table 28-7: what they
 * tell), 29.3.5 (accessed and dirty flags), 29.3.6 (page-modification logging), 26.5.6 (VM
 * functions), 26.5.7 (#VE).
 *
 * A broken hypervisor loses flags or log entries that only its own page walk has written, since it
 * does not count these as changes of memory. It sets no flags after a migration. It forgets the
 * index of the log, or which EPT L2 has switched to by itself. Or it reports a violation to L1 with
 * details of the one before.
 *
 * Each L2 stops at an access of its own, before the access has any effect. The test compares all
 * that the exit says, before the migration and again after it, when L2 stops at the same access.
 * Then L1 repairs the EPT entry, and L2 goes on and must do its access exactly once.
 *
 * The tests cannot tell flags that the migration lost from flags that were never set, except with
 * the plan `none'. They accept accessed flags that are set without need, as 29.3.5 allows.
 *
 * break=WHAT on the command line spoils a test on purpose. x86/nested/memory-world.h lists most
 * values. This program adds
 *
 * index  L1 reads the index of the page-modification log wrong
 * hop    L2 switches to another entry of the EPTP list than L1 thinks
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_ept/vmx_ept.h"

/* The access, the rights of the entry, and whether a walk of L2's tables makes the access. */
#define VIOLATION(text, access, entry, rights, which)                                              \
	.name = text, .deed = access, .kind = NESTED_FAULT, .bits = entry,                         \
	.error = (rights) | (which)

static const struct stop violations[] = {
	{ VIOLATION("read, not present", READ, 0, READS, FINAL) },
	{ VIOLATION("write, not present", WRITE, 0, WRITES, FINAL) },
	{ VIOLATION("write, read-only", WRITE, READ_ONLY, WRITES | READABLE | EXECUTABLE, FINAL) },
	{ VIOLATION("read and write, read-only", ADD, READ_ONLY,
		    WRITES | ALSO_READS | READABLE | EXECUTABLE, FINAL) },
	{ VIOLATION("fetch, not present", FETCH, 0, FETCHES, FINAL) },
	{ VIOLATION("fetch, not executable", FETCH, NO_FETCH, FETCHES | READABLE | WRITABLE,
		    FINAL) },
	{ VIOLATION("string copy, not present after the destination's first page", COPY, 0, WRITES,
		    FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, read-only after the destination's first page", COPY, READ_ONLY,
		    WRITES | READABLE | EXECUTABLE, FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, not present after the source's first page", COPY, 0, READS,
		    FINAL),
	  COPY_FROM_PLACE_4 },
	{ VIOLATION("read, L2's table not present", READ, 0, READS, WALK), .walk = true },
	{ VIOLATION("write, L2's table not present", WRITE, 0, READS, WALK), .walk = true },
};

TEST(ept_violation, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "EPT violations report why and where, also after a migration; when L1 has repaired the entry, the access is done once")
{
	stop_at_all(violations, ARRAY_SIZE(violations), false);
}

TEST(ept_violation_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "EPT violations at pages that L2 has used before report why and where, across a migration")
{
	stop_at_all(violations, ARRAY_SIZE(violations), true);
}

TEST(ept_execute_only, .on = EACH_CPU, .needs = VMX_EPT_EXECUTE_ONLY,
     .about = "EPT violations at execute-only pages report why and where, across a migration")
{
	static const struct stop execute_only[] = {
		{ VIOLATION("read, execute-only", READ, EPT_PAGE & ~0x3ul, READS | EXECUTABLE,
			    FINAL) },
		{ VIOLATION("write, execute-only", WRITE, EPT_PAGE & ~0x3ul, WRITES | EXECUTABLE,
			    FINAL) },
		{ VIOLATION("walk, execute-only", READ, EPT_PAGE & ~0x3ul, READS | EXECUTABLE,
			    WALK),
		  .walk = true },
	};

	stop_at_all(execute_only, ARRAY_SIZE(execute_only), true);
}

/* With accessed and dirty flags for EPT, a walk of L2's tables counts as a write (table 28-7). */
TEST(ept_walk_writes, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "the walk of L2's tables counts as a write if EPT has accessed and dirty flags")
{
	static const struct stop walks[] = {
		{ VIOLATION("read, L2's table not present", READ, 0, WRITES | ALSO_READS, WALK),
		  .walk = true },
		{ VIOLATION("write, L2's table not present", WRITE, 0, WRITES | ALSO_READS, WALK),
		  .walk = true },
		{ VIOLATION("read, L2's table read-only", READ, READ_ONLY,
			    WRITES | ALSO_READS | READABLE | EXECUTABLE, WALK),
		  .walk = true },
		{ VIOLATION("write, read-only", WRITE, READ_ONLY, WRITES | READABLE | EXECUTABLE,
			    FINAL) },
	};

	make_with(true, false);
	stop_at_all(walks, ARRAY_SIZE(walks), true);
	make_with(false, false);
}

TEST(ept_walk_reads_and_writes, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "a walk of L2's tables counts as read and write (bits 0 and 1) if EPT has accessed and dirty flags")
{
	static const struct stop walk[] = {
		{ VIOLATION("read, L2's table read-only", READ, READ_ONLY,
			    READS | WRITES | READABLE | EXECUTABLE, WALK),
		  .walk = true },
	};

	make_with(true, false);
	stop_at_all(walk, ARRAY_SIZE(walk), true);
	make_with(false, false);
}

#define MISCONFIGURED(text, access, entry)                                                         \
	.name = text, .deed = access, .kind = NESTED_RESERVED, .bits = entry

static const struct stop misconfigurations[] = {
	{ MISCONFIGURED("read, write-only", READ, EPT_PAGE & ~0x5ul) },
	{ MISCONFIGURED("write, write-only", WRITE, EPT_PAGE & ~0x5ul) },
	{ MISCONFIGURED("fetch, writable and executable", FETCH, EPT_PAGE & ~0x1ul) },
	{ MISCONFIGURED("read, memory type 2", READ, VMX_EPT_RWX_MASK | 2 << 3) },
	{ MISCONFIGURED("write, memory type 3", WRITE, VMX_EPT_RWX_MASK | 3 << 3) },
	{ MISCONFIGURED("read, memory type 7", READ, VMX_EPT_RWX_MASK | 7 << 3) },
	{ MISCONFIGURED("string copy, memory type 2", COPY, VMX_EPT_RWX_MASK | 2 << 3),
	  COPY_TO_PLACE_3 },
	{ MISCONFIGURED("walk, write-only", READ, EPT_PAGE & ~0x5ul), .walk = true },
};

TEST(ept_misconfig, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "EPT misconfigurations report where, also after a migration; when L1 has repaired the entry, L2 goes on")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), false);
}

TEST(ept_misconfig_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "EPT misconfigurations at pages that L2 has used before report where, across a migration")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), true);
}

TEST(ept_reserved, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, RESERVED_ADDRESS_BITS),
     .about =
	     "an EPT entry with an address beyond the CPU's is a misconfiguration, across a migration")
{
	static const struct stop reserved[] = {
		{ MISCONFIGURED("read, reserved bit 51", READ, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("write, reserved bit 51", WRITE, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("walk, reserved bit 51", READ, EPT_PAGE | BIT(51)), .walk = true },
	};

	stop_at_all(reserved, ARRAY_SIZE(reserved), true);
}

/* ---- EPT entries that L2 makes itself ---- */

/*
 * L2 writes to its EPT, which is RAM that it sees. L1 needs no flush after that, since entries that
 * are not present are not cached (29.4.2).
 */
static bool maps_itself(struct world *w, int i, const char *when)
{
	u64 entry = w->nested_pt[i], should = content(w, first_page(i), 0x18);

	w->nested_pt[i] = 0;
	vmx_flush(w->l2);
	ask(w, WRITE, &w->nested_pt[i], entry);
	return finish(w, when) && report_if_failed(l2_read(w, i, 0x18) == should,
						   "%s: L2 reads 0x%lx in place %d, expected 0x%lx",
						   when, w->request.value, i, should);
}

TEST(ept_from_inside, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "an EPT entry that L2 writes itself takes effect at once, before and after migrations")
{
	struct world *w = world_new(true);
	bool good = maps_itself(w, 1, "before the migration");

	w->nested_pt[3] = 0;
	vmx_flush(w->l2);
	migrate_in_l2(w);
	ask(w, WRITE, &w->nested_pt[3], virt_to_phys(page(w, first_page(3))) | EPT_PAGE);
	good &= finish(w, "L2 writes its EPT after the migration");
	good &= check_all(w, 0x18, "after the migration");
	good &= maps_itself(w, 1, "after the migration");
	migrate_quiet();
	good &= maps_itself(w, 5, "after a migration in L1");
	report(good && !w->broken, "L2 sees the pages that it has mapped itself");
	world_free(w);
}

TEST(ept_first_fault, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "L2's first access after a migration in L2 causes an EPT violation if EPT does not map it")
{
	first_fault_story(READS | FINAL);
}
