// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a case runs, or why it cannot run. See placement.h. */
#include <string.h>

#include "lab/kinds.h"
#include "plan/option.h"
#include "run/placement.h"
#include "suite/kvm-wanted.h"
#include "suite/needs.h"
#include "util/kvm.h"
#include "util/kvm-firmware.h"
#include "util/text.h"
#include "util/userfault.h"

/* The only architecture that there are guests for; a program for another is skipped. */
#define ARCHITECTURE "x86_64"

#define ON_TCG "; --accel tcg runs it on QEMU's TCG"

#define NO_UEFI_IMAGE "; after 'scripts/packages --install efi', ./configure and make build it"

/* The `check` of PROGRAM that does not hold on this machine, as a reason; NULL: all hold. */
static char *failed_check(const struct program *program)
{
	for (char **check = program->checks; *check; check++) {
		g_autofree char *path = g_strdup(*check), *value = NULL;
		char *equals = strchr(path, '=');

		*equals = '\0';
		if (!g_file_get_contents(path, &value, NULL, NULL) ||
		    !g_str_equal(g_strchomp(value), equals + 1))
			return g_strdup_printf("needs %s to be %s%s%s", path, equals + 1,
					       value ? ", and it is " : "", value ? value : "");
	}
	return NULL;
}

struct vm_machine program_machine(const struct program *program, const struct settings *wanted)
{
	return (struct vm_machine){
		.smp = program->smp,
		.memory_mib = wanted->memory_mib,
		.type = *program->machine ? program->machine : NULL,
		.firmware = firmware_of(wanted->firmware),
		.disk = program->disk ? "" : NULL,
		.arguments = program->qemu_params,
	};
}

gboolean has_firmware(const struct program *program, const struct selection *selection)
{
	return firmware_of(selection->wanted->firmware) != FIRMWARE_USUAL ||
	       !g_strv_contains((const char *const *)program->needs, NEEDS_UEFI);
}

/* Why the case can run on no host, or NULL. */
static char *reason_anywhere(const struct test_case *test_case, const struct selection *selection)
{
	const struct program *program = test_case->program;
	const struct vmm *vmm = test_case->vmm;
	const struct vm_machine machine = program_machine(program, selection->wanted);

	if (!has_firmware(program, selection))
		return g_strdup("needs UEFI firmware; --firmware uefi runs it");
	if (*program->arch && !g_str_equal(program->arch, ARCHITECTURE))
		return g_strdup_printf("is for %s, and this is %s", program->arch, ARCHITECTURE);
	if (test_case->plan->capabilities & ~vmm->capabilities ||
	    test_case->plan->options & ~vmm->options)
		return g_strdup_printf("plan %s needs what the VMM %s cannot do",
				       test_case->plan->name, vmm->name);
	if (vmm->kvm_alone && !g_str_equal(selection->accel, "kvm"))
		return g_strdup_printf("the VMM %s runs on KVM alone, and this runs on %s",
				       vmm->name, selection->accel);
	return vmm->lacks ? vmm->lacks(&machine) : NULL;
}

/* Why the case can run neither on this machine nor in a lab, or NULL. */
static char *reason_here_for_good(const struct program *program, const struct selection *selection)
{
	enum firmware firmware = firmware_of(selection->wanted->firmware);
	g_autofree char *image = firmware_image(firmware, program->file);
	const char *accel = selection->accel;

	if (*program->accel && !g_str_equal(program->accel, accel))
		return g_strdup_printf("is for %s, and this runs on %s%s", program->accel, accel,
				       g_str_equal(accel, "kvm") ? "; --accel tcg runs it" : "");
	if (g_file_test(image, G_FILE_TEST_EXISTS))
		return NULL;
	return g_strdup_printf(
		"%s does not exist%s", image,
		firmware == FIRMWARE_USUAL || selection->wanted->suite ? "" : NO_UEFI_IMAGE);
}

/* ---- this machine ---- */

/* What this machine lacks for a case, though a lab may have it. */
struct lack {
	char *reason; /* of a skip, one line; NULL: nothing is lacking */
	char *brief;  /* the same in a few words */
};

static void lack_clear(struct lack *lack)
{
	g_free(lack->reason);
	g_free(lack->brief);
}

static struct lack lack_of(char *reason, char *brief)
{
	return (struct lack){ .reason = reason, .brief = brief ? brief : g_strdup(reason) };
}

