# SPDX-License-Identifier: GPL-2.0-or-later
svm_smm_links := x86/nested/smm.c x86/smm/handler.c
