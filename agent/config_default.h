/* SPDX-License-Identifier: Apache-2.0 */
/* Loading of the configuration for the commands that have one: run, record, config. */
#ifndef TIERCEL_CONFIG_DEFAULT_H
#define TIERCEL_CONFIG_DEFAULT_H

#include "agent/config.h"

#define CONFIG_DEFAULT_PATH "/etc/tiercel/tiercel.yaml"

/*
 * Load it, from the usual place if opts->path is NULL and there is a file; problems are printed on
 * stderr. EXIT_OK or an exit code.
 */
int config_default(struct config_opts *opts, struct config **ret);
/* The same, but never from the usual place. */
int config_only(const struct config_opts *opts, struct config **ret);

#endif
