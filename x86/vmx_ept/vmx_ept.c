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
#include "alloc_page.h"
#include "exception.h"
#include "percpu.h"
#include "processor.h"
#include "x86/nested/vmx-nesting.h"

FEATURE(RESERVED_ADDRESS_BITS, "physical addresses of fewer than 52 bits")
{
	return (cpuid(0x80000008).a & 0xff) < 52;
}

/* ======== EPT violations and misconfigurations ======== */

#define READS	  EPT_VIOLATION_ACC_READ
#define WRITES	  EPT_VIOLATION_ACC_WRITE
#define FETCHES	  EPT_VIOLATION_ACC_INSTR
#define READ_ONLY (EPT_PAGE & ~VMX_EPT_WRITABLE_MASK)
#define NO_FETCH  (EPT_PAGE & ~VMX_EPT_EXECUTABLE_MASK)

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

/* ---- by an instruction that a hypervisor may have to do itself ---- */

/* Any port that takes and gives a byte and does nothing; L1 lets L2 have it. */
#define SOME_PORT 0x80

static void write_string(void *from)
{
	asm volatile("outsb" : "+S"(from) : "d"((u16)SOME_PORT) : "memory");
}

static void read_string(void *to)
{
	asm volatile("insb" : "+D"(to) : "d"((u16)SOME_PORT) : "memory");
}

/* L2 has stopped at the walk to place 7, so that no field has the right value by chance. */
static void stop_elsewhere(struct world *w)
{
	struct fault fault = {
		.kind = NESTED_FAULT,
		.error = READS | WALK,
		.linear = (u64)place(7, 0x58),
		.physical = virt_to_phys(&w->pt[7]),
	};
	u64 *entry = vmx_ept_entry(w->l2, virt_to_phys(w->pt));
	u64 good = *entry;

	*entry = 0;
	vmx_flush(w->l2);
	ask(w, READ, place(7, 0x58), 0);
	l2_enter(w->l2);
	report(nesting.is_fault(w->l2, &fault), "a walk that is stopped: exit %s, expected %s",
	       l2_exit_text(w->l2), nesting.fault_text(&fault));
	*entry = good;
	vmx_flush(w->l2);
	finish(w, "the walk");
}

/* An OUTS or INS with an EPT entry in its way: that of place 2, or of L2's table. */
static void string_story(void (*code)(void *at), bool walk, u64 bits, u64 error)
{
	struct world *w = world_new(true);
	struct fault fault = {
		.kind = NESTED_FAULT,
		.error = error,
		.linear = (u64)place(2, 0x30),
		.physical = walk ? virt_to_phys(&w->pt[2]) : GPA_WINDOW + 2 * PAGE_SIZE + 0x30,
	};
	u64 *entry = walk ? vmx_ept_entry(w->l2, virt_to_phys(w->pt)) : &w->nested_pt[2];
	u64 usual;
	bool good;

	stop_elsewhere(w);
	usual = *entry;
	*entry = bits ? (usual & PT_ADDR_MASK) | bits : 0;
	vmx_flush(w->l2);
	l2_start(w->l2, code, (void *)place(2, 0x30));
	good = expect_fault(w, &fault, "before the move");
	migrate_quiet();
	good &= expect_fault(w, &fault, "after the move");
	*entry = usual;
	vmx_flush(w->l2);
	l2_expect_return(w->l2);
	report(good, "a string instruction to or from a port is stopped where its memory is not");
	world_free(w);
}

TEST(string_out, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "OUTS whose source EPT does not map: the violation says why and where")
{
	string_story(write_string, false, 0, READS | FINAL);
}

TEST(string_out_walk, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "OUTS for which EPT does not map L2's table: the violation says why and where")
{
	string_story(write_string, true, 0, READS | WALK);
}

TEST(string_in, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "INS whose destination EPT lets only read: the violation says why and where")
{
	string_story(read_string, false, READ_ONLY,
		     WRITES | ALSO_READS | READABLE | EXECUTABLE | FINAL);
}

/* ======== virtualization exceptions ======== */

#define VE_VECTOR 20

struct convertible {
	struct world *w;
	struct vmx_ve_information *information, seen;
	u64 exceptions;
};

