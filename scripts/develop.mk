# SPDX-License-Identifier: GPL-2.0-or-later
# What helps while developing: help, lint, tags, a compilation database.

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

.PHONY: help