/* What OPTIONS, which are of the plan, need and this machine lacks, as a reason; or NULL. */
static char *options_missing(const struct plan *plan, unsigned options,
			     const struct selection *selection)
{
	g_autofree char *missing =
		plan_options_missing(options, selection->accel, selection->wanted->memory_mib);

	return missing ? g_strdup_printf("plan %s needs %s", plan->name, missing) : NULL;
}

static struct lack lacking_here(const struct test_case *test_case,
				const struct selection *selection)
{
	const struct program *program = test_case->program;
	const struct plan *plan = test_case->plan;
	const char *accel = selection->accel;
	char *missing_kvm;

	if (g_str_equal(accel, "kvm") && kvm_problem())
		return lack_of(g_strdup(kvm_problem()), NULL);
	if (program->smp > most_vcpus(accel))
		return lack_of(g_strdup_printf("needs %u vCPUs, and %s offers %u", program->smp,
					       accel, most_vcpus(accel)),
			       NULL);
	for (char **need = program->needs; *need; need++) {
		const char *missing = need_missing(*need, accel);

		if (missing)
			return lack_of(
				g_strdup(missing),
				g_strdup_printf("needs %s, which the local host does not offer",
						*need));
	}
	if (firmware_of(selection->wanted->firmware) != FIRMWARE_USUAL &&
	    g_str_equal(accel, "kvm") && kvm_firmware_problem())
		return lack_of(g_strdup(kvm_firmware_problem()), NULL);
	if (selection->wanted->kvm && (missing_kvm = kvm_wanted_missing(selection->wanted->kvm)))
		return lack_of(missing_kvm, NULL);
	if (plan->habit == HABIT_CARRY_BY_RING)
		return lack_of(options_missing(plan, OPTION_DIRTY_RING, selection), NULL);
	return lack_of(options_missing(plan, plan->options & OPTION_DIRTY_RING, selection), NULL);
}

/*
 * What the plan needs besides KVM and this machine's set-up does not grant, as a reason; or NULL.
 * The user can change the set-up. The case does not go to a lab instead, since whoever tests the
 * local KVM does not expect a verdict on a lab's.
 */
static char *not_granted_here(const struct plan *plan, const struct selection *selection)
{
	gboolean wants_no_lab = selection->host || selection->wanted->accel;
	const char *problem = NULL;

	if (plan->capabilities & VMM_CAN_SAVE_RUNNING)
		problem = userfault_problem(TRUE);
	else if (plan->capabilities & VMM_CAN_MIGRATE_POSTCOPY)
		problem = userfault_problem(FALSE);
	if (problem)
		return g_strdup_printf("plan %s needs %s%s", plan->name, problem,
				       wants_no_lab ? "" : "; --host lab runs it in a lab");
	return options_missing(plan, plan->options & ~OPTION_DIRTY_RING, selection);
}

/* Why the case runs on this machine. The caller frees it. */
static char *why_here(const struct program *program, const struct selection *selection)
{
	g_autofree char *needs = g_strjoinv(", ", program->needs);

	if (selection->wanted->accel)
		return g_strconcat("--accel ", selection->wanted->accel, NULL);
	if (!*needs)
		return g_strdup("it needs no more than the local KVM");
	return g_strconcat("the local host offers ", needs, NULL);
}

/* ---- labs ---- */

/* Whether UEFI firmware would run on a CPU that LAB emulates. On hardware it has no problems. */
static gboolean emulates_uefi(const struct lab_kind *lab, const struct selection *selection)
{
	return firmware_of(selection->wanted->firmware) != FIRMWARE_USUAL && !lab->is_hardware();
}

/* Why LAB cannot run the firmware that the user wants, or NULL. */
static const char *lab_lacks_firmware(const struct lab_kind *lab, const struct selection *selection)
{
	return emulates_uefi(lab, selection) ? lab->no_uefi : NULL;
}

/* The runner inside a lab checks whatever else the case needs. */
static gboolean lab_offers(const struct lab_kind *lab, const struct test_case *test_case)
{
	for (char **need = test_case->program->needs; *need; need++)
		if (!lab_kind_offers(lab, *need))
			return FALSE;
	return !(test_case->plan->options & OPTION_HUGE_PAGES);
}

/* The clock that a lab must have for the program, unless the user has named one; NULL: any. */
static const char *lab_clock_of(const struct program *program, const struct selection *selection)
{
	const char *clock = selection->lab_clock;

	for (char **need = program->needs; *need && !clock; need++)
		clock = need_lab_clock(*need);
	return clock;
}