static PER_CPU(struct convertible, convertible);

/* In L2, which sees RAM where it is, and so its EPT. */
static void on_virtualization_exception(struct ex_regs *regs)
{
	struct convertible *c = &this_cpu(convertible);

	migrate_quiet();
	c->seen = *c->information;
	c->exceptions++;
	set_place(c->w, 0, page(c->w, first_page(0)), EPT_PAGE);
	c->information->busy = 0;
}

static void check_information(const struct vmx_ve_information *seen)
{
	report(seen->exit_reason == EXIT_REASON_EPT_VIOLATION && seen->busy == 0xffffffff &&
		       (seen->exit_qualification & (GENMASK(5, 0) | FINAL)) == (READS | FINAL),
	       "#VE tells of exit %u, qualification 0x%lx, busy 0x%x", seen->exit_reason,
	       seen->exit_qualification, seen->busy);
	report(seen->guest_linear_address == (u64)place(0, 0x18) &&
		       seen->guest_physical_address == GPA_WINDOW + 0x18,
	       "#VE tells of linear 0x%lx, physical 0x%lx", seen->guest_linear_address,
	       seen->guest_physical_address);
}

/* While `busy' is not 0, and where the entry says so, there is an exit. */
static bool exits(struct world *w, int i, u64 entry, const char *what)
{
	struct fault fault = {
		.kind = NESTED_FAULT,
		.error = READS | FINAL,
		.linear = (u64)place(i, 0x18),
		.physical = GPA_WINDOW + i * PAGE_SIZE + 0x18,
	};
	bool good;

	w->nested_pt[i] = entry;
	vmx_flush(w->l2);
	ask(w, READ, place(i, 0x18), 0);
	good = expect_fault(w, &fault, what);
	set_place(w, i, page(w, first_page(i)), EPT_PAGE);
	return good & finish(w, what);
}

TEST(virtualization_exception, .on = EACH_CPU, .needs = VMX_EPT_VIOLATION_VE,
     .about = "#VE comes to L2 in the place of an EPT violation, moved in its handler")
{
	handler before = handle_exception(VE_VECTOR, on_virtualization_exception);
	struct convertible *c = &this_cpu(convertible);
	bool good;

	*c = (struct convertible){ .w = world_new(true), .information = alloc_page() };
	vmx_set_controls(c->w->l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_EPT_VIOLATION_VE);
	vmx_set(c->w->l2, VE_INFORMATION_ADDRESS, virt_to_phys(c->information));
	c->w->nested_pt[0] = 0;
	vmx_flush(c->w->l2);
	good = reads(c->w, first_page(0), 0x18, "what #VE has repaired");
	report(c->exceptions == 1, "%lu times #VE, expected 1", c->exceptions);
	check_information(&c->seen);
	good &= exits(c->w, 1, VMX_EPT_SUPPRESS_VE_BIT, "an entry that suppresses #VE");
	c->information->busy = 0xffffffff;
	good &= exits(c->w, 2, 0, "while another #VE is handled");
	report(good && c->exceptions == 1, "the others have exited; %lu times #VE", c->exceptions);
	handle_exception(VE_VECTOR, before);
	world_free(c->w);
	free_page(c->information);
}

TEST(ept_first_fault, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "what EPT does not map is an EPT violation at once after a move inside L2")
{
	first_fault_story(READS | FINAL);
}

/* ======== accessed and dirty flags ======== */

TEST(used_flags_ept, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "accessed and dirty flags in an EPT survive a move and are set after it")
{
	make_with(true, false);
	used_story(true, false);
	make_with(false, false);
}

TEST(used_bits_guest, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "accessed and dirty flags in L2's tables under an EPT that has none")
{
	used_story(true, true);
}

TEST(used_bits_guest_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "accessed and dirty flags in L2's tables under an EPT that has them")
{
	make_with(true, false);
	used_story(true, true);
	make_with(false, false);
}

TEST(used_during_move_ept, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "accessed and dirty flags that are set while memory is being moved, EPT's and L2's")
{
	make_with(true, false);
	used_during_move_story(true);
	make_with(false, false);
}

