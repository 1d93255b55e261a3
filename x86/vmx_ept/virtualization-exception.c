// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * #VE, which comes to L2 in place of an EPT violation (Intel SDM volume 3, 26.5.7 "Virtualization
 * Exceptions").
 *
 * A broken hypervisor loses the address of the information area in a migration, or delivers #VE
 * where there should be an exit, or the other way round.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "exception.h"
#include "percpu.h"
#include "x86/vmx_ept/vmx_ept.h"

#define VE_VECTOR 20

struct convertible {
	struct world *w;
	struct vmx_ve_information *information, seen;
	u64 exceptions;
};

static PER_CPU(struct convertible, convertible);

/* L2's handler can repair the EPT entry, since L2 sees its EPT in RAM. */
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

/* L2 exits, and gets no #VE, while `busy' is not 0 or if the EPT entry suppresses #VE. */
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
     .about =
	     "#VE comes to L2 in place of an EPT violation, once, even if L2 is migrated in its handler")
{
	handler before = handle_exception(VE_VECTOR, on_virtualization_exception);
	struct convertible *c = &this_cpu(convertible);
	bool good;

	*c = (struct convertible){ .w = world_new(true), .information = alloc_page() };
	vmx_set_controls(c->w->l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_EPT_VIOLATION_VE);
	vmx_set(c->w->l2, VE_INFORMATION_ADDRESS, virt_to_phys(c->information));
	c->w->nested_pt[0] = 0;
	vmx_flush(c->w->l2);
	good = reads(c->w, first_page(0), 0x18, "a page that the handler of #VE has mapped");
	report(c->exceptions == 1, "%lu times #VE, expected 1", c->exceptions);
	check_information(&c->seen);
	good &= exits(c->w, 1, VMX_EPT_SUPPRESS_VE_BIT, "an entry that suppresses #VE");
	c->information->busy = 0xffffffff;
	good &= exits(c->w, 2, 0, "while another #VE is handled");
	report(good && c->exceptions == 1,
	       "the other accesses should exit; %lu times #VE, expected 1", c->exceptions);
	handle_exception(VE_VECTOR, before);
	world_free(c->w);
	free_page(c->information);
}
