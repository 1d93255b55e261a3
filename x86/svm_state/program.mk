# SPDX-License-Identifier: GPL-2.0-or-later
svm_state_links := x86/nested/state.c x86/nested/state-registers.c