#define USED_FLAGS (VMX_EPT_ACCESS_BIT | VMX_EPT_DIRTY_BIT)
#define L2_TABLES  4

/* The EPT entries on the way to a page of L2's, from the highest. */
static void find_way(struct l2 *l2, phys_addr_t address, u64 **way)
{
	for (int level = 4; level >= 1; level--)
		way[4 - level] = vmx_ept_entry_at(l2, address, level);
}

/* What the walk for place 0 goes through: the tables of L2's that are only on its way. */
static void find_tables(const struct world *w, u64 *(*ways)[4])
{
	const u64 *tables[L2_TABLES] = { w->pml4, w->pdpt, w->pd, w->pt };

	for (int i = 0; i < L2_TABLES; i++)
		find_way(w->l2, virt_to_phys(tables[i]), ways[i]);
}

static void clear_way(u64 *const *way)
{
	for (int i = 0; i < 4; i++)
		*way[i] &= ~USED_FLAGS;
}

/* Every entry accessed, the last dirty or not. */
static bool check_way(u64 *const *way, bool dirty, const char *what, const char *when)
{
	bool good = true;

	for (int i = 0; i < 4; i++)
		good &= report_if_failed(
			*way[i] & VMX_EPT_ACCESS_BIT,
			"%s: the EPT entry 0x%lx of level %d for %s is not accessed", when, *way[i],
			4 - i, what);
	return good & report_if_failed(!(*way[3] & VMX_EPT_DIRTY_BIT) == !dirty,
				       "%s: the EPT entry 0x%lx for %s, which was %swritten to",
				       when, *way[3], what, dirty ? "" : "not ");
}

static bool check_walk(u64 *(*tables)[4], u64 *const *data, const char *when)
{
	bool good = check_way(data, false, "the page that was read", when);

	for (int i = 0; i < L2_TABLES; i++)
		good &= check_way(tables[i], true, "a table of L2's", when);
	return good;
}

TEST(walks_set_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "L2's walks set all accessed flags on their way, and the dirty flags of L2's tables")
{
	u64 *tables[L2_TABLES][4], *data[4];
	struct world *w;
	bool good;

	make_with(true, false);
	w = world_new(true);
	find_tables(w, tables);
	find_way(w->l2, GPA_WINDOW, data);
	vmx_flush(w->l2);
	good = reads(w, first_page(0), 0x18, "before the move");
	move_in_l2(w);
	good &= check_walk(tables, data, "used before the move");
	for (int i = 0; i < L2_TABLES; i++)
		clear_way(tables[i]);
	clear_way(data);
	vmx_flush(w->l2);
	good &= reads(w, first_page(0), 0x18, "after the move");
	if (broken("used"))
		*tables[3][3] &= ~VMX_EPT_DIRTY_BIT;
	good &= check_walk(tables, data, "cleared and used after the move");
	report(good && !w->broken, "L2's walks are seen in the flags of its EPT");
	make_with(false, false);
	world_free(w);
}

/* EPTP bit 6, changed by L1: whether flags are set at all. */
static void turn_flags(struct world *w, bool on)
{
	u64 eptp = vmx_root(w->l2, true) & ~VMX_EPTP_AD_ENABLE_BIT;

	vmx_set_root(w->l2, true, eptp | (on ? VMX_EPTP_AD_ENABLE_BIT : 0));
	vmx_flush(w->l2);
}

/* Which of the places have an entry with a flag. */
static u64 flagged(const struct world *w, u64 flag)
{
	u64 mask = 0;

	for (int i = 0; i < PLACES; i++)
		if (w->nested_pt[i] & flag)
			mask |= BIT(i);
	return mask;
}

static bool touches(struct world *w, u64 read, u64 written, u64 accessed, u64 dirty,
		    const char *when)
{
	w->request = (struct request){ .deed = TOUCH, .value = read, .length = written };
	return finish(w, when) &&
	       report_if_failed(flagged(w, VMX_EPT_ACCESS_BIT) == accessed &&
					flagged(w, VMX_EPT_DIRTY_BIT) == dirty,
				"%s: of the places 0x%lx are accessed and 0x%lx dirty, expected "
				"0x%lx and 0x%lx",
				when, flagged(w, VMX_EPT_ACCESS_BIT), flagged(w, VMX_EPT_DIRTY_BIT),
				accessed, dirty);
}

