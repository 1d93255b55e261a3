// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPT and what there is only with it, across a move: violations and misconfigurations, accessed
 * and dirty flags, page-modification logging, EPTP switching. vmx_memory has the rest of memory.
 *
 * The truth: Intel SDM volume 3, 29.3.3 (violations and misconfigurations), 28.2.1 (table 28-7:
 * what they tell), 29.3.5 (accessed and dirty flags), 29.3.6 (page-modification logging),
 * 26.5.6 (VM functions).
 *
 * A broken hypervisor loses the flags or the log that only its own walker has written, since it
 * does not count that as a change of memory; sets none after a move; forgets at which entry of
 * the log it was, or which EPT L2 has gone to by itself; tells L1 of a violation by what it knew
 * of the one before. Every L2 is stopped at a place of its own, where nothing was done yet: what
 * the exit says is compared to the last bit, before the move and when L2 stops there again
 * after it; when L1 has repaired the entry, L2 goes on, and has done its access once.
 *
 * Not told apart: flags that were lost in the move from flags that were never set, but for plan
 * none. Nothing is said of accessed flags that are set without need, which 29.3.5 allows.
 *
 * On the command line: break=WHAT, to spoil the guest on purpose. l2-memory.h has most; besides
 *
 * index  the index of the page-modification log is read wrong
 * hop    L2 goes to another entry of the EPTP list than L1 thinks
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_ept/vmx_ept.h"

FEATURE(RESERVED_ADDRESS_BITS, "physical addresses of fewer than 52 bits")
{
	return (cpuid(0x80000008).a & 0xff) < 52;
}

/* The access, the rights that there are, and whether it is that of a table on the way. */
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
	{ VIOLATION("string copy, not present behind the destination's first page", COPY, 0, WRITES,
		    FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, read-only behind the destination's first page", COPY, READ_ONLY,
		    WRITES | READABLE | EXECUTABLE, FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, not present behind the source's first page", COPY, 0, READS,
		    FINAL),
	  COPY_FROM_PLACE_4 },
	{ VIOLATION("read, L2's table not present", READ, 0, READS, WALK), .walk = true },
	{ VIOLATION("write, L2's table not present", WRITE, 0, READS, WALK), .walk = true },
};

TEST(ept_violation, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "EPT violations say why and where; moved at them, repaired, the access is done once")
{
	stop_at_all(violations, ARRAY_SIZE(violations), false);
}

TEST(ept_violation_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "the same with pages that L2 has used before L1 took them away")
{
	stop_at_all(violations, ARRAY_SIZE(violations), true);
}

TEST(ept_execute_only, .on = EACH_CPU, .needs = VMX_EPT_EXECUTE_ONLY,
     .about = "EPT violations by pages that may only be executed, moved at them")
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

/* With accessed and dirty flags for EPT a walk counts as a write; the processor says both. */
TEST(ept_walk_writes, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "the walk of L2's tables counts as a write in an EPT with accessed and dirty flags")
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
     .about = "bits 0 and 1 of the qualification are both set for such a walk (table 28-7)")
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
     .about = "EPT misconfigurations exit with the address; moved at them, repaired, L2 goes on")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), false);
}

TEST(ept_misconfig_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "the same with pages that L2 has used before L1 spoiled their entries")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), true);
}

TEST(ept_reserved, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, RESERVED_ADDRESS_BITS),
     .about = "an address beyond the CPU's in an EPT entry is a misconfiguration, moved at it")
{
	static const struct stop reserved[] = {
		{ MISCONFIGURED("read, reserved bit 51", READ, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("write, reserved bit 51", WRITE, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("walk, reserved bit 51", READ, EPT_PAGE | BIT(51)), .walk = true },
	};

	stop_at_all(reserved, ARRAY_SIZE(reserved), true);
}

/* ---- entries that L2 makes itself ---- */

/* L2 sees its EPT, which is RAM. What was not present is cached nowhere (29.4.2). */
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
     .about = "an EPT entry that L2 writes itself counts at once, before and after moves")
{
	struct world *w = world_new(true);
	bool good = maps_itself(w, 1, "before the move");

	w->nested_pt[3] = 0;
	vmx_flush(w->l2);
	move_in_l2(w);
	ask(w, WRITE, &w->nested_pt[3], virt_to_phys(page(w, first_page(3))) | EPT_PAGE);
	good &= finish(w, "L2 writes its EPT after the move");
	good &= check_all(w, 0x18, "after the move");
	good &= maps_itself(w, 1, "after the move");
	migrate_quiet();
	good &= maps_itself(w, 5, "after a move in L1");
	report(good && !w->broken, "L2 sees what it maps itself");
	world_free(w);
}

TEST(ept_first_fault, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "what EPT does not map is an EPT violation at once after a move inside L2")
{
	first_fault_story(READS | FINAL);
}
