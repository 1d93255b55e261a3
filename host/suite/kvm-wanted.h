/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parameters that KVM's modules must have: the words of --kvm, "npt=0,vgif=0". A lab loads its
 * modules with them. On this machine KVM must have them already, else its cases are skipped.
 */
#ifndef FERRY_HOST_SUITE_KVM_WANTED_H
#define FERRY_HOST_SUITE_KVM_WANTED_H

#include <glib.h>

/*
 * Joins LISTS, each "NAME=VALUE,NAME=VALUE", in the order of the names, so that lists that mean the
 * same are equal. NULL without ERROR if LISTS is NULL. ERROR if a word is no NAME=VALUE, or a name
 * comes twice. The caller frees the list.
 */
char *kvm_wanted_join(char **lists, GError **error);

/* Whether WANTED holds for a KVM with these PARAMETERS (util/kvm-parameters.h), which may be NULL.
 */
gboolean kvm_wanted_holds(const char *wanted, GHashTable *parameters);

/* Why WANTED does not hold on this machine, as a reason; or NULL. The caller frees it. */
char *kvm_wanted_missing(const char *wanted);

/* FALSE and ERROR if one of the parameters is in no KVM module that is loaded here. */
gboolean kvm_wanted_known(const char *wanted, GError **error);

#endif