TEST(used_flags_off, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "an EPT's accessed and dirty flags are set while EPTP bit 6 is on, moved in both")
{
	struct world *w = world_new(true);
	bool good = touches(w, 0x01, 0x02, 0, 0, "off");

	move_in_l2(w);
	good &= touches(w, 0x01, 0x02, 0, 0, "off, after a move");
	turn_flags(w, !broken("used"));
	good &= touches(w, 0x01, 0x02, 0x03, 0x02, "turned on after a move");
	turn_flags(w, false);
	migrate_quiet();
	good &= touches(w, 0x04, 0x09, 0x03, 0x02, "turned off before a move");
	turn_flags(w, true);
	good &= touches(w, 0x04, 0x08, 0x0f, 0x0a, "turned on again after a move");
	report(good && !w->broken, "accessed and dirty flags are set while EPTP bit 6 is on");
	world_free(w);
}

/* ======== page-modification logging ======== */

struct log {
	struct world *w;
	u64 *entries;
};

static struct log log_new(void)
{
	struct log log = { .entries = alloc_page() };

	make_with(true, false);
	log.w = world_new(true);
	make_with(false, false);
	vmx_set_controls(log.w->l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_PML);
	vmx_set(log.w->l2, PML_ADDRESS, virt_to_phys(log.entries));
	vmx_set(log.w->l2, GUEST_PML_INDEX, PML_ENTITY_NUM - 1);
	return log;
}

static void log_free(struct log *log)
{
	world_free(log->w);
	free_page(log->entries);
}

static u64 log_index(const struct log *log)
{
	return vmx_get(log->w->l2, GUEST_PML_INDEX) + broken("index");
}

/*
 * The places in the log, four bits each, in their order; other pages that L2 or its walks have
 * written to are between them. Whatever is logged is the address of a page.
 */
static u64 logged(const struct log *log, const char *when)
{
	u64 index = log_index(log), places = 0;

	for (u64 i = PML_ENTITY_NUM - 1; i != (u16)index && i < PML_ENTITY_NUM; i--) {
		u64 address = log->entries[i];

		report_if_failed(address && IS_ALIGNED(address, PAGE_SIZE),
				 "%s: entry %lu of the log is 0x%lx, the index is %lu", when, i,
				 address, index);
		if (address - GPA_WINDOW < PLACES * PAGE_SIZE)
			places = places << 4 | (address - GPA_WINDOW) / PAGE_SIZE;
	}
	for (u64 i = (u16)(index + 1); i-- > 0;)
		report_if_failed(!log->entries[i],
				 "%s: entry %lu of the log is 0x%lx, the index is %lu", when, i,
				 log->entries[i], index);
	return places;
}

static bool logs(struct log *log, int first, int second, u64 expected, const char *when)
{
	u64 places;

	log->w->request = (struct request){ .deed = TOUCH, .length = BIT(first) | BIT(second) };
	if (!finish(log->w, when))
		return false;
	places = logged(log, when);
	return report_if_failed(places == expected,
				"%s: of the places 0x%lx are in the log, expected 0x%lx", when,
				places, expected);
}

TEST(pml, .on = EACH_CPU, .needs = VMX_PML,
     .about = "what L2 makes dirty is in the page-modification log, in order, across moves")
{
	struct log log = log_new();
	bool good = logs(&log, 0, 2, 0x02, "before the moves");

	/* What is dirty already is not logged again. */
	good &= logs(&log, 1, 2, 0x021, "before the moves");
	move_in_l2(log.w);
	good &= logs(&log, 2, 4, 0x0214, "after a move in L2");
	migrate_quiet();
	good &= logs(&log, 4, 6, 0x02146, "after a move in L1");
	log.w->nested_pt[1] &= ~VMX_EPT_DIRTY_BIT;
	vmx_flush(log.w->l2);
	good &= logs(&log, 1, 6, 0x021461, "made clean after a move");
	report(good && !log.w->broken, "the log has each page that L2 made dirty");
	log_free(&log);
}