/* The case takes over WHY. */
static void place_in(struct test_case *test_case, const struct lab_kind *lab, char *why,
		     const struct selection *selection)
{
	test_case->host = lab->name;
	test_case->lab_clock = lab_clock_of(test_case->program, selection);
	test_case->why = why;
	if (!emulates_uefi(lab, selection) || !lab->uefi_note)
		return;
	test_case->why = g_strdup_printf("%s; %s", why, lab->uefi_note);
	g_free(why);
}

/* The user has named a lab, or any. */
static void place_in_wanted_lab(struct test_case *test_case, const struct selection *selection)
{
	gboolean any = g_str_equal(selection->host, ANY_LAB);

	for (const struct lab_kind *lab = lab_kinds; lab->name; lab++) {
		if (any ? !lab_offers(lab, test_case) : !g_str_equal(lab->name, selection->host))
			continue;
		if (lab_lacks_firmware(lab, selection)) {
			g_free(test_case->skip_reason);
			test_case->skip_reason =
				g_strdup_printf("%s" ON_TCG, lab_lacks_firmware(lab, selection));
			continue;
		}
		g_clear_pointer(&test_case->skip_reason, g_free);
		place_in(test_case, lab, g_strconcat("--host ", selection->host, NULL), selection);
		return;
	}
	if (!test_case->skip_reason)
		test_case->skip_reason = g_strdup("no lab offers all that it needs");
}

/* This machine lacks something. If no lab can be started that has it, the case is skipped. */
static void place_in_some_lab(struct test_case *test_case, const struct lack *lack,
			      const struct selection *selection)
{
	g_autoptr(GString) reason = g_string_new(lack->reason);
	gboolean no_firmware = FALSE;

	for (const struct lab_kind *lab = lab_kinds; lab->name; lab++) {
		if (!lab_offers(lab, test_case))
			continue;
		if (lab_lacks_firmware(lab, selection)) {
			g_string_append_printf(reason, "; %s", lab_lacks_firmware(lab, selection));
			no_firmware = TRUE;
			continue;
		}
		if (!lab->missing()) {
			place_in(test_case, lab, g_strdup(lack->brief), selection);
			return;
		}
		g_string_append_printf(reason, "; %s", lab->missing());
	}
	if (test_case->plan->options & OPTION_HUGE_PAGES)
		g_string_append(reason, "; labs have no huge pages");
	if (no_firmware)
		g_string_append(reason, ON_TCG);
	test_case->skip_reason = g_strdup(reason->str);
}

/* ---- both ---- */

/* The user wants no lab, and this machine lacks something. The reason tells what would help. */
static char *reason_without_labs(const struct test_case *test_case, const struct lack *lack,
				 const struct selection *selection)
{
	if (selection->wanted->accel || !kvm_problem())
		return g_strdup(lack->reason);
	for (const struct lab_kind *lab = lab_kinds; lab->name; lab++)
		if (lab_offers(lab, test_case))
			return g_strdup_printf(
				"%s; without --host local it runs in the %s lab, and with --accel tcg on QEMU's TCG",
				lack->reason, lab->name);
	return g_strdup(lack->reason);
}

static void place_here_if_possible(struct test_case *test_case, const struct selection *selection)
{
	struct lack lack = lacking_here(test_case, selection);

	if (lack.reason && !selection->host && !selection->wanted->accel)
		place_in_some_lab(test_case, &lack, selection);
	else if (lack.reason)
		test_case->skip_reason = reason_without_labs(test_case, &lack, selection);
	else if (!(test_case->skip_reason = not_granted_here(test_case->plan, selection)) &&
		 !(test_case->skip_reason = failed_check(test_case->program)))
		test_case->why = why_here(test_case->program, selection);
	lack_clear(&lack);
}

void place_case(struct test_case *test_case, const struct selection *selection)
{
	const char *host = selection->host;

	test_case->host = "local";
	test_case->skip_reason = reason_anywhere(test_case, selection);
	if (test_case->skip_reason)
		return;
	if (host && !g_str_equal(host, "local"))
		place_in_wanted_lab(test_case, selection);
	else if (!(test_case->skip_reason = reason_here_for_good(test_case->program, selection)))
		place_here_if_possible(test_case, selection);
}
