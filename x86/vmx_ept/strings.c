// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EPT violations of string instructions to and from ports, which a hypervisor may have to carry
 * out itself (Intel SDM volume 3, 29.3.3, 28.2.1 table 28-7).
 *
 * A broken hypervisor finds the missing page in its own emulator, and reports a wrong address to
 * L1, or details of an earlier violation.
 */
#include "libcflat.h"
#include "x86/vmx_ept/vmx_ept.h"

/* A port that may be read and written without effect, and that L2 uses without exits. */
#define SOME_PORT 0x80

static void write_string(void *from)
{
	asm volatile("outsb" : "+S"(from) : "d"((u16)SOME_PORT) : "memory");
}

static void read_string(void *to)
{
	asm volatile("insb" : "+D"(to) : "d"((u16)SOME_PORT) : "memory");
}

/* Stops L2 at the walk to place 7, so that no field of the next exit is right by chance. */
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
	report(nesting.is_fault(w->l2, &fault), "a walk that EPT stops: exit %s, expected %s",
	       l2_exit_text(w->l2), nesting.fault_text(&fault));
	*entry = good;
	vmx_flush(w->l2);
	finish(w, "the walk");
}

/* An EPT entry stops an OUTS or INS: that of place 2 or, if WALK, that of L2's page table. */
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
	good = expect_fault(w, &fault, "before the migration");
	migrate_quiet();
	good &= expect_fault(w, &fault, "after the migration");
	*entry = usual;
	vmx_flush(w->l2);
	l2_expect_return(w->l2);
	report(good, "an EPT violation stops a string instruction to or from a port");
	world_free(w);
}

TEST(string_out, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "OUTS from a page that EPT does not map causes a violation that says why and where, across a migration")
{
	string_story(write_string, false, 0, READS | FINAL);
}

TEST(string_out_walk, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "OUTS through a page table of L2 that EPT does not map causes a violation that says why and where")
{
	string_story(write_string, true, 0, READS | WALK);
}

TEST(string_in, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "INS to a page that EPT makes read-only causes a violation that says why and where")
{
	string_story(read_string, false, READ_ONLY,
		     WRITES | ALSO_READS | READABLE | EXECUTABLE | FINAL);
}