TEST(pml_full, .on = EACH_CPU, .needs = VMX_PML,
     .about = "a full log exits before the write, stays full through a move, and L2 goes on")
{
	struct log log = log_new();
	struct l2 *l2 = log.w->l2;
	u64 *word = (u64 *)(page(log.w, first_page(3)) + 0x68), before = *word;
	/* All but the places is dirty then. */
	bool good = logs(&log, 0, 1, 0x01, "before it is full");

	vmx_set(l2, GUEST_PML_INDEX, 0);
	ask(log.w, WRITE, place(2, 0x68), ~before);
	good &= finish(log.w, "the last entry");
	report_if_failed(log.entries[0] == GPA_WINDOW + 2 * PAGE_SIZE,
			 "the last entry is 0x%lx, expected 0x%lx", log.entries[0],
			 GPA_WINDOW + 2 * PAGE_SIZE);
	ask(log.w, WRITE, place(3, 0x68), ~before);
	for (int moved = 0; moved < 2; moved++) {
		l2_expect(l2, EXIT_REASON_PML_FULL, moved ? "after the move" : "the log is full");
		good &= report_if_failed(*word == before &&
						 !(log.w->nested_pt[3] & VMX_EPT_DIRTY_BIT),
					 "the page was written to and is not in the log");
		if (!moved)
			migrate_quiet();
	}
	report(log_index(&log) == 0xffff, "the index is 0x%lx, expected 0xffff", log_index(&log));
	vmx_set(l2, GUEST_PML_INDEX, 1);
	good &= finish(log.w, "the log has room again");
	report(*word == ~before && log.entries[1] == GPA_WINDOW + 3 * PAGE_SIZE &&
		       log_index(&log) == 0,
	       "L2 went on: 0x%lx, expected 0x%lx; entry 1 is 0x%lx, expected 0x%lx; index %lu",
	       *word, ~before, log.entries[1], GPA_WINDOW + 3 * PAGE_SIZE, log_index(&log));
	report(good && !log.w->broken, "a full log has exited, and lost nothing");
	log_free(&log);
}

/* ======== EPTP switching ======== */

#define HOPS 6

struct hopper {
	u64 index[HOPS]; /* of the EPTP list */
	u64 seen[HOPS];	 /* word 0x18 of place 0 behind each */
	u64 leaf, entry; /* of VMFUNC that exits */
	u64 moved_behind;
};

static void vmfunc(u64 leaf, u64 index)
{
	asm volatile("vmfunc" : : "a"(leaf), "c"(index) : "memory");
}

/* First all hops without an exit, moved behind one of them, then single ones as L1 says. */
static void hop(void *data)
{
	struct hopper *hopper = data;

	for (u64 i = 0; i < HOPS; i++) {
		vmfunc(0, broken("hop") ? 0 : hopper->index[i]);
		if (i == hopper->moved_behind)
			migrate_quiet();
		hopper->seen[i] = *place(0, 0x18);
		*place(1, 0x20) = i;
	}
	for (;;) {
		l2_call(DONE);
		hopper->seen[0] = *place(0, 0x18);
		vmfunc(hopper->leaf, hopper->entry);
		hopper->seen[1] = *place(0, 0x18);
	}
}

static bool check_hops(struct world **worlds, const struct hopper *hopper)
{
	bool good = true;

	for (int i = 0; i < HOPS; i++) {
		const struct world *w = worlds[hopper->index[i]];
		u64 should = content(w, first_page(0), 0x18);

		good &= report_if_failed(hopper->seen[i] == should,
					 "behind hop %d to EPT %lu L2 reads 0x%lx, expected 0x%lx",
					 i, hopper->index[i], hopper->seen[i], should);
	}
	/* The last write through each. */
	for (int n = 0; n < WORLDS; n++) {
		u64 is = *(u64 *)(page(worlds[n], first_page(1)) + 0x20);
		u64 should = content(worlds[n], first_page(1), 0x20);

		for (int i = 0; i < HOPS; i++)
			if (hopper->index[i] == (u64)n)
				should = i;
		good &= report_if_failed(is == should,
					 "L2 wrote through EPT %d: L1 finds 0x%lx, expected 0x%lx",
					 n, is, should);
	}
	return good;
}

/* The VMCS has the EPTP that L2 has gone to. */
static void check_eptp(const struct l2 *l2, const u64 *list, u64 index, const char *when)
{
	report(vmx_root(l2, true) == list[index], "%s: EPT_POINTER is 0x%lx, expected 0x%lx", when,
	       vmx_root(l2, true), list[index]);
}

/* L2's next VMFUNC exits, and changes nothing. */
static void expect_exit(struct l2 *l2, struct hopper *hopper, const u64 *list, u64 leaf, u64 entry,
			u64 current, const char *what)
{
	u64 start;

	hopper->leaf = leaf;
	hopper->entry = entry;
	l2_expect(l2, EXIT_REASON_VMFUNC, "%s", what);
	check_eptp(l2, list, current, what);
	/* Again, from the same place, and then over it. */
	start = vmx_get(l2, GUEST_RIP);
	l2_enter(l2);
	report(l2->exit_reason == EXIT_REASON_VMFUNC && vmx_get(l2, GUEST_RIP) == start,
	       "%s: entered again: exit %s, expected VMFUNC at 0x%lx", what, l2_exit_text(l2),
	       start);
	vmx_skip(l2);
	l2_expect_call(l2, DONE);
}

static void hop_story(bool vpid)
{
	struct hopper hopper = { .index = { 0, 1, 2, 1, 0, 2 }, .moved_behind = 3 };
	struct world *worlds[WORLDS];
	u64 *list = alloc_page();
	struct l2 *l2;

	make_with(false, vpid);
	for (int i = 0; i < WORLDS; i++) {
		worlds[i] = world_new(true);
		list[i] = vmx_root(worlds[i]->l2, true);
	}
	make_with(false, false);
	/* An EPTP of no levels, which no entry would take. */
	list[VMFUNC_EPTP_ENTRIES - 1] = list[1] & ~0x38ul;
	l2 = worlds[0]->l2;
	l2_start(l2, hop, &hopper);
	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC);
	vmx_set(l2, VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	vmx_set(l2, EPTP_LIST_ADDRESS, virt_to_phys(list));
	if (l2_expect_call(l2, DONE)) {
		report(check_hops(worlds, &hopper), "L2 goes through the EPT that it went to");
		check_eptp(l2, list, 2, "behind the exit");
		expect_exit(l2, &hopper, list, 0, VMFUNC_EPTP_ENTRIES, 2, "beyond the list");
		migrate_quiet();
		check_eptp(l2, list, 2, "after a move in L1");
		expect_exit(l2, &hopper, list, 0, VMFUNC_EPTP_ENTRIES - 1, 2,
			    "to an EPTP that is invalid");
		expect_exit(l2, &hopper, list, 1, 0, 2, "a VM function that is off");
		report(hopper.seen[0] == content(worlds[2], first_page(0), 0x18) &&
			       hopper.seen[1] == hopper.seen[0],
		       "L2 reads 0x%lx, and 0x%lx behind VMFUNC that exits, expected 0x%lx",
		       hopper.seen[0], hopper.seen[1], content(worlds[2], first_page(0), 0x18));
		hopper.leaf = 0;
		hopper.entry = 1;
		l2_expect_call(l2, DONE);
		check_eptp(l2, list, 1, "gone to another one after the move");
		report(hopper.seen[1] == content(worlds[1], first_page(0), 0x18),
		       "L2 reads 0x%lx, expected 0x%lx", hopper.seen[1],
		       content(worlds[1], first_page(0), 0x18));
	}
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
	free_page(list);
}

TEST(eptp_switching, .on = EACH_CPU, .needs = VMX_EPTP_SWITCHING,
     .about = "L2 changes its EPT by VMFUNC, before and after moves; wrong ones exit")
{
	hop_story(false);
}

TEST(eptp_switching_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_EPTP_SWITCHING, VMX_VPID),
     .about = "the same with a VPID: nothing of the other EPT is seen")
{
	hop_story(true);
}
